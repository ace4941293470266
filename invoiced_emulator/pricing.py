"""The parts of documents and subscriptions, and their totals.

Amounts are doubles, rounded to two decimals at every step. A discount or tax that names a coupon or
tax rate has its amount computed; any other keeps the amount it was given.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from invoiced_emulator.money import Number, money
from invoiced_emulator.resources.definition import Key, Row

_LINE: Row = {
    "id": None,
    "object": "line_item",
    "catalog_item": None,
    "type": None,
    "name": None,
    "description": None,
    "quantity": 1,
    "unit_cost": 0,
    "amount": 0,
    "discountable": True,
    "discounts": (),
    "taxable": True,
    "taxes": (),
    "metadata": (),
    "plan": None,
    "period_start": None,
    "period_end": None,
    "prorated": False,
    "subscription": None,
}
_DISCOUNT: Row = {"id": None, "object": "discount", "amount": 0, "coupon": None, "expires": None}
_TAX: Row = {"id": None, "object": "tax", "amount": 0, "tax_rate": None}
_ADDON: Row = {
    "id": None,
    "object": "subscription_addon",
    "plan": None,
    "quantity": 1,
    "description": None,
    "updated_at": None,
    "created_at": None,
    "amount": None,
}


class Catalog(Protocol):
    """What pricing needs of an account: its catalog, and fresh ids for the parts."""

    def row(self, resource: str, key: Key) -> Row | None:
        """The object of this id; None if there is none."""

    def part_id(self) -> int:
        """A fresh id for a line item, discount, tax or addon."""

    def skip_part_ids(self, used: Iterable[int]) -> None:
        """Never hand out ids up to the greatest of `used`."""


_SHIP_TO = "name attention_to address1 address2 city state postal_code country".split()


def fill_line_items(catalog: Catalog, row: Row) -> None:
    """Give every line, discount and tax of a document the attributes and the id it lacks.

    Amounts and totals that were given stay. Changes `row`.
    """
    row["items"] = [_line(catalog, line) for line in row["items"]]
    row["discounts"] = [_part(catalog, _DISCOUNT, entry) for entry in row["discounts"]]
    row["taxes"] = [_part(catalog, _TAX, entry) for entry in row["taxes"]]


def price_document(catalog: Catalog, row: Row) -> Row:
    """The `items`, `discounts`, `taxes`, `subtotal` and `total` of a document.

    The discounts of the document are computed on the discountable lines, less their own discounts.
    Its taxes are computed on the taxable lines, less their own discounts and those of the document.
    """
    lines = [price_line(catalog, line) for line in row["items"]]
    subtotal = money(sum(line["amount"] for line in lines))
    discountable = sum(_net(line) for line in lines if line["discountable"])
    discounts = discounts_on(catalog, row["discounts"], discountable)
    taxable = sum(_net(line) for line in lines if line["taxable"]) - total_of(discounts)
    taxes = taxes_on(catalog, row["taxes"], max(taxable, 0))
    inside = [line["discounts"] for line in lines], [line["taxes"] for line in lines]
    total = subtotal - total_of(discounts) + total_of(taxes)
    total += sum(map(total_of, inside[1])) - sum(map(total_of, inside[0]))
    return {
        "items": lines,
        "subtotal": subtotal,
        "discounts": discounts,
        "taxes": taxes,
        "total": money(total),
    }


def discounts_on(catalog: Catalog, given: Iterable[Row], base: Number) -> list[Row]:
    """Discounts with their ids, and their amounts computed on `base`."""
    return [_rated(catalog, _DISCOUNT, "coupon", "coupons", entry, base) for entry in given]


def taxes_on(catalog: Catalog, given: Iterable[Row | str], base: Number) -> list[Row]:
    """Taxes with their ids, and their amounts on `base`. A string is the id of a tax rate."""
    entries = ({"tax_rate": entry} if isinstance(entry, str) else entry for entry in given)
    return [_rated(catalog, _TAX, "tax_rate", "tax_rates", entry, base) for entry in entries]


def rates_of(catalog: Catalog, table: str, given: Iterable[Row | str]) -> list[Row | str]:
    """Tax rates or coupons as whole objects, as customers, items and subscriptions show them.

    An id without an object stays an id.
    """
    return [
        (catalog.row(table, entry) or entry) if isinstance(entry, str) else entry for entry in given
    ]


def rate_amount(rate: Row | str, base: Number) -> Number:
    """The amount of a tax rate or coupon on `base`; 0 for an id without an object."""
    if isinstance(rate, str):
        return 0
    value = rate["value"]
    return money(base * value / 100 if rate["is_percent"] else value)


def addons_of(catalog: Catalog, given: Iterable[Row], now: int) -> list[Row]:
    """The addons of a subscription with their ids. `now` (UNIX seconds) dates the new ones."""
    return [_part(catalog, {**_ADDON, "created_at": now, "updated_at": now}, a) for a in given]


def ship_to(given: Row | None) -> Row | None:
    """A shipping address with all its attributes, or None."""
    return None if given is None else {name: given.get(name) for name in _SHIP_TO}


def total_of(parts: Sequence[Row]) -> Number:
    """The sum of the amounts of discounts or taxes."""
    return sum(part["amount"] for part in parts) if parts else 0


def merge_line_items(before: Sequence[Row], given: Iterable[Row]) -> list[Row]:
    """The entries of a list after a write: a known id keeps the attributes that were not sent.

    The discounts and taxes of a line are matched within that line.
    """
    known = {part["id"]: part for part in before}
    entries = []
    for entry in given:
        old = known.get(entry.get("id"))
        new = {**(old or {}), **entry}
        if old is None:
            new.pop("id", None)
        for name in ("discounts", "taxes"):
            if name in entry:
                new[name] = merge_line_items(old[name] if old else (), entry[name] or ())
        entries.append(new)
    return entries


def price_line(catalog: Catalog, given: Row) -> Row:
    """A line with its amount, and with the amounts of its discounts and taxes."""
    line = _line(catalog, given)
    line["amount"] = money(line["quantity"] * line["unit_cost"])
    line["discounts"] = discounts_on(catalog, line["discounts"], line["amount"])
    net = line["amount"] - total_of(line["discounts"])
    line["taxes"] = taxes_on(catalog, line["taxes"], net)
    return line


def _line(catalog: Catalog, given: Row) -> Row:
    item = catalog.row("items", given["catalog_item"]) if given.get("catalog_item") else None
    line = {**_LINE}
    if item and "id" not in given:
        names = ("name", "type", "description", "unit_cost", "discountable", "taxable")
        line.update({name: item[name] for name in names})
    line.update({name: value for name, value in given.items() if value is not None})
    _identify(catalog, line)
    line["discounts"] = [_part(catalog, _DISCOUNT, entry) for entry in line["discounts"]]
    line["taxes"] = [_part(catalog, _TAX, entry) for entry in line["taxes"]]
    line["metadata"] = dict(line["metadata"])
    return line


def _part(catalog: Catalog, template: Row, given: Row | str) -> Row:
    entry = {"tax_rate": given} if isinstance(given, str) else given
    part = {**template, **{name: value for name, value in entry.items() if value is not None}}
    _identify(catalog, part)
    return part


def _rated(catalog: Catalog, template: Row, name: str, table: str, given: Row, base: Number) -> Row:
    part = _part(catalog, template, given)
    rate: Any = part[name]
    if isinstance(rate, str):
        key, rate = rate, catalog.row(table, rate)
        if rate is None:
            raise KeyError(key)
        part[name] = rate
    if rate is not None:
        part["amount"] = rate_amount(rate, base)
    else:
        part["amount"] = money(part["amount"] or 0)
    return part


def _net(line: Row) -> Number:
    net: Number = line["amount"] - total_of(line["discounts"])
    return net


def _identify(catalog: Catalog, part: Row) -> None:
    if part["id"] is None:
        part["id"] = catalog.part_id()
    else:
        catalog.skip_part_ids((part["id"],))
