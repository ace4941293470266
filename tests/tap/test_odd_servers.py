"""Servers and proxies that answer late, hours off, or twice: what a whole run does."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from invoiced_emulator import Account, Faults, Server

HOUR_S = 3_600
LOOKBACK_S = 60
DRIPS = {
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
}


@contextmanager
def dripping(start: bytes, each: bytes) -> Iterator[str]:
    """Sends `start`, then a few bytes every 50 ms, for ever."""
    done = threading.Event()

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.recv(65_536)
                self.request.sendall(start)
                while not done.wait(0.05):
                    self.request.sendall(each)

    class DrippingServer(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with DrippingServer(("127.0.0.1", 0), Dripping) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        done.set()
        running.shutdown()


@pytest.mark.parametrize("part", DRIPS)
def test_a_response_that_never_ends_ends_the_run_in_time(
    part: str, run_tap: Callable[..., Any]
) -> None:
    with dripping(DRIPS[part], b"1\r\n \r\n" if part == "chunks" else b" ") as url:
        began = time.monotonic()
        run = run_tap(None, base_url=url, request_timeout=0.6, max_retry_seconds=0.5)
    assert run.exit_code == 1
    assert "no complete response within 0.6 s" in run.complaint
    assert time.monotonic() - began < 10


@contextmanager
def one_customer(*dates: str) -> Iterator[str]:
    """Serves one customer, with these `Date` headers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's own name
            body = b'[{"id": 1, "name": "Acme", "updated_at": 1700000000}]'
            self.send_response_only(200)
            for date in dates:
                self.send_header("Date", date)
            for name, value in (("X-Total-Count", "1"), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def http_date(said: str) -> str:
    hours, _, zone = said.partition(" ")
    if not hours.lstrip("-").isdecimal():
        return said
    date = formatdate(time.time() + int(hours) * HOUR_S, usegmt=True)
    return date if zone else date.removesuffix(" GMT")


@pytest.mark.parametrize(
    ("dates", "hours_behind", "warns"),
    [
        pytest.param(["0 GMT", "0 GMT"], 0, False, id="sent-twice"),
        pytest.param(["0"], 0, False, id="without-a-zone"),
        pytest.param(["24 GMT"], 0, True, id="a-day-ahead"),
        pytest.param(["-24 GMT"], 24, True, id="a-day-behind"),
        pytest.param(["0 GMT", "24 GMT"], 0, False, id="twice-and-apart"),
        pytest.param(["soon"], 0, False, id="no-date"),
        pytest.param([], 0, False, id="none"),
    ],
)
def test_no_clock_moves_a_bookmark_into_the_future(
    dates: list[str],
    hours_behind: int,
    warns: bool,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Any],
) -> None:
    """The machine stands west of UTC; the earlier of its clock and the server's is used.

    The dates are hours from now, and their zone.
    """
    began = int(time.time())
    with one_customer(*map(http_date, dates)) as url:
        zone = {"TZ": "America/Chicago"}
        run = run_tap(None, base_url=url, catalog=catalog_of("customers"), env=zone)
    assert run.exit_code == 0, run.stderr
    written = run.state["bookmarks"]["customers"]["updated_at"]
    bookmark = datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp()
    expected = began - LOOKBACK_S - hours_behind * HOUR_S
    assert expected - 1 <= bookmark <= time.time() - LOOKBACK_S - hours_behind * HOUR_S
    assert ("clock" in run.stderr) == warns


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", ["seconds", "date"])
def test_a_server_that_asks_to_wait_an_hour_is_said_to_have_asked(
    status: int, wait: str, account: Account, run_tap: Callable[..., Any]
) -> None:
    asked: Any = HOUR_S if wait == "seconds" else http_date("1 GMT")
    fault = {"kind": "status", "status": status, "retry_after": asked, "path": "/customers"}
    account.add("estimates", customer=account.add("customers", name="Acme")["id"])
    with Server(account, faults=Faults([fault])) as server:
        run = run_tap(server, max_retry_seconds=1)
    assert run.exit_code == 1
    assert "asked to wait" in run.complaint and "`Retry-After`" in run.complaint
    assert "kept failing" not in run.stderr
    assert run.records("estimates"), "the other streams are read"
