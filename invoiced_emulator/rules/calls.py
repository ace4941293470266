"""Calls on one object beyond create, change and delete: what `POST /resource/:id/CALL` does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.resources.definition import Row, Types, field_types
from invoiced_emulator.resources.documents import CUSTOMERS, ESTIMATES, INVOICES, SUBSCRIPTIONS
from invoiced_emulator.rules.changes import save
from invoiced_emulator.rules.charges import CHARGE_RULES
from invoiced_emulator.rules.documents import CREDIT_NOTE_RULES, ESTIMATE_RULES, INVOICE_RULES
from invoiced_emulator.store.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedCall:
    """One call on an object.

    Attributes:
        run: is given the account, the object and the accepted attributes, and returns the body of
            the response.
        accepts: attributes of the request, with their types.
        required: attributes without which the call is refused.
        status: the HTTP status of a success.
    """

    run: Callable[[Account, Row, Row], Any]
    accepts: Types = field(default_factory=dict)
    required: tuple[str, ...] = ()
    status: int = 200


# What a line of one document becomes in another.
_COPIED_LINE = (
    *("catalog_item", "type", "name", "description", "quantity", "unit_cost", "discountable"),
    *("taxable", "metadata", "plan", "period_start", "period_end", "prorated"),
)
_COPIED = ("customer", "name", "currency", "payment_terms", "purchase_order", "notes", "ship_to")


def _voiding(rules: Any) -> EmulatedCall:
    return EmulatedCall(run=lambda account, row, _given: rules.void(account, row))


def _pay(account: Account, row: Row, given: Row) -> Row:
    """Charge the customer's payment source for what is open."""
    _must_be_open(row, "be paid")
    charge = {
        "customer": row["customer"],
        "method": "credit_card",
        "currency": row["currency"],
        "amount": row["balance"],
        "applied_to": [{"type": "invoice", "invoice": row["id"], "amount": row["balance"]}],
        **given,
    }
    CHARGE_RULES.create(account, charge)
    return account.tables["invoices"].rows[row["id"]]


def _email(account: Account, row: Row, given: Row) -> list[Row]:
    """Send the invoice to those in `to`, or to its customer; one object for each e-mail."""
    if row["draft"] or row["status"] == "voided":
        raise ApiError(f"An invoice that is {row['status']} cannot be sent")
    customer = account.tables["customers"].rows[row["customer"]]
    to = given.get("to") or [{"name": customer["name"], "email": customer["email"]}]
    addresses = [each.get("email") if isinstance(each, dict) else None for each in to]
    if not all(addresses):
        raise ApiError("Each recipient needs an e-mail address", "to")
    INVOICE_RULES.update(account, row, {"sent": True})
    subject = given.get("subject") or f"Invoice {row['number']}"
    mails = [
        {
            "id": f"{account.part_id():016x}",
            "object": "email",
            "state": "sent",
            "email": address,
            "template": "new_invoice_email",
            "subject": subject,
            "message": given.get("message"),
            "opens": 0,
            "created_at": account.clock(),
        }
        for address in addresses
    ]
    account.emails += mails
    return mails


def _invoice_estimate(account: Account, row: Row, given: Row) -> Row:
    """The invoice that an estimate becomes."""
    if row["invoice"] is not None or row["status"] in ("draft", "voided"):
        raise ApiError(f"An estimate that is {row['status']} cannot be invoiced")
    invoice = INVOICE_RULES.create(account, _copied((row,)))
    after = {**row, "invoice": invoice["id"], "closed": True, "status": "invoiced"}
    save(account, ESTIMATES, row, after)
    return invoice


def _bad_debt(account: Account, row: Row, given: Row) -> Row:
    """Close the invoice: nobody expects its balance any more."""
    _must_be_open(row, "be written off")
    return INVOICE_RULES.update(account, row, {"closed": True})


