"""From a record to the body of a write: the attributes that the endpoint accepts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from invoiced_api.bodies import AttributeType, Body, ListOf, Nested, Ref, RefList, Scalar
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.coercion import BY_TYPE, coerce, to_number, to_text, to_unix_seconds
from target_invoiced.mapping.references import reference, reference_list
from target_invoiced.stream_settings import CLEAR_ALL, Ids, Nulls

# What Invoiced refuses to clear, of whatever object.
NEVER_NULL = frozenset({"name", "number", "currency", "date", "items", "id"})
MAX_METADATA_KEYS = 10
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 255


@dataclass(frozen=True, slots=True)
class BodyRules:
    """How the records of a stream become bodies.

    Attributes:
        ids: whose ids the records hold.
        zone: where a date without time begins; None for noon UTC.
        nulls: those that clear an attribute.
        required: attributes that are never cleared.
    """

    ids: Ids
    zone: ZoneInfo | None = None
    nulls: Nulls = CLEAR_ALL
    required: frozenset[str] = frozenset()

    def clears(self, name: str, kind: AttributeType) -> bool:
        """Whether a null may be sent for an attribute of the object itself."""
        kept = name in NEVER_NULL or name in self.required or kind is Scalar.BOOLEAN
        return not kept and self.nulls.clears(name)


def body_of(
    record: Mapping[str, Any], accepted: Body, rules: BodyRules, *, update: bool
) -> dict[str, Any]:
    """The accepted attributes of a record. May hold references in place of ids.

    Args:
        record: from the stream.
        accepted: attributes of the endpoint.
        rules: of the stream.
        update: whether the object exists; only then can a null clear an attribute.

    Raises:
        InvalidRecordError: if a value cannot be sent.
    """
    kept = {}
    for name, kind in accepted.items():
        if name not in record:
            continue
        value = record[name]
        # Invoiced reads an empty string as null.
        if (value is None or value == "") and not (rules.clears(name, kind) and update):
            continue
        kept[name] = _value(value, kind, rules, update, name)
    return kept


def _part(
    part: Mapping[str, Any], accepted: Body, rules: BodyRules, keep_nulls: bool, path: str
) -> dict[str, Any]:
    return {
        name: _value(part[name], kind, rules, keep_nulls, f"{path}.{name}")
        for name, kind in accepted.items()
        if name in part
        and (keep_nulls or part[name] is not None)
        # The id of a part is only known to the account that it came from.
        and not (name == "id" and rules.ids is Ids.EXTERNAL)
    }


def _value(value: Any, kind: AttributeType, rules: BodyRules, keep_nulls: bool, path: str) -> Any:
    if isinstance(kind, RefList) and value in (None, ""):
        return []
    if value is None or value == "":
        return value
    match kind:
        case Scalar.NUMBER:
            return to_number(value, path)
        case Scalar.METADATA:
            return _metadata(coerce(value), path)
        case Scalar.TIMESTAMP:
            return to_unix_seconds(value, path, rules.zone)
        case Scalar():
            return BY_TYPE[kind](value)
        case Ref(resource):
            return reference(value, resource, rules.ids, path)
        case Nested(inner):
            value = coerce(value)
            if not isinstance(value, dict):
                raise InvalidRecordError(f"`{path}` is not an object")
            return _part(value, inner, rules, keep_nulls, path)
        case ListOf(inner):
            value = coerce(value)
            if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
                raise InvalidRecordError(
                    f"`{path}` is not a list of objects. Send one, or its JSON as a string"
                )
            return [_part(one, inner, rules, keep_nulls, f"{path}[]") for one in value]
        case RefList():
            return reference_list(coerce(value), kind, rules.ids, path)


def _metadata(metadata: Any, path: str) -> dict[str, Any]:
    if not isinstance(metadata, dict):
        raise InvalidRecordError(f"`{path}` is not an object")
    if len(metadata) > MAX_METADATA_KEYS:
        raise InvalidRecordError(f"`{path}` has more than {MAX_METADATA_KEYS} keys")
    for key, value in metadata.items():
        if len(key) > MAX_METADATA_KEY:
            raise InvalidRecordError(
                f"`{path}` has a key of more than {MAX_METADATA_KEY} characters"
            )
        if len(str(value)) > MAX_METADATA_VALUE:
            raise InvalidRecordError(
                f"`{path}` has a value of more than {MAX_METADATA_VALUE} characters"
            )
    return {
        key: to_text(value) if isinstance(value, Decimal) else value
        for key, value in metadata.items()
    }


def already_matches(current: Any, body: Any) -> bool:
    """Whether an object, as Invoiced returned it, has every value of a body already."""
    if isinstance(body, dict):
        return isinstance(current, dict) and all(
            already_matches(current.get(name), value) for name, value in body.items()
        )
    if isinstance(body, list):
        return (
            isinstance(current, list)
            and len(current) == len(body)
            and all(map(already_matches, current, body))
        )
    if isinstance(current, dict):
        return bool(current.get("id") == body)  # an id is sent where the response has the object
    return bool(current == body or (current is None and body == ""))
