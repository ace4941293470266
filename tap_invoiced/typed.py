"""The quick way from an answer to records: decoded straight into the types of their columns.

Nearly all objects are what their columns say. msgspec finds that out while it decodes, at less
cost than decoding alone has without types, and leaves only the timestamps to be touched. Where a
page holds anything else, all of it is left to `shaping`, which knows what to do about each case.
"""

from collections.abc import Callable, Collection, Iterable
from types import GenericAlias
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import UNSET, Meta, UnsetType

from invoiced_api.reading.pages import TypedRow
from tap_invoiced.shaping import HOUR_S, HOURS, SECONDS, kind_of

# UNIX seconds of the years 1 to 9999, which is what a date-time can say.
Moment = Annotated[int, Meta(ge=-62_135_596_800, le=253_402_300_799)]

TYPES: dict[str, Any] = {
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "string": str,
    "object": dict[str, Any],
}

ShapeEach = Callable[[Iterable[Any]], None]

# A list of date-times is left to the exact way: as this type only null goes the quick one.
NOTHING_BUT_NULL: Any = None

# How a decoder fails. What is not JSON at all is left to the exact way too, which says so.
FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Of so many fields that no column holds pages are still read the quick way.
MOST_UNKNOWN = 100


class TypedDecoder:
    """Pages of one stream. `stamp` is the column that tells when an object was updated.

    `schema` holds the wanted fields, `whole` every known one. Of what no column holds pages are
    read the exact way, until it is made known by `drop`.
    """

    def __init__(self, schema: dict[str, Any], whole: dict[str, Any], stamp: str) -> None:
        self._schema, self._whole, self._stamp = schema, whole, stamp
        self._unknown: set[str] = set()
        self.shape_each: dict[type, ShapeEach] = {}
        self._decoder = self._compiled()

    def parse(self, body: bytes) -> Any:
        """The objects of a page, ready for `shape_each` of their type; else what the JSON says.

        Raises orjson.JSONDecodeError.
        """
        try:
            return self._decoder.decode(body)
        except FAILURES:
            return orjson.loads(body)

    def drop(self, unknown: Iterable[str]) -> None:
        """Fields such as `items[].color` may come from now on: they are dropped on the way."""
        # msgspec does not take every name; pages with an odd one go the exact way, as before.
        more = {path for path in unknown if path.rpartition(".")[2].isidentifier()} - self._unknown
        if more and len(self._unknown) + len(more) <= MOST_UNKNOWN:
            self._unknown |= more
            self._decoder = self._compiled()

    def _compiled(self) -> msgspec.json.Decoder[Any]:
        required = ("id", self._stamp)
        objects = _Objects(self._schema, self._whole, self._unknown, "", required)
        self.shape_each[objects.type] = objects.shape_each
        return msgspec.json.Decoder(GenericAlias(list, (objects.type,)))


class _Objects:
    """Objects of one schema, at `path` of the stream's. `type` is what they are decoded into.

    The columns in `required` are always there, and not null.
    """

    def __init__(
        self,
        schema: dict[str, Any],
        whole: dict[str, Any],
        unknown: Collection[str],
        path: str,
        required: Collection[str] = (),
    ) -> None:
        self._unknown, self._prefix = unknown, f"{path}." if path else ""
        self._timestamps: list[str] = []
        self._parts: list[tuple[str, ShapeEach]] = []
        fields: list[Any] = []
        for name, column in schema["properties"].items():
            kind = self._type_of(name, column, whole["properties"][name])
            fields.append((name, kind) if name in required else (name, *_optional(kind)))
        # msgspec could ignore these, but then also what is known to no one, which is to be told.
        unwanted = [name for name in whole["properties"] if name not in schema["properties"]]
        renamed = {f"unknown_{number}": name for number, name in enumerate(self._own_unknown())}
        self._dropped = [*unwanted, *renamed]
        self.type = msgspec.defstruct(
            "Object",
            fields + [(name, *_optional(Any)) for name in self._dropped],
            bases=() if path else (TypedRow,),
            rename=renamed,
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )

    def shape_each(self, objects: Iterable[Any]) -> None:
        """Makes records of objects, in place. With decoding, nearly all that is done to them."""
        timestamps, parts, dropped = self._timestamps, self._parts, self._dropped
        for one in objects:
            if one is None:
                continue
            for name in timestamps:
                moment = getattr(one, name)
                if type(moment) is int:
                    setattr(one, name, HOURS[moment // HOUR_S] + SECONDS[moment % HOUR_S])
            for name, shape_each in parts:
                if part := getattr(one, name):
                    shape_each(part)
            for name in dropped:
                setattr(one, name, UNSET)

    def _type_of(self, name: str, column: dict[str, Any], whole: dict[str, Any]) -> Any:
        """The type of a column. Notes what is to be done to its values."""
        if column.get("format") == "date-time":
            self._timestamps.append(name)
            return Moment
        kind, path = kind_of(column), self._prefix + name
        if kind == "array":
            element, path = column["items"], f"{path}[]"
            if "properties" in element:
                objects = _Objects(element, whole["items"], self._unknown, path)
                self._parts.append((name, objects.shape_each))
                return _list_of(objects.type)
            fits = "format" not in element and kind_of(element) in TYPES
            return _list_of(TYPES[kind_of(element)]) if fits else NOTHING_BUT_NULL
        if "properties" in column:
            objects = _Objects(column, whole, self._unknown, path)
            self._parts.append((name, lambda part: objects.shape_each((part,))))
            return objects.type
        return TYPES[kind]

    def _own_unknown(self) -> list[str]:
        below = [path for path in self._unknown if path.startswith(self._prefix)]
        names = [path.removeprefix(self._prefix) for path in below]
        return [name for name in names if "." not in name]


def _list_of(kind: Any) -> Any:
    return GenericAlias(list, (kind | None,))


def _optional(kind: Any) -> tuple[Any, Any]:
    """A type and its default, for what may be null or not be there."""
    return kind | None | UnsetType, UNSET
