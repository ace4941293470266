"""Reading ahead, on a simulated server: every schedule ends, in order and within its bounds.

There is no network, no clock and no thread: a seeded chance picks which request in flight is
answered next. `READ_SCHEDULES` sets the number of schedules.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from functools import partial
from typing import Any

import orjson
import pytest

from invoiced_api.definitions import ReadStrategy
from invoiced_api.exceptions import InvoicedError, RecordRejectedError, RetryableError
from invoiced_api.reading.pages import PageRequest
from invoiced_api.reading.prefetch import Prefetcher
from invoiced_api.reading.readers import (
    NamedParents,
    ParentLists,
    child_reader_of,
    reader_of,
)
from invoiced_api.reading.scheduler import InFlight
from invoiced_api.reading.streams import StreamReader
from invoiced_api.resources import BY_NAME
from invoiced_api.response import Response

SCHEDULES = int(os.environ.get("READ_SCHEDULES", "10000"))
BLOCKS = 20
START = 1_000
STREAMS = (
    "customers",
    "subscriptions",
    "charges",
    "contacts",
    "payment_sources",
    "payment_plans",
    "events",
)
# A subscription goes from one to a later one. The last is both canceled and finished.
STATUSES = ("", "canceled", "finished", "canceled finished")
# More than any of these schedules needs; without it a loop that makes no progress would not end.
MAX_REQUESTS = 20_000

Row = dict[str, Any]


class SimulatedServer:
    """An account in memory, whose rows change between requests if it is `busy`."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.clock = START + 2_000
        self.busy = rng.random() < 0.4
        self.sorts = rng.random() < 0.9
        self._ids = 0
        self.unchanged: set[int] = set()  # customers
        self.moves: Counter[int] = Counter()  # of subscriptions, from list to list
        spread = rng.choice((1, 3, 50, 1_500))
        # More parents, now and then, than lists of children are under way at once.
        many = 200 if rng.random() < 0.04 else rng.choice((0, 1, 5, 20))
        self.tables: dict[str, list[Row]] = {
            path: [self._row(START + rng.randrange(spread)) for _ in range(rng.randrange(many + 1))]
            for path in ("/customers", "/subscriptions", "/charges", "/invoices", "/events")
        }
        for row in self.tables["/subscriptions"]:
            row["status"] = rng.choice(STATUSES)
        for row in self.tables["/invoices"]:
            row["payment_plan"] = rng.choice((None, 1))
        children = rng.choice((0, 0, 1, 4))
        for row in self.tables["/customers"]:
            for kind in ("contacts", "payment_sources"):
                rows = [self._row(START + 5) for _ in range(rng.randrange(children + 1))]
                self.tables[f"/customers/{row['id']}/{kind}"] = rows
        self.first_clocks: dict[str, int] = {}
        self.first_queries: dict[str, int] = {}
        self.lived = {path: {row["id"] for row in rows} for path, rows in self.tables.items()}
        stamps = sorted(row["updated_at"] for row in self.tables["/customers"])
        # Where children are not read for all customers: from when on these have changed, and which
        # others an event names.
        self.changed_from = rng.choice(stamps or [START])
        named = [row["id"] for row in self.tables["/customers"] if rng.random() < 0.2]
        self.named = [*named, 10**6]  # one that is gone
        for row in self.tables["/customers"]:
            if row["updated_at"] < self.changed_from and row["id"] not in named:
                self.unchanged.add(row["id"])

    def respond(self, request: PageRequest, max_bytes: int | None) -> Response | Exception:
        if self.busy:
            self._change()
        fault = self.rng.random()
        if fault < 0.001:
            return RetryableError("kept failing")
        if fault < 0.002:
            return RecordRejectedError("refused", status=400)
        call = request.call()
        rows = self._rows(call.path, dict(call.params))
        first = (int(call.params["page"]) - 1) * int(call.params["per_page"])
        page: Any = rows[first : first + int(call.params["per_page"])]
        if call.path.endswith("/payment_plan"):
            page = {"id": 1, "updated_at": START}
        body = b"garbled" if self.rng.random() < 0.005 else orjson.dumps(page)
        if max_bytes is not None and len(body) > max_bytes:
            return Response(headers={}, body=b"", unread_bytes=len(body))
        queried_at = self.clock
        while self.busy and self.rng.random() < 0.5:
            self._change()  # after the query, and before the response is stamped
        if body != b"garbled":
            self.first_clocks.setdefault(call.path, self.clock)
            self.first_queries.setdefault(call.path, queried_at)
        headers = {"X-Total-Count": str(len(rows)), "Date": formatdate(self.clock, usegmt=True)}
        return Response(headers=headers, body=body, retries=self.rng.randrange(2))

    def _rows(self, path: str, params: dict[str, Any]) -> list[Row]:
        rows = self.tables.get(path, [])
        if path == "/subscriptions":
            kind = " ".join(name for name in ("canceled", "finished") if params.get(name))
            rows = [row for row in rows if row["status"] == kind]
        if "updated_after" in params:
            rows = [row for row in rows if row["updated_at"] > params["updated_after"]]
        if path == "/events":
            first, last = params.get("start_date", 0), params.get("end_date", 10**9)
            rows = [row for row in rows if first <= row["timestamp"] <= last]
            return sorted(rows, key=lambda row: (-row["timestamp"], -row["id"]))
        if self.sorts and str(params.get("sort", "")).startswith("updated_at"):
            newest_first = params["sort"].endswith("desc")
            return sorted(
                rows, key=lambda row: (row["updated_at"], row["id"]), reverse=newest_first
            )
        return sorted(rows, key=lambda row: row["id"])

    def _row(self, second: int) -> Row:
        self._ids += 1
        return {"id": self._ids, "updated_at": second, "timestamp": second}

    def _change(self) -> None:
        self.clock += self.rng.choice((0, 1, 1))
        path = self.rng.choice(("/customers", "/subscriptions", "/charges"))
        rows = self.tables[path]
        if rows and self.rng.random() < 0.5:
            row = self.rng.choice(rows)
            row["updated_at"] = self.clock
            if path == "/subscriptions":
                later = STATUSES[STATUSES.index(row["status"]) :]
                status = self.rng.choice(later)
                self.moves[row["id"]] += status != row["status"]
                row["status"] = status
        elif rows and self.rng.random() < 0.2:
            gone = rows.pop(self.rng.randrange(len(rows)))
            self.lived[path].discard(gone["id"])
            for kind in ("contacts", "payment_sources"):  # which nobody can read without it
                self.lived.pop(f"{path}/{gone['id']}/{kind}", None)
        elif self.rng.random() < 0.3:
            # Not among those that must come: it may be newer than all that a run reads.
            rows.append({**self._row(self.clock), "status": ""})


