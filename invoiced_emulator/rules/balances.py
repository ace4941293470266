"""The balance of a customer: what is owed, and what credit is left."""

from invoiced_emulator.money import money
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.store.account import Account


def balance_of(account: Account, customer: Row, currency: str | None) -> Row:
    """The balance of a customer in one currency: what it owes, and the credit it has left.

    Args:
        account: where its documents are.
        customer: the object.
        currency: of the balance; the customer's own by default, else US dollars.

    Returns:
        The response of `GET /customers/:id/balance`. `history` holds the credit after each
        adjustment, newest first.
    """
    wanted = (currency or customer["currency"] or "usd").lower()

    def owned(name: str) -> list[Row]:
        table = account.tables[name]
        rows = [table.rows[key] for key in sorted(table.where("customer", customer["id"]))]
        return [row for row in rows if (row["currency"] or "usd") == wanted]

    due = [
        row
        for row in owned("invoices")
        if not (row["draft"] or row["paid"] or row["closed"]) and row["status"] != "voided"
    ]
    credit = 0.0
    history: list[Row] = []
    for row in sorted(owned("credit_balance_adjustments"), key=lambda row: row["date"]):
        credit += row["amount"]
        entry = {"timestamp": row["date"], "currency": wanted, "balance": money(credit)}
        history.insert(0, entry)
    late = [row for row in due if row["due_date"] is not None and row["due_date"] < account.clock()]
    return {
        "available_credits": money(credit),
        "currency": wanted,
        "history": history,
        "past_due": bool(late),
        "total_outstanding": money(sum(row["balance"] for row in due)),
        "due_now": money(sum(row["balance"] for row in late)),
    }
