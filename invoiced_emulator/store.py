"""The account in memory: objects, the indices that make lists fast, and the events.

Nothing here refuses anything; what Invoiced refuses and computes is `rules`.
"""

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sortedcontainers import SortedList

from invoiced_emulator.money import plain
from invoiced_emulator.parts import completed, priced
from invoiced_emulator.shapes import RESOURCES, Key, Resource, Row

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
    """Something that happened to `row`, which is as it was then, and so is its `customer`.

    Objects are replaced, never changed, so an event costs no copy; it is serialised when asked.
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
        shown = {**self.row, "customer": self.customer} if self.customer else self.row
        return {
            "id": self.id,
            "object": "event",
            "type": self.type,
            "timestamp": self.timestamp,
            "data": {"object": shown},
            **({} if self.previous is None else {"previous": self.previous}),
            "user": API_USER,
        }

    def raw(self) -> bytes:
        return orjson.dumps(self.as_row())


class Shelf:
    """One list of objects in its three quick orders: by id, by `updated_at` up and down."""

    __slots__ = ("ids", "newest", "oldest")

    def __init__(self) -> None:
        self.ids: Any = SortedList()
        self.oldest: Any = SortedList()
        self.newest: Any = SortedList()

    def add(self, key: Key, updated_at: int) -> None:
        self.ids.add(key)
        self.oldest.add((updated_at, key))
        self.newest.add((-updated_at, key))

    def discard(self, key: Key, updated_at: int) -> None:
        self.ids.discard(key)
        self.oldest.discard((updated_at, key))
        self.newest.discard((-updated_at, key))


class Table:
    """All objects of one resource, with their indices and their serialised bytes."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.rows: dict[Key, Row] = {}
        self.private: dict[Key, Row] = {}
        self.next_id = 1
        self._next_number = 1
        self._shelves: dict[str, Shelf] = {}
        self._index: dict[str, dict[Any, set[Key]]] = {name: {} for name in resource.indexed}
        self._raw: dict[tuple[Key, bool], bytes] = {}
        shape = resource.shape.items()
        self._containers = [(name, type(v)) for name, v in shape if isinstance(v, list | dict)]

    def blank(self) -> Row:
        """An object of which nothing was said; its lists and maps are its own."""
        return {**self.resource.shape, **{name: kind() for name, kind in self._containers}}

    def shelf(self, name: str) -> Shelf:
        return self._shelves.setdefault(name, Shelf())

    def put(self, row: Row) -> None:
        """Insert `row`, or replace the object of its id; the table owns `row` from now on."""
        key = row["id"]
        if key in self.rows:
            self._forget(key)
        self.rows[key] = row
        if isinstance(key, int) and key >= self.next_id:
            self.next_id = key + 1
        for name in self.resource.shelves(row):
            self.shelf(name).add(key, row["updated_at"])
        for name, index in self._index.items():
            index.setdefault(row[name], set()).add(key)

    def drop(self, key: Key) -> None:
        self._forget(key)
        del self.rows[key]
        self.private.pop(key, None)

    def _forget(self, key: Key) -> None:
        row = self.rows[key]
        for name in self.resource.shelves(row):
            self.shelf(name).discard(key, row["updated_at"])
        for name, index in self._index.items():
            index[row[name]].discard(key)
            if not index[row[name]]:
                del index[row[name]]
        self._raw.pop((key, True), None)
        self._raw.pop((key, False), None)

    def raw(self, key: Key, *, hide_updated_at: bool = False) -> bytes:
        """The object as JSON, serialised once per version."""
        found = self._raw.get((key, hide_updated_at))
        if found is None:
            row = self.rows[key]
            if hide_updated_at:
                row = {name: value for name, value in row.items() if name != "updated_at"}
            found = self._raw[key, hide_updated_at] = orjson.dumps(row)
        return found

    def where(self, name: str, value: object) -> set[Key]:
        """Ids of the objects whose indexed attribute `name` has this value."""
        return self._index[name].get(value, set())

    def free_number(self) -> str:
        """The next number nobody has, such as `INV-0017`."""
        while True:
            number = f"{self.resource.prefix}-{self._next_number:04d}"
            if not self.where("number", number):
                return number
            self._next_number += 1


