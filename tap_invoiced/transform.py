"""From an API object to a Singer record, the slow path: for rows that need conversion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tap_invoiced.bad_values import BadValues
from tap_invoiced.columns import EXTRA, Column, ColumnKind
from tap_invoiced.conversion import as_it_is, free_form, scalar_rule
from tap_invoiced.exceptions import ConversionError

Convert = Callable[[Any], Any]
# path, value, what is expected, what is emitted
Report = Callable[[str, Any, str, str], None]
RowSignature = tuple[tuple[str, ...], tuple[type, ...]]

# Signatures are few; an account whose free-form parts vary without end must not fill the memory.
MAX_PLANS = 5_000


class Transformer:
    """Makes records of one stream, in place.

    A record has the selected fields only; none is added but EXTRA, none is renamed. A value that
    its column cannot hold becomes null and is reported.

    Args:
        row: the columns of the stream.
        bad_values: takes the values that are not emitted as they were sent.

    Example:
        >>> schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
        >>> transform = Transformer(row_column(schema, schema), BadValues("invoices"))
        >>> rows = [{"id": "5"}]
        >>> transform(rows)
        >>> rows
        [{'id': 5}]
    """

    def __init__(self, row: Column, bad_values: BadValues) -> None:
        self._bad_values = bad_values
        self._unknown: set[str] = set()
        self._key: Any = None
        self._objects = _ObjectConverter(row, self._report, self._unknown)

    def __call__(self, rows: list[dict[str, Any]]) -> None:
        """Raises BadValueError, if `bad_values` stops at a bad value."""
        for row in rows:
            self._key = row.get("id")
            self._objects.convert_in_place(row)

    def new_unknown_fields(self) -> list[str]:
        """The paths of attributes without a column that were found since the last call."""
        names = sorted(self._unknown)
        self._unknown.clear()
        return names

    def _report(self, path: str, value: Any, expected: str, emitted: str) -> None:
        self._bad_values.add(self._key, path, value, expected, emitted)


@dataclass(slots=True)
class _RowPlan:
    """What to do with the attributes of objects of one signature. Others stay as they are."""

    containers: list[tuple[str, Convert]] = field(default_factory=list)  # unless empty
    conversions: list[tuple[str, Convert]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)  # moves into EXTRA


def converter(column: Column, report: Report, unknown: set[str]) -> "_Converter":
    """Makes values of a column from values of JSON.

    Args:
        column: the column.
        report: takes the values that the column cannot hold.
        unknown: gets the paths of attributes without a column.
    """
    if column.kind is ColumnKind.OBJECT:
        return _ObjectConverter(column, report, unknown)
    if column.kind is ColumnKind.LIST:
        return _ListConverter(column, report, unknown)
    if column.kind is ColumnKind.FREE_FORM:
        return _FreeFormConverter(column, report)
    return _ScalarConverter(column, report)


class _Converter:
    """Makes values of one column. A value that cannot be converted is reported.

    Attributes:
        container: the type of its values if they have elements; an empty one stays as it is.
    """

    container: type | None = None

    def __init__(self, column: Column, report: Report) -> None:
        self.column = column
        self._report = report

    def conversion(self, of: type) -> Convert | None:
        """How values of a type are converted; None if they stay as they are."""
        return None if of is type(None) else self.convert

    def convert(self, value: Any) -> Any:
        raise NotImplementedError

    def lose(self, value: Any, emitted: str = "null") -> None:
        self._report(self.column.path, value, self.column.kind.value, emitted)


class _ScalarConverter(_Converter):
    def conversion(self, of: type) -> Convert | None:
        rule = as_it_is if of is type(None) else scalar_rule(self.column.kind, of)
        return None if rule is as_it_is else lambda value: self._apply(rule, value)

    def convert(self, value: Any) -> Any:
        convert = self.conversion(type(value))
        return convert(value) if convert else value

    def _apply(self, rule: Convert, value: Any) -> Any:
        try:
            return rule(value)
        except ConversionError as bad:
            self.lose(value, "null" if bad.emitted is None else "text with U+FFFD")
            return bad.emitted


class _FreeFormConverter(_Converter):
    container = dict

    def convert(self, value: Any) -> Any:
        if isinstance(value, dict):
            return free_form(value, self.lose)
        if value is None:
            return None
        if value in ([], ""):
            return {}  # an empty map, as PHP writes it
        self.lose(value)
        return None


class _ListConverter(_Converter):
    container = list

    def __init__(self, column: Column, report: Report, unknown: set[str]) -> None:
        super().__init__(column, report)
        if column.element is None:
            raise ValueError(f"the list {column.path} has no type of element")
        self._element = converter(column.element, report, unknown)

    def convert(self, value: Any) -> Any:
        if value is None:
            return None
        elements = self._elements(value)
        if elements is None:
            self.lose(value)
            return None
        return [self._element.convert(one) for one in elements]

    def _elements(self, value: Any) -> list[Any] | None:
        """The elements of a list, in the forms in which a PHP server writes one."""
        if isinstance(value, list):
            return value
        if value in ({}, ""):
            return []
        if not isinstance(value, dict):
            return None
        if all(name.isascii() and name.isdecimal() for name in value):  # a list with gaps
            return [value[name] for name in sorted(value, key=int)]
        known = self._element.column.parts
        # One object where other accounts show a list of them.
        return [value] if any(name in known for name in value) else None


class _ObjectConverter(_Converter):
    """Makes objects with columns: the row, and its parts."""

    container = dict

    def __init__(self, column: Column, report: Report, unknown: set[str]) -> None:
        super().__init__(column, report)
        self._unknown = unknown
        self._seen: set[str] = set()
        self._plans: dict[RowSignature, _RowPlan] = {}
        self._parts: Mapping[str, _Converter] = {
            name: converter(part, report, unknown) for name, part in column.selected_parts
        }

    def convert(self, value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            value = self._as_object(value)
        if value is not None:
            self.convert_in_place(value)
        return value

    def convert_in_place(self, record: dict[str, Any]) -> None:
        """Make a record of an object; objects of the same names and types share a plan."""
        signature = (tuple(record), tuple(map(type, record.values())))
        plan = self._plans.get(signature) or self._plan(signature)
        for name, convert in plan.containers:
            if value := record[name]:
                record[name] = convert(value)
        for name, convert in plan.conversions:
            record[name] = convert(record[name])
        if plan.extra:
            extra = {
                free_form(name, self._lose_extra): free_form(record.pop(name), self._lose_extra)
                for name in plan.extra
            }
            record[EXTRA] = extra
        for name in plan.dropped:
            del record[name]

    def _lose_extra(self, value: Any, emitted: str) -> None:
        self._report(self.column.path_of(EXTRA), value, ColumnKind.FREE_FORM.value, emitted)

    def _plan(self, signature: RowSignature) -> _RowPlan:
        plan = _RowPlan()
        for name, of in zip(*signature, strict=True):
            if name in self._parts:
                part = self._parts[name]
                if part.container is of:
                    plan.containers.append((name, part.convert))
                elif convert := part.conversion(of):
                    plan.conversions.append((name, convert))
            elif name in self.column.parts or not self.column.keeps_extra:
                plan.dropped.append(name)
            else:
                plan.extra.append(name)
            if name not in self.column.parts and name not in self._seen:
                self._seen.add(name)
                self._unknown.add(self.column.path_of(name))
        if len(self._plans) < MAX_PLANS:
            self._plans[signature] = plan
        return plan

    def _as_object(self, value: Any) -> dict[str, Any] | None:
        """An empty map as PHP writes it, or an id where other accounts show the object."""
        if value in ([], ""):
            return {}
        key = self._parts.get("id")
        try:
            if key and type(value) in (int, str):
                return {"id": scalar_rule(key.column.kind, type(value))(value)}
        except ConversionError:
            pass
        self.lose(value)
        return None
