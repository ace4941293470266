"""Responses that are larger than the memory bound."""

import gzip
from typing import Any

import pytest
from werkzeug import Response

from invoiced_api.client import Client, Request
from invoiced_api.connection import Connection

ROWS = b"[" + b",".join([b'{"id": 1, "name": "Acme"}'] * 400) + b"]"


def chunked() -> Response:
    return Response(iter([ROWS[:5_000], ROWS[5_000:]]), content_type="application/json")


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(lambda: Response(ROWS), id="plain"),
        pytest.param(chunked, id="without Content-Length"),
        pytest.param(
            lambda: Response(gzip.compress(ROWS), headers={"Content-Encoding": "gzip"}),
            id="compressed",
        ),
    ],
)
def test_a_body_beyond_the_bound_is_left_unread(httpserver: Any, response: Any) -> None:
    httpserver.expect_request("/customers").respond_with_handler(lambda _: response())
    connection = Connection(
        api_key="key",
        base_url=httpserver.url_for(""),
        request_timeout=5,
        max_connections=2,
        max_retry_seconds=1,
        user_agent="tests",
    )
    call = Request(method="GET", path="/customers", raw=True, max_bytes=len(ROWS) - 1)
    with Client(connection) as client:
        left = client.send(call)
        assert (left.body, left.unread_bytes >= len(ROWS) - 1) == (b"", True)
        for max_bytes in (len(ROWS), None):
            fits = Request(method="GET", path="/customers", raw=True, max_bytes=max_bytes)
            assert (client.send(fits).body, client.send(fits).unread_bytes) == (ROWS, 0)
