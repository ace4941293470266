"""API object -> Singer record, compiled once per stream from its schema."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from invoiced_api.failures import InvoicedError
from invoiced_api.timestamps import to_seconds

Shape = Callable[[Any], Any]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Misfit(InvoicedError):
    """Invoiced sent a value that its column cannot hold without loss."""


class Shaper:
    """Makes records of one stream. `schema` holds the wanted fields, `whole` every known one.

    Calling it returns the record: wanted fields only, none added, none renamed; integer UNIX
    seconds become RFC 3339, numbers keep their digits. Raises Misfit.
    """

    def __init__(self, stream: str, schema: dict[str, Any], whole: dict[str, Any]) -> None:
        self._stream = stream
        self._unknown: set[str] = set()
        self._shape = _object(schema, whole, "", self._unknown)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            record: dict[str, Any] = self._shape(row)
        except Misfit as misfit:
            raise Misfit(
                f"{self._stream} {row.get('id')}: {misfit}. Unselect that field in the catalog to "
                "go on without it, and report it."
            ) from None
        return record

    def new_unknown_fields(self) -> list[str]:
        """Fields that came and that no column holds, since the last time of asking."""
        names = sorted(self._unknown)
        self._unknown.clear()
        return names


def _shape(schema: dict[str, Any], whole: dict[str, Any], path: str, unknown: set[str]) -> Shape:
    kind = next(name for name in _types(schema) if name != "null")
    if kind == "object":
        if "properties" not in schema:
            return _nullable(_free_form(path))
        return _nullable(_object(schema, whole, path, unknown))
    if kind == "array":
        each = _shape(schema["items"], whole["items"], f"{path}[]", unknown)
        return _nullable(_array(each, path))
    if schema.get("format") == "date-time":
        return _nullable(_date_time(path))
    return _nullable(_scalar(kind, path))


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema["type"]
    return [types] if isinstance(types, str) else types


def _nullable(shape: Shape) -> Shape:
    return lambda value: None if value is None else shape(value)


def _object(schema: dict[str, Any], whole: dict[str, Any], path: str, unknown: set[str]) -> Shape:
    prefix = f"{path}." if path else ""
    properties = whole["properties"]
    shapes = {
        name: _shape(field, properties[name], prefix + name, unknown)
        for name, field in schema["properties"].items()
    }
    known = properties.keys()
    seen: set[str] = set()

    def shape(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            if isinstance(value, (int, str)) and "id" in known:
                # a reference where other accounts show the object
                return {name: shapes[name](value) for name in ("id",) if name in shapes}
            raise _misfit(path, "an object", value)
        for name in value.keys() - known - seen:
            seen.add(name)
            unknown.add(prefix + name)
        return {name: shapes[name](value[name]) for name in shapes if name in value}

    return shape


def _free_form(path: str) -> Shape:
    def shape(value: Any) -> Any:
        if value == []:
            return {}  # an empty map, as some servers write it
        if not isinstance(value, dict):
            raise _misfit(path, "an object", value)
        return value

    return shape


def _array(each: Shape, path: str) -> Shape:
    def shape(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _misfit(path, "a list", value)
        return [each(one) for one in value]

    return shape


def _date_time(path: str) -> Shape:
    def shape(value: Any) -> str | None:
        if value == "":
            return None
        try:
            seconds = to_seconds(value) if isinstance(value, str) else value
            moment = EPOCH + timedelta(seconds=seconds)
        except (TypeError, ValueError, OverflowError):
            raise _misfit(path, "UNIX seconds", value) from None
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")

    return shape


def _scalar(kind: str, path: str) -> Shape:
    return {
        "integer": _integer,
        "number": _number,
        "boolean": _boolean,
        "string": _string,
    }[kind](path)


def _integer(path: str) -> Shape:
    def shape(value: Any) -> int | None:
        if type(value) is int:
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, dict) and type(value.get("id")) is int:
            return int(value["id"])  # an object where other accounts show its id
        if value == "":
            return None
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            return int(value)
        raise _misfit(path, "a whole number", value)

    return shape


def _number(path: str) -> Shape:
    def shape(value: Any) -> int | float | None:
        if type(value) is int or isinstance(value, float):
            return value
        if value == "":
            return None
        if isinstance(value, str):
            try:
                return int(value) if value.lstrip("-").isdecimal() else float(value)
            except ValueError:
                pass
        raise _misfit(path, "a number", value)

    return shape


def _boolean(path: str) -> Shape:
    def shape(value: Any) -> bool | None:
        if isinstance(value, bool):
            return value
        if value == "":
            return None
        if value in (0, 1):
            return bool(value)
        raise _misfit(path, "true or false", value)

    return shape


def _string(path: str) -> Shape:
    def shape(value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            return str(value["id"])  # an object where other accounts show its id
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        raise _misfit(path, "a string", value)

    return shape


def _misfit(path: str, expected: str, value: Any) -> Misfit:
    return Misfit(f"field `{path}` holds {type(value).__name__} where {expected} is expected")
