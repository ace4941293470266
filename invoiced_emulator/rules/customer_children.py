"""What belongs to a customer: contacts, payment sources, pending lines, notes and tasks."""

from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.pricing import merge_line_items, price_line
from invoiced_emulator.resources.customer_children import (
    CONTACTS,
    NOTES,
    PAYMENT_SOURCES,
    PENDING_LINE_ITEMS,
    TASKS,
)
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.resources.documents import CUSTOMERS
from invoiced_emulator.resources.payments import CREDIT_BALANCE_ADJUSTMENTS
from invoiced_emulator.rules.base import CrudRules
from invoiced_emulator.rules.changes import (
    require_catalog_entries,
    require_object,
    save,
    save_new,
    stored_fields,
)
from invoiced_emulator.store.account import API_USER, Account

_TOKENS = ("invoiced_token", "gateway_token")
# What a token resolves to; nobody ever writes it.
_CARD: Row = {
    "object": "card",
    "brand": "Visa",
    "last4": "4242",
    "exp_month": 2,
    "exp_year": 2030,
    "funding": "credit",
}
_BANK_ACCOUNT: Row = {
    "object": "bank_account",
    "bank_name": "Wells Fargo",
    "last4": "7890",
    "routing_number": "110000000",
    "verified": True,
    "currency": "usd",
}
_BANK_METHODS = ("ach", "bank_account", "direct_debit")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSources(CrudRules):
    """The rules of cards and bank accounts, which only ever arrive as a token."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert the card or bank account of a token, and make it the default if asked to.

        Refuse a request without exactly one token.
        """
        if len([name for name in _TOKENS if name in given]) != 1:
            raise ApiError(f"Exactly one of {' and '.join(_TOKENS)} is needed", _TOKENS[0])
        banked = given.get("method") in _BANK_METHODS
        source = {**(_BANK_ACCOUNT if banked else _CARD), "_customer": given["_customer"]}
        row = save_new(account, self.resource, source)
        if given.get("make_default"):
            self._set_default(account, given["_customer"], row)
        return row

    def delete(self, account: Account, row: Row) -> None:
        """Remove the source, which is the customer's default no longer."""
        owner = account.private(self.resource.name, row["id"])["_customer"]
        CrudRules.delete(self, account, row)
        customer = account.row("customers", owner)
        default = customer["payment_source"] if customer else None
        if default and (default["object"], default["id"]) == (row["object"], row["id"]):
            self._set_default(account, owner, None)

    def _set_default(self, account: Account, key: int, source: Row | None) -> None:
        customer = account.tables["customers"].rows[key]
        save(account, CUSTOMERS, customer, {**customer, "payment_source": source})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLines(CrudRules):
    """The rules of the lines that wait for a customer's next invoice."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert the line with its amount. Refuse unknown items, coupons and tax rates."""
        require_catalog_entries(account, {"items": [given]})
        lists = {name: merge_line_items((), given.get(name, ())) for name in ("discounts", "taxes")}
        row = stored_fields(self.resource, price_line(account, {**given, **lists}))
        del row["id"]
        return save_new(account, self.resource, {**row, "customer": given["customer"]})

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the line and compute its amount again. Refuse what `create` refuses."""
        require_catalog_entries(account, {"items": [given]})
        after = {**row, **given}
        for name in {"discounts", "taxes"} & given.keys():
            after[name] = merge_line_items(row[name], given[name])
        line = stored_fields(self.resource, price_line(account, after))
        # A line leaves out what is null, and the object shows it.
        return save(account, self.resource, row, {**after, **line})


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes(CrudRules):
    """The rules of notes: on a customer, or on an invoice and so on its customer."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert the note. Refuse one that names both a customer and an invoice, or neither."""
        if ("customer_id" in given) == ("invoice_id" in given):
            raise ApiError("A note needs either a customer_id or an invoice_id", "customer_id")
        require_object(account, "customers", given.get("customer_id"), "customer_id")
        require_object(account, "invoices", given.get("invoice_id"), "invoice_id")
        row: Row = {
            "notes": given.get("notes"),
            "customer": given.get("customer_id"),
            "invoice": given.get("invoice_id"),
            "user": API_USER,
        }
        if row["invoice"] is not None:
            row["customer"] = account.tables["invoices"].rows[row["invoice"]]["customer"]
        return save_new(account, self.resource, row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks(CrudRules):
    """The rules of tasks: their customer is written as `customer_id` and read under both names."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert the task. Refuse an unknown customer."""
        require_object(account, "customers", given.get("customer_id"), "customer_id")
        return save_new(account, self.resource, {**given, "customer": given.get("customer_id")})


_OF_CUSTOMER = {"customer": "customers"}

CONTACT_RULES = CrudRules(resource=CONTACTS)
PAYMENT_SOURCE_RULES = PaymentSources(resource=PAYMENT_SOURCES)
PENDING_LINE_RULES = PendingLines(resource=PENDING_LINE_ITEMS)
NOTE_RULES = Notes(resource=NOTES)
TASK_RULES = Tasks(resource=TASKS)
ADJUSTMENT_RULES = CrudRules(resource=CREDIT_BALANCE_ADJUSTMENTS, refers=_OF_CUSTOMER)
