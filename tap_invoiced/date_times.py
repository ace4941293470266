"""From UNIX seconds to the date-times of records: `2026-01-31T10:00:00.000000Z`."""

from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
HOUR_S = 3_600
# The years 1 to 9999, which is what a date-time can express.
MIN_SECONDS, MAX_SECONDS = -62_135_596_800, 253_402_300_799


class _Hours(dict[int, str]):
    """`2026-01-31T10:` for the hours since 1970."""

    def __missing__(self, hour: int) -> str:
        text = (EPOCH + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:").rjust(14, "0")
        self[hour] = text
        return text


# A date-time is the text of its hour and the text of its second: nothing is formatted twice.
# At most one entry per hour of history, and one per second of an hour.
HOURS = _Hours()
SECONDS = [f"{second // 60:02}:{second % 60:02}.000000Z" for second in range(HOUR_S)]


def date_time(seconds: int) -> str:
    """The date-time of whole UNIX seconds, `MIN_SECONDS` to `MAX_SECONDS`."""
    return HOURS[seconds // HOUR_S] + SECONDS[seconds % HOUR_S]


def fractional_date_time(seconds: float) -> str:
    """The date-time of UNIX seconds, to the microsecond."""
    moment = EPOCH + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
