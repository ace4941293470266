"""Record -> body of a write: what the endpoint accepts, in the form it accepts."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from invoiced_api.bodies import Body, Each, Kind, One, Plain, Ref
from invoiced_api.redact import HIDDEN, has_card_number, hide_card_numbers
from invoiced_api.resources import BY_NAME
from invoiced_api.timestamps import to_seconds
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, Reference, key_text
from target_invoiced.settings import Ids

MOST_METADATA_KEYS = 10
LONGEST_METADATA_KEY = 40
LONGEST_METADATA_VALUE = 255
# JSON is written with integers of 64 bits. What makes no sense below that, Invoiced refuses.
MOST_SECONDS = 2**63 - 1
LEAST_NUMBER, MOST_NUMBER = -(2**63), 2**64 - 1
# Only a text with so many digits on end may hold a whole number beyond that.
MANY_DIGITS = re.compile(r"\d{19}")
# JSON that can show a card number begins with one of these.
BEGINNINGS = re.compile(r"\s*[\[{\"\d-]")


def body_of(
    record: Mapping[str, Any], accepted: Body, *, ids: Ids, keep_nulls: bool
) -> dict[str, Any]:
    """The accepted attributes of the record. A null clears an attribute, which only an update can.

    May hold references where ids go. Raises Unwritable.
    """
    return _object(record, accepted, ids, keep_nulls, "")


def _object(
    record: Mapping[str, Any], accepted: Body, ids: Ids, keep_nulls: bool, path: str
) -> dict[str, Any]:
    return {
        name: _value(record[name], kind, ids, keep_nulls, f"{path}{name}")
        for name, kind in accepted.items()
        if name in record
        and (keep_nulls or record[name] is not None)
        # The id of a part is only known to the account that it came from.
        and not (path and name == "id" and ids is Ids.EXTERNAL)
    }


def _value(value: Any, kind: Kind, ids: Ids, keep_nulls: bool, path: str) -> Any:
    if value is None:
        return None
    match kind:
        case Plain.VALUE:
            return value
        case Plain.JSON:
            return from_text(value)
        case Plain.METADATA:
            value = from_text(value)
            return value if value == "" else _metadata(value, path)
        case Plain.TIMESTAMP:
            return _seconds(value, path)
        case Ref(resource):
            return reference(value, resource, ids, path)
        case One(inner):
            value = from_text(value)
            if value == "":
                return value
            if not isinstance(value, dict):
                raise InvalidRecordError(f"`{path}` is not an object")
            return _object(value, inner, ids, keep_nulls, f"{path}.")
        case Each(inner):
            value = from_text(value)
            if value == "":
                return value
            if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
                raise InvalidRecordError(f"`{path}` is not a list of objects")
            return [_object(one, inner, ids, keep_nulls, f"{path}[].") for one in value]


def from_text(value: Any) -> Any:
    """What a string stands for where no string can be; a CSV file, say, holds nothing else.

    A string that stands for nothing stays one. Of these Invoiced reads the empty one as null. So
    does one with a whole number of more than 64 bits, which would be rounded.
    """
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        meant = orjson.loads(value)
        if MANY_DIGITS.search(value):
            json.loads(value, parse_int=_exact)
    except ValueError:
        return value
    return value if meant is None or isinstance(meant, str) else meant


def _exact(digits: str) -> int:
    number = int(digits)
    if not LEAST_NUMBER <= number <= MOST_NUMBER:
        raise ValueError("a whole number of more than 64 bits")
    return number


def _seconds(value: Any, path: str) -> int | str:
    """UNIX seconds; an empty string stays one, since Invoiced reads it as null."""
    if isinstance(value, str):
        if not value:
            return value
        try:
            seconds = int(value) if value.isdecimal() else to_seconds(value)
        except ValueError:
            raise InvalidRecordError(f"`{path}` is not an RFC 3339 date or date-time") from None
        return _bounded(seconds, path)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise InvalidRecordError(f"`{path}` is not a date-time")
    return _bounded(int(value), path)


def _bounded(seconds: int, path: str) -> int:
    if abs(seconds) > MOST_SECONDS:
        raise InvalidRecordError(f"`{path}` is no date-time: the number is too large")
    return seconds


def reference(value: Any, resource: str, ids: Ids, path: str) -> Any:
    """What a record holds in the place of an id: the id itself, or what will be looked up for it.

    An object may stand there whole, or show only its natural key. Raises Unwritable.
    """
    own_number = ids is Ids.INVOICED and BY_NAME[resource].natural_key != "id"
    if isinstance(value, str) and (own_number or value.startswith("{")):
        value = from_text(value)
    if isinstance(value, dict):
        if value.get("id") is None:
            return _natural(value, resource, path)
        value = value["id"]
    if ids is Ids.INVOICED or value == "":
        return value
    try:
        key = key_text(value)
    except InvalidRecordError:
        raise InvalidRecordError(f"`{path}` is neither a number nor a string") from None
    return None if key is None else ExternalKey(resource, key)


def _natural(value: Mapping[str, Any], resource: str, path: str) -> NaturalKey:
    attribute = BY_NAME[resource].natural_key
    if attribute and isinstance(value.get(attribute), str) and value[attribute]:
        return NaturalKey(resource, attribute, value[attribute])
    raise InvalidRecordError(
        f"`{path}` refers to no object: it holds neither `id` nor a natural key"
    )


def references(template: Any) -> Iterator[Reference]:
    """The references in a body or path, each as often as it stands there."""
    if isinstance(template, dict):
        for value in template.values():
            yield from references(value)
    elif isinstance(template, (list, tuple)):
        for value in template:
            yield from references(value)
    elif isinstance(template, (ExternalKey, NaturalKey)):
        yield template


def filled(template: Any, ids: Mapping[Reference, Any]) -> Any:
    """The body or path with ids in place of its references, as far as those are in `ids`."""
    if isinstance(template, dict):
        return {name: filled(value, ids) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, ids) for value in template]
    if isinstance(template, tuple):
        return tuple(filled(value, ids) for value in template)
    is_reference = isinstance(template, (ExternalKey, NaturalKey))
    return ids.get(template, template) if is_reference else template


def _metadata(metadata: Any, path: str) -> dict[str, Any]:
    if not isinstance(metadata, dict):
        raise InvalidRecordError(f"`{path}` is not an object")
    if len(metadata) > MOST_METADATA_KEYS:
        raise InvalidRecordError(f"`{path}` has more than {MOST_METADATA_KEYS} keys")
    for key, value in metadata.items():
        if len(key) > LONGEST_METADATA_KEY:
            raise InvalidRecordError(
                f"`{path}` has a key of more than {LONGEST_METADATA_KEY} characters"
            )
        if len(str(value)) > LONGEST_METADATA_VALUE:
            raise InvalidRecordError(
                f"`{path}` has a value of more than {LONGEST_METADATA_VALUE} characters"
            )
    return metadata


def unknown_attributes(record: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Attributes that Invoiced has not; `_sdc_…` are a tap's or a loader's own."""
    return [name for name in record if name not in known and not name.startswith("_sdc_")]


