"""Customers: references to a parent, and what keeps one from being deleted."""

from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.pricing import rates_of
from invoiced_emulator.resources.definition import ResourceDefinition, Row
from invoiced_emulator.resources.documents import CUSTOMERS
from invoiced_emulator.rules.changes import (
    drop_where,
    require_catalog_entries,
    require_object,
    require_unique_number,
    save,
    save_new,
    stored_fields,
)
from invoiced_emulator.store.account import Account

# Rows that a deletion of their customer deletes: with an event for each, and without one.
_CHILDREN = (
    ("contacts", "_customer"),
    ("payment_sources", "_customer"),
    ("pending_line_items", "customer"),
    ("notes", "customer"),
    ("tasks", "customer_id"),
)
_KEPT = ("transactions", "payments", "charges", "credit_balance_adjustments")
_BELONGINGS = ("invoices", "estimates", "credit_notes", "subscriptions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The rules of customers.

    Attributes:
        resource: what a customer looks like.
    """

    resource: ResourceDefinition = CUSTOMERS

    def create(self, account: Account, given: Row) -> Row:
        """Insert the customer. Refuse a taken `number`, unknown tax rates and an unknown parent."""
        self._check(account, given, None)
        row = stored_fields(self.resource, given)
        row["taxes"] = rates_of(account, "tax_rates", given.get("taxes", ()))
        return save_new(account, self.resource, row)

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the customer. Refuse what `create` refuses, and a customer as its own parent."""
        self._check(account, given, row["id"])
        after = {**row, **stored_fields(self.resource, given)}
        if "taxes" in given:
            after["taxes"] = rates_of(account, "tax_rates", given["taxes"])
        return save(account, self.resource, row, after)

    def _check(self, account: Account, given: Row, own: int | None) -> None:
        require_unique_number(account, self.resource, given.get("number"), own)
        require_catalog_entries(account, given)
        parent = given.get("parent_customer")
        require_object(account, "customers", parent, "parent_customer")
        if parent is not None and parent == own:
            raise ApiError("A customer cannot be its own parent", "parent_customer")

    def delete(self, account: Account, row: Row) -> None:
        """Remove the customer with its documents, canceled subscriptions and children.

        Refuse one with transactions, payments, charges, adjustments, or a subscription that runs.
        """
        key = row["id"]
        if any(account.tables[name].where("customer", key) for name in _KEPT):
            raise ApiError("A customer with transactions cannot be deleted")
        subscriptions = account.tables["subscriptions"]
        states = {subscriptions.rows[s]["status"] for s in subscriptions.where("customer", key)}
        if states - {"canceled", "finished"}:
            raise ApiError("A customer with an active subscription cannot be deleted")
        for resource in _BELONGINGS:
            for owned in sorted(account.tables[resource].where("customer", key)):
                account.remove(resource, owned)
        for resource, name in _CHILDREN:
            drop_where(account, resource, name, key)
        account.remove(self.resource.name, key)


CUSTOMER_RULES = Customers()
