"""The table of rules: what Invoiced refuses and computes, one row per resource with endpoints.

A resource to be served needs its row in `shapes` and one here, and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from invoiced_emulator.customers import CUSTOMER_RULES
from invoiced_emulator.documents import CREDIT_NOTE_RULES, ESTIMATE_RULES, INVOICE_RULES
from invoiced_emulator.shapes import Resource, Row
from invoiced_emulator.store import Account
from invoiced_emulator.subscriptions import SUBSCRIPTION_RULES
from invoiced_emulator.transactions import TRANSACTION_RULES


class Rules(Protocol):
    """What happens to objects of one resource; `given` holds clean attributes (`writes`).

    Each raises `Refused` and then has changed nothing. `delete` returns None where the object is
    gone, or the object where Invoiced keeps it.
    """

    @property
    def resource(self) -> Resource: ...

    def create(self, account: Account, given: Row) -> Row: ...

    def update(self, account: Account, row: Row, given: Row) -> Row: ...

    def delete(self, account: Account, row: Row) -> Row | None: ...


Action = Callable[[Account, Row], Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One resource over HTTP; `actions` are what `POST /resource/:id/ACTION` does."""

    rules: Rules
    actions: Mapping[str, Action] = field(default_factory=dict)

    @property
    def resource(self) -> Resource:
        return self.rules.resource


ENDPOINTS = (
    Endpoint(rules=CUSTOMER_RULES),
    Endpoint(rules=INVOICE_RULES, actions={"void": INVOICE_RULES.void}),
    Endpoint(rules=ESTIMATE_RULES, actions={"void": ESTIMATE_RULES.void}),
    Endpoint(rules=CREDIT_NOTE_RULES, actions={"void": CREDIT_NOTE_RULES.void}),
    Endpoint(rules=SUBSCRIPTION_RULES),
    Endpoint(rules=TRANSACTION_RULES),
)