def refuse_card_numbers(body: Any, allowed: Collection[str]) -> None:
    """Raises Unwritable, which names the attribute, if a value shows a full card number."""
    for name, value in _leaves(body):
        text = str(value)
        if HIDDEN in text:
            raise InvalidRecordError(
                f"`{without_card_numbers(name)}` was hidden when the record was refused before. "
                "Put its value back"
            )
        if name not in allowed and has_card_number(text):
            raise InvalidRecordError(
                f"`{without_card_numbers(name)}` looks like a full card number. Send a token in "
                "its place; if it is none, name the attribute in the setting `allow_card_like`"
            )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(key, key)
            yield from _leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    elif isinstance(value, (NaturalKey, ExternalKey)):
        yield name, value.value
    elif isinstance(value, float) and value.is_integer():
        yield name, int(value)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield name, value
        if isinstance(value, str):
            yield from _leaves(_decoded(value), name)


def _decoded(text: str) -> Any:
    """What JSON in a string says, whose escapes or exponents may hide digits; None if none."""
    if not BEGINNINGS.match(text):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def shows_card_number(value: Any) -> bool:
    """Whether a full card number stands in it, also behind the escapes of JSON in a string."""
    return bool(without_card_numbers(value) != value)


def without_card_numbers(value: Any, allowed: Collection[str] = (), name: str = "") -> Any:
    """The value with each full card number in it replaced, so that it may be kept in a file."""
    if isinstance(value, dict):
        return {
            without_card_numbers(key): without_card_numbers(inner, allowed, key)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [without_card_numbers(inner, allowed, name) for inner in value]
    if name in allowed:
        return value
    if isinstance(value, str):
        said = _decoded(value)
        shows_one = without_card_numbers(said, allowed, name) != said
        return HIDDEN if shows_one else hide_card_numbers(value)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if whole and has_card_number(str(int(value))):
        return hide_card_numbers(str(int(value)))
    return value


def shows(current: Any, body: Any) -> bool:
    """Whether an object, as Invoiced returned it, already has every value of a body."""
    if isinstance(body, dict):
        return isinstance(current, dict) and all(
            shows(current.get(name), value) for name, value in body.items()
        )
    if isinstance(body, list):
        return (
            isinstance(current, list)
            and len(current) == len(body)
            and all(map(shows, current, body))
        )
    if isinstance(current, dict):
        return bool(current.get("id") == body)  # an id goes out where the object comes back
    return bool(current == body or (current is None and body == ""))
