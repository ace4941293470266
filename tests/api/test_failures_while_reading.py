"""A request fails for good while others are in flight: what comes out, and how far a bookmark goes.

A server is a function from a request to its response, and the test chooses which request in flight
is answered next.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import orjson
import pytest

from invoiced_api.exceptions import (
    FatalError,
    ForbiddenError,
    IncompleteReadError,
    InvoicedError,
    RetryableError,
)
from invoiced_api.reading.pages import INCREMENTAL, LATEST_FIRST, ReadableRows
from invoiced_api.reading.prefetch import Prefetcher
from invoiced_api.reading.readers import reader_of
from invoiced_api.reading.scheduler import Attempt, InFlight
from invoiced_api.resources import BY_NAME
from invoiced_api.response import Response

NOW = 1_700_000_000
BEGUN = NOW - 100_000
SINCE = 1_000
PAGE_SIZE = 10
MAX_REQUESTS = 1_000

Row = dict[str, Any]
Answer = Response | Exception


@dataclass
class ScriptedTransport:
    """Answers requests in the order that `choose` names: the place of one among those in flight."""

    respond: Callable[[InFlight], Answer]
    choose: Callable[[list[InFlight]], int] = lambda waiting: 0
    waiting: list[InFlight] = field(default_factory=list)
    requests: int = 0

    def submit(self, sent: InFlight) -> None:
        self.requests += 1
        assert self.requests < MAX_REQUESTS
        self.waiting.append(sent)

    def result(self, *, wait: bool) -> tuple[InFlight, Answer] | None:
        if not self.waiting:
            return None
        sent = self.waiting.pop(self.choose(self.waiting))
        return sent, self.respond(sent)

    def close(self) -> None:
        pass


@dataclass
class Read:
    """What came out of a stream: ids, the latest bookmark, and how reading ended."""

    ids: list[int]
    bookmark: int
    failure: InvoicedError | None

    def lost(self, rows: list[Row]) -> list[int]:
        """Rows that the bookmark has passed, though they did not come out."""
        passed = (row["id"] for row in rows if row["updated_at"] < self.bookmark)
        return [key for key in passed if key not in self.ids]


def read(
    name: str,
    transport: ScriptedTransport,
    page_size: int = PAGE_SIZE,
    since: int = SINCE,
    unfit: int | None = None,
) -> Read:
    """Reads a stream; the row with the id `unfit` cannot be encoded."""
    out = Read([], since, None)

    def encode(rows: list[Any]) -> bytes:
        if unfit in [row["id"] for row in rows]:
            raise RetryableError("unfit")
        return b"".join(b"%d\n" % row["id"] for row in rows)

    reader = reader_of(BY_NAME[name], page_size, since, encode, orjson.loads)
    with Prefetcher(transport, 5, [reader]) as ahead:
        try:
            for chunk in ahead.chunks(reader):
                out.ids += map(int, chunk.content.split())
                out.bookmark = max(out.bookmark, chunk.newest)
        except InvoicedError as failure:
            out.failure = failure
    assert out.failure or not reader.buffered_bytes
    return out


def customers(count: int, step: int = 1) -> list[Row]:
    """Customers by id. Their changes are 200 s apart, `step` places further for each id."""
    return [
        {"id": key, "updated_at": BEGUN + key * step % (count + 1) * 200}
        for key in range(1, count + 1)
    ]


def shown(sent: InFlight, rows: list[Row], total: int | None = None) -> Response:
    """The page that was requested. The rows keep their order, since this server does not sort."""
    params = sent.request.call().params
    found = [row for row in rows if row["updated_at"] > int(params.get("updated_after", 0))]
    size = int(params["per_page"])
    start = size * (int(params["page"]) - 1)
    counted = len(found) if total is None else total
    return response(found[start : start + size], counted)


def response(rows: list[Row], total: int) -> Response:
    headers = {"Date": formatdate(NOW, usegmt=True), "X-Total-Count": str(total)}
    return Response(headers=headers, body=orjson.dumps(rows))


def is_probe(sent: InFlight) -> bool:
    return sent.request.params.get("sort") == LATEST_FIRST


def is_scan(sent: InFlight) -> bool:
    return sent.request.params.get("sort") == "id asc"


def latest_window(waiting: list[InFlight]) -> int:
    """But for the requests of a single row, which ask whether the server sorts."""
    order = [(one.request.per_page == 1, one.window.window.since) for one in waiting]
    return order.index(max(order))


def test_a_key_that_is_refused_in_the_first_window_moves_no_bookmark_past_it() -> None:
    """The later windows have been read by then."""
    rows = customers(400)

    def respond(sent: InFlight) -> Answer:
        if transport.requests > 10 and not transport.waiting:
            return FatalError("401")
        return shown(sent, rows[::-1] if is_probe(sent) else rows)

    transport = ScriptedTransport(respond, latest_window)
    out = read("customers", transport)
    assert isinstance(out.failure, FatalError)
    assert transport.requests > 30, "pages of later windows"
    assert not out.lost(rows)


@pytest.mark.parametrize("unfit", range(11, 111, 3))
def test_a_row_that_cannot_be_encoded_moves_no_bookmark_past_it(unfit: int) -> None:
    """It may be on the last page of its window, whose successor is encoded already."""
    rows = customers(400)

    def respond(sent: InFlight) -> Answer:
        return shown(sent, rows[::-1] if is_probe(sent) else rows)

    out = read("customers", ScriptedTransport(respond, latest_window), unfit=unfit)
    assert str(out.failure) == "unfit"
    assert unfit not in out.ids
    assert not out.lost(rows)


@pytest.mark.parametrize("failure", [RetryableError("503"), FatalError("401")])
@pytest.mark.parametrize("step", [1, 7_919], ids=["page-1-sorted", "unsorted"])
def test_nothing_comes_out_while_it_is_not_known_whether_the_server_sorts(
    failure: InvoicedError, step: int
) -> None:
    rows = customers(120, step)
    for row in rows[40:] if step == 1 else []:
        row["updated_at"] = BEGUN + 100 + row["id"]

    def respond(sent: InFlight) -> Answer:
        return failure if is_probe(sent) else shown(sent, rows)

    def probe_first(waiting: list[InFlight]) -> int:
        return next((place for place, one in enumerate(waiting) if is_probe(one)), 0)

    transport = ScriptedTransport(respond, probe_first)
    out = read("customers", transport)
    assert (out.failure, out.ids) == (failure, [])
    assert transport.requests < 20, "no other way of reading was tried"


def test_a_sorted_scan_with_a_page_that_fails_comes_out_not_at_all() -> None:
    """The count is one too small, and the failing page holds the row that is not counted."""
    rows = customers(40, 17)
    uncounted = {"id": 41, "updated_at": BEGUN + 50}

    def respond(sent: InFlight) -> Answer:
        if sent.request.number == 5:
            return RetryableError("500")
        return shown(sent, [*rows, uncounted], total=40)

    def page_5_last(waiting: list[InFlight]) -> int:
        return next((at for at, one in enumerate(waiting) if one.request.number != 5), 0)

    out = read("customers", ScriptedTransport(respond, page_5_last))
    assert (str(out.failure), out.ids) == ("500", [])


@pytest.mark.parametrize("failure", [FatalError("401"), ForbiddenError("403", status=403)])
def test_a_failing_page_ends_a_scan_with_its_own_failure(failure: InvoicedError) -> None:
    """Passes that do not agree would be a failure of the list."""
    rows = customers(30, 7)
    looks = [0]

    def respond(sent: InFlight) -> Answer:
        looks[0] += is_scan(sent) and sent.request.number == 4
        if looks[0] == 6 and sent.request.number == 4:
            return failure
        more = 3 if is_scan(sent) else 0
        params = sent.request.call().params
        found = [row for row in rows if row["updated_at"] > int(params["updated_after"])]
        return shown(sent, rows, total=len(found) + more)

    def page_4_last(waiting: list[InFlight]) -> int:
        return next((at for at, one in enumerate(waiting) if one.request.number != 4), 0)

    assert read("customers", ScriptedTransport(respond, page_4_last)).failure is failure


def test_an_event_without_a_moment_comes_out_if_its_window_is_cut_at_the_second_look() -> None:
    """The first look lists fewer than are counted, so its rows do not count as emitted."""
    rows = [{"id": key, "timestamp": BEGUN + key * 1_000} for key in range(1, 41)]
    undated, place = {"id": 999, "timestamp": None}, BEGUN + 30_500
    cut: list[tuple[int, int]] = []
    looks = [0]

    def respond(sent: InFlight) -> Answer:
        params = sent.request.call().params
        since, until = int(params.get("start_date", 0)), int(params.get("end_date", NOW))
        found: list[Row] = [row for row in rows[::-1] if since <= row["timestamp"] <= until]
        if since <= place <= until:
            found.insert(0, undated)
            if "end_date" in params and until - since > 1_000 and cut in ([], [(since, until)]):
                cut[:] = [(since, until)]
                looks[0] += sent.request.number == 1
                found = found[:2] if looks[0] == 1 else found
                counted = len(found) + 1 if looks[0] == 1 else 50
                return response(found[sent.request.number - 1 : sent.request.number], counted)
        return response(found[sent.request.number - 1 : sent.request.number], len(found))

    out = read("events", ScriptedTransport(respond), page_size=1, since=BEGUN)
    assert looks[0] > 1
    assert {*out.ids} == {*range(1, 41), 999}


def test_a_row_without_a_moment_on_each_page_hides_no_other_row() -> None:
    """A replica answers one request without row 13, and counts it as little as it shows it."""
    rows = customers(30)
    undated = {"id": 999, "updated_at": None}
    stale = [False]

    def respond(sent: InFlight) -> Answer:
        params = sent.request.call().params
        after, size = int(params["updated_after"]), int(params["per_page"])
        found: list[Row] = [row for row in rows if row["updated_at"] > after]
        if not stale[0] and size == PAGE_SIZE and after > rows[0]["updated_at"]:
            stale[0] = True
            found = [row for row in found if row["id"] != 13]
        if params["sort"] == INCREMENTAL:
            found.insert(0, undated)
        else:
            found.reverse()
        return response(found[:size], len(found))

    out = read("customers", ScriptedTransport(respond))
    assert (stale[0], sorted(out.ids)) == (True, [*range(1, 31), 999])


def test_a_row_that_cannot_be_read_is_named_beside_counts_that_do_not_agree() -> None:
    """Nothing came out, and the message must not claim that anything did."""
    rows = customers(35, 11)

    def respond(sent: InFlight) -> Answer:
        if is_scan(sent) and sent.request.number == 2:
            if sent.attempt is not Attempt.BY_ROW:
                return Response(headers={}, body=b"garbled")
            body = ReadableRows(rows[11:20])
            body.unreadable = ("row 1 of page 2",)
            headers = {"Date": formatdate(NOW, usegmt=True), "X-Total-Count": "55"}
            return Response(headers=headers, body=body)
        return shown(sent, rows, total=55 if is_scan(sent) else None)

    out = read("customers", ScriptedTransport(respond))
    assert isinstance(out.failure, IncompleteReadError)
    assert out.ids == []
    assert "rows that cannot be read: 1 (GET /customers row 1 of page 2)" in str(out.failure)
    assert "55 rows are counted, and 34 were listed" in str(out.failure)
    assert "emitted" not in str(out.failure)
