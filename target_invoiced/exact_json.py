"""JSON in which numbers keep every digit.

A number is an `int` of at most 64 bits, a `float` if the double equals the number, and
otherwise a `Decimal` with the digits as they were written. Databases have keys of 30 digits and
amounts that a double rounds; these must reach the ledger, or a reject, unchanged.
"""

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

# The integers that JSON can be written with.
MIN_INT, MAX_INT = -(2**63), 2**64 - 1
# JSON is written to a depth of 254, and a record stands within other objects.
MAX_DEPTH = 100
# No integer with fewer digits is out of that range.
SAFE_INT_DIGITS = 18

# A number that a double may round: 16 digits or more, or an exponent. Every other one goes the
# fast way.
LONG_NUMBER = re.compile(rb"(?:^|[:,\[])\s*-?(?:[\d.]{16}|[\d.]+[eE])")


def loads(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: if it is not strict JSON. A number beyond all doubles, such as 1e999, is not
            either: see `loads_leniently`.
    """
    line = text.encode() if isinstance(text, str) else text
    value = orjson.loads(line)
    if LONG_NUMBER.search(line):
        return json.loads(line, parse_int=_integer, parse_float=_decimal)
    return value


def loads_leniently(text: bytes) -> Any:
    """The value of a text that only Python writes: with NaN, halves of characters, or broken UTF-8.

    Raises:
        ValueError: if it is not even that.
        RecursionError: if it is nested too deeply.
    """
    return json.loads(
        text.decode(errors="surrogateescape"), parse_int=_integer, parse_float=_decimal
    )


def dumps(value: Any, option: int = 0) -> bytes:
    """The JSON of a value, with the digits of each `Decimal`. `option` is that of orjson."""
    return orjson.dumps(value, _digits, option)


def depth_of(value: Any) -> int:
    """How deeply lists and objects are nested, counted to one more than `MAX_DEPTH`."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH + 1:
        level = [inner for one in level for inner in _inside(one)]
        depth += 1
    return depth - 1


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) or [None]
    return (value or [None]) if isinstance(value, list) else []


def number_text(number: float | Decimal) -> str:
    """The digits of a number; a whole one has no point: 5.0 becomes `5`."""
    text = str(number)
    whole, _, fraction = text.partition(".")
    return whole if fraction and not fraction.strip("0") else text


def is_exact(number: Decimal) -> bool:
    """Whether a double holds this number exactly, so that nothing is rounded."""
    double = float(number)
    return math.isfinite(double) and number in (Decimal(repr(double)), Decimal(double))


def _digits(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _integer(digits: str) -> int | Decimal:
    if len(digits) <= SAFE_INT_DIGITS:
        return int(digits)
    exact = Decimal(digits)
    return int(digits) if MIN_INT <= exact <= MAX_INT else exact


def _decimal(digits: str) -> float | Decimal:
    try:
        exact = Decimal(digits)
    except InvalidOperation:  # an exponent beyond all bounds
        return math.inf
    return float(digits) if is_exact(exact) else exact