def _paused(paused: bool) -> EmulatedCall:
    def run(account: Account, row: Row, given: Row) -> Row:
        if row["status"] in ("canceled", "finished") or row["paused"] == paused:
            state = row["status"] if row["paused"] != paused else "paused" if paused else "running"
            raise ApiError(f"The subscription is {state} already")
        return save(account, SUBSCRIPTIONS, row, {**row, "paused": paused})

    return EmulatedCall(run=run)


def _consolidate(account: Account, row: Row, given: Row) -> Row:
    """One invoice in place of the customer's open ones up to `cutoff_date`, which are voided."""
    cutoff = given.get("cutoff_date", account.clock())
    invoices = account.tables["invoices"]
    owned = [invoices.rows[key] for key in sorted(invoices.where("customer", row["id"]))]
    opened = [
        each
        for each in owned
        if each["status"] in ("not_sent", "sent", "viewed", "past_due")
        and each["balance"] == each["total"] > 0
        and not each["closed"]
        and each["date"] <= cutoff
    ]
    same = [each for each in opened if each["currency"] == opened[0]["currency"]]
    if len(same) < 2:
        raise ApiError("The customer has fewer than two open invoices to consolidate")
    for each in same:
        INVOICE_RULES.void(account, each)
    return INVOICE_RULES.create(account, _copied(same))


def _merge(account: Account, row: Row, given: Row) -> Row:
    """Merge the customer named in the body into this one, which is kept."""
    key = given["customer"]
    if key == row["id"]:
        raise ApiError("A customer cannot be merged with itself", "customer")
    if account.row("customers", key) is None:
        raise ApiError(f"No such customer: {key}", "customer")
    account.tables["customers"].check_stored(key)
    account.merge(key, row["id"])
    return account.tables["customers"].rows[row["id"]]


def _must_be_open(row: Row, verb: str) -> None:
    if row["draft"] or row["paid"] or row["closed"] or row["status"] == "voided":
        state = row["status"] if not row["closed"] or row["paid"] else "closed"
        raise ApiError(f"An invoice that is {state} cannot {verb}")


def _copied(documents: Any) -> Row:
    """The body of an invoice with the lines, discounts and taxes of these documents."""
    first: Row = documents[0]
    body = {name: first[name] for name in _COPIED if first.get(name) is not None}
    body["items"] = [
        {
            **{name: line[name] for name in _COPIED_LINE if line.get(name) is not None},
            **{name: _unnumbered(line[name]) for name in ("discounts", "taxes")},
        }
        for row in documents
        for line in row["items"]
    ]
    for name in ("discounts", "taxes"):
        body[name] = [part for row in documents for part in _unnumbered(row[name])]
    return body


def _unnumbered(parts: list[Row]) -> list[Row]:
    """Discounts or taxes without their ids, their coupons and tax rates by id."""
    return [
        {
            name: value["id"] if name in ("coupon", "tax_rate") and value else value
            for name, value in part.items()
            if name not in ("id", "object")
        }
        for part in parts
    ]


_PAYMENT_SOURCE = field_types(integer="payment_source_id", string="payment_source_type")
_EMAIL = field_types(array="to", string="bcc subject message template")

CALLS: Mapping[str, Mapping[str, EmulatedCall]] = {
    CUSTOMERS.name: {
        "merge": EmulatedCall(
            run=_merge, accepts=field_types(integer="customer"), required=("customer",)
        ),
        "consolidate_invoices": EmulatedCall(
            run=_consolidate, accepts=field_types(timestamp="cutoff_date")
        ),
    },
    INVOICES.name: {
        "void": _voiding(INVOICE_RULES),
        "pay": EmulatedCall(run=_pay, accepts=_PAYMENT_SOURCE),
        "emails": EmulatedCall(run=_email, accepts=_EMAIL, status=201),
        "bad_debt": EmulatedCall(run=_bad_debt),
    },
    ESTIMATES.name: {
        "void": _voiding(ESTIMATE_RULES),
        "invoice": EmulatedCall(run=_invoice_estimate, status=201),
    },
    "credit_notes": {"void": _voiding(CREDIT_NOTE_RULES)},
    SUBSCRIPTIONS.name: {"pause": _paused(True), "resume": _paused(False)},
}
