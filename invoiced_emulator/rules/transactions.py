"""Transactions, and what they do to the documents they are applied to."""

from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.money import Number
from invoiced_emulator.resources.definition import ResourceDefinition, Row
from invoiced_emulator.resources.documents import TRANSACTIONS
from invoiced_emulator.rules.changes import require_object, save, save_new, stored_fields
from invoiced_emulator.rules.documents import CREDIT_NOTE_RULES, INVOICE_RULES, settle_again
from invoiced_emulator.store.account import Account

# How much of its amount a transaction takes off the balance. Adjustments credit, whatever sign
# their amount is written with.
_EFFECT = {"payment": 1, "charge": 1, "refund": -1, "adjustment": 1}
_STATUSES = ("succeeded", "pending", "failed")


def effect(row: Row) -> Number:
    """The amount that a transaction takes off its document; 0 unless it succeeded."""
    if row["status"] != "succeeded":
        return 0
    amount: Number = abs(row["amount"])
    return _EFFECT[row["type"]] * amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """The rules of transactions.

    Attributes:
        resource: what a transaction looks like.
    """

    resource: ResourceDefinition = TRANSACTIONS

    def create(self, account: Account, given: Row) -> Row:
        """Insert the transaction and change the balance of its document.

        Refuse unknown types and objects, documents that are drafts or voided, and transactions with
        neither a customer nor an invoice.
        """
        self._check(given)
        if given["type"] not in _EFFECT:
            raise ApiError(f"Type must be one of {', '.join(_EFFECT)}", "type")
        for name in ("customer", "invoice", "credit_note"):
            require_object(account, f"{name}s", given.get(name), name)
        row = {"date": account.clock(), **stored_fields(self.resource, given)}
        document = self._document(account, row)
        if document and document["status"] in ("draft", "voided"):
            raise ApiError(f"The invoice is {document['status']}", "invoice")
        if document:
            account.tables["invoices"].check_stored(document["id"])
            row.setdefault("customer", document["customer"])
            row.setdefault("currency", document["currency"])
        if row.get("customer") is None:
            raise ApiError("A transaction needs a customer or an invoice", "customer")
        row = save_new(account, self.resource, row)
        self._settle(account, row, effect(row))
        return row

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the transaction and the balance of its document.

        Refuse changes of one that belongs to a payment, but for its metadata.
        """
        if given.keys() - {"metadata"}:
            self._check_own(account, row, "edited, only its metadata")
        self._check(given)
        after = save(account, self.resource, row, {**row, **stored_fields(self.resource, given)})
        if effect(after) != effect(row) or after["status"] != row["status"]:
            self._settle(account, after, effect(after) - effect(row))
        return after

    def delete(self, account: Account, row: Row) -> None:
        """Remove the transaction; its document is due again. Refuse one of a payment."""
        self._check_own(account, row, "deleted")
        account.remove(self.resource.name, row["id"])
        self._settle(account, row, -effect(row))

    def undo(self, account: Account, row: Row) -> None:
        """Remove the transaction of a payment without an event; its document is due again."""
        account.tables[self.resource.name].drop(row["id"])
        self._settle(account, row, -effect(row))

    def _document(self, account: Account, row: Row) -> Row | None:
        key = row.get("invoice")
        return None if key is None else account.row("invoices", key)

    def _check(self, given: Row) -> None:
        if given.get("status", "succeeded") not in _STATUSES:
            raise ApiError(f"Status must be one of {', '.join(_STATUSES)}", "status")
        if "currency" in given:
            given["currency"] = given["currency"].lower()

    def _check_own(self, account: Account, row: Row, verb: str) -> None:
        if row["payment"] is not None:
            raise ApiError(f"A transaction that belongs to a payment cannot be {verb}")

    def _settle(self, account: Account, row: Row, change: Number) -> None:
        """Bring the documents of a transaction up to date after it changed by `change`."""
        if row["invoice"] is not None and account.row("invoices", row["invoice"]):
            others = account.tables["transactions"]
            account.private("invoices", row["invoice"])["_pending"] = any(
                others.rows[key]["status"] == "pending"
                for key in others.where("invoice", row["invoice"])
            )
            settle_again(account, INVOICE_RULES, row["invoice"], change)
        if row["credit_note"] is not None and account.row("credit_notes", row["credit_note"]):
            settle_again(account, CREDIT_NOTE_RULES, row["credit_note"], change)


TRANSACTION_RULES = Transactions()
