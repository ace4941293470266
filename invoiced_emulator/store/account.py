"""One account in memory: its objects, its events, and its oddities.

Nothing here is refused or computed; that is the job of `rules`.
"""

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import orjson

from invoiced_emulator.money import money, plain
from invoiced_emulator.pricing import fill_line_items, price_document
from invoiced_emulator.resources.definition import Key, Row
from invoiced_emulator.resources.registry import RESOURCES
from invoiced_emulator.store.tables import Table

# The attributes that name a customer.
_CUSTOMER_NAMES = ("customer", "customer_id", "_customer", "parent_customer")
HOST = "https://emulator.invoiced.example"
# What an event says of the one who acted: an API key is user -2, without a name.
API_USER = {
    "updated_at": None,
    "created_at": None,
    "email": None,
    "first_name": None,
    "id": -2,
    "last_name": None,
    "two_factor_enabled": False,
    "registered": True,
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object.

    Objects are replaced and never changed, so an event costs no copy. It is serialised when it is
    read.

    Attributes:
        id: its number, from 1.
        timestamp: UNIX seconds.
        type: such as `invoice.updated`.
        row: the object as it was then.
        customer: the object's customer as it was then; None if it has none.
        previous: the old values of the attributes that changed; None if it is no update.
    """

    id: int
    timestamp: int
    type: str
    row: Row
    customer: Row | None
    previous: Row | None

    def is_about(self, noun: str, key: str) -> bool:
        """Whether the object, or one it refers to, is the `noun` of id `key`."""
        own = self.type.rpartition(".")[0]
        return str(self.row["id"] if noun == own else self.row.get(noun)) == key

    def as_row(self) -> Row:
        """The event in Invoiced's form."""
        shown = {**self.row, "customer": self.customer} if self.customer else self.row
        # The reference describes it inside `data`, and its example shows it beside.
        previous = {} if self.previous is None else {"previous": self.previous}
        return {
            "id": self.id,
            "object": "event",
            "type": self.type,
            "timestamp": self.timestamp,
            "data": {"object": shown, **previous},
            **previous,
            "user": API_USER,
        }

    def raw(self) -> bytes:
        """The event as JSON."""
        return orjson.dumps(self.as_row())


class Account:
    """An Invoiced account in memory.

    Example:
        account = Account(now=lambda: 1_772_366_400)
        customer = account.add("customers", name="Acme")
        account.add("invoices", customer=customer["id"], items=[{"quantity": 2, "unit_cost": 9.5}])

    Attributes:
        api_key: the key that the server accepts.
        now: the account's clock, in UNIX seconds.
        canceled_account: whether every request is refused with 402.
        forbidden: names of resources that are refused with 403.
        hides_updated_at: names of resources whose lists omit `updated_at` unless asked for it.
        lacks: the `FEATURES` that were not bought.
        lost_events: ids of events whose object is no longer known and is shown as `{}`.
        strict_lists: names of resources whose lists refuse unknown parameters.
        ignores_paging: names of resources whose lists have every object on each page.
        ignores_sort: whether lists ignore `sort`.
        ignores_updated_before: whether lists ignore `updated_before`.
        untidy: whether responses look like those of a PHP server (`http.untidy`).
        time_zone: documents are dated at midnight of this zone; None for the moment itself.
        attachments: files of documents, by resource and id.
        tables: the objects, by resource.
        event_log: what happened, oldest first.
        emails: what was sent.
    """

    def __init__(self, api_key: str = "emulator-key", now: Callable[[], float] = time.time) -> None:
        self.api_key = api_key
        self.now = now
        self.canceled_account = False
        self.forbidden: set[str] = set()
        self.hides_updated_at: set[str] = {"transactions", "credit_balance_adjustments"}
        self.lacks: set[str] = set()
        self.lost_events: set[int] = set()
        self.strict_lists: set[str] = set()
        self.ignores_paging: set[str] = set()
        self.attachments: dict[tuple[str, Key], list[Row]] = {}
        self.untidy = False
        self.time_zone: tzinfo | None = None
        self.ignores_sort = False
        self.ignores_updated_before = False
        self.tables = {resource.name: Table(resource) for resource in RESOURCES}
        self.event_log: list[Event] = []
        self.emails: list[Row] = []
        self._next_part = 1

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(table)} {name}" for name, table in self.tables.items())
        return f"<Account: {counts}>"

    def clock(self) -> int:
        """The account's time in whole UNIX seconds."""
        return int(self.now())

    def document_date(self, second: int) -> int:
        """The `date` of a document made at this UNIX second: midnight, if the zone is known."""
        if self.time_zone is None:
            return second
        day = datetime.fromtimestamp(second, self.time_zone)
        return int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())

    def part_id(self) -> int:
        """A fresh id for a line item, discount, tax or addon."""
        self._next_part += 1
        return self._next_part - 1

    def skip_part_ids(self, used: Iterable[int]) -> None:
        """Never hand out ids up to the greatest of `used`."""
        self._next_part = max([self._next_part, *(key + 1 for key in used)])

    def row(self, resource: str, key: Key) -> Row | None:
        """The object itself, not a copy: do not change it. None if there is none."""
        try:
            return self.tables[resource].rows[key]
        except KeyError:
            return None

    def add(self, resource: str, **attributes: Any) -> Row:
        """Insert an object, past every rule, and return a copy of it.

        Attributes that are not given take the default of the resource, a fresh `id`, a free
        `number`, and `created_at` and `updated_at` of now. A document with `items` but without
        `total` gets its lines, discounts, taxes and totals computed. `balance` is the `total`
        unless given.

        Unknown attributes are kept and shown, since Invoiced adds some, too. Attributes that begin
        with an underscore are kept but never shown: `_archived=True` hides a plan, item, coupon or
        tax rate from plain lists, `_customer=15444` names the owner of a contact or payment source,
        and `_invoice=46225` the invoice of a payment plan.
        """
        row = self.insert(resource, attributes)
        return plain_copy(row)

    def insert(self, resource: str, attributes: Row) -> Row:
        """`add` without the copy: returns the stored object itself, which must not be changed."""
        table = self.tables[resource]
        shown = {k: plain(v) for k, v in attributes.items() if not k.startswith("_")}
        row = self._filled(table, shown)
        if shown.get("items") and "total" not in shown:
            row.update(price_document(self, row))
        elif "items" in row:
            fill_line_items(self, row)
        elif "quantity" in row and "unit_cost" in row and "amount" not in shown:
            row["amount"] = money(row["quantity"] * row["unit_cost"])
        if "balance" in row and "balance" not in shown:
            row["balance"] = row["total"] if "total" in row else row["amount"]
        table.put(row, **{k: v for k, v in attributes.items() if k.startswith("_")})
        return row

    def address(self, path: str, token: str) -> str:
        """A public address, as the `links` of a resource spell them."""
        return f"{HOST}/{path.format(token=token)}"

    def _filled(self, table: Table, shown: Row) -> Row:
        resource = table.resource
        now = self.clock()
        row = table.blank()
        row["id"] = _token(resource.name, table.next_id)[:8] if resource.text_ids else table.next_id
        begun = shown.get("created_at", shown.get("updated_at", now))
        for name, value in (("created_at", begun), ("updated_at", now), ("date", begun)):
            if name in row:
                row[name] = value
        row.update(shown)
        if resource.prefix and row["number"] is None:
            row["number"] = table.free_number()
        token = _token(resource.name, row["id"]) if resource.links else ""
        for name, path in resource.links.items():
            if row[name] is None:
                row[name] = self.address(path, token)
        return row

    def edit(self, resource: str, key: Key, **changes: Any) -> Row:
        """Set attributes past every rule, and return a copy. `updated_at` becomes now unless given.

        Totals are not computed again, and no event is recorded. KeyError if there is no such
        object.
        """
        table = self.tables[resource]
        row = {**table.rows[key]}
        row["updated_at"] = self.clock()
        row.update({k: plain(v) for k, v in changes.items() if not k.startswith("_")})
        table.put(row, **{k: v for k, v in changes.items() if k.startswith("_")})
        return plain_copy(row)

    def remove(self, resource: str, key: Key, *, at: int | None = None) -> None:
        """Remove an object past every rule and record its `.deleted` event. KeyError if absent.

        `at` is the UNIX second of the event, now by default.
        """
        table = self.tables[resource]
        row = table.rows[key]
        table.drop(key)
        self.record("deleted", resource, row, at=at)

    def merge(self, key: int, into: int, *, at: int | None = None) -> None:
        """Merge one customer into another past every rule. KeyError if either is absent.

        Documents and children of the first belong to the second from now on, and keep their
        `updated_at`. The event `customer.merged` holds the second, with the first in
        `original_customer`.

        Args:
            key: the customer that is merged, and gone afterwards.
            into: the customer that is kept.
            at: UNIX second of the event; now by default.
        """
        customers = self.tables["customers"]
        gone, kept = customers.rows[key], customers.rows[into]
        for table in self.tables.values():
            for name in table.resource.indexed:
                if name not in _CUSTOMER_NAMES:
                    continue
                for owned in sorted(table.where(name, key)):
                    self._hand_over(table, owned, name, into)
        customers.drop(key)
        self.record("merged", "customers", {**kept, "original_customer": gone}, at=at)

    def _hand_over(self, table: Table, key: Key, name: str, into: int) -> None:
        """Make an object belong to another customer; nothing else about it changes."""
        row = table.rows[key]
        if name.startswith("_"):
            table.put(row, **{name: into})
            return
        own_parent = table.resource.name == "customers" and key == into
        moved = {name: None if own_parent else into}
        if name == "customer_id" and "customer" in row:
            moved["customer"] = into
        table.put({**row, **moved})

    def get(self, resource: str, key: Key) -> Row:
        """A copy of the object, `updated_at` included. KeyError if absent."""
        return plain_copy(self.tables[resource].rows[key])

    def objects(self, resource: str) -> list[Row]:
        """Copies of every object of the resource, in id order."""
        table = self.tables[resource]
        return [plain_copy(table.rows[key]) for key in table.list_index("all").ids]

    def private(self, resource: str, key: Key) -> Row:
        """What is known of an object but never shown: a dictionary, to be changed in place."""
        return self.tables[resource].private.setdefault(key, {})

    def events(self) -> list[Row]:
        """Every event, oldest first."""
        return [plain_copy(event.as_row()) for event in self.event_log]

    def event_raw(self, event: Event) -> bytes:
        """The event as JSON, without its object if that was lost."""
        row = event.as_row()
        if event.id in self.lost_events:
            row["data"] = {**row["data"], "object": {}}
        return orjson.dumps(row)

    def record(
        self,
        action: str,
        resource: str,
        row: Row,
        *,
        previous: Row | None = None,
        at: int | None = None,
    ) -> None:
        """Record the event `<object>.<action>`, with the object's customer expanded.

        Args:
            action: such as `created`.
            resource: of the object. Nothing is recorded if it is not eventful.
            row: the object as it is now.
            previous: the old values of the attributes that an update changed.
            at: UNIX second of the event; now by default.
        """
        if not self.tables[resource].resource.eventful:
            return
        singular = self.tables[resource].resource.singular
        customer = self.row("customers", row["customer"]) if row.get("customer") else None
        second = self.clock() if at is None else at
        key = len(self.event_log) + 1
        self.event_log.append(Event(key, second, f"{singular}.{action}", row, customer, previous))


def plain_copy(row: Row) -> Row:
    """A copy that shares nothing with `row`."""
    copy: Row = orjson.loads(orjson.dumps(row))
    return copy


def _token(resource: str, key: Key) -> str:
    return hashlib.blake2b(f"{resource}/{key}".encode(), digest_size=12).hexdigest()
