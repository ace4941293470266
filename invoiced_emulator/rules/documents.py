"""Invoices, estimates and credit notes: totals, status, voiding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.money import Number, money
from invoiced_emulator.pricing import merge_line_items, price_document, ship_to
from invoiced_emulator.resources.definition import ResourceDefinition, Row
from invoiced_emulator.resources.documents import CREDIT_NOTES, ESTIMATES, INVOICES
from invoiced_emulator.rules.changes import (
    drop_where,
    require_catalog_entries,
    require_existing_lines,
    require_object,
    require_unique_number,
    save,
    stored_fields,
)
from invoiced_emulator.store.account import Account

DAY_S = 86_400
_PRICED = {"items", "discounts", "taxes"}
_SETTLING = {"total", "draft", "closed", "due_date"}


def net_days(payment_terms: str | None) -> int | None:
    """The days of payment terms: 14 for `NET 14`; None for terms that name no number of days."""
    word, _, days = (payment_terms or "").partition(" ")
    return int(days) if word.upper() == "NET" and days.isdigit() else None


def invoice_status(row: Row, private: Row, now: int) -> str:
    """The `status` of an invoice; `now` in UNIX seconds decides whether it is past due."""
    if row["draft"]:
        return "draft"
    if row["paid"]:
        return "paid"
    if private.get("_pending"):
        return "pending"
    if row["due_date"] is not None and row["due_date"] < now and not row["closed"]:
        return "past_due"
    return str(private.get("_sent", "not_sent"))


def credit_note_status(row: Row, private: Row, now: int) -> str:
    """The `status` of a credit note."""
    if row["draft"]:
        return "draft"
    if row["paid"]:
        return "paid"
    return "closed" if row["closed"] else "open"


def estimate_status(row: Row, private: Row, now: int) -> str:
    """The `status` of an estimate."""
    if row["draft"]:
        return "draft"
    if row["invoice"] is not None:
        return "invoiced"
    if row["approved"]:
        return "approved"
    return "declined" if row["closed"] else str(private.get("_sent", "not_sent"))


def settled(account: Account, resource: ResourceDefinition, row: Row, status: "Status") -> Row:
    """The document with the `balance`, `paid`, `closed` and `status` that its payments give it.

    Payments may exceed the total, or lie below zero while a refund waits for its payment. The
    balance stays between zero and the total. Full payment closes a document; losing it opens it
    again.
    """
    private = account.private(resource.name, row["id"])
    row = {**row}
    if "balance" in row:
        was_paid = row["paid"]
        due = row["total"] - applied(account, resource, row)
        row["balance"] = money(min(max(due, 0), max(row["total"], 0)))
        row["paid"] = not row["draft"] and row["total"] > 0 and row["balance"] == 0
        if row["paid"] != was_paid:
            row["closed"] = row["paid"]
    row["status"] = status(row, private, account.clock())
    return row


def applied(account: Account, resource: ResourceDefinition, row: Row) -> Number:
    """The sum of the payments and credits of a document, less refunds."""
    private = account.private(resource.name, row["id"])
    kept: Number = private.setdefault("_applied", money(row["total"] - row["balance"]))
    return kept


Status = Callable[[Row, Row, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The rules of one of the three types of documents.

    Attributes:
        resource: what the documents look like.
        status: computes `status` from the document, what is known of it but not shown, and the UNIX
            second.
        void_is_final: how an edit of a voided document is refused.
    """

    resource: ResourceDefinition
    status: Status
    void_is_final: ClassVar[str] = "A voided {} cannot be edited"

    def create(self, account: Account, given: Row) -> Row:
        """Insert the document with its totals, and with the defaults of its customer.

        Refuse unknown customers and catalog entries, a taken `number`, and a due date before the
        date.
        """
        require_object(account, "customers", given["customer"], "customer")
        require_object(account, "invoices", given.get("invoice"), "invoice")
        require_unique_number(account, self.resource, given.get("number"), None)
        require_catalog_entries(account, given)
        for line in given.get("items", ()):
            if line.get("id") is not None:
                raise ApiError("Mass assignment of id on LineItem is not allowed", "id")
        row = self._with_defaults(account, stored_fields(self.resource, given))
        self._check_dates(row)
        row.update(price_document(account, row))
        row = account.insert(self.resource.name, row)
        row = settled(account, self.resource, row, self.status)
        account.tables[self.resource.name].put(row)
        account.record("created", self.resource.name, row)
        return row

    def _with_defaults(self, account: Account, given: Row) -> Row:
        """What a new document takes over from its customer and from its payment terms."""
        customer = account.tables["customers"].rows[given["customer"]]
        row: Row = {
            "items": [],
            "discounts": [],
            "taxes": [],
            "date": account.document_date(account.clock()),
        }
        row.update(given)
        row["currency"] = (given.get("currency") or customer["currency"] or "usd").lower()
        template = self.resource.template
        if "payment_terms" in template:
            row.setdefault("payment_terms", customer["payment_terms"])
        if "autopay" in template:
            row.setdefault("autopay", customer["autopay"])
        days = net_days(row.get("payment_terms"))
        if "due_date" in template and days is not None:
            row.setdefault("due_date", row["date"] + days * DAY_S)
        if "ship_to" in template:
            row["ship_to"] = ship_to(given.get("ship_to"))
        return row

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the document; new lines or rates give it new totals.

        Refuse edits of voided documents, lines with unknown ids, and a paid document as a draft.
        """
        if row["status"] == "voided":
            raise ApiError(self.void_is_final.format(self.resource.singular.replace("_", " ")))
        require_unique_number(account, self.resource, given.get("number"), row["id"])
        require_catalog_entries(account, given)
        require_existing_lines("items", given.get("items") or (), row["items"])
        self._check_draft(account, row, given)
        after = {**row, **stored_fields(self.resource, given)}
        if "currency" in given:
            after["currency"] = given["currency"].lower()
        if given.get("ship_to") is not None:
            after["ship_to"] = ship_to(given["ship_to"])
        self._check_dates(after)
        for name in _PRICED & given.keys():
            after[name] = merge_line_items(row[name], given[name])
        if _PRICED & given.keys():
            after.update(price_document(account, after))
        sent = given.get("sent", False) and not row["draft"]
        if sent:
            private = account.private(self.resource.name, row["id"])
            private["_sent"] = "viewed" if private.get("_sent") == "viewed" else "sent"
        if sent or any(after.get(name) != row.get(name) for name in _SETTLING):
            if "balance" in row:
                applied(account, self.resource, row)
            after = settled(account, self.resource, after, self.status)
        return save(account, self.resource, row, after)

    def _check_draft(self, account: Account, row: Row, given: Row) -> None:
        back = given.get("draft") and not row["draft"]
        if back and "balance" in row and applied(account, self.resource, row):
            raise ApiError("A document with payments cannot become a draft again", "draft")

    def _check_dates(self, row: Row) -> None:
        due = row.get("due_date")
        if due is not None and due < row["date"]:
            raise ApiError("due date precedes date", "due_date")

    def _check_unapplied(self, account: Account, row: Row) -> None:
        kind = self.resource.singular
        referring = account.tables["transactions"]
        ids = referring.where(kind, row["id"]) if kind in referring.resource.indexed else set()
        settled_by = any(referring.rows[key]["status"] != "failed" for key in ids)
        if settled_by or ("balance" in row and applied(account, self.resource, row)):
            raise ApiError(f"The {kind.replace('_', ' ')} has payments or credits applied")

    def delete(self, account: Account, row: Row) -> None:
        """Remove a draft. Refuse issued documents, which can only be voided."""
        self._check_unapplied(account, row)
        if not row["draft"]:
            kind = self.resource.singular.replace("_", " ")
            raise ApiError(f"An issued {kind} cannot be deleted, only voided")
        if self.resource is INVOICES:
            drop_where(account, "notes", "invoice", row["id"])
            drop_where(account, "payment_plans", "_invoice", row["id"])
        account.remove(self.resource.name, row["id"])

    def void(self, account: Account, row: Row) -> Row:
        """Void an issued document. Refuse drafts, voided documents, and those with payments."""
        if row["status"] == "voided":
            raise ApiError("The document is voided already")
        if row["draft"]:
            raise ApiError("A draft cannot be voided, only deleted")
        self._check_unapplied(account, row)
        # Total and balance stay as they were, as Invoiced shows them.
        return save(account, self.resource, row, {**row, "status": "voided"}, "voided")


INVOICE_RULES = Documents(resource=INVOICES, status=invoice_status)
ESTIMATE_RULES = Documents(resource=ESTIMATES, status=estimate_status)
CREDIT_NOTE_RULES = Documents(resource=CREDIT_NOTES, status=credit_note_status)


def settle_again(account: Account, rules: Documents, key: int, effect: Number) -> None:
    """Take `effect` more off the balance of a document, which counts as updated."""
    row = account.tables[rules.resource.name].rows[key]
    private = account.private(rules.resource.name, key)
    private["_applied"] = money(applied(account, rules.resource, row) + effect)
    if row["status"] != "voided":
        save(account, rules.resource, row, settled(account, rules.resource, row, rules.status))
