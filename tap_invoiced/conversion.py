"""The rules by which a value of one type becomes a value of another column: pure functions.

A value is converted if it has exactly one meaning; everything else is a `ConversionError`. Which
rule holds is looked up by what the column holds and by the value's type (`RULES`). `None` passes
every rule as it is.

The types are those of `exact_json`: a float is finite, and has the digits that were sent.
"""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from invoiced_api.exact_json import MAX_INT64, MIN_INT64, BrokenText, NumberText
from invoiced_api.timestamps import to_seconds
from tap_invoiced.columns import ColumnKind
from tap_invoiced.date_times import MAX_SECONDS, MIN_SECONDS, date_time, fractional_date_time
from tap_invoiced.exceptions import ConversionError

Rule = Callable[[Any], Any]


INTEGER_TEXT = re.compile(r"-?\d{1,19}", re.ASCII)
DECIMAL_TEXT = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
# Fewer digits may be a year (2026) or a date (20260131), not seconds.
SECONDS_TEXT = re.compile(r"-?\d{9,12}", re.ASCII)
# Integers beyond it, in magnitude, are not all doubles.
MAX_EXACT_DOUBLE = 2**53
# No double has more digits than this.
DOUBLE_DIGITS = 17
# A part of a free-form value that is nested deeper is lost: few readers of records take it.
MAX_NESTING = 200


