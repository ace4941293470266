"""Customers to be written, made one by one as they are asked for: none is held."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

STREAM = "customers"
STATE_EVERY = 1_000

# Flat and without a natural key, so that each record is one request, also in the peer.
COLUMNS = (
    "name",
    "email",
    "payment_terms",
    "address1",
    "city",
    "state",
    "postal_code",
    "country",
    "notes",
)
SCHEMA = {
    "type": "SCHEMA",
    "stream": STREAM,
    "schema": {
        "type": "object",
        "properties": {
            "id": {"type": ["null", "integer"]},
            **{name: {"type": ["null", "string"]} for name in COLUMNS},
        },
    },
    "key_properties": ["id"],
}

Record = dict[str, Any]


def customer(number: int, edition: int = 0) -> Record:
    """What one edition of a customer says; another edition is a changed record."""
    return {
        "name": f"Harbor Supplies {number}",
        "email": f"billing@harbor-{number}.example",
        "payment_terms": "NET 30",
        "address1": f"{number} Quay Street",
        "city": "Galveston",
        "state": "TX",
        "postal_code": "77550",
        "country": "US",
        "notes": f"Edition {edition}",
    }


def customers(count: int, edition: int = 0) -> Iterator[Record]:
    """Customers without an id."""
    return (customer(number, edition) for number in range(1, count + 1))


def with_ids(ids: Iterable[int], edition: int = 0) -> Iterator[Record]:
    """One customer for each id: of the account, or of another system."""
    return ({"id": id, **customer(id, edition)} for id in ids)


def messages(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Lines of a tap: SCHEMA, a RECORD each, a STATE after every thousand and at the end."""
    yield _line(SCHEMA)
    count = 0
    for count, record in enumerate(records, 1):
        yield _line({"type": "RECORD", "stream": STREAM, "record": record})
        if not count % STATE_EVERY:
            yield _line({"type": "STATE", "value": {"done": count}})
    yield _line({"type": "STATE", "value": {"done": count}})


def _line(message: Mapping[str, Any]) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)
