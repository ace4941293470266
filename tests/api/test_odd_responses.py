"""Responses that are not Invoiced's own, or that a server seldom gives.

A mock in place of a server, since each of them is a status, some headers and a few bytes.
"""

import time

import pytest
import requests
import responses
from responses.matchers import header_matcher

from invoiced_api.client import Client, Request
from invoiced_api.connection import Connection
from invoiced_api.exceptions import FatalError, FeatureMissingError, RetryableError

URL = "https://api.invoiced.example"
LIST = Request(method="GET", path="/customers")
CREATE = Request(method="POST", path="/customers", body={"name": "Acme"})
FEATURE = {
    "type": "invalid_request",
    "message": "Your Invoiced account does not have access to this feature.",
}


@pytest.fixture
def invoiced():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def client(**changes):
    fields = {
        "api_key": "some-key",
        "base_url": URL,
        "request_timeout": 0.2,
        "max_connections": 4,
        "max_retry_seconds": 20,
        "user_agent": "tests",
    }
    return Client(Connection(**(fields | changes)))


def test_every_request_shows_who_sends_it_and_the_key(invoiced):
    expected = {"User-Agent": "tests", "Authorization": "Basic c29tZS1rZXk6"}
    invoiced.get(f"{URL}/customers", json=[], match=[header_matcher(expected)])
    with client() as sender:
        assert sender.send(LIST).body == []


def test_a_missing_feature_differs_from_a_bad_request(invoiced):
    """Invoiced answers 400 and not 403; only its words differ from those of a bad request."""
    invoiced.get(f"{URL}/plans", json=FEATURE, status=400)
    with client() as sender, pytest.raises(FeatureMissingError, match="access to this feature"):
        sender.send(Request(method="GET", path="/plans"))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 451])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>no</html>", id="html"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'["no"]', id="list"),
        pytest.param(b'{"message": null, "param": 3}', id="without-type"),
    ],
)
@pytest.mark.parametrize("call", [LIST, CREATE], ids=["read", "write"])
def test_a_refusal_by_a_gateway_is_retried(invoiced, body, status, call):
    """Only Invoiced's own errors have a `type`; a proxy's 404 proves nothing."""
    invoiced.add(call.method, f"{URL}/customers", body=body, status=status)
    invoiced.add(call.method, f"{URL}/customers", json=[])
    with client() as sender:
        assert sender.send(call).body == []
        assert sender.retries == 1


def test_a_gateway_that_keeps_refusing_is_named(invoiced):
    invoiced.get(f"{URL}/customers", body="<h1>no</h1>", status=404)
    with (
        client(max_retry_seconds=0.2) as sender,
        pytest.raises(RetryableError, match=r"failed \(404\): .*not Invoiced's own.*gateway"),
    ):
        sender.send(LIST)


def test_a_failure_that_a_gateway_words_in_json_keeps_the_key(invoiced):
    """Only Invoiced remembers its failures under the key."""
    invoiced.post(f"{URL}/customers", json={"message": "Internal Server Error"}, status=500)
    invoiced.post(f"{URL}/customers", json={"id": 1}, status=201)
    with client() as sender:
        sender.send(CREATE)
    first, second = (call.request.headers["Idempotency-Key"] for call in invoiced.calls)
    assert first == second


def test_a_failure_of_invoiceds_own_is_repeated_under_a_new_key(invoiced):
    invoiced.post(f"{URL}/customers", json={"type": "api_error", "message": "x"}, status=500)
    invoiced.post(f"{URL}/customers", json={"id": 1}, status=201)
    with client() as sender:
        sender.send(CREATE)
    first, second = (call.request.headers["Idempotency-Key"] for call in invoiced.calls)
    assert first != second


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param("<h1>Internal Server Error</h1>", 500, id="html-of-a-proxy"),
        pytest.param('{"message": "Internal Server Error"}', 500, id="json-of-a-proxy"),
        pytest.param("error code: 520", 520, id="unknown-to-a-cdn"),
        pytest.param("", 522, id="a-cdn-that-did-not-connect"),
        pytest.param("error code: 524", 524, id="a-cdn-that-gave-up"),
        pytest.param("<h1>Please log in</h1>", 200, id="a-page-of-a-portal"),
    ],
)
def test_a_write_that_somebody_else_answered_is_left_time_to_end(invoiced, body, status):
    """As after a gateway's timeout: Invoiced may still execute the request."""
    invoiced.post(f"{URL}/customers", body=body, status=status)
    invoiced.post(f"{URL}/customers", json={"id": 1}, status=201)
    with client() as sender:
        began = time.monotonic()
        sender.send(CREATE)
        assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(requests.ConnectionError("reset"), id="dropped"),
        pytest.param(requests.ReadTimeout("slow"), id="late"),
        pytest.param(requests.ConnectTimeout("slow"), id="no-connection-in-time"),
        pytest.param(requests.exceptions.ChunkedEncodingError("cut"), id="cut-short"),
    ],
)
@pytest.mark.parametrize("call", [LIST, CREATE], ids=["read", "write"])
def test_a_failure_of_the_connection_is_repeated_under_the_same_key(invoiced, failure, call):
    invoiced.add(call.method, f"{URL}/customers", body=failure)
    invoiced.add(call.method, f"{URL}/customers", json=[])
    with client() as sender:
        assert sender.send(call).body == []
    keys = {sent.request.headers.get("Idempotency-Key") for sent in invoiced.calls}
    assert (len(invoiced.calls), len(keys)) == (2, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_a_write_is_not_followed_and_shows_no_secret(invoiced, status):
    """The request would carry the credentials to the host that the redirect names."""
    to = "https://user:pass@elsewhere.example/customers?token=abc"
    invoiced.post(f"{URL}/customers", status=status, headers={"Location": to})
    with client() as sender, pytest.raises(FatalError) as caught:
        sender.send(CREATE)
    assert "redirected to https://elsewhere.example/customers, which is not" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("user", "pass@", "token", "abc"))
    assert len(invoiced.calls) == 1


@pytest.mark.parametrize(
    ("header", "total"),
    [("12", 12), ("0", 0), ("", None), ("-1", None), ("many", None), ("1,000", None)],
)
def test_a_count_that_is_no_number_is_none(invoiced, header, total):
    invoiced.get(f"{URL}/customers", json=[], headers={"X-Total-Count": header})
    with client() as sender:
        assert sender.send(LIST).total == total
