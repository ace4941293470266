"""Record -> body of a write: what the endpoint accepts, in the form it accepts."""

from collections.abc import Collection, Mapping
from typing import Any

from invoiced_api.bodies import Body, Each, Kind, One, Plain, Ref, RefList
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.coercion import _seconds, coerce
from target_invoiced.mapping.references import reference, reference_list
from target_invoiced.settings import Ids

MAX_METADATA_KEYS = 10
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 255


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
            return coerce(value)
        case Plain.METADATA:
            value = coerce(value)
            return value if value == "" else _metadata(value, path)
        case Plain.TIMESTAMP:
            return _seconds(value, path)
        case Ref(resource):
            return reference(value, resource, ids, path)
        case One(inner):
            value = coerce(value)
            if value == "":
                return value
            if not isinstance(value, dict):
                raise InvalidRecordError(f"`{path}` is not an object")
            return _object(value, inner, ids, keep_nulls, f"{path}.")
        case Each(inner):
            value = coerce(value)
            if value == "":
                return value
            if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
                raise InvalidRecordError(f"`{path}` is not a list of objects")
            return [_object(one, inner, ids, keep_nulls, f"{path}[].") for one in value]
        case RefList():
            return reference_list(coerce(value), kind, ids, path)


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
    return metadata


def unknown_attributes(record: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Attributes that Invoiced has not; `_sdc_…` are a tap's or a loader's own."""
    return [name for name in record if name not in known and not name.startswith("_sdc_")]


def already_matches(current: Any, body: Any) -> bool:
    """Whether an object, as Invoiced returned it, already has every value of a body."""
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
        return bool(current.get("id") == body)  # an id goes out where the object comes back
    return bool(current == body or (current is None and body == ""))
