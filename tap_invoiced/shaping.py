"""API object -> Singer record, compiled once per stream from its schema.

Nearly all values of nearly all objects are what their column holds already; only timestamps change
their form. So the work is planned once per form of object (which attributes, of which types, in
which order) and the plan, which names the few attributes to be touched, is used for all others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from invoiced_api.exceptions import InvoicedError
from invoiced_api.timestamps import to_seconds

# Brings one value into the form of its column.
Convert = Callable[[Any], Any]
Form = tuple[tuple[str, ...], tuple[type, ...]]

# Forms are few; an account whose free-form parts vary without end must not fill the memory.
MOST_FORMS = 5_000

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
HOUR_S = 3_600


class SchemaMismatchError(InvoicedError):
    """Invoiced sent a value that its column cannot hold without loss."""


class Transformer:
    """Makes records of one stream. `schema` holds the wanted fields, `whole` every known one.

    Calling it turns objects into their records, in place: wanted fields only, none added, none
    renamed; integer UNIX seconds become RFC 3339, numbers keep their digits. Raises Misfit.
    """

    def __init__(self, stream: str, schema: dict[str, Any], whole: dict[str, Any]) -> None:
        self._stream = stream
        self._unknown: set[str] = set()
        self._objects = _Objects(schema, whole, "", self._unknown)

    def __call__(self, rows: list[dict[str, Any]]) -> None:
        keys = [row.get("id") for row in rows]
        try:
            self._objects.shape_each(rows)
        except (SchemaMismatchError, OverflowError) as misfit:
            key = keys[self._objects.index]
            raise SchemaMismatchError(
                f"{self._stream} {key}: {misfit}. Unselect that field in the catalog to go on "
                "without it, and report it."
            ) from None

    def new_unknown_fields(self) -> list[str]:
        """Fields that came and that no column holds, since the last time of asking."""
        names = sorted(self._unknown)
        self._unknown.clear()
        return names


@dataclass(slots=True)
class _Plan:
    """What to do to the attributes of an object of one form."""

    timestamps: list[str] = field(default_factory=list)
    lists: list[tuple[str, Callable[[list[Any]], None]]] = field(default_factory=list)
    others: list[tuple[str, Convert]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


class _Objects:
    """Shapes objects of one schema, in place. `index` is where in its list the last one stood."""

    def __init__(
        self, schema: dict[str, Any], whole: dict[str, Any], path: str, unknown: set[str]
    ) -> None:
        self._path = path
        self._prefix = f"{path}." if path else ""
        self._wanted = schema["properties"]
        self._known = whole["properties"]
        self._unknown = unknown
        self._reported: set[str] = set()
        self._plans: dict[Form, _Plan] = {}
        self._columns = {
            name: _Column(field, self._known[name], self._prefix + name, unknown)
            for name, field in self._wanted.items()
        }
        self.index = 0

    def shape_each(self, values: list[Any]) -> None:
        """The busiest lines of the tap: nearly all that is done to nearly all objects."""
        plans = self._plans
        for index, record in enumerate(values):
            self.index = index
            if type(record) is not dict:
                if record is None:
                    continue
                record = values[index] = self._from_reference(record)
            form = (tuple(record), tuple(map(type, record.values())))
            plan = plans.get(form) or self._planned(form)
            for name in plan.timestamps:
                moment = record[name]
                record[name] = HOURS[moment // HOUR_S] + SECONDS[moment % HOUR_S]
            for name, shape_each in plan.lists:
                if record[name]:
                    shape_each(record[name])
            for name, convert in plan.others:
                record[name] = convert(record[name])
            for name in plan.dropped:
                del record[name]

    def shape(self, value: Any) -> Any:
        single = [value]
        self.shape_each(single)
        return single[0]

    def _planned(self, form: Form) -> "_Plan":
        plan = _Plan()
        for name, kind in zip(*form, strict=True):
            if name in self._columns:
                self._columns[name].join(plan, name, kind)
                continue
            plan.dropped.append(name)
            if name not in self._known and name not in self._reported:
                self._reported.add(name)
                self._unknown.add(self._prefix + name)
        if len(self._plans) < MOST_FORMS:
            self._plans[form] = plan
        return plan

    def _from_reference(self, value: Any) -> dict[str, Any]:
        """An id where other accounts show the object."""
        if isinstance(value, (int, str)) and not isinstance(value, bool) and "id" in self._known:
            return {"id": value}
        raise _misfit(self._path, "an object", value)


class _Column:
    """How values of each type become values of one column."""

    def __init__(
        self, schema: dict[str, Any], whole: dict[str, Any], path: str, unknown: set[str]
    ) -> None:
        self._path = path
        self._kind = kind_of(schema)
        self._is_timestamp = schema.get("format") == "date-time"
        self._objects: _Objects | None = None
        self._shape_each: Callable[[list[Any]], None] | None = None
        if self._kind == "object" and "properties" in schema:
            self._objects = _Objects(schema, whole, path, unknown)
        elif self._kind == "array":
            element = _Column(schema["items"], whole["items"], f"{path}[]", unknown)
            self._shape_each = (element._objects or element).shape_each

    def join(self, plan: _Plan, name: str, kind: type) -> None:
        """Adds to a plan what is to be done to a value of this type; nothing if it fits."""
        if self._is_timestamp and kind is int:
            plan.timestamps.append(name)
        elif self._shape_each and kind is list:
            plan.lists.append((name, self._shape_each))
        else:
            convert = self._conversion(kind)
            if convert:
                plan.others.append((name, convert))

    def shape_each(self, values: list[Any]) -> None:
        """Brings the elements of a list into form, in place."""
        for index, value in enumerate(values):
            if convert := self._conversion(type(value)):
                values[index] = convert(value)

    def _conversion(self, kind: type) -> Convert | None:
        if kind is type(None):
            return None
        if self._objects:
            return self._objects.shape
        if self._is_timestamp:
            return lambda value: _date_time(value, self._path)
        if kind in AS_IT_IS.get(self._kind, ()):
            return None
        fallback = FALLBACKS[self._kind]
        return lambda value: fallback(value, self._path)


def kind_of(column: dict[str, Any]) -> str:
    """The one type of a column that is not `null`."""
    types = [column["type"]] if isinstance(column["type"], str) else column["type"]
    return next(str(kind) for kind in types if kind != "null")


AS_IT_IS: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "string": (str,),
    "object": (dict,),
}


class _Hours(dict[int, str]):
    """`2026-01-31T10:` for the hours since 1970."""

    def __missing__(self, hour: int) -> str:
        text = (EPOCH + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:").rjust(14, "0")
        self[hour] = text
        return text


# At most a line per hour of history, and one per second of an hour.
HOURS = _Hours()
SECONDS = [f"{second // 60:02}:{second % 60:02}.000000Z" for second in range(HOUR_S)]


def _date_time(value: Any, path: str) -> str | None:
    if value == "":
        return None
    try:
        seconds = to_seconds(value) if isinstance(value, str) else value
        moment = EPOCH + timedelta(seconds=seconds)
    except (TypeError, ValueError, OverflowError):
        raise _misfit(path, "UNIX seconds", value) from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _integer(value: Any, path: str) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict) and type(value.get("id")) is int:
        return int(value["id"])  # an object where other accounts show its id
    if value == "":
        return None
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    raise _misfit(path, "a whole number", value)


def _number(value: Any, path: str) -> int | float | None:
    if value == "":
        return None
    if isinstance(value, str):
        try:
            return int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            pass
    raise _misfit(path, "a number", value)


def _boolean(value: Any, path: str) -> bool | None:
    if value == "":
        return None
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    raise _misfit(path, "true or false", value)


def _string(value: Any, path: str) -> str:
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        return str(value["id"])  # an object where other accounts show its id
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise _misfit(path, "a string", value)


def _free_form(value: Any, path: str) -> dict[str, Any]:
    if value == []:
        return {}  # an empty map, as some servers write it
    if isinstance(value, dict):
        return value
    raise _misfit(path, "an object", value)


def _no_list(value: Any, path: str) -> None:
    raise _misfit(path, "a list", value)


FALLBACKS: dict[str, Callable[[Any, str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
    "object": _free_form,
    "array": _no_list,
}


def _misfit(path: str, expected: str, value: Any) -> SchemaMismatchError:
    return SchemaMismatchError(
        f"field `{path}` holds {type(value).__name__} where {expected} is expected"
    )
