"""The `Date` header, and how the client treats a clock that is wrong."""

import time

import pytest

from invoiced_api.request import Request
from invoiced_api.response import server_clock

LIST = Request(method="GET", path="/customers")

NOON = "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param(NOON, 1_772_366_400, id="one"),
        pytest.param(f"{NOON}, {NOON}", 1_772_366_400, id="sent-twice"),
        pytest.param(f"{NOON}, Sun, 01 Mar 2026 11:59:00 GMT", 1_772_366_340, id="the-earlier"),
        pytest.param("Sun, 01 Mar 2026 12:00:00 -0000", 1_772_366_400, id="no-zone"),
        pytest.param("Sun, 01 Mar 2026 12:00:00", 1_772_366_400, id="naive"),
        pytest.param("soon", None, id="no-date"),
        pytest.param(None, None, id="none"),
    ],
)
def test_the_date_header_is_read_in_utc(header, seconds, monkeypatch):
    monkeypatch.setenv("TZ", "America/Chicago")
    time.tzset()
    server_clock.cache_clear()
    try:
        assert server_clock(header) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("hours", [-24, 24])
def test_of_two_clocks_the_earlier_is_used_with_one_warning(client, clock, caplog, hours):
    clock.seconds = int(time.time()) + hours * 3_600
    responses = [client.send(LIST) for _ in range(3)]
    expected = min(clock.seconds, time.time())
    assert all(abs(response.clock - expected) < 5 for response in responses)
    (warning,) = [one.message for one in caplog.records if "clock" in one.message]
    assert ("ahead of" if hours > 0 else "behind") in warning


def test_a_response_that_waits_to_be_read_shows_when_it_was_requested(client, clock, monkeypatch):
    """The output may be blocked for an hour; what changes meanwhile is not in the response."""
    now = int(time.time())
    clock.seconds = now + 24 * 3_600
    response = client.send(LIST)
    monkeypatch.setattr(time, "time", lambda: now + 3_600.0)
    assert now <= response.clock < now + 60
