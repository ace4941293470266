"""A list of which some pages fail or are refused: its rows, and the effect on other lists."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug import Request, Response

from invoiced_emulator import Account, Server

SECOND = 1_772_366_400 - 900_000
REFUSED = {"type": "invalid_request", "message": "Page not available", "param": "page"}

Fault = Callable[[dict[str, str], int], Response | None]


def rows_of(count: int) -> list[dict[str, Any]]:
    return [
        {"id": n, "updated_at": SECOND + 100 * n, "timestamp": SECOND + 100 * n}
        for n in range(1, count + 1)
    ]


class FaultyList:
    """One list over HTTP. `fault` gets each query, and the number of the first row of its page."""

    def __init__(self, rows: list[dict[str, Any]], fault: Fault) -> None:
        self.rows, self.fault, self.healed = rows, fault, False
        self.pages: list[int] = []

    def __call__(self, request: Request) -> Response:
        query = dict(request.args)
        rows = [r for r in self.rows if r["updated_at"] > int(query.get("updated_after", 0))]
        first, last = int(query.get("start_date", 0)), int(query.get("end_date", 10**10))
        rows = [r for r in rows if first <= r["timestamp"] <= last]
        if request.path == "/events" or "desc" in query.get("sort", ""):
            rows.reverse()
        number, size = int(query.get("page", 1)), int(query.get("per_page", 100))
        page = rows[size * (number - 1) : size * number]
        fault = None if self.healed else self.fault(query, page[0]["id"] if page else 0)
        self.pages.append(number)
        return fault or Response(json.dumps(page), headers={"X-Total-Count": str(len(rows))})


@pytest.fixture
def serve(
    run_tap: Callable[..., Any], catalog_of: Callable[..., Any], httpserver: Any
) -> Callable[..., Any]:
    """Reads some lists, in the order given."""

    def run(lists: dict[str, FaultyList], **settings: Any) -> Any:
        for name, served in lists.items():
            httpserver.expect_request(f"/{name}").respond_with_handler(served)
        catalog = catalog_of(*lists)
        for stream in catalog["streams"]:
            stream["schema"]["selected"] = True
        return run_tap(
            None, catalog=catalog, base_url=httpserver.url_for("").rstrip("/"), **settings
        )

    return run


def failing_from(row: int) -> Fault:
    def fault(query: dict[str, str], first: int) -> Response | None:
        whole_page = int(query.get("per_page", 100)) > 1
        return Response("{}", status=500) if whole_page and first >= row else None

    return fault


@pytest.mark.parametrize("stream", ["invoices", "charges"])
def test_rows_before_a_page_that_fails_come_out(serve: Any, stream: str) -> None:
    """The later pages fail while the earlier ones are still under way."""
    served = FaultyList(rows_of(3_000), failing_from(2_000))
    first = serve({stream: served}, max_retry_seconds=0.5)
    assert first.exit_code == 1
    assert set(first.ids(stream)) >= set(range(1, 1_900))
    served.healed = True
    second = serve({stream: served}, state=first.state)
    assert {*first.ids(stream), *second.ids(stream)} == set(range(1, 3_001))
    if stream == "invoices":  # its rows come out in order, so its bookmark has moved
        assert min(second.ids(stream)) > 1_500


def test_a_list_that_keeps_failing_takes_no_connection_of_the_others(serve: Any) -> None:
    """Its requests wait to be repeated, all at once, while the list before it is read."""
    slow = FaultyList(rows_of(2_000), lambda query, first: time.sleep(0.02))
    failing = FaultyList(rows_of(2_000), failing_from(1))
    run = serve({"invoices": slow, "charges": failing}, max_connections=1, max_retry_seconds=5)
    assert len(run.ids("invoices")) == 2_000
    seconds = [line for line in run.stderr.splitlines() if "| invoices" in line]
    assert float(seconds[0].split("|")[-2]) < 4, seconds


def in_turn() -> Fault:
    """From page 3 on, a page is served only after the one before."""
    served = {0, 1, 2}

    def fault(query: dict[str, str], first: int) -> Response | None:
        number = int(query.get("page", 1))
        if number - 1 not in served:
            return Response(json.dumps(REFUSED), status=400)
        served.add(number)
        return None

    return fault


def test_a_server_that_serves_pages_in_turn_only_is_read_completely(serve: Any) -> None:
    served = FaultyList(rows_of(3_000), in_turn())
    run = serve({"charges": served})
    assert (run.exit_code, run.ids("charges")) == (0, list(range(1, 3_001)))
    assert len(served.pages) < 100  # of 30 pages


def test_a_server_that_refuses_every_way_back_is_read_forward(serve: Any) -> None:
    """A page that comes before the latest one is refused, but for page 1."""
    latest = [0]

    def forward_only(query: dict[str, str], first: int) -> Response | None:
        number = int(query.get("page", 1))
        if number not in (1, latest[0], latest[0] + 1):
            return Response(json.dumps(REFUSED), status=400)
        latest[0] = number
        return None

    run = serve({"charges": FaultyList(rows_of(3_000), forward_only)})
    assert (run.exit_code, run.ids("charges")) == (0, list(range(1, 3_001)))


def test_windows_of_events_are_cut_by_their_number(serve: Any) -> None:
    """All events are of the last days, and the start is years ago."""
    served = FaultyList(rows_of(5_000), lambda query, first: None)
    run = serve({"events": served})
    assert (run.exit_code, run.ids("events")) == (0, list(range(1, 5_001)))
    assert len(served.pages) < 3 * 50


def test_no_event_is_lost_that_does_not_show_its_moment_in_a_window_that_is_cut(serve: Any) -> None:
    """Page 1 of such a window shows it, and then a smaller window does."""
    rows = rows_of(3_000)

    def without_moments(query: dict[str, str], first: int) -> Response | None:
        number, since, until = (
            int(query.get(name, 0)) for name in ("page", "start_date", "end_date")
        )
        found = [row for row in reversed(rows) if since <= row["timestamp"] <= (until or 10**10)]
        page = found[100 * (number - 1) : 100 * number]
        shown = [row if row["id"] % 7 else {"id": row["id"], "timestamp": None} for row in page]
        return Response(json.dumps(shown), headers={"X-Total-Count": str(len(found))})

    run = serve({"events": FaultyList(rows, without_moments)})
    assert run.exit_code == 0, run.stderr
    assert {*run.ids("events")} == set(range(1, 3_001))


def test_events_of_a_few_days_are_requested_several_at_a_time(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Windows of equal duration would leave them all in one, to be read page by page."""
    now = clock.seconds
    for number in range(3_000):
        clock.seconds = now - 20 * 86_400 + 500 * number
        account.record("created", "customers", {"id": number + 1, "customer": None})
    clock.seconds = now
    catalog = catalog_of("events")
    catalog["streams"][0]["selected"] = True
    with Server(account) as server:
        run = run_tap(server, catalog=catalog, start_date="2016-01-01")
        queries = [parse_qs(urlsplit(one.path).query) for one in server.requests]
    assert run.exit_code == 0, run.stderr
    assert len(run.ids("events")) == 3_000
    assert max(int(query["page"][0]) for query in queries) <= 10, "of thirty"


