"""RFC 3339 and UNIX seconds, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoiced_api.timestamps import to_rfc_3339, to_seconds

# 2026-01-31T10:00:00Z
TEN_O_CLOCK = 1_769_853_600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("2026-01-31T10:00:00Z", TEN_O_CLOCK, id="utc"),
        pytest.param("2026-01-31t10:00:00z", TEN_O_CLOCK, id="small-letters"),
        pytest.param("2026-01-31 10:00:00Z", TEN_O_CLOCK, id="space"),
        pytest.param("2026-01-31T10:00:00", TEN_O_CLOCK, id="no-zone-is-utc"),
        pytest.param("2026-01-31T10:00", TEN_O_CLOCK, id="no-seconds"),
        pytest.param("2026-01-31T12:30:00+02:30", TEN_O_CLOCK, id="ahead"),
        pytest.param("2026-01-31T05:00:00-0500", TEN_O_CLOCK, id="behind"),
        pytest.param("2026-01-31T10:00:00.999999Z", TEN_O_CLOCK, id="fractions-are-cut-off"),
        pytest.param("2026-01-31", TEN_O_CLOCK - 36_000, id="date"),
        pytest.param("1970-01-01T00:00:00Z", 0, id="epoch"),
        pytest.param("1969-12-31T23:59:59.5Z", -1, id="cut-off-downwards-before-the-epoch"),
        pytest.param("2024-02-29", 1_709_164_800, id="leap-day"),
    ],
)
def test_dates_and_date_times_are_understood(text, seconds):
    assert to_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("tomorrow", id="words"),
        pytest.param("2026", id="year"),
        pytest.param("20260131", id="no-dashes"),
        pytest.param("31.01.2026", id="german"),
        pytest.param("01/31/2026", id="american"),
        pytest.param("2026-02-30", id="no-such-day"),
        pytest.param("2026-01-31T25:00:00Z", id="no-such-hour"),
        pytest.param("2026-01-31T10:00:00Z or so", id="more-behind"),
        pytest.param("2026-01-31\n", id="line-break"),
        pytest.param("\u0662026-01-31", id="other-digits"),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        to_seconds(text)


@given(st.integers(0, 253_402_300_799))
def test_every_second_survives_the_way_there_and_back(seconds):
    assert to_seconds(to_rfc_3339(seconds)) == seconds
