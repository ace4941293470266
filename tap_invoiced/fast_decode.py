"""From a response to records, the fast path: msgspec decodes into the types of the columns."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import GenericAlias
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from invoiced_api import exact_json
from invoiced_api.exact_json import MAX_INT64, MIN_INT64
from invoiced_api.reading.pages import TypedRow
from tap_invoiced.columns import EXTRA, Column, ColumnKind
from tap_invoiced.conversion import free_form
from tap_invoiced.conversion_loops import Conversions, ConvertEach, Lose
from tap_invoiced.date_times import MAX_SECONDS, MIN_SECONDS
from tap_invoiced.exceptions import PartLostError
from tap_invoiced.row_identity import identified

Integer = Annotated[int, Meta(ge=MIN_INT64, le=MAX_INT64)]
# Up to 64 bits, where the nearest double is the number; the slow path looks at larger ones.
Double = Annotated[float, Meta(ge=float(MIN_INT64), le=float(MAX_INT64))]

TYPES: dict[ColumnKind, Any] = {
    ColumnKind.INTEGER: Integer,
    ColumnKind.NUMBER: Integer | Double,
    ColumnKind.BOOLEAN: bool,
    ColumnKind.STRING: str,
    ColumnKind.DATE_TIME: Annotated[int, Meta(ge=MIN_SECONDS, le=MAX_SECONDS)],
    ColumnKind.FREE_FORM: dict[str, Any],
}

# Path, value, what is emitted in its place.
Loss = tuple[str, Any, str]
# The id of the row, and what it lost.
Report = Callable[[Any, Loss], None]

# A list of date-times is left to the slow path: with this type, only null goes the fast one.
NOTHING_BUT_NULL: Any = type(None)

# A column that is set afterwards: an attribute of its name is one without a column.
NOTHING: Any = Annotated[int, Meta(ge=1, le=0)]

# How a decoder fails. The slow path also finds out what is not JSON at all.
FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)

# Fifteen digits survive a double; with the point, that is so many characters.
MAX_EXACT_LENGTH = 16

# With so many fields that no column holds, pages still go the fast path.
MAX_UNKNOWN = 100


class TypedDecoder:
    """Decodes the pages of one stream.

    Attributes:
        convert_each: for each type of the decoded objects, what makes records of them.

    Args:
        row: the columns of the stream.
        stamp: the column that shows when an object was updated.
        report: takes the parts of free-form values that cannot be kept.
        without_id: a page is one object, which has no id.
    """

    def __init__(
        self, row: Column, stamp: str, report: Report, *, without_id: bool = False
    ) -> None:
        self._row, self._stamp, self._without_id = row, stamp, without_id
        self._report = report
        self._unknown: set[str] = set()
        self.convert_each: dict[type, ConvertEach] = {}
        self._decoder = self._compiled()

    def parse(self, body: bytes) -> Any:
        """The objects of a page, ready for `convert_each` of their type; else plain values.

        Raises:
            json.JSONDecodeError: if the body is not JSON.
        """
        try:
            rows = self._decoder.decode(body)
        except FAILURES:
            return self.identified(exact_json.parse(body))
        if len({row.id for row in rows}) < len(rows):
            return self.identified(exact_json.parse(body))
        return rows

    def identified(self, rows: Any) -> Any:
        """Rows of plain values, changed in place: what the readers need of them is there."""
        for row in (rows if isinstance(rows, list) else [rows]) if self._without_id else ():
            if isinstance(row, dict) and self._row.parts.keys() & row.keys():
                row["id"] = 0
        return identified(rows, self._row, self._stamp)

    def accept(self, unknown: Iterable[str]) -> None:
        """Let pages with these fields, which have no column, take the fast path.

        Until then they take the slow path, which reports such fields, for example `items[].color`.
        """
        # msgspec does not take every name; pages with an odd one go on going the slow path.
        names = {path: path.rpartition(".")[2] for path in unknown}
        more = {path for path, name in names.items() if name.isidentifier() and name != EXTRA}
        more -= self._unknown
        if more and len(self._unknown) + len(more) <= MAX_UNKNOWN:
            self._unknown |= more
            self._decoder = self._compiled()

    def _compiled(self) -> msgspec.json.Decoder[Any]:
        objects = _TypedRows(self._row, self._unknown, ("id", self._stamp), self._report)
        self.convert_each[objects.type] = objects.convert_each
        rows = GenericAlias(list, (objects.type,))
        return msgspec.json.Decoder(rows, float_hook=_exact_float)


class _TypedObjects:
    """Objects of one column. `type` is what they are decoded into.

    The parts in `required` are always there, and not null.
    """

    def __init__(
        self,
        column: Column,
        unknown: Collection[str],
        losses: "_Losses",
        required: Collection[str] = (),
    ) -> None:
        self._all_unknown = unknown
        self._losses = losses
        self._conversions = Conversions()
        fields: list[Any] = []
        for name, part in column.selected_parts:
            of = self._type_of(name, part)
            fields.append((name, of) if name in required else (name, *_optional(of)))
        unselected = [name for name, part in column.parts.items() if not part.selected]
        # msgspec could ignore these, but then also fields that nobody has reported yet.
        unknown_here = self._unknown_of(column)
        renamed = {f"unknown_{number}": name for number, name in enumerate(unknown_here)}
        self._extra = list(renamed.items()) if column.keeps_extra else []
        self._lose_extra = partial(losses.add, column.path_of(EXTRA))
        self._dropped = [*unselected, *renamed]
        if column.keeps_extra:
            renamed["extra_column"] = EXTRA
            fields.append(("extra_column", NOTHING | UnsetType, UNSET))
        self.type = msgspec.defstruct(
            "Object",
            fields + [(name, *_optional(Any)) for name in self._dropped],
            bases=() if column.path else (TypedRow,),
            rename=renamed,
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )
        self._convert_attributes = self._conversions.compiled()

    def convert_each(self, objects: Iterable[Any]) -> None:
        """Makes records of objects, in place."""
        objects = [one for one in objects if one is not None]
        self._convert_attributes(objects)
        for one in objects if self._extra else ():
            _collect_extra(one, self._extra, self._lose_extra)
        for name in self._dropped:
            for one in objects:
                setattr(one, name, UNSET)

    def _type_of(self, name: str, column: Column) -> Any:
        """The type of a column. Notes what is to be done to its values."""
        if column.kind is ColumnKind.OBJECT:
            objects = _TypedObjects(column, self._all_unknown, self._losses)
            self._conversions.objects[name] = objects.convert_each
            return objects.type
        if column.kind is ColumnKind.LIST and column.element:
            return self._type_of_list(name, column.element)
        if column.kind is ColumnKind.DATE_TIME:
            self._conversions.date_times.append(name)
        if column.kind is ColumnKind.FREE_FORM:
            self._conversions.free_forms[name] = partial(self._losses.add, column.path)
        return TYPES[column.kind]

    def _type_of_list(self, name: str, element: Column) -> Any:
        if element.kind is ColumnKind.OBJECT:
            objects = _TypedObjects(element, self._all_unknown, self._losses)
            self._conversions.lists[name] = objects.convert_each
            return _list_of(objects.type)
        if element.kind in (ColumnKind.LIST, ColumnKind.DATE_TIME, ColumnKind.FREE_FORM):
            return NOTHING_BUT_NULL
        return _list_of(TYPES[element.kind])

    def _unknown_of(self, column: Column) -> list[str]:
        prefix = column.path_of("")
        below = [path for path in self._all_unknown if path.startswith(prefix)]
        names = [path.removeprefix(prefix) for path in below]
        return [name for name in names if "." not in name]


class _TypedRows(_TypedObjects):
    """The rows of a stream. What their free-form parts lose is reported."""

    def __init__(
        self, row: Column, unknown: Collection[str], required: Collection[str], report: Report
    ) -> None:
        super().__init__(row, unknown, _Losses(), required)
        self._report = report

    def convert_each(self, objects: Iterable[Any]) -> None:
        """Makes records of rows, in place; one by one if some lose anything, to know which."""
        rows = list(objects)
        try:
            super().convert_each(rows)
        except PartLostError:
            for row in rows:
                with self._losses.collected() as found:
                    super().convert_each([row])
                for loss in found:
                    self._report(row["id"], loss)


class _Losses:
    """What the free-form parts of rows lose."""

    def __init__(self) -> None:
        self._found: list[Loss] | None = None

    def add(self, path: str, value: Any, emitted: str) -> None:
        """Raises PartLostError unless losses are collected: before the row is changed."""
        if self._found is None:
            raise PartLostError
        self._found.append((path, value, emitted))

    @contextmanager
    def collected(self) -> Iterator[list[Loss]]:
        self._found = []
        try:
            yield self._found
        finally:
            self._found = None


def _collect_extra(one: Any, names: Iterable[tuple[str, str]], lose: Lose) -> None:
    sent = ((name, getattr(one, field)) for field, name in names)
    extra = {name: free_form(value, lose) for name, value in sent if value is not UNSET}
    if extra:
        one.extra_column = extra


def _exact_float(text: str) -> float:
    """The number of a free-form part. ValueError, for the slow path, if it may be inexact."""
    number = float(text)
    if len(text) > MAX_EXACT_LENGTH or not math.isfinite(number) or "e" in text or "E" in text:
        raise ValueError(text)
    return number


def _list_of(of: Any) -> Any:
    return GenericAlias(list, (of | None,))


def _optional(of: Any) -> tuple[Any, Any]:
    """A type and its default, for what may be null or not be there."""
    return of | None | UnsetType, UNSET
