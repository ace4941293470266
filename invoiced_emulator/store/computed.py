"""Objects by the million that are computed when they are read, for benchmarks.

One bulk is an arithmetic run: ids, `updated_at` and everything that differs from object to object
follow from its position, the rest comes from a handful of templates. It costs no memory, is listed
among the stored objects in every order, and cannot be changed.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from invoiced_emulator.money import money
from invoiced_emulator.pricing import priced
from invoiced_emulator.resources.definition import Key, Row
from invoiced_emulator.seed import data as catalog

if TYPE_CHECKING:
    from invoiced_emulator.store.account import Account

DAY_S = 86_400
_TEMPLATES = 97
# A bulk invoice has at most this many lines and taxes, each with an id of its own.
_PARTS = 3
# How many customers the invoices of a bulk are spread over, at most.
_MOST_CUSTOMERS = 10_000
Values = tuple[int, ...]
# From an id and its `updated_at` to what differs from object to object.
Compute = Callable[[int, int], Values]


class Computed(Sequence[Any]):
    """A sorted sequence of which every element is computed from its position.

    `among` computes the elements at the positions of a range; `rank` how many lie below a value,
    which is searched for if it is not given.
    """

    def __init__(
        self,
        size: int,
        among: Callable[[range], list[Any]],
        rank: Callable[[Any], int] | None = None,
    ) -> None:
        self._positions = range(size)
        self._among = among
        self.rank = rank or partial(bisect_left, self)

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._among(self._positions))

    def __getitem__(self, wanted: Any) -> Any:
        if isinstance(wanted, slice):
            return self._among(self._positions[wanted])
        position = self._positions[wanted]
        return self._among(range(position, position + 1))[0]


class MergedSequence(Sequence[Any]):
    """A `SortedList` and a computed sequence as one sorted list; what is added is stored."""

    def __init__(self, stored: Any, computed: Computed) -> None:
        self._stored = stored
        self._computed = computed
        self.add = stored.add
        self.discard = stored.discard

    def __len__(self) -> int:
        return len(self._stored) + len(self._computed)

    def __iter__(self) -> Iterator[Any]:
        return heapq.merge(self._stored, self._computed)

    def __getitem__(self, wanted: Any) -> Any:
        if not isinstance(wanted, slice):
            position = wanted if wanted >= 0 else wanted + len(self)
            if not 0 <= position < len(self):
                raise IndexError(wanted)
            return self[position : position + 1][0]
        start, stop, _ = wanted.indices(len(self))
        count = max(0, stop - start)
        first = self._stored_among(start)
        stored = list(self._stored[first : first + count])
        computed: list[Any] = self._computed[start - first : start - first + count]
        if stored and (len(computed) < count or stored[0] < computed[-1]):
            return sorted(stored + computed)[:count]
        return computed

    def bisect_left(self, element: Any) -> int:
        return int(self._stored.bisect_left(element)) + self._computed.rank(element)

    def bisect_right(self, element: Any) -> int:
        stored = int(self._stored.bisect_right(element))
        return stored + bisect_right(self._computed, element)

    def _stored_among(self, count: int) -> int:
        """How many of the first `count` elements are stored ones."""
        low = max(0, count - len(self._computed))
        high = min(count, len(self._stored))
        while low < high:
            middle = (low + high) // 2
            if self._stored[middle] < self._computed[count - middle - 1]:
                low = middle + 1
            else:
                high = middle
        return low


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """`count` objects, updated evenly over `span_s` seconds from UNIX second `first_updated_at`.

    A template is the JSON of an object with `%d` for what its own choice of `values` fills in.
    """

    first_id: int
    count: int
    first_updated_at: int
    span_s: int
    templates: Sequence[tuple[bytes, Callable[[Values], Values]]]
    values: Compute

    def has(self, key: Key) -> bool:
        return isinstance(key, int) and self.first_id <= key < self.first_id + self.count

    def raw(self, key: Key) -> bytes:
        position = int(key) - self.first_id
        template, choice = self.templates[position % _TEMPLATES]
        return template % choice(self.values(int(key), self._updated_at(position)))

    def raws(self, keys: Iterable[Any], stored: Callable[[Key], bytes]) -> list[bytes]:
        """The JSON of a page, `stored` being asked for what is not of the bulk.

        A loop of its own, for it decides how many pages there are in a second.
        """
        first_id, end = self.first_id, self.first_id + self.count
        first, span, count = self.first_updated_at, self.span_s, self.count
        templates, values = self.templates, self.values
        found = []
        for key in keys:
            if not first_id <= key < end:
                found.append(stored(key))
                continue
            position = key - first_id
            template, choice = templates[position % _TEMPLATES]
            found.append(template % choice(values(key, first + position * span // count)))
        return found

    def row(self, key: Key) -> Row:
        row: Row = orjson.loads(self.raw(key))
        return row

    def _updated_at(self, position: int) -> int:
        return self.first_updated_at + position * self.span_s // self.count

    def _reached(self, second: int) -> int:
        """The first position that is updated at `second` or later."""
        return -((self.first_updated_at - second) * self.count // self.span_s)

    def ids(self) -> Computed:
        return Computed(self.count, lambda among: [self.first_id + i for i in among])

    def oldest(self) -> Computed:
        """By `updated_at` upwards. It is only searched for seconds."""
        first, span, count = self.first_updated_at, self.span_s, self.count
        first_id = self.first_id

        def rank(bound: tuple[int, ...]) -> int:
            """How many come before the UNIX second of a bound without an id."""
            return min(max(self._reached(bound[0]), 0), count)

        return Computed(
            count, lambda among: [(first + i * span // count, first_id + i) for i in among], rank
        )

    def newest(self) -> Computed:
        """By `updated_at` downwards, but upwards by id within one second."""

        def at(i: int) -> tuple[int, int]:
            mirrored = self.count - 1 - i
            second = self._updated_at(mirrored)
            low = self._reached(second)
            high = min(self._reached(second + 1), self.count)
            return -second, self.first_id + low + high - 1 - mirrored

        return Computed(self.count, lambda among: [at(i) for i in among])


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFactory:
    """How the objects of one resource are made up.

    `template` makes a row in which `<id>` and the other `names` stand for the values that
    `values`, itself made for an account and a count, computes in the order of the names.
    """

    template: Callable[[Account, Random], Row]
    names: str
    values: Callable[[Account, int], Compute]


def bulk_of(
    account: Account, resource: str, count: int, first_updated_at: int, per_second: float
) -> Bulk:
    """A bulk whose ids follow those in use. KeyError if the resource cannot be made in bulk."""
    maker = MAKERS[resource]
    rng = Random(f"{resource}/{count}")
    return Bulk(
        first_id=account.tables[resource].next_id,
        count=count,
        first_updated_at=first_updated_at,
        span_s=max(1, int(count / per_second)),
        templates=[
            _compiled(maker.template(account, rng), maker.names.split()) for _ in range(_TEMPLATES)
        ],
        values=maker.values(account, count),
    )


def _compiled(row: Row, names: list[str]) -> tuple[bytes, Callable[[Values], Values]]:
    """A template, and what picks the values it needs in the order in which it needs them."""
    slot = re.compile(rb'"<(%s)>"|<(%s)>' % (("|".join(names).encode(),) * 2))
    raw = orjson.dumps(row).replace(b"%", b"%%")
    order = [names.index((found[1] or found[2]).decode()) for found in slot.finditer(raw)]
    return slot.sub(b"%d", raw), itemgetter(*order)


_TOKEN = "b01c5a7e9d3f42"
_DATES = {"created_at": "<created_at>", "updated_at": "<updated_at>"}


def _linked(account: Account, resource: str, row: Row) -> Row:
    """A whole object with its public addresses."""
    kind = account.tables[resource].resource
    links = {name: account.address(path, f"{_TOKEN}<id>") for name, path in kind.links.items()}
    return {**account.tables[resource].blank(), **row, **links, **_DATES, "id": "<id>"}


def _invoice(account: Account, rng: Random) -> Row:
    items = [rng.choice(catalog.ITEMS) for _ in range(rng.randint(1, 2))]
    lines = [
        {
            "catalog_item": item["id"] if account.row("items", item["id"]) else None,
            **{name: item[name] for name in ("name", "type", "unit_cost")},
            "quantity": rng.randint(1, 12),
        }
        for item in items
    ]
    taxes = [{"tax_rate": "vat"}] if account.row("tax_rates", "vat") and rng.random() < 0.5 else []
    money_of = priced(account, {"items": lines, "discounts": [], "taxes": taxes})
    for number, part in enumerate([*money_of["items"], *money_of["taxes"]]):
        part["id"] = f"<part{number}>"
    settled = rng.random() < 0.9
    return _linked(
        account,
        "invoices",
        {
            **money_of,
            "customer": "<customer>",
            "number": "INV-B<id>",
            "date": "<created_at>",
            "due_date": "<due_date>",
            "payment_terms": "NET 14",
            "status": "paid" if settled else "sent",
            "paid": settled,
            "closed": True,
            "balance": 0 if settled else money(money_of["total"]),
            "purchase_order": rng.choice((None, f"PO-{rng.randint(1000, 9999)}")),
            "metadata": rng.choice(({}, {"region": "Zürich"})),
        },
    )


def _invoice_values(account: Account, count: int) -> Compute:
    customers: list[int] = list(account.tables["customers"].shelf("all").ids[:_MOST_CUSTOMERS])
    among = len(customers)
    first_id = account.tables["invoices"].next_id
    first_part = account.part_id()
    account.skip_part_ids((first_part + _PARTS * count,))

    def values(key: int, updated_at: int) -> Values:
        part = first_part + _PARTS * (key - first_id)
        created_at = updated_at - 600
        return (
            key,
            created_at,
            updated_at,
            created_at + 14 * DAY_S,
            customers[key % among] if among else 1,
            part,
            part + 1,
            part + 2,
        )

    return values


def _customer(account: Account, rng: Random) -> Row:
    words = f"{rng.choice(catalog.FIRST_WORDS)} {rng.choice(catalog.SECOND_WORDS)}"
    country = rng.choice(list(catalog.COUNTRIES))
    currency, _, cities = catalog.COUNTRIES[country]
    city, state, postal_code = rng.choice(cities)
    return _linked(
        account,
        "customers",
        {
            "name": f"{words} <id> {catalog.ENDINGS[country]}",
            "number": "CUST-B<id>",
            "email": f"billing<id>@{country.lower()}.customers.example",
            "address1": f"{rng.randint(1, 240)} {rng.choice(catalog.STREETS)}",
            "city": city,
            "state": state,
            "postal_code": postal_code,
            "country": country,
            "currency": currency,
            "payment_terms": rng.choice(("NET 14", "NET 30", None)),
        },
    )


def _customer_values(_account: Account, _count: int) -> Compute:
    return lambda key, updated_at: (key, updated_at - 600, updated_at)


MAKERS: Mapping[str, TemplateFactory] = {
    "invoices": TemplateFactory(
        template=_invoice,
        names="id created_at updated_at due_date customer part0 part1 part2",
        values=_invoice_values,
    ),
    "customers": TemplateFactory(
        template=_customer, names="id created_at updated_at", values=_customer_values
    ),
}
