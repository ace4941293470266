"""From a JSON Schema to a tree of columns, compiled once per stream."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# Holds the attributes of an object that have no column of their own; see `extra_columns`.
EXTRA = "_extra"
EXTRA_SCHEMA: Mapping[str, Any] = {"type": ["null", "object"]}


class ColumnKind(Enum):
    """What a column holds. Each value completes "the column holds …"."""

    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    STRING = "a text"
    DATE_TIME = "UNIX seconds of the years 1 to 9999"
    FREE_FORM = "an object of any attributes"
    OBJECT = "an object"
    LIST = "a list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column, or the row itself (an OBJECT without a path).

    Attributes:
        path: where it stands, such as `items[].amount`.
        kind: what it holds.
        selected: False if its values are known but not wanted.
        parts: the columns of an OBJECT by name, without EXTRA.
        element: the column of the elements of a LIST.
        keeps_extra: an OBJECT puts attributes without a column into EXTRA.
        reports_unknown: an OBJECT reports attributes without a column.
    """

    path: str
    kind: ColumnKind
    selected: bool = True
    parts: "Mapping[str, Column]" = field(default_factory=dict)
    element: "Column | None" = None
    keeps_extra: bool = False
    reports_unknown: bool = False

    def path_of(self, name: str) -> str:
        """The path of an attribute of this OBJECT."""
        return f"{self.path}.{name}" if self.path else name

    @property
    def selected_parts(self) -> "Iterator[tuple[str, Column]]":
        """The parts of an OBJECT that are selected, with their names."""
        return ((name, column) for name, column in self.parts.items() if column.selected)


def row_column(schema: Mapping[str, Any], full_schema: Mapping[str, Any]) -> Column:
    """The column tree of a stream.

    Args:
        schema: JSON Schema of the selected fields, all `$ref` resolved.
        full_schema: JSON Schema of all known fields, of which `schema` is a part.
    """
    return _column(schema, full_schema, "")


def with_extra(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with the column EXTRA in every object that lists its attributes."""
    extended = dict(schema)
    if "items" in schema:
        extended["items"] = with_extra(schema["items"])
    if "properties" in schema:
        properties = {name: with_extra(one) for name, one in schema["properties"].items()}
        extended["properties"] = {**properties, EXTRA: dict(EXTRA_SCHEMA)}
    return extended


def _column(schema: Mapping[str, Any] | None, full_schema: Mapping[str, Any], path: str) -> Column:
    """`schema` is None for a field that is not selected."""
    kind, selected = _kind(full_schema), schema is not None
    if kind is ColumnKind.LIST:
        element = schema and schema["items"]
        return Column(
            path=path,
            kind=kind,
            selected=selected,
            element=_column(element, full_schema["items"], f"{path}[]"),
        )
    if kind is not ColumnKind.OBJECT:
        return Column(path=path, kind=kind, selected=selected)
    wanted = schema["properties"] if schema else {}
    known = full_schema["properties"]
    return Column(
        path=path,
        kind=kind,
        selected=selected,
        parts={
            name: _column(wanted.get(name), column, f"{path}.{name}" if path else name)
            for name, column in known.items()
            if name != EXTRA
        },
        keeps_extra=EXTRA in wanted,
        reports_unknown=EXTRA not in known,
    )


def _kind(schema: Mapping[str, Any]) -> ColumnKind:
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    name = next(one for one in types if one != "null")
    if name == "object" and "properties" not in schema:
        return ColumnKind.FREE_FORM
    if schema.get("format") == "date-time":
        return ColumnKind.DATE_TIME
    return KINDS[name]


KINDS = {
    "integer": ColumnKind.INTEGER,
    "number": ColumnKind.NUMBER,
    "boolean": ColumnKind.BOOLEAN,
    "string": ColumnKind.STRING,
    "object": ColumnKind.OBJECT,
    "array": ColumnKind.LIST,
}
