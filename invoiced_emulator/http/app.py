"""What happens to a request before and after it is answered: limits, latency and faults.

Everything is handled on one event loop, so that a request is carried out whole before the next
one begins.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from invoiced_emulator.http.api import STATS_PATH, Api, pattern
from invoiced_emulator.http.exchange import ApiRequest, answered, failure
from invoiced_emulator.http.faults import Fault, Faults
from invoiced_emulator.store.account import Account

# Requests one API key may have in flight; the next is refused at once.
MAX_IN_FLIGHT = 20
BeforeRequest = Callable[[Account, int, str, str], None]


class RequestLogEntry(NamedTuple):
    """One request and how it ended.

    Attributes:
        method: such as `GET`.
        path: path and query.
        status: the HTTP status; 0 if the connection was dropped.
    """

    method: str
    path: str
    status: int


@dataclass(slots=True)
class Stats:
    """Counts since the start.

    Attributes:
        requests: all requests but those for the statistics.
        max_in_flight: the most that were in flight at once.
        too_many: those that were refused with 429.
        bytes_sent: bytes of all bodies; headers are not counted.
        by_path: requests by method and path without ids, such as `GET /invoices/:id`.
    """

    requests: int = 0
    max_in_flight: int = 0
    too_many: int = 0
    bytes_sent: int = 0
    by_path: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class EmulatorApp:
    """The ASGI application: what happens to a request before and after it is executed.

    Attributes:
        api: executes the request.
        latency_s: seconds that every response is held back after its request was executed.
        before_request: called before each request is handled, with the account, the number of the
            request (from 1), its method and its path.
        faults: decides which requests fail; None if none do.
        stats: what was counted so far.
        request_log: the latest 100,000 requests, oldest first.
    """

    api: Api
    latency_s: float = 0.0
    before_request: BeforeRequest | None = None
    faults: Faults | None = None
    stats: Stats = field(default_factory=Stats)
    request_log: deque[RequestLogEntry] = field(default_factory=lambda: deque(maxlen=100_000))
    _in_flight: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. A fault may cut its response or drop the connection."""
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        if scope["path"] == STATS_PATH:
            await self._stats_response()(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        call = ApiRequest(scope["method"], scope["path"], query, Headers(scope=scope), body)
        self.stats.requests += 1
        self.stats.by_path[f"{call.method} {pattern(call.path)}"] += 1
        if self.before_request:
            self.before_request(self.api.account, self.stats.requests, call.method, call.path)
        fault = self.faults.next(call.method, call.path) if self.faults else None
        response = await self._answer(call, fault)
        dropped = response is None or (fault is not None and fault.kind == "drop_after")
        status = 0 if response is None or dropped else response.status_code
        self.request_log.append(RequestLogEntry(call.method, call.address, status))
        if response is None or dropped:
            await _drop(receive)
        elif fault is not None and fault.kind == "half_body":
            await _send_half(response, receive, send)
        else:
            self.stats.bytes_sent += len(response.body)
            response.headers["Date"] = self.api.date()
            await response(scope, receive, send)

    def _stats_response(self) -> Response:
        """The counters as JSON, for other processes to read. This request is not among them."""
        counts = asdict(self.stats)
        del counts["by_path"]
        return answered(orjson.dumps({**counts, "cpu_seconds": time.process_time()}))

    async def _answer(self, call: ApiRequest, fault: Fault | None) -> Response | None:
        """The response, after its latency; None if the connection is to be dropped instead."""
        if not self.api.authorized(call):
            return failure(401, "The API key is missing or not valid")
        if self._in_flight >= MAX_IN_FLIGHT:
            self.stats.too_many += 1
            return failure(429, f"More than {MAX_IN_FLIGHT} requests at once with this API key")
        self._in_flight += 1
        self.stats.max_in_flight = max(self.stats.max_in_flight, self._in_flight)
        try:
            if fault is not None and fault.kind == "stall":
                await asyncio.sleep(fault.seconds)
            if fault is not None and fault.kind == "late":
                asyncio.get_running_loop().call_later(fault.seconds, self._execute_late, call)
            executed = fault is None or fault.executes
            response = self.api.answer(call) if executed else self._faulty(call, fault)
            slow_s = fault.seconds if fault is not None and fault.kind == "slow" else 0
            if self.latency_s or slow_s:
                await asyncio.sleep(self.latency_s + slow_s)
            if response is not None and fault is not None and fault.kind == "empty_objects":
                response = _emptied(response)
            if response is not None and (executed or (fault is not None and fault.remembered)):
                self.api.store_idempotent_response(call, response)
            return response
        finally:
            self._in_flight -= 1

    def _faulty(self, call: ApiRequest, fault: Fault | None) -> Response | None:
        """The response of a fault. Invoiced's own never takes the place of one that is stored."""
        if fault is not None and fault.remembered:
            stored = self.api.stored_response(call.idempotency_key)
            if stored is not None:
                return stored
        return _fault_response(fault)

    def _execute_late(self, call: ApiRequest) -> None:
        """Execute a request whose client was given a response already."""
        self.api.store_idempotent_response(call, self.api.answer(call))


def _fault_response(fault: Fault | None) -> Response | None:
    """The response of a fault in place of the account's; None where it drops the connection."""
    if fault is None or fault.kind == "drop_before":
        return None
    if fault.kind == "redirect":
        return Response(status_code=302, headers={"Location": fault.location})
    if fault.kind == "garbage":
        return answered(b'[{"id": 1, "object": \x00 this is not JSON')
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    status = 504 if fault.kind == "late" else fault.status
    if fault.html or fault.kind == "late":
        page = f"<html><body><h1>{status}</h1><p>{fault.message}</p></body></html>"
        return Response(page, status, headers=headers, media_type="text/html")
    response = failure(status, fault.message)
    response.headers.update(headers)
    return response


def _emptied(response: Response) -> Response:
    """A list of events without their objects; any other response as it is."""
    rows = orjson.loads(response.body) if response.body else None
    if not isinstance(rows, list):
        return response
    emptied = [{**row, "data": {**row.get("data", {}), "object": {}}} for row in rows]
    headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
    return answered(orjson.dumps(emptied), response.status_code, headers)


def _transport(receive: Receive) -> asyncio.Transport:
    """The connection of a request.

    ASGI has no word for closing one without an answer. The `receive` that uvicorn passes is a
    method of the object that holds the connection; nothing else leads there.
    """
    transport: asyncio.Transport = receive.__self__.transport  # type: ignore[attr-defined]
    return transport


async def _drop(receive: Receive) -> None:
    _transport(receive).abort()
    await _wait_for_disconnect(receive)


async def _send_half(response: Response, receive: Receive, send: Send) -> None:
    body = bytes(response.body)
    start: Any = {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }
    await send(start)
    half = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    _transport(receive).close()
    await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive) -> None:
    """Wait until uvicorn has seen the connection close, or it would answer 500 by itself."""
    while (await receive())["type"] != "http.disconnect":
        pass