class Account:
    """An Invoiced account in memory.

    `now` gives the account's clock in UNIX seconds. The flags imitate accounts that differ:
    `canceled_account` answers 402 to everything, `forbidden` holds resource names answered 403,
    `hides_updated_at` those that omit `updated_at` unless asked, and the `ignores_` flags make
    lists silently ignore a parameter, as undocumented ones may one day be.
    """

    def __init__(self, api_key: str = "emulator-key", now: Callable[[], float] = time.time) -> None:
        self.api_key = api_key
        self.now = now
        self.canceled_account = False
        self.forbidden: set[str] = set()
        self.hides_updated_at: set[str] = {"transactions"}
        self.ignores_sort = False
        self.ignores_updated_before = False
        self.tables = {resource.name: Table(resource) for resource in RESOURCES}
        self.happened: list[Event] = []
        self._next_part = 1

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(table.rows)} {name}" for name, table in self.tables.items())
        return f"<Account: {counts}>"

    def clock(self) -> int:
        """The account's time in whole UNIX seconds."""
        return int(self.now())

    def part_id(self) -> int:
        """A fresh id for a line item, discount, tax or addon."""
        self._next_part += 1
        return self._next_part - 1

    def skip_part_ids(self, used: Iterable[int]) -> None:
        """Never hand out ids up to the greatest of `used`."""
        self._next_part = max([self._next_part, *(key + 1 for key in used)])

    def row(self, resource: str, key: Key) -> Row | None:
        """The object itself, not a copy: read only. None if absent."""
        return self.tables[resource].rows.get(key)

    def add(self, resource: str, **attributes: Any) -> Row:
        """Insert an object past every rule, and return a copy of it.

        Missing attributes take the defaults of the shape, a fresh `id`, a free `number`, and
        `created_at` and `updated_at` of now. A document given `items` but no `total` has its
        lines, discounts, taxes and totals computed, and `balance` is the `total` unless given.
        Attributes that the shape does not know are shown as they are: Invoiced adds some, too.
        Attributes that begin with an underscore are kept but never shown:
        `_payment=61` marks a transaction as the shadow of a payment.
        """
        row = self.insert(resource, attributes)
        return plain_copy(row)

    def insert(self, resource: str, attributes: Row) -> Row:
        """`add` without the copy: what it returns is the stored object itself, to be read only."""
        table = self.tables[resource]
        shown = {k: plain(v) for k, v in attributes.items() if not k.startswith("_")}
        row = self._filled(table, shown)
        if shown.get("items") and "total" not in shown:
            row.update(priced(self, row))
        elif "items" in row:
            completed(self, row)
        if "balance" in row and "balance" not in shown:
            row["balance"] = row["total"]
        table.put(row)
        private = {k: v for k, v in attributes.items() if k.startswith("_")}
        if private:
            table.private[row["id"]] = private
        return row

    def _filled(self, table: Table, shown: Row) -> Row:
        resource = table.resource
        now = self.clock()
        row = table.blank()
        row["id"] = table.next_id
        row["created_at"] = shown.get("updated_at", now)
        row["updated_at"] = now
        if resource.dated:
            row["date"] = shown.get("created_at", row["created_at"])
        row.update(shown)
        if resource.prefix and row["number"] is None:
            row["number"] = table.free_number()
        token = _token(resource.name, row["id"]) if resource.links else ""
        for name, path in resource.links.items():
            if row[name] is None:
                row[name] = f"{HOST}/{path.format(token=token)}"
        return row

    def edit(self, resource: str, key: Key, **changes: Any) -> Row:
        """Set attributes past every rule, `updated_at` to now unless given. KeyError if absent.

        Totals are not recomputed, and no event is recorded.
        """
        table = self.tables[resource]
        row = {**table.rows[key]}
        row["updated_at"] = self.clock()
        row.update({k: plain(v) for k, v in changes.items() if not k.startswith("_")})
        table.put(row)
        private = {k: v for k, v in changes.items() if k.startswith("_")}
        if private:
            table.private.setdefault(key, {}).update(private)
        return plain_copy(row)

    def remove(self, resource: str, key: Key, *, at: int | None = None) -> None:
        """Remove an object past every rule and record its `.deleted` event. KeyError if absent.

        `at` is the UNIX second of the event, now by default.
        """
        table = self.tables[resource]
        self.record("deleted", resource, table.rows[key], at=at)
        table.drop(key)

    def get(self, resource: str, key: Key) -> Row:
        """A copy of the object, `updated_at` included. KeyError if absent."""
        return plain_copy(self.tables[resource].rows[key])

    def objects(self, resource: str) -> list[Row]:
        """Copies of every object of the resource, in id order."""
        table = self.tables[resource]
        return [plain_copy(table.rows[key]) for key in table.shelf("all").ids]

    def private(self, resource: str, key: Key) -> Row:
        """What is known of an object but never shown; a dictionary to be changed in place."""
        return self.tables[resource].private.setdefault(key, {})

    def events(self) -> list[Row]:
        """Every event, oldest first."""
        return [plain_copy(event.as_row()) for event in self.happened]

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

        `previous` holds the old values of the attributes an update changed.
        """
        singular = self.tables[resource].resource.singular
        customer = self.row("customers", row["customer"]) if row.get("customer") else None
        second = self.clock() if at is None else at
        key = len(self.happened) + 1
        self.happened.append(Event(key, second, f"{singular}.{action}", row, customer, previous))


def plain_copy(row: Row) -> Row:
    """A copy that shares nothing with `row`."""
    copy: Row = orjson.loads(orjson.dumps(row))
    return copy


def _token(resource: str, key: Key) -> str:
    return hashlib.blake2b(f"{resource}/{key}".encode(), digest_size=12).hexdigest()
