"""Checks and changes that the rules of several resources share."""

from collections.abc import Iterable, Mapping
from typing import Any

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.resources.definition import Key, ResourceDefinition, Row
from invoiced_emulator.store.account import Account


def require_object(account: Account, resource: str, key: Key | None, param: str) -> None:
    """Refuse an id that names no object; None is accepted."""
    if key is not None and account.row(resource, key) is None:
        raise ApiError(f"No such {param.replace('_', ' ')}: {key}", param)


def require_objects(account: Account, refers: Mapping[str, str], given: Row) -> None:
    """Refuse ids that name no object; `refers` maps attributes to the resource of their ids."""
    for name, resource in refers.items():
        require_object(account, resource, given.get(name), name)


def require_unique_number(
    account: Account, resource: ResourceDefinition, number: object, own: Key | None
) -> None:
    """Refuse a `number` that another object of the account has."""
    if number is not None and account.tables[resource.name].where("number", number) - {own}:
        raise ApiError(f"The number {number} is taken by another {resource.singular}", "number")


# The lists that name coupons and tax rates, by their ids or in objects of their own.
_RATED = (("discounts", "coupons", "coupon"), ("taxes", "tax_rates", "tax_rate"))


def require_catalog_entries(account: Account, given: Row) -> None:
    """Refuse coupons, tax rates, items and plans that are not in the account's catalog."""
    for name, resource, param in _RATED:
        for entry in given.get(name) or ():
            key = entry if isinstance(entry, str) else entry.get(param)
            require_object(account, resource, key, param)
    for line in given.get("items") or ():
        require_object(account, "items", line.get("catalog_item"), "catalog_item")
        require_catalog_entries(account, line)
    for addon in given.get("addons") or ():
        require_object(account, "plans", addon.get("plan"), "plan")


def require_existing_lines(param: str, given: Iterable[Row], before: Iterable[Row]) -> None:
    """Refuse entries whose `id` is not of an entry the object already has."""
    own = {part["id"] for part in before}
    for entry in given:
        if entry.get("id") is not None and entry["id"] not in own:
            raise ApiError(f"No such entry in {param}: {entry['id']}", param)


def stored_fields(resource: ResourceDefinition, given: Row) -> Row:
    """The attributes of a body that the object keeps; the others only steered the request."""
    return {
        name: value
        for name, value in given.items()
        if name in resource.template or name.startswith("_")
    }


def save_new(account: Account, resource: ResourceDefinition, attributes: Row) -> Row:
    """Insert an object and record its event."""
    row = account.insert(resource.name, attributes)
    account.record("created", resource.name, row)
    return row


def save(
    account: Account, resource: ResourceDefinition, before: Row, after: Row, action: str = "updated"
) -> Row:
    """Replace `before` by `after`, set `updated_at` to now, and record the changed attributes."""
    row: dict[str, Any] = {**after, "updated_at": account.clock()}
    account.tables[resource.name].put(row)
    previous = {
        name: value
        for name, value in before.items()
        if name != "updated_at" and row.get(name) != value
    }
    account.record(action, resource.name, row, previous=previous)
    return row


def drop_where(account: Account, resource: str, name: str, value: Key) -> None:
    """Drop the objects whose indexed attribute `name` has this value; no event is recorded."""
    table = account.tables[resource]
    for key in sorted(table.where(name, value)):
        table.drop(key)