def _double(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ConversionError
    return number


def _whole(number: Any) -> int:
    """Of a float or NumberText."""
    double = _double(number)
    if double.is_integer() and abs(double) <= MAX_EXACT_DOUBLE:
        return int(double)
    raise ConversionError


def _whole_from_text(text: str) -> int:
    if INTEGER_TEXT.fullmatch(text) and MIN_INT64 <= (number := int(text)) <= MAX_INT64:
        return number
    raise ConversionError


def _whole_from_object(value: Mapping[str, Any]) -> int:
    """An object where other accounts show its id."""
    key = value.get("id")
    rule = RULES[ColumnKind.INTEGER].get(type(key))
    if rule is None or isinstance(key, dict):
        raise ConversionError
    return int(rule(key))


def _number(number: Any) -> float:
    """Of a float or NumberText. Invoiced computes in doubles, so the nearest one is the number."""
    double = _double(number)
    if abs(double) <= MAX_INT64 or _is_held(str(number), double):
        return double
    raise ConversionError


def _number_from_text(text: str) -> int | float:
    if INTEGER_TEXT.fullmatch(text):
        return _whole_from_text(text)
    if DECIMAL_TEXT.fullmatch(text):
        return _number(text)
    raise ConversionError


def _is_held(text: str, double: float) -> bool:
    """Whether a double has these digits: as the shortest that means it, or all that it has."""
    return Decimal(text) in (Decimal(repr(double)), Decimal(f"{double:.{DOUBLE_DIGITS}g}"))


def _bit(number: Any) -> bool:
    """Of 0 or 1, in any type of number."""
    if float(number) in (0, 1):
        return bool(float(number))
    raise ConversionError


BOOLEAN_TEXTS = {"true": True, "false": False, "1": True, "0": False}


def _boolean_from_text(text: str) -> bool:
    try:
        return BOOLEAN_TEXTS[text]
    except KeyError:
        raise ConversionError from None


def _text_from_number(number: str) -> str:
    if number.lstrip("-")[:1].isdecimal():  # neither NaN nor Infinity
        return str(number)
    raise ConversionError


def _text_from_object(value: Mapping[str, Any]) -> str:
    """An object where other accounts show its id."""
    key = value.get("id")
    if isinstance(key, str) and type(key) is not NumberText:
        return _repaired(key) if type(key) is BrokenText else str(key)
    if type(key) is int:
        return str(key)
    raise ConversionError


def _repaired(text: BrokenText) -> str:
    raise ConversionError(text.repaired)


def _moment(seconds: int) -> str:
    if MIN_SECONDS <= seconds <= MAX_SECONDS:
        return date_time(seconds)
    raise ConversionError


def _moment_from_number(number: Any) -> str:
    seconds = _double(number)
    if MIN_SECONDS <= seconds <= MAX_SECONDS:
        return fractional_date_time(seconds)
    raise ConversionError


def _moment_from_text(text: str) -> str:
    return _moment(_seconds(text))


def _seconds(text: str) -> int:
    """UNIX seconds of a text that holds them, or an RFC 3339 date or date-time."""
    if SECONDS_TEXT.fullmatch(text):
        return int(text)
    try:
        return to_seconds(text)
    except (ValueError, OverflowError):
        raise ConversionError from None


def whole_seconds(value: Any) -> int:
    """UNIX seconds of a value of a date-time column, fractions cut off.

    Raises:
        ConversionError: if the value is no moment of the years 1 to 9999.
    """
    kind = type(value)
    if kind is str:
        seconds = _seconds(value)
    elif kind in (int, float, NumberText):
        seconds = math.floor(_double(value))
    else:
        raise ConversionError
    if MIN_SECONDS <= seconds <= MAX_SECONDS:
        return seconds
    raise ConversionError


def as_it_is(value: Any) -> Any:
    """The rule for values that the column can hold: no change."""
    return value


def _none_has(_: Any) -> Any:
    raise ConversionError


# Of the types that are missing for a kind, no value has one meaning.
RULES: Mapping[ColumnKind, Mapping[type, Rule]] = {
    ColumnKind.INTEGER: {
        int: as_it_is,
        float: _whole,
        NumberText: _whole,
        str: _whole_from_text,
        dict: _whole_from_object,
    },
    ColumnKind.NUMBER: {
        int: as_it_is,
        float: as_it_is,
        NumberText: _number,
        str: _number_from_text,
    },
    ColumnKind.BOOLEAN: {
        bool: as_it_is,
        int: _bit,
        float: _bit,
        NumberText: _bit,
        str: _boolean_from_text,
    },
    ColumnKind.STRING: {
        str: as_it_is,
        int: str,
        float: repr,
        NumberText: _text_from_number,
        bool: lambda value: "true" if value else "false",
        dict: _text_from_object,
        BrokenText: _repaired,
    },
    ColumnKind.DATE_TIME: {
        int: _moment,
        float: _moment_from_number,
        NumberText: _moment_from_number,
        str: _moment_from_text,
    },
}


def scalar_rule(kind: ColumnKind, of: type) -> Rule:
    """The rule by which values of a type become values of a column without parts.

    Args:
        kind: what the column holds; neither LIST nor OBJECT.
        of: the type of the values in JSON.
    """
    return RULES[kind].get(of, _none_has)


def free_form(value: Any, lost: Callable[[Any, str], None], levels: int = MAX_NESTING) -> Any:
    """A value of a part that has no columns, such as `metadata`: as it was sent.

    Args:
        value: any value of `exact_json`. A number keeps its digits, as text if no number does.
        lost: is called with each value that cannot be kept, and what takes its place.
        levels: how deep the value may be nested.
    """
    kind = type(value)
    if kind is str:
        return value
    if kind is NumberText:
        return _free_number(value, lost)
    if kind is BrokenText:
        lost(value, "text with U+FFFD")
        return value.repaired
    if kind in (list, dict) and not levels:
        lost(value, "null")
        return None
    if kind is list:
        return [free_form(one, lost, levels - 1) for one in value]
    if kind is dict:
        return {
            free_form(name, lost): free_form(one, lost, levels - 1) for name, one in value.items()
        }
    if kind is int and not MIN_INT64 <= value <= MAX_INT64:
        return str(value)
    return value


def _free_number(text: str, lost: Callable[[Any, str], None]) -> Any:
    if not text.lstrip("-")[:1].isdecimal():  # NaN or Infinity
        lost(text, "null")
        return None
    double = float(text)
    return double if math.isfinite(double) and _is_held(text, double) else str(text)