class SimulatedTransport:
    """Answers the requests in flight in any order, and asserts the bounds."""

    def __init__(self, server: SimulatedServer, connections: int) -> None:
        self._server, self._connections = server, connections
        self._in_flight: list[InFlight] = []
        self.requests = 0

    def submit(self, sent: InFlight) -> None:
        self.requests += 1
        self._in_flight.append(sent)
        readers = [one.reader for one in self._in_flight]
        assert sum(not reader.is_failing for reader in readers) <= self._connections
        assert readers.count(sent.reader) <= self._connections
        assert self.requests < MAX_REQUESTS, "the reading makes no progress"

    def result(self, *, wait: bool) -> tuple[InFlight, Response | Exception] | None:
        assert self._in_flight or not wait, "a wait, and nothing in flight"
        if not self._in_flight or (not wait and self._server.rng.random() < 0.5):
            return None
        sent = self._in_flight.pop(self._server.rng.randrange(len(self._in_flight)))
        return sent, self._server.respond(sent.request, sent.max_bytes)

    def close(self) -> None:
        pass


class Schedule:
    """One seeded run: some streams, read one after the other over some connections."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.server = SimulatedServer(rng)
        self.connections = rng.choice((1, 2, 5, 20))
        self.page_size = rng.choice((1, 2, 3, 10)) if len(self.server.lived) < 200 else 50
        if self.page_size == 1:
            self.server.sorts = True  # pages of one row show no order
        self.max_bytes = rng.choice((1, 30_000, 200_000, 10**8))
        self.row_bytes = rng.choice((10, 10_000))
        names = rng.sample(STREAMS, rng.randrange(1, len(STREAMS)))
        self.since = START - rng.choice((0, 500))
        self.parents = ParentLists(self.page_size)
        self.sweeps = rng.random() < 0.5
        self.readers = {name: self._reader(name) for name in names}
        self.transport = SimulatedTransport(self.server, self.connections)

    def _reader(self, name: str) -> StreamReader:
        encode = partial(self._encode, name)
        size, parents, resource = self.page_size, self.parents, BY_NAME[name]
        if resource.parent and resource.parent.resource == "customers" and not self.sweeps:
            reader = child_reader_of(resource, size, self.since, encode, orjson.loads)
            named = NamedParents(self.server.named, self.server.clock)
            changed = parents.of(resource.parent, self.server.changed_from)
            reader.read_below(changed, self.since, named)
            return reader
        return reader_of(resource, size, self.since, encode, orjson.loads, parents)

    def _encode(self, name: str, rows: list[Any]) -> bytes:
        stamp = BY_NAME[name].replication_key
        lines = (orjson.dumps([row["id"], row[stamp]]) for row in rows)
        content = b"".join(line.ljust(self.row_bytes) + b"\n" for line in lines)
        for row in rows:
            row[stamp] = "encoded in place"
        return content

    def run(self) -> None:
        readers = list(self.readers.values())
        with Prefetcher(self.transport, self.connections, readers, self.max_bytes) as ahead:
            for name, reader in self.readers.items():
                rows: list[list[int]] = []
                bookmark = self.since
                try:
                    for chunk in ahead.chunks(reader):
                        bookmark = chunk.newest
                        rows += map(orjson.loads, chunk.content.splitlines())
                        self._check_memory(readers)
                except InvoicedError:
                    self._check_bookmark(name, rows, bookmark)
                    continue
                self._check_rows(name, rows, reader)
                if name == "subscriptions":  # of several lists the earliest clock counts
                    assert reader.clock <= self.server.first_clocks["/subscriptions"]
                assert not reader.buffered_bytes

    def _check_memory(self, readers: list[StreamReader]) -> None:
        """Requests in flight may be larger than their reservation; nothing else may."""
        row_bytes = max(self.row_bytes + 1, 8 * 1024)
        # Some windows come out when they have ended: what is held meanwhile is a few pages.
        pages = 11 if {"events", "subscriptions"} & self.readers.keys() else 2
        most = self.max_bytes + (self.connections + 1) * self.page_size * row_bytes * pages
        assert sum(reader.buffered_bytes for reader in readers) <= most

    def _check_bookmark(self, name: str, rows: list[list[int]], bookmark: int) -> None:
        """A failed stream emitted everything that was updated before its bookmark."""
        if BY_NAME[name].parent:
            return
        stamp = BY_NAME[name].replication_key
        left = {
            row["id"]
            for row in self.server.tables[BY_NAME[name].path]
            if self.since <= row[stamp] < bookmark
        }
        lost = left - {key for key, _ in rows}
        assert not lost, f"{name}: the bookmark passes {lost}"

    def _check_rows(self, name: str, rows: list[list[int]], reader: StreamReader) -> None:
        resource = BY_NAME[name]
        if resource.parent:
            left_out = set() if self.sweeps else self.server.unchanged
            expected = set.union(
                set(),
                *(
                    ids
                    for path, ids in self.server.lived.items()
                    if path.endswith(name) and int(path.split("/")[2]) not in left_out
                ),
            )
        else:
            expected = self.server.lived[resource.path]
            if resource.strategy is not ReadStrategy.FULL_SCAN and self.server.sorts:
                stamps = [stamp for _, stamp in rows]
                assert stamps == sorted(stamps), "out of order"
            expected = expected | {
                row["id"]
                for row in self.server.tables[resource.path]
                if row["updated_at"] < self.server.first_queries[resource.path]
            }
            versions: dict[int, int] = {}
            for key, stamp in rows:
                assert versions.setdefault(key, stamp) <= stamp, "an older version follows"
                versions[key] = stamp
        lost = expected - {key for key, _ in rows}
        if name == "subscriptions":
            # One that moved while each list was requested is newer than any bookmark.
            lost -= {
                row["id"]
                for row in self.server.tables[resource.path]
                if self.server.moves[row["id"]] > 1 and row["updated_at"] >= reader.clock
            }
        assert not lost, f"{name}: rows {lost} are missing"


def schedules(block: int) -> Iterator[int]:
    return iter(range(block * SCHEDULES // BLOCKS, (block + 1) * SCHEDULES // BLOCKS))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_schedule_of_responses_ends_in_order_and_within_bounds(block: int) -> None:
    for seed in schedules(block):
        try:
            Schedule(seed).run()
        except AssertionError as failure:
            raise AssertionError(f"schedule {seed}: {failure}") from failure
