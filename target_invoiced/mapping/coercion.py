"""From values as other systems write them to values that Invoiced accepts. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from invoiced_api.bodies import Scalar
from invoiced_api.timestamps import to_seconds
from target_invoiced import exact_json
from target_invoiced.exact_json import MAX_DEPTH, depth_of, number_text
from target_invoiced.exceptions import InvalidRecordError

TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
WHOLE = re.compile(r"-?\d+(\.0*)?")
DIGITS = re.compile(r"-?\d+(\.\d+)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
WRITE_AS = "Write it as 2026-01-31 or 2026-01-31T10:00:00Z"
# 1980-01-01 to 2100-01-01. Digits outside are no UNIX seconds but the day of a spreadsheet, a date
# without dashes, or milliseconds.
MIN_SECONDS, MAX_SECONDS = 315_532_800, 4_102_444_800
# A double holds every integer up to this.
MAX_EXACT_INTEGER = 2**53


def coerce(value: Any) -> Any:
    """The value of the JSON in a string; a string without JSON stays as it is."""
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        meant = exact_json.loads(value)
    except ValueError:
        return value
    if depth_of(meant) > MAX_DEPTH:
        raise InvalidRecordError(f"JSON in a string is nested more than {MAX_DEPTH} levels deep")
    return value if meant is None or isinstance(meant, str) else meant


def to_text(value: Any) -> Any:
    """The digits of a number as text: 1001.0, as a spreadsheet writes it, becomes `1001`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return value
    return str(value) if isinstance(value, int) else number_text(value)


def to_boolean(value: Any) -> Any:
    """A boolean for any usual way to write true and false, as text or number."""
    word = to_text(value)
    if not isinstance(word, str):
        return value
    word = word.strip().lower()
    return True if word in TRUE else False if word in FALSE else value


def to_integer(value: Any) -> Any:
    """An integer, also from text, and from a number with a point and zeros."""
    text = to_text(value)
    if isinstance(text, str) and WHOLE.fullmatch(text.strip()):
        whole = text.strip().partition(".")[0]
        if len(whole) <= exact_json.SAFE_INT_DIGITS:
            return int(whole)
    return coerce(value)


def to_number(value: Any, path: str) -> Any:
    """A number that a double holds. Raises InvalidRecordError for one that would be rounded."""
    meant = coerce(value)
    inexact = isinstance(meant, Decimal) or (
        isinstance(meant, int) and abs(meant) > MAX_EXACT_INTEGER and int(float(meant)) != meant
    )
    if inexact:
        raise InvalidRecordError(_rounded(path))
    return meant


def refuse_inexact(body: Any, path: str = "") -> None:
    """Raise InvalidRecordError, which names the attribute, for a number that would be rounded.

    Invoiced computes in doubles. Integers of 64 bits are sent as they are, since ids may be long.
    """
    if isinstance(body, dict):
        for name, inner in body.items():
            refuse_inexact(inner, f"{path}.{name}" if path else name)
    elif isinstance(body, list):
        for inner in body:
            refuse_inexact(inner, f"{path}[]")
    elif isinstance(body, Decimal):
        raise InvalidRecordError(_rounded(path))


def _rounded(path: str) -> str:
    return f"`{path}` has more digits than Invoiced keeps of a number: it would be rounded"


def to_unix_seconds(value: Any, path: str, zone: ZoneInfo | None) -> int | str:
    """UNIX seconds of a date or date-time; an empty string, which Invoiced reads as null, stays.

    A date without time is midnight in the zone, or noon UTC without one: that is the same day in
    every zone from -12 to +11. A date-time is in UTC unless it has an offset.

    Args:
        value: from the record.
        path: of the attribute, for the message.
        zone: the setting `time_zone`; None if it is not set.

    Raises:
        InvalidRecordError: if it is no date.
    """
    if value == "":
        return ""
    digits = to_text(value)
    if isinstance(value, bool) or not isinstance(digits, str):
        raise InvalidRecordError(f"`{path}` is not a date or date-time. {WRITE_AS}")
    if DIGITS.fullmatch(digits.strip()):
        return _plausible(digits.strip(), path)
    try:
        if DATE.fullmatch(digits):
            day = date.fromisoformat(digits)
            hour, tzinfo = (0, zone) if zone else (12, timezone.utc)
            moment = datetime(day.year, day.month, day.day, hour, tzinfo=tzinfo)
            return int(moment.timestamp())
        return to_seconds(digits)
    except (ValueError, OverflowError):
        raise InvalidRecordError(
            f"`{path}` is not an RFC 3339 date or date-time. {WRITE_AS}"
        ) from None


def _plausible(digits: str, path: str) -> int:
    whole, _, fraction = digits.partition(".")
    seconds = int(whole) if len(whole) <= exact_json.SAFE_INT_DIGITS else MAX_SECONDS + 1
    if not MIN_SECONDS <= seconds <= MAX_SECONDS or fraction.strip("0"):
        raise InvalidRecordError(
            f"`{path}` is not a date: digits alone must be UNIX seconds between 1980 and 2100. "
            + WRITE_AS
        )
    return seconds


# The attributes whose type needs no more than the value.
BY_TYPE: Mapping[Scalar, Callable[[Any], Any]] = {
    Scalar.TEXT: to_text,
    Scalar.INTEGER: to_integer,
    Scalar.BOOLEAN: to_boolean,
    Scalar.JSON: coerce,
}
