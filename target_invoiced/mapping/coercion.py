"""A value as other systems write it -> the value that Invoiced accepts. Pure."""

import json
import re
from decimal import Decimal
from typing import Any

import orjson

from invoiced_api.timestamps import to_seconds
from target_invoiced.exceptions import InvalidRecordError

# JSON is written with integers of 64 bits. What makes no sense below that, Invoiced refuses.
MAX_SECONDS = 2**63 - 1

MIN_NUMBER, MAX_NUMBER = -(2**63), 2**64 - 1

# Only a text with so many digits on end may hold a whole number beyond that.
MANY_DIGITS = re.compile(r"\d{19}")


def refuse_inexact(body: Any, path: str = "") -> None:
    """Raises InvalidRecordError, which names the attribute, for a number that would be rounded.

    Invoiced computes in doubles. Integers of 64 bits go out as they are, since ids may be long.
    """
    if isinstance(body, dict):
        for name, inner in body.items():
            refuse_inexact(inner, f"{path}.{name}" if path else name)
    elif isinstance(body, list):
        for inner in body:
            refuse_inexact(inner, f"{path}[]")
    elif isinstance(body, Decimal):
        raise InvalidRecordError(f"`{path}` has more digits than Invoiced keeps of a number")


def coerce(value: Any) -> Any:
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
            json.loads(value, parse_int=parse_int64)
    except ValueError:
        return value
    return value if meant is None or isinstance(meant, str) else meant


def parse_int64(digits: str) -> int:
    number = int(digits)
    if not MIN_NUMBER <= number <= MAX_NUMBER:
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
    if abs(seconds) > MAX_SECONDS:
        raise InvalidRecordError(f"`{path}` is no date-time: the number is too large")
    return seconds