@pytest.mark.parametrize("stream", ["invoices", "charges"])
def test_a_row_that_is_not_json_costs_that_row_only_and_no_bookmark_passes_it(
    serve: Any, stream: str
) -> None:
    """Another row of its page has an attribute that no column holds, so it is parsed otherwise."""
    broken, rows = 1_550, rows_of(2_000)
    rows[1_560]["color"] = "red"

    def fault(query: dict[str, str], first: int) -> Response | None:
        shown = range(first, first + int(query["per_page"]))
        return Response('[{"id": 1, oops') if broken in shown else None

    served = FaultyList(rows, fault)
    first = serve({stream: served})
    assert first.exit_code == 1
    assert f"rows that cannot be read: 1 (GET /{stream} row " in first.complaint
    assert {*first.ids(stream)} == {*range(1, 2_001)} - {broken}
    served.healed = True
    second = serve({stream: served}, state=first.state)
    assert (second.exit_code, broken in second.ids(stream)) == (0, True)


def test_rows_that_are_requested_one_by_one_share_the_time_for_retries(serve: Any) -> None:
    """The page is broken, and each of its rows fails for most of `max_retry_seconds`."""
    first_request: dict[int, float] = {}

    def fault(query: dict[str, str], first: int) -> Response | None:
        if query["per_page"] != "1":
            return Response('[{"id": 1, oops')
        since = first_request.setdefault(first, time.monotonic())
        return Response("", status=503) if time.monotonic() - since < 0.8 else None

    began = time.monotonic()
    run = serve({"charges": FaultyList(rows_of(30), fault)}, max_retry_seconds=1)
    assert run.exit_code == 1
    assert "charges failed (503)" in run.complaint
    assert time.monotonic() - began < 12  # thirty times 0.8 s would be 24
