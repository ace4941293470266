"""The names of an object: Invoiced's id, its natural key, another system's key. Pure."""

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
    """An object of this account, by the id that Invoiced gave it.

    Attributes:
        resource: of the object.
        value: the id, as text.
    """

    resource: str
    value: str

    def __str__(self) -> str:
        return f"{self.resource} {self.value}"


@dataclass(frozen=True, slots=True)
class NaturalKey:
    """The one object whose attribute, a reference of the caller's own, has this value.

    Attributes:
        resource: of the object.
        attribute: such as `number`.
        value: of the attribute, as text.
    """

    resource: str
    attribute: str
    value: str

    def __str__(self) -> str:
        return f"{self.resource} with the {self.attribute} {self.value}"


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """The key of an object in another system; the ledger has its id.

    Attributes:
        resource: of the object.
        value: the key, as text.
    """

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
    """The key of a record in the other system; None if it has none.

    A key of several properties is absent if one of them is.

    Raises:
        InvalidRecordError: if a property cannot be a key.
    """
    parts = [_part(record.get(name)) for name in key_properties]
    if not parts or None in parts:
        return None
    if len(parts) > 1:
        return ExternalKey(resource, orjson.dumps(parts).decode())
    return ExternalKey(resource, str(key_text(parts[0])))


def _part(value: Any) -> str | dict[str, str] | None:
    """One part of a key. Of an object, its id, or its number if it has no id."""
    if not isinstance(value, dict):
        return key_text(value)
    number = value.get("number")
    if value.get("id") is None and isinstance(number, str) and number:
        return {"number": number}
    if value.get("id") is None:
        raise InvalidRecordError("its key is an object that holds neither `id` nor `number`")
    return key_text(value["id"])


def digest(record: Any, *more: str) -> bytes:
    """A digest of a record's content, whatever the order of its attributes."""
    content = exact_json.dumps([more, record], orjson.OPT_SORT_KEYS)
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def digest_of(content: bytes) -> bytes:
    """A digest of bytes."""
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def by_own_id(reference: ExternalKey) -> NaturalKey | None:
    """The natural key of an object whose id is chosen by the caller: the key itself."""
    own = BY_NAME[reference.resource].natural_key == "id"
    return NaturalKey(reference.resource, "id", reference.value) if own else None
