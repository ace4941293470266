"""RFC 3339 for users, integer UNIX seconds for Invoiced."""

import re
from datetime import datetime, timezone

import ciso8601

# ciso8601 also takes "2026", "20260131" and more, which a user hardly means as a date.
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.IGNORECASE
)


def to_seconds(text: str) -> int:
    """UNIX seconds of a date or date-time, in UTC unless it has an offset. Fractions are cut off.

    Example:
        >>> to_seconds("2026-01-31T10:00:00Z")
        1769853600

    Raises:
        ValueError: if the text is neither.
    """
    if not RFC_3339.fullmatch(text):
        raise ValueError("not an RFC 3339 date or date-time")
    moment = ciso8601.parse_datetime(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() // 1)


def to_rfc_3339(seconds: int) -> str:
    """The date-time of UNIX seconds, in UTC: `2026-01-31T10:00:00Z` for 1769853600."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
