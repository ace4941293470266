"""Which object a record stands for, and which others it refers to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from invoiced_api.resources import BY_NAME
from target_invoiced import exact_json
from target_invoiced.exact_json import number_text
from target_invoiced.exceptions import InvalidRecordError

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class ObjectId:
    """An object of this account, by the id that Invoiced gave it."""

    resource: str
    value: str

    def __str__(self) -> str:
        return f"{self.resource} {self.value}"


@dataclass(frozen=True, slots=True)
class NaturalKey:
    """The one object whose `attribute`, the caller's own reference, has this value."""

    resource: str
    attribute: str
    value: str

    def __str__(self) -> str:
        return f"{self.resource} with the {self.attribute} {self.value}"


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """What another system calls an object; the ledger knows which one that is."""

    resource: str
    value: str

    def __str__(self) -> str:
        return f"{self.resource} with the key {self.value}"


Reference = ExternalKey | NaturalKey
ObjectRef = ObjectId | ExternalKey | NaturalKey


def key_text(value: Any) -> str | None:
    """One key as the ledger keeps it: 15444 and "15444" are the same. None if it is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidRecordError("its key is neither a number nor a string")
    if isinstance(value, str) and "\0" in value:
        raise InvalidRecordError("its key holds a NUL character, which no database keeps")
    return number_text(value) if isinstance(value, (float, Decimal)) else str(value)


def external_key(
    resource: str, record: Mapping[str, Any], key_properties: Sequence[str]
) -> ExternalKey | None:
    """What the other system calls the record; None if it has no key. Raises Unwritable.

    A key of several properties is absent if one of them is.
    """
    parts = [_part(record.get(name)) for name in key_properties]
    if not parts or None in parts:
        return None
    if len(parts) > 1:
        return ExternalKey(resource, orjson.dumps(parts).decode())
    return ExternalKey(resource, str(key_text(parts[0])))


def _part(value: Any) -> str | dict[str, str] | None:
    """One part of a key. An object stands for its id, or, without one, for its number."""
    if not isinstance(value, dict):
        return key_text(value)
    number = value.get("number")
    if value.get("id") is None and isinstance(number, str) and number:
        return {"number": number}
    if value.get("id") is None:
        raise InvalidRecordError("its key is an object that holds neither `id` nor `number`")
    return key_text(value["id"])


def digest(record: Any, *more: str) -> bytes:
    """Two records with the same content have the same one, whatever the order of attributes."""
    return digest_of(exact_json.dumps([more, record], orjson.OPT_SORT_KEYS))


def digest_of(content: bytes) -> bytes:
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def by_own_id(reference: ExternalKey) -> NaturalKey | None:
    """What the account calls an object whose id is the caller's own: the key itself."""
    own = BY_NAME[reference.resource].natural_key == "id"
    return NaturalKey(reference.resource, "id", reference.value) if own else None
