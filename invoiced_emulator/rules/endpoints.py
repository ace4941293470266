"""The table of endpoints: one row per path, with the rules of its resource.

To serve another resource, add a row to `resources` and one to this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from invoiced_emulator.resources.account_settings import SETTINGS
from invoiced_emulator.resources.definition import ResourceDefinition, Row
from invoiced_emulator.rules.base import CrudRules
from invoiced_emulator.rules.calls import CALLS, EmulatedCall
from invoiced_emulator.rules.catalog import COUPON_RULES, ITEM_RULES, PLAN_RULES, TAX_RATE_RULES
from invoiced_emulator.rules.charges import CHARGE_RULES, REFUND_RULES
from invoiced_emulator.rules.customer_children import (
    ADJUSTMENT_RULES,
    CONTACT_RULES,
    NOTE_RULES,
    PAYMENT_SOURCE_RULES,
    PENDING_LINE_RULES,
    TASK_RULES,
)
from invoiced_emulator.rules.customers import CUSTOMER_RULES
from invoiced_emulator.rules.documents import CREDIT_NOTE_RULES, ESTIMATE_RULES, INVOICE_RULES
from invoiced_emulator.rules.payment_plans import PAYMENT_PLAN_RULES
from invoiced_emulator.rules.payments import PAYMENT_RULES
from invoiced_emulator.rules.subscriptions import SUBSCRIPTION_RULES
from invoiced_emulator.rules.transactions import TRANSACTION_RULES
from invoiced_emulator.store.account import Account


class Rules(Protocol):
    """What happens to the objects of one resource. `given` holds checked attributes.

    Each method raises ApiError if it refuses, and then has changed nothing.
    """

    @property
    def resource(self) -> ResourceDefinition:
        """What the objects look like."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert an object, and return it."""

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change an object, and return it."""

    def delete(self, account: Account, row: Row) -> Row | None:
        """Remove an object: None where it is gone, the object where Invoiced keeps it."""


_LISTED = ("GET", "POST")
_EACH = ("GET", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One resource over HTTP.

    Attributes:
        rules: what a write does.
        path: its words: `/customers/:id/contacts` is `("customers", "contacts")`.
        listed: methods of the list.
        each: methods of one object.
        singleton: methods of the path of an object of which its parent has at most one.
        calls: calls on one object, by the last word of their path.
        only: attributes that an object must have to be found here.
    """

    rules: Rules
    path: tuple[str, ...]
    listed: tuple[str, ...] = _LISTED
    each: tuple[str, ...] = _EACH
    singleton: tuple[str, ...] = ()
    calls: Mapping[str, EmulatedCall] = field(default_factory=dict)
    only: Mapping[str, object] = field(default_factory=dict)

    @property
    def resource(self) -> ResourceDefinition:
        """What the objects look like."""
        return self.rules.resource


def _at(path: str, rules: Rules, **more: Any) -> Endpoint:
    return Endpoint(rules=rules, path=tuple(path.split()), **more)


def _nowhere(path: str, rules: Rules, **more: Any) -> Endpoint:
    """An endpoint of which only the methods that are named exist."""
    return _at(path, rules, **{"listed": (), "each": (), **more})


_READ_ONLY: dict[str, Any] = {"listed": ("GET",), "each": ("GET",)}

ENDPOINTS = (
    _at("customers", CUSTOMER_RULES, calls=CALLS["customers"]),
    _at("invoices", INVOICE_RULES, calls=CALLS["invoices"]),
    _at("estimates", ESTIMATE_RULES, calls=CALLS["estimates"]),
    _at("credit_notes", CREDIT_NOTE_RULES, calls=CALLS["credit_notes"]),
    _at("subscriptions", SUBSCRIPTION_RULES, calls=CALLS["subscriptions"]),
    _at("transactions", TRANSACTION_RULES),
    _at("plans", PLAN_RULES),
    _at("items", ITEM_RULES),
    _at("coupons", COUPON_RULES),
    _at("tax_rates", TAX_RATE_RULES),
    _at("payments", PAYMENT_RULES),
    _at("charges", CHARGE_RULES, each=("GET",)),
    _nowhere("charges refunds", REFUND_RULES, listed=("POST",)),
    _nowhere("refunds", REFUND_RULES, listed=("GET",), each=("GET",)),
    _at("credit_balance_adjustments", ADJUSTMENT_RULES),
    _at("notes", NOTE_RULES),
    _at("tasks", TASK_RULES),
    _at("customers contacts", CONTACT_RULES),
    _at("customers line_items", PENDING_LINE_RULES),
    _at("customers payment_sources", PAYMENT_SOURCE_RULES, each=()),
    _nowhere("customers cards", PAYMENT_SOURCE_RULES, each=("DELETE",), only={"object": "card"}),
    _nowhere(
        "customers bank_accounts",
        PAYMENT_SOURCE_RULES,
        each=("DELETE",),
        only={"object": "bank_account"},
    ),
    _nowhere("invoices payment_plan", PAYMENT_PLAN_RULES, singleton=("GET", "PUT", "DELETE")),
    *(_at(each.name, CrudRules(resource=each), **_READ_ONLY) for each in SETTINGS),
)
