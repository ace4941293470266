"""What the tests of the tap share."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import urllib3


@pytest.fixture(scope="session")
def strict_validator() -> Callable[[dict[str, Any]], Any]:
    """Makes a validator of a schema, with formats, that allows nothing the schema does not name."""

    def closed(schema: dict[str, Any]) -> dict[str, Any]:
        schema = dict(schema)
        if "properties" in schema:
            schema["additionalProperties"] = False
            schema["properties"] = {n: closed(one) for n, one in schema["properties"].items()}
        if "items" in schema:
            schema["items"] = closed(schema["items"])
        return schema

    return lambda schema: jsonschema_rs.Draft4Validator(closed(schema), validate_formats=True)


HEADERS = ("Authorization", "Accept", "User-Agent")
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway's own response, once it has passed on `after` requests."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    after: int = 0


@dataclass(slots=True)
class Gateway:
    """A gateway that passes requests on, unless `pattern` matches the whole path and query."""

    pattern: str
    answer: Answer
    url: str = ""
    seen: list[str] = field(default_factory=list)  # the requests that matched

    def own_answer(self, target: str) -> Answer | None:
        if not re.fullmatch(self.pattern, urlsplit(target).path):
            return None
        self.seen.append(target)
        return self.answer if len(self.seen) > self.answer.after else None


def handler(gateway: Gateway, upstream: str) -> Callable[..., BaseHTTPRequestHandler]:
    pool = urllib3.PoolManager(maxsize=32)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # http.server's own name
            own = gateway.own_answer(self.path)
            if own:
                self._send(own.status, {"Content-Type": own.content_type}, own.body)
                return
            headers = {name: self.headers[name] for name in HEADERS if name in self.headers}
            got = pool.request("GET", upstream + self.path, headers=headers, retries=False)
            kept = ("Content-Type", "X-Total-Count", "Date")
            self._send(got.status, {n: got.headers[n] for n in kept if n in got.headers}, got.data)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            if status != 204:
                headers = headers | {"Content-Length": str(len(body))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    return Handler


@contextmanager
def gateway_to(
    upstream: str, pattern: str, status: int, body: bytes = b"", kind: str = JSON, after: int = 0
) -> Iterator[Gateway]:
    """A gateway to a server, until the block ends. It answers the requests of a pattern itself.

    The first `after` of these are passed on all the same.
    """
    gateway = Gateway(pattern, Answer(status, body, kind, after))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(gateway, upstream))
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(name="gateway_to", scope="session")
def gateway_fixture() -> Any:
    return gateway_to
