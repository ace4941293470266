"""What a copy of an account shares with its source, and what it does not."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from invoiced_emulator import Account
from target_invoiced.ledger.tables import ACCOUNTS, OBJECTS

# What is copied, as docs/copying.md advises.
STREAMS = (
    "items plans coupons tax_rates customers subscriptions invoices estimates credit_notes "
    "payments credit_balance_adjustments tasks notes contacts pending_line_items payment_plans"
).split()

# What a copy does not share with its source, by stream: docs/copying.md gives the reasons. Those
# of every stream are meant wherever they stand.
DIFFERENCES: dict[str, tuple[str, ...]] = {
    "every stream": (
        "id",
        "created_at",
        "updated_at",
        "url",
        "pdf_url",
        "csv_url",
        "payment_url",
        "statement_pdf_url",
    ),
    "customers": ("payment_source",),
    "subscriptions": ("contract_period_start", "contract_period_end", "status"),
    "invoices": (
        "balance",
        "paid",
        "closed",
        "status",
        "attempt_count",
        "subscription",
        "items[].plan",
        "items[].period_start",
        "items[].period_end",
        "items[].subscription",
    ),
    "estimates": ("approved", "status"),
    "credit_notes": ("balance", "paid", "status"),
    "notes": (
        "user.email",
        "user.first_name",
        "user.last_name",
        "user.two_factor_enabled",
    ),
}
EVERYWHERE = DIFFERENCES["every stream"]

# The attributes that hold the id of another object.
REFERENCES = {
    "customer": "customers",
    "customer_id": "customers",
    "parent_customer": "customers",
    "invoice": "invoices",
    "invoice_id": "invoices",
    "estimate": "estimates",
    "credit_note": "credit_notes",
    "payment_plan": "payment_plans",
    "subscription": "subscriptions",
}
Objects = dict[tuple[str, str], Any]


Names = Mapping[tuple[str, Any], str]


def keys_in(ledger: str, base_url: str | None = None) -> dict[tuple[str, Any], str]:
    """What the source calls each object of a copy, from the ledger: (resource, id) -> its id there.

    Of the account at `base_url`, if several share the database.
    """
    engine = sa.create_engine(ledger.replace("postgresql:", "postgresql+psycopg:"))
    query = sa.select(OBJECTS.c.resource, OBJECTS.c.key, OBJECTS.c.id)
    if base_url is not None:
        there = sa.select(ACCOUNTS.c.account).where(ACCOUNTS.c.base_url == base_url)
        query = query.where(OBJECTS.c.account.in_(there))
    with engine.connect() as connection:
        rows = connection.execute(query.where(OBJECTS.c.id.is_not(None))).all()
    engine.dispose()
    found = {}
    for resource, key, written in rows:
        parts = json.loads(key) if key.startswith("[") else [key]
        name = (resource, json.loads(written))
        assert name not in found, f"two keys of {resource} stand for one object"
        found[name] = parts[-1]
    return found


def named(
    account: Account, names: Names | None = None, streams: Iterable[str] = STREAMS
) -> Objects:
    """Every object with the source's ids in place of the account's, by stream and that id.

    What differs everywhere is left out. Without `names` the account is the source itself.
    """

    def name(resource: str, key: Any) -> str:
        return str(key) if names is None else names.get((resource, key), f"not copied: {key}")

    def without_ids(value: Any) -> Any:
        if isinstance(value, list):
            return [without_ids(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            key: name(REFERENCES[key], inner) if key in REFERENCES and inner else without_ids(inner)
            for key, inner in value.items()
            if key not in EVERYWHERE
        }

    found: Objects = {}
    for stream in streams:
        for row in account.objects(stream):
            key = (stream, name(stream, row["id"]))
            assert key not in found, f"{key} is there twice"
            found[key] = without_ids(row)
    return found


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """The paths at which two values differ, as `items[].plan`."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            at = f"{path}.{key}" if path else key
            yield from differences(ours.get(key), theirs.get(key), at)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield path
