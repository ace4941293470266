"""Customers and invoices by the million, for benchmarks.

Everything that differs from object to object follows from its id and `updated_at`; the rest comes
from a handful of templates.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from random import Random

import orjson

from invoiced_emulator.money import money
from invoiced_emulator.pricing import price_document
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.seed import data as catalog
from invoiced_emulator.seed.context import DAY_S
from invoiced_emulator.store.account import Account
from invoiced_emulator.store.computed import Bulk, Compute, Values

_TEMPLATES = 97
# A bulk invoice has at most this many lines and taxes, each with an id of its own.
_PARTS = 3
# How many customers the invoices of a bulk are spread over, at most.
_MAX_CUSTOMERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFactory:
    """How the objects of one resource are made up.

    Attributes:
        template: makes a row in which `<id>` and the other names stand for computed values.
        names: the names in the order of the values, divided by spaces.
        values: for an account and a count, what computes the values of one object.
    """

    template: Callable[[Account, Random], Row]
    names: str
    values: Callable[[Account, int], Compute]


def build_bulk(
    account: Account, resource: str, count: int, first_updated_at: int, per_second: float
) -> Bulk:
    """The bulk that `add_bulk` adds; see there."""
    factory = FACTORIES[resource]
    rng = Random(f"{resource}/{count}")
    return Bulk(
        first_id=account.tables[resource].next_id,
        count=count,
        first_updated_at=first_updated_at,
        span_s=max(1, int(count / per_second)),
        templates=[
            _compiled(factory.template(account, rng), factory.names.split())
            for _ in range(_TEMPLATES)
        ],
        values=factory.values(account, count),
    )


def add_bulk(
    account: Account,
    resource: str,
    *,
    count: int,
    first_updated_at: int,
    per_second: float = 100,
) -> None:
    """List `count` more objects of a resource, which are computed and cannot be changed.

    They cost no memory. Sorted lists, windows and totals are as fast as without them; a filter
    looks at every one of them.

    Args:
        account: the account that lists them.
        resource: `customers` or `invoices`. Add customers first: invoices are spread over them.
        count: how many, 1 or more. Their ids follow those in use.
        first_updated_at: `updated_at` of the first one, in UNIX seconds.
        per_second: how many of them were updated in each second.

    Raises:
        KeyError: if objects of the resource cannot be computed.
        ValueError: if the resource has a bulk already.
    """
    bulk = build_bulk(account, resource, count, first_updated_at, per_second)
    account.tables[resource].take(bulk)


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
    money_of = price_document(account, {"items": lines, "discounts": [], "taxes": taxes})
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
    customers: list[int] = list(account.tables["customers"].list_index("all").ids[:_MAX_CUSTOMERS])
    among = len(customers)
    first_id = account.tables["invoices"].next_id
    first_part = account.part_id()
    account.skip_part_ids((first_part + _PARTS * count,))

    def values(key: int, updated_at: int) -> Values:
        """The values of one invoice, in the order of its placeholders."""
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


FACTORIES: Mapping[str, TemplateFactory] = {
    "invoices": TemplateFactory(
        template=_invoice,
        names="id created_at updated_at due_date customer part0 part1 part2",
        values=_invoice_values,
    ),
    "customers": TemplateFactory(
        template=_customer, names="id created_at updated_at", values=_customer_values
    ),
}
