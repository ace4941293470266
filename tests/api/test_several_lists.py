"""A stream of several lists that exchange objects, such as subscriptions that are canceled."""

from collections.abc import Callable
from email.utils import formatdate
from heapq import heappop, heappush
from typing import Any

import orjson

from invoiced_api.reading.prefetch import Prefetcher
from invoiced_api.reading.readers import reader_of
from invoiced_api.reading.scheduler import InFlight
from invoiced_api.resources import BY_NAME
from invoiced_api.response import Response

START, PAGE_SIZE, CONNECTIONS = 1_000_000, 3, 16

# 66 pages over 16 connections, and what opens and ends the lists; one after the other they take 70.
MOST_ROUND_TRIPS = 35

Row = dict[str, Any]


class Subscriptions:
    """Every request takes one round trip. `before_stamp` runs between a query and its `Date`.

    Of the requests that end at the same time, those for canceled subscriptions are answered first.
    """

    def __init__(self, rows: list[Row], now: int) -> None:
        self.rows, self.now = rows, now
        self.before_stamp: Callable[[], None] = lambda: None
        self.requests: list[dict[str, Any]] = []
        self.round_trips = 0
        self._in_flight: list[tuple[int, bool, int, InFlight]] = []

    def submit(self, sent: InFlight) -> None:
        params = dict(sent.request.call().params)
        self.requests.append(params)
        first = bool(params.get("canceled")) and not params.get("finished")
        heappush(self._in_flight, (self.round_trips + 1, not first, len(self.requests), sent))

    def result(self, *, wait: bool) -> tuple[InFlight, Response] | None:
        if not self._in_flight or (not wait and self._in_flight[0][0] > self.round_trips):
            return None
        self.round_trips, _, _, sent = heappop(self._in_flight)
        params = dict(sent.request.call().params)
        flags = {name for name in ("canceled", "finished") if params.get(name)}
        rows = [
            row
            for row in self.rows
            if row["flags"] == flags and row["updated_at"] > params["updated_after"]
        ]
        column, order = params["sort"].split()
        rows.sort(key=lambda row: row[column], reverse=order == "desc")
        first = (params["page"] - 1) * params["per_page"]
        page = [
            {"id": row["id"], "updated_at": row.get("shown_as", row["updated_at"])}
            for row in rows[first : first + params["per_page"]]
        ]
        self.before_stamp()
        headers = {"X-Total-Count": str(len(rows)), "Date": formatdate(self.now, usegmt=True)}
        return sent, Response(headers=headers, body=orjson.dumps(page))

    def close(self) -> None:
        pass


def read(server: Subscriptions, bookmarks: list[int] | None = None) -> list[list[Row]]:
    """The rows of each chunk; `bookmarks` takes what each chunk moves the bookmark to."""
    chunks = []

    def encode(rows: list[Any]) -> bytes:
        chunks.append([dict(row) for row in rows])
        for row in rows:
            row["updated_at"] = "encoded in place"
        return b"x" * len(rows)

    reader = reader_of(BY_NAME["subscriptions"], PAGE_SIZE, START, encode, orjson.loads)
    with Prefetcher(server, CONNECTIONS, [reader]) as ahead:
        newest = [chunk.newest for chunk in ahead.chunks(reader)]
    if bookmarks is not None:
        bookmarks += newest
    return chunks


def subscription(number: int, second: int, *flags: str) -> Row:
    return {"id": number, "updated_at": START + second, "flags": set(flags)}


def ids(chunks: list[list[Row]]) -> list[int]:
    return [row["id"] for chunk in chunks for row in chunk]


def test_a_row_moves_between_a_query_and_its_date() -> None:
    """The list that it enters was queried first, and is stamped a second later."""
    rows = [subscription(number, number * 1_000) for number in range(1, 40)]
    rows.append(subscription(40, 500, "canceled"))
    server = Subscriptions(rows, START + 100_000)

    def moves() -> None:
        rows[20].update(flags={"canceled"}, updated_at=server.now)
        server.now += 1
        server.before_stamp = lambda: None

    server.before_stamp = moves
    assert set(ids(read(server))) == set(range(1, 41))


def test_a_list_on_one_page_is_not_requested_for_each_window() -> None:
    rows = [subscription(number, number * 1_000) for number in range(1, 60)]
    rows += [subscription(59 + number, number * 20_000, "canceled") for number in (1, 2)]
    server = Subscriptions(rows, START + 100_000)
    assert sorted(ids(read(server))) == list(range(1, 62))
    canceled = [one for one in server.requests if one.get("canceled") and not one.get("finished")]
    assert len(canceled) <= 3  # to open it, for the window that ends now, and at the end


def test_most_rows_of_several_lists_changed_lately() -> None:
    """The windows are of equal duration at first; the one that holds most is cut again."""
    rows = [subscription(1, 1), subscription(2, 2, "canceled")]
    rows += [subscription(number, 90_000 + number * 10) for number in range(3, 200)]
    server = Subscriptions(rows, START + 100_000)
    assert sorted(ids(read(server))) == list(range(1, 200))
    assert server.round_trips < MOST_ROUND_TRIPS


def test_a_stamp_far_ahead_moves_no_bookmark_past_the_other_lists() -> None:
    rows = [subscription(1, 1), {**subscription(2, 50_000), "shown_as": 10**12}]
    rows += [subscription(number, number * 1_000, "canceled") for number in range(3, 60)]
    server, bookmarks = Subscriptions(rows, START + 100_000), []
    assert sorted(ids(read(server, bookmarks))) == list(range(1, 60))
    assert max(bookmarks) == START + 59_000


def test_no_row_shows_when_it_was_updated() -> None:
    """Such a list is read page by page, twice, and not second by second."""
    rows = [{**subscription(number, number * 1_000), "shown_as": None} for number in range(1, 60)]
    server = Subscriptions(rows, START + 100_000)
    assert set(ids(read(server))) == set(range(1, 60))
    assert len(server.requests) < 2 * len(rows)
