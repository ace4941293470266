"""How many requests and round trips a run takes, in simulated time: each response takes one.

The emulator answers, without a network and without waiting.
"""

import heapq
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.datastructures import Headers

from invoiced_api.reading.pages import Page
from invoiced_api.reading.prefetch import Prefetcher
from invoiced_api.reading.readers import reader_of
from invoiced_api.reading.scheduler import InFlight
from invoiced_api.reading.strategies import shown_at_rest
from invoiced_api.resources import BY_NAME
from invoiced_api.response import Response
from invoiced_emulator import Account, add_bulk, seeded
from invoiced_emulator.http.api import Api
from invoiced_emulator.http.exchange import ApiRequest

CONNECTIONS, PAGE_SIZE = 16, 100
SIX = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")
NOW = 1_772_366_400
LONG_AGO = 1_500_000_000
# `emulator-key` as a user name without a password.
HEADERS = Headers({"Authorization": "Basic ZW11bGF0b3Ita2V5Og=="})


class SimulatedTime:
    """A transport whose responses come one round trip after their requests."""

    def __init__(self, account: Account) -> None:
        self._api = Api(account)
        self._in_flight: list[tuple[float, int, InFlight]] = []
        self.round_trips = 0.0
        self.requests = 0

    def submit(self, sent: InFlight) -> None:
        self.requests += 1
        heapq.heappush(self._in_flight, (self.round_trips + 1, self.requests, sent))

    def result(self, *, wait: bool) -> tuple[InFlight, Response] | None:
        if not self._in_flight or (not wait and self._in_flight[0][0] > self.round_trips):
            return None
        self.round_trips, _, sent = heapq.heappop(self._in_flight)
        call = sent.request.call()
        request = ApiRequest("GET", call.path, urlencode(call.params), HEADERS, b"")
        answer = self._api.answer(request)
        headers = {"Date": self._api.date(), "X-Total-Count": answer.headers["X-Total-Count"]}
        return sent, Response(headers=headers, body=bytes(answer.body))

    def close(self) -> None:
        pass


def read(account: Account, streams: tuple[str, ...], since: int) -> tuple[SimulatedTime, int]:
    """Reads streams; the transport, and how many rows came."""
    rows = 0

    def encode(some: list[Any]) -> bytes:
        nonlocal rows
        rows += len(some)
        return b"x" * (900 * len(some))

    readers = [reader_of(BY_NAME[name], PAGE_SIZE, since, encode, orjson.loads) for name in streams]
    transport = SimulatedTime(account)
    with Prefetcher(transport, CONNECTIONS, readers) as ahead:
        for reader in readers:
            for _ in ahead.chunks(reader):
                pass
    return transport, rows


def test_a_quiet_run_of_six_streams_takes_two_round_trips() -> None:
    account = seeded(customers=30, seed=7, now=lambda: NOW, api_key="emulator-key")
    account.now = lambda: NOW + 3_600
    run, rows = read(account, SIX, NOW - 60)
    assert rows <= 30
    assert (run.round_trips, run.requests) == (2, 5 + 7)


def page(*rows: tuple[int, int]) -> Page:
    return Page(
        rows=[{"id": key, "updated_at": moment} for key, moment in rows],
        moments=[moment for _, moment in rows],
        total=len(rows),
        clock=1_000,
        asked=100,
    )


def test_lists_at_rest_are_complete_after_two_looks() -> None:
    rows = shown_at_rest([page((1, 10)), page((2, 5))], [page((2, 5))])
    assert rows is not None
    assert [row["id"] for row in rows] == [2, 1]


def test_lists_that_change_are_read_one_after_the_other() -> None:
    assert shown_at_rest([page(), page()], [page((1, 10))]) is None, "came between the looks"
    assert shown_at_rest([page((1, 10)), page((1, 20))], [page((1, 20))]) is None, "moved"
    assert shown_at_rest([page(), page((1, 10))], [page((1, 20))]) is None, "edited"
    assert shown_at_rest([page((1, 999)), page()], [page()]) is None, "in the last second"


def test_two_large_streams_take_few_more_requests_than_their_rows_fill_pages() -> None:
    """Windows that are too small would end on pages that reach beyond them.

    Of so few pages, the start and the end take a large part of the time.
    """
    account = Account(now=lambda: NOW, api_key="emulator-key")
    for resource, count in (("customers", 2_000), ("invoices", 30_000)):
        begun = NOW - 40 * 86_400
        add_bulk(account, resource, count=count, first_updated_at=begun, per_second=0.01)
    run, rows = read(account, ("customers", "invoices"), LONG_AGO)
    assert rows == 32_000
    assert run.requests <= 1.10 * rows / PAGE_SIZE
    assert rows / run.round_trips >= 0.7 * CONNECTIONS * PAGE_SIZE


def test_a_page_is_encoded_before_the_next_one_is_parsed() -> None:
    """Later it would have left the processor's cache, and take half as long again to encode."""
    account = Account(now=lambda: NOW, api_key="emulator-key")
    add_bulk(account, "invoices", count=10_000, first_updated_at=NOW - 86_400, per_second=1)
    parsed: list[set[int]] = []
    later_pages: list[int] = []

    def parse(body: bytes) -> Any:
        rows = orjson.loads(body)
        parsed.append({row["id"] for row in rows})
        return rows

    def encode(rows: list[Any]) -> bytes:
        last = max(number for number, ids in enumerate(parsed) if rows[0]["id"] in ids)
        later_pages.append(len(parsed) - 1 - last)
        return b"x"

    reader = reader_of(BY_NAME["invoices"], PAGE_SIZE, LONG_AGO, encode, parse)
    with Prefetcher(SimulatedTime(account), CONNECTIONS, [reader]) as ahead:
        assert sum(chunk.rows for chunk in ahead.chunks(reader)) == 10_000
    assert set(later_pages) == {0}
