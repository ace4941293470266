"""Lists that are too large for an emulator's memory: rows are made as they are asked for.

`python -m benchmarks.large_lists SHAPE ROWS LATENCY_MS` serves one of the SHAPES on a port of the
system's choice, and prints its address. It is a server of its own, so that no mistake of the
emulator's hides one of the tap's.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from subprocess import PIPE, Popen
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

MAX_PER_PAGE = 100
DAY_S = 86_400
# So much text makes a page of 16 MB.
LARGE_TEXT = "x" * 160_000
# From offset 10,000 on, Invoiced serves a page only after the one before.
IN_TURN_FROM = 10_000

# Shows how long the requests took, from the first to the last response.
SPAN = "/_span"

Query = Mapping[str, str]
Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A list: `row(number, now)` makes its rows, from 1 on; `stamp(number, now)` is in UNIX s.

    Stamps grow with the numbers. `in_turn`: the server refuses pages that are not read in order.
    """

    path: str
    row: Callable[[int, int], Row]
    stamp: Callable[[int, int], int]
    newest_first: bool = False
    in_turn: bool = False


def charge(number: int, now: int) -> Row:
    """A charge of some 300 bytes; `now` is in UNIX seconds."""
    stamp = recent(number, now)
    source = {"id": number, "object": "card", "brand": "Visa", "last4": "4242", "exp_year": 2030}
    return {
        "id": number,
        "object": "charge",
        "customer": 15_444,
        "currency": "usd",
        "amount": number % 1_000 + 0.25,
        "status": "succeeded",
        "payment_source": source,
        "created_at": stamp,
        "updated_at": stamp,
    }


def invoice(number: int, stamp: int, notes: str = "") -> Row:
    """An invoice of one line, updated at a UNIX second; `notes` make it as large as they are."""
    line = {"id": number, "name": "Consulting", "quantity": 1, "unit_cost": 12.5, "amount": 12.5}
    return {
        "id": number,
        "object": "invoice",
        "customer": 15_444,
        "number": f"INV-{number}",
        "total": 12.5,
        "items": [line],
        "notes": notes,
        "metadata": {},
        "created_at": stamp,
        "updated_at": stamp,
    }


def event(number: int, now: int, kind: str) -> Row:
    stamp = every_ten_seconds(number, now)
    about = invoice(number, stamp, "y" * 700)
    return {"id": number, "type": kind, "timestamp": stamp, "data": {"object": about}}


def recent(number: int, now: int) -> int:
    return now - 30 * DAY_S + number


def every_ten_seconds(number: int, now: int) -> int:
    return now - 30 * DAY_S + 10 * number


def one_second(number: int, now: int) -> int:
    return now - DAY_S


def growing(number: int, now: int) -> Row:
    """A small invoice; from the 2,001st on, a large one."""
    return invoice(number, recent(number, now), LARGE_TEXT if number > 2_000 else "")


SHAPES: Mapping[str, Shape] = {
    "charges": Shape(path="/charges", row=charge, stamp=recent),
    "charges in turn": Shape(path="/charges", row=charge, stamp=recent, in_turn=True),
    "one second": Shape(
        path="/invoices", row=lambda n, now: invoice(n, one_second(n, now)), stamp=one_second
    ),
    "large rows": Shape(
        path="/invoices",
        row=lambda n, now: invoice(n, recent(n, now), LARGE_TEXT),
        stamp=recent,
    ),
    "growing rows": Shape(path="/invoices", row=growing, stamp=recent),
    "events": Shape(
        path="/events",
        row=lambda n, now: event(n, now, "invoice.updated"),
        stamp=every_ten_seconds,
        newest_first=True,
    ),
    "deletions": Shape(
        path="/events",
        row=lambda n, now: event(n, now, "invoice.deleted"),
        stamp=every_ten_seconds,
        newest_first=True,
    ),
}


class LargeList:
    """One list of so many rows, which never changes. Every other list is empty."""

    def __init__(self, shape: Shape, rows: int, now: int) -> None:
        self._shape, self._rows, self._now = shape, rows, now
        self._served = {0}
        self.began, self.ended = 0.0, 0.0

    def respond(self, target: str, received_at: float) -> tuple[int, bytes, int]:
        """Status, body, and how many rows the query has."""
        if target == SPAN:
            return 200, json.dumps(self.ended - self.began).encode(), 0
        self.began, self.ended = self.began or received_at, time.monotonic()
        address = urlsplit(target)
        query = dict(parse_qsl(address.query))
        if address.path != self._shape.path:
            return 200, b"[]", 0
        per_page = min(int(query.get("per_page", MAX_PER_PAGE)), MAX_PER_PAGE)
        page = int(query.get("page", 1))
        if self._shape.in_turn and page * per_page > IN_TURN_FROM and page - 1 not in self._served:
            refusal = {"type": "invalid_request", "message": "Page not available", "param": "page"}
            return 400, json.dumps(refusal).encode(), 0
        self._served.add(page)
        numbers = self._numbers(query)
        shown = numbers[(page - 1) * per_page : page * per_page]
        rows = [self._shape.row(number, self._now) for number in shown]
        return 200, json.dumps(rows).encode(), len(numbers)

    def _numbers(self, query: Query) -> Sequence[int]:
        first, last = 1, self._rows
        if "updated_after" in query and self._shape.path == "/invoices":
            first = self._first_from(int(query["updated_after"]) + 1)
        if self._shape.path == "/events":
            first = self._first_from(int(query.get("start_date", 0)))
            last = self._first_from(int(query.get("end_date", self._now)) + 1) - 1
        numbers = range(first, last + 1)
        backwards = self._shape.newest_first or query.get("sort", "").endswith("desc")
        return numbers[::-1] if backwards else numbers

    def _first_from(self, second: int) -> int:
        """The number of the first row from a second on."""
        low, high = 1, self._rows + 1
        while low < high:
            middle = (low + high) // 2
            if self._shape.stamp(middle, self._now) < second:
                low = middle + 1
            else:
                high = middle
        return low


class Connection(asyncio.Protocol):
    """One connection of a client; each response is held back for `latency_s`."""

    def __init__(self, account: LargeList, latency_s: float) -> None:
        self._account, self._latency_s = account, latency_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        for request in requests:
            target = request.split(b" ", 2)[1].decode()
            asyncio.get_running_loop().call_later(
                self._latency_s, self._respond, target, time.monotonic()
            )

    def _respond(self, target: str, received_at: float) -> None:
        status, body, total = self._account.respond(target, received_at)
        head = (
            f"HTTP/1.1 {status} OK\r\nDate: {formatdate(usegmt=True)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Total-Count: {total}\r\n\r\n"
        )
        if self._transport and not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def serve(account: LargeList, latency_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(account, latency_s), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201
    await server.serve_forever()


@contextmanager
def large_list(shape: str, rows: int, latency_ms: float = 0) -> Iterator[str]:
    """The address of a server of one list, in a process of its own, until the block ends."""
    command = [sys.executable, "-m", "benchmarks.large_lists", shape, str(rows), str(latency_ms)]
    with Popen(command, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def seconds_of_requests(url: str) -> float:
    """How long the requests to a server of one list took, from the first to the last response."""
    with urlopen(f"{url}{SPAN}", timeout=10) as response:
        return float(json.load(response))


if __name__ == "__main__":
    name, count, latency_ms = sys.argv[1:]
    served = LargeList(SHAPES[name], int(count), int(time.time()))
    asyncio.run(serve(served, float(latency_ms) / 1000))
