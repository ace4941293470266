"""Dates: the day that the record names is the day that Invoiced shows, wherever the account is."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from invoiced_api.resources import BY_NAME
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.stream_settings import EndpointStream

# Each attribute that is a date, with the rule that holds for it: all have the same.
ATTRIBUTES = [
    ("invoices", "date"),
    ("invoices", "due_date"),
    ("estimates", "expiration_date"),
    ("credit_notes", "date"),
    ("subscriptions", "start_date"),
    ("subscriptions", "proration_date"),
    ("transactions", "date"),
    ("payments", "date"),
    ("credit_balance_adjustments", "date"),
    ("coupons", "expiration_date"),
    ("tasks", "due_date"),
    ("pending_line_items", "period_start"),
    ("pending_line_items", "period_end"),
]


def sent(written, zone=None, stream="invoices", name="date"):
    to = EndpointStream(resource=BY_NAME[stream], time_zone=zone and ZoneInfo(zone))
    mapper = EndpointMapper(to, frozenset(), frozenset())
    identity = {} if stream == "coupons" else {"id": 5}
    return mapper.operation({**identity, "customer": 1, name: written}, None).body[name]


@pytest.mark.parametrize(("stream", "name"), ATTRIBUTES, ids="-".join)
def test_a_date_without_time_is_the_same_day_in_the_account(stream, name):
    chicago = sent("2014-11-18", "America/Chicago", stream, name)
    assert chicago == 1_416_290_400  # as Invoiced's own documents have it
    assert sent("2014-11-18", None, stream, name) == 1_416_312_000


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "America/Los_Angeles", "UTC", "Etc/GMT-11"])
def test_noon_utc_is_the_day_in_every_zone(zone):
    moment = datetime.fromtimestamp(sent("2026-01-31"), ZoneInfo(zone))
    assert moment.date().isoformat() == "2026-01-31"


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2018-11-04", "2024-02-29"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"])
def test_the_day_is_right_where_the_clock_is_changed(day, zone):
    moment = datetime.fromtimestamp(sent(day, zone), ZoneInfo(zone))
    assert moment.date().isoformat() == day


@pytest.mark.parametrize("zone", [None, "America/Chicago"])
@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T10:00:00Z",
        "2026-01-31 10:00:00+00",
        "2026-01-31T12:00:00+02",
        "2026-01-31T15:45:00+05:45",
        "2026-01-31T10:00:00.999999Z",
        "2026-01-31T10:00:00",
        1_769_853_600,
        "1769853600",
        1_769_853_600.0,
        "1769853600.0",
    ],
)
def test_a_date_time_is_an_instant(written, zone):
    assert sent(written, zone) == 1_769_853_600


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(46053, id="day-of-a-spreadsheet"),
        pytest.param(46053.4167, id="moment-of-a-spreadsheet"),
        pytest.param("46053", id="day-of-a-spreadsheet-in-text"),
        pytest.param(20260131, id="date-without-dashes"),
        pytest.param("20260131", id="date-without-dashes-in-text"),
        pytest.param("202601311000", id="date-and-time-without-dashes"),
        pytest.param(1_769_853_600_000, id="milliseconds"),
        pytest.param("1769853600000", id="milliseconds-in-text"),
        pytest.param(1_769_853_600_000_000_000, id="nanoseconds"),
        pytest.param(1_769_853_600.5, id="half-a-second"),
        pytest.param(0, id="zero"),
        pytest.param(-62_169_984_000, id="zero-date"),
        pytest.param("9" * 400, id="400-digits"),
    ],
)
def test_digits_that_are_no_unix_seconds_are_refused(written):
    with pytest.raises(InvalidRecordError, match="`date` is not a date: digits alone must be UNIX"):
        sent(written)


@pytest.mark.parametrize("written", ["0000-00-00", "2026-02-30", "31.01.2026", "2026-1-1", "now"])
def test_any_other_text_is_refused(written):
    with pytest.raises(InvalidRecordError, match="`date` is not an RFC 3339 date or date-time"):
        sent(written)


@pytest.mark.parametrize("written", ["1969-12-31", "1970-01-01", "2199-12-31", "9999-12-31"])
def test_a_date_in_full_may_be_far_away(written):
    assert isinstance(sent(written), int)


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", 5, "/etc/localtime"])
def test_a_wrong_time_zone_is_one_line(run_target, server, zone):
    run = run_target(server, b"", time_zone=zone)
    if zone == "":
        assert run.exit_code == 0  # as every empty setting
    else:
        assert run.exit_code == 1
        said = "setting `time_zone` must be the IANA name of a time zone, such as America/Chicago"
        assert run.complaint.startswith(said)


def test_the_setting_holds_for_mapped_streams_and_others(run_target, account, server, singer):
    customer = account.add("customers", name="A")["id"]
    invoice = {"customer": customer, "date": "2014-11-18", "items": [{"unit_cost": 1}]}
    messages = [*singer.stream("invoices", invoice), *singer.stream("bills", invoice)]
    run = run_target(
        server,
        messages,
        time_zone="America/Chicago",
        streams={"bills": {"endpoint": "invoices"}},
    )
    assert run.exit_code == 0
    assert [row["date"] for row in account.objects("invoices")] == [1_416_290_400] * 2
