"""Any JSON value in place of any attribute of any object of any stream, in whole runs."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoiced_api.client import Client
from invoiced_api.resources import BY_NAME, RESOURCES
from invoiced_api.timestamps import to_rfc_3339
from invoiced_emulator import Server
from tap_invoiced.bookmarks import State
from tap_invoiced.settings import tap_settings
from tests.tap import odd_account
from tests.tap.odd_account import DAY_S, NOW, STREAMS, VALUES, Change, Key, OddServer, Read, Record

# `make soak` draws many more, and reads every stream each time.
RUNS = int(os.environ.get("SOAK_RUNS", "0"))
DRAWS = 20 * RUNS or 6
# What a row is known by, and what says where it belongs, is drawn more often than the rest.
TELLING = {"id", "object", "type", "created_at", "updated_at", "timestamp", "data", "customer"}


@dataclass
class Sample:
    """An account, and what is read of it while nothing is odd.

    Attributes:
        server: shows its objects.
        url: of the server.
        objects: as the API shows them, by stream and key.
        scenarios: the settings and the state of a run, and what it reads.
    """

    server: OddServer
    url: str
    objects: dict[str, dict[Key, Record]]
    scenarios: dict[str, tuple[dict[str, Any], State, Read]]

    def read(self, streams: tuple[str, ...], state: State, **more: Any) -> Read:
        return read_from(self.url, streams, state, **more)


def read_from(url: str, streams: tuple[str, ...], state: State, **more: Any) -> Read:
    config = {"api_key": odd_account.API_KEY, "base_url": url, "max_retry_seconds": 0.3}
    with Client(tap_settings(config, {}).connection) as client:
        return odd_account.read(client, streams, state, **config, **more)


@pytest.fixture(scope="module")
def sample() -> Iterator[Sample]:
    with Server(odd_account.whole_account()) as upstream:
        server = OddServer(upstream.url)
        with odd_account.served(server) as url:
            first = read_from(url, STREAMS, {})
            # The later run begins before the deletions and the merge.
            moment = to_rfc_3339(NOW - DAY_S - 3_600)
            state: State = {
                "bookmarks": {one.name: {one.replication_key: moment} for one in RESOURCES}
            }
            later = read_from(url, STREAMS, state, capture_deletes=True)
            assert not first.failed and not later.failed
            assert any("_sdc_deleted_at" in row for row in later.rows("invoices"))
            objects = odd_account.objects_shown(server)
            assert all(objects.values())
            scenarios = {
                "first": ({}, {}, first),
                "later": ({"capture_deletes": True}, state, later),
            }
            yield Sample(server, url, objects, scenarios)


def read_with(stream: str) -> tuple[str, ...]:
    """The stream, those below it and above it, and one more."""
    above = BY_NAME[stream].parent
    near = {stream, "customers", "transactions", above.resource if above else ""}
    below = {one.name for one in RESOURCES if one.parent and one.parent.resource == stream}
    return tuple(name for name in STREAMS if RUNS or name in near | below)


@settings(max_examples=DRAWS, deadline=None, suppress_health_check=[*HealthCheck])
@given(data=st.data())
def test_any_value_of_any_attribute_costs_that_attribute_at_most(
    data: st.DataObject, sample: Sample
) -> None:
    """All other rows of all streams arrive, the row arrives, and a warning names the value."""
    scenario = data.draw(st.sampled_from(sorted(sample.scenarios)))
    stream = data.draw(st.sampled_from([*STREAMS, *["events"] * 5]))
    key = data.draw(st.sampled_from(sorted(sample.objects[stream])))
    own = odd_account.set_by_reader(stream)
    places = [p for p in odd_account.places(sample.objects[stream][key]) if p[0] not in own]
    telling = [place for place in places if place[-1] in TELLING]
    place = data.draw(st.sampled_from(places) | st.sampled_from(telling or places))
    change = Change(stream, key, place, data.draw(VALUES))
    more, state, before = sample.scenarios[scenario]
    sample.server.change = change
    streams = read_with(stream)
    after = sample.read(streams, state, **more)
    assert odd_account.violations(change, before.only(streams), after) == []


DEEP = "[" * 500 + "]" * 500
# Each once cost more than its own value.
KNOWN = [
    ("first", "customers", ("id",), "null"),
    ("first", "attachments", ("id",), '"x"'),
    ("first", "invoice_chasing_cadences", ("id",), "3"),
    ("first", "charges", ("updated_at",), "5"),
    ("first", "invoices", ("payment_plan",), "5"),
    ("first", "invoices", ("payment_plan",), "[]"),
    ("first", "invoices", ("metadata",), f'{{"a": 1, "b": {DEEP}}}'),
    ("first", "invoices", ("name",), "[" * 20_000 + "]" * 20_000),
    ("first", "events", ("data", "object"), DEEP),
    ("first", "events", ("timestamp",), "5"),
    ("first", "events", ("timestamp",), "null"),
    ("later", "events", ("id",), "null"),
    ("later", "events", ("id",), DEEP),
    ("later", "events", ("data", "object", "notes"), DEEP),
    ("later", "events", ("timestamp",), '"1772279000"'),
    ("later", "events", ("timestamp",), "99999999999999"),
    ("later", "events", ("data", "object", "id"), "[]"),
    ("later", "customers", ("id",), '{"id": []}'),
    ("later", "notes", ("customer",), "null"),
    ("later", "payments", ("notes",), r'"cut \ud83d"'),
    ("later", "payments", ("updated_at",), "1e999"),
    ("later", "transactions", ("notes",), r'"cut \ud83d"'),
    ("later", "invoices", ("notes",), "NaN"),
]


@pytest.mark.parametrize(("scenario", "stream", "place", "value"), KNOWN)
def test_a_value_that_once_cost_more_costs_its_attribute_only(
    scenario: str, stream: str, place: tuple[str, ...], value: str, sample: Sample
) -> None:
    more, state, before = sample.scenarios[scenario]
    read_rows = before.records[stream]
    for key in [key for key in sorted(sample.objects[stream]) if key in read_rows][:2]:
        change = Change(stream, key, place, value)
        sample.server.change = change
        streams = read_with(stream)
        after = sample.read(streams, state, **more)
        assert odd_account.violations(change, before.only(streams), after) == []
