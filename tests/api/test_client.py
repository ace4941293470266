"""`Client.send`: what it returns, what it sends again, and what it never does."""

import contextlib
import socketserver
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate

import pytest
from werkzeug import Response

from invoiced_api.client import Client
from invoiced_api.connection import Connection
from invoiced_api.exceptions import (
    FatalError,
    ForbiddenError,
    NotFoundError,
    RecordRejectedError,
    RedirectedError,
    RetryableError,
    failure_for,
)
from invoiced_api.request import Request
from invoiced_api.response import duration, retry_after_s
from invoiced_emulator import Faults, Server

LIST = Request(method="GET", path="/customers")
CREATE = Request(method="POST", path="/customers", body={"name": "Acme"})


def faulty(account, *rules):
    return Server(account, faults=Faults(rules))


# Credentials


@pytest.mark.parametrize("credential", ["api_key", "access_token"])
def test_either_credential_reaches_the_account(client_of, account, server, credential):
    account.add("customers", name="Acme")
    credentials = {"api_key": None, credential: account.api_key}
    (customer,) = client_of(server, **credentials).send(LIST).body
    assert customer["name"] == "Acme"


def test_of_two_credentials_the_token_is_used(client_of, account, server):
    client = client_of(server, api_key="not a key", access_token=account.api_key)
    assert client.send(LIST).body == []


@pytest.mark.parametrize("credential", ["api_key", "access_token"])
def test_a_netrc_entry_does_not_take_the_place_of_the_credential(
    client_of, account, server, credential, tmp_path, monkeypatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client = client_of(server, **{"api_key": None, credential: account.api_key})
    assert client.send(LIST).body == []


def test_a_wrong_key_stops_the_run_and_is_not_shown(client_of, server):
    with pytest.raises(FatalError, match=r"401.*`api_key`") as caught:
        client_of(server, api_key="the-wrong-key").send(LIST)
    assert "the-wrong-key" not in str(caught.value)
    assert server.stats.requests == 1


def test_a_canceled_account_stops_the_run(client, account, server):
    account.canceled_account = True
    with pytest.raises(FatalError, match=r"402.*reactivate"):
        client.send(LIST)
    assert server.stats.requests == 1


# Refusals


@pytest.mark.parametrize(
    ("status", "writing", "kind"),
    [
        pytest.param(302, False, RetryableError, id="redirected-read-is-tried-again"),
        pytest.param(302, True, FatalError, id="redirected-write-stops"),
        pytest.param(301, False, RedirectedError, id="permanently-redirected-read-is-not-repeated"),
        pytest.param(308, True, FatalError, id="permanently-redirected-write-stops"),
        pytest.param(400, True, RecordRejectedError, id="bad-request-rejects"),
        pytest.param(401, False, FatalError, id="wrong-key-stops"),
        pytest.param(402, False, FatalError, id="canceled-account-stops"),
        pytest.param(403, False, ForbiddenError, id="no-permission"),
        pytest.param(404, True, NotFoundError, id="not-there"),
        pytest.param(409, True, RecordRejectedError, id="conflict-rejects"),
        pytest.param(422, True, RecordRejectedError, id="unprocessable-rejects"),
        pytest.param(429, True, RetryableError, id="too-many-at-once-waits"),
        pytest.param(500, True, RetryableError, id="failure-is-tried-again"),
        pytest.param(504, False, RetryableError, id="gateway-timeout-is-tried-again"),
    ],
)
def test_every_status_has_its_failure(status, writing, kind):
    assert failure_for(status, writing=writing) is kind


def test_a_missing_permission_differs_from_a_missing_object(client, account):
    account.forbidden.add("invoices")
    with pytest.raises(ForbiddenError, match="no permission to access invoices") as refusal:
        client.send(Request(method="GET", path="/invoices"))
    assert refusal.value.status == 403
    with pytest.raises(NotFoundError, match="No such customer: 5") as refusal:
        client.send(Request(method="GET", path="/customers/5"))
    assert refusal.value.status == 404


def test_a_refused_body_says_what_invoiced_said_and_of_which_attribute(client, server):
    with pytest.raises(RecordRejectedError) as refusal:
        client.send(Request(method="POST", path="/customers", body={"email": "a@example.com"}))
    assert (refusal.value.status, refusal.value.param) == (400, "name")
    assert str(refusal.value) == "POST /customers refused (400): Name is required [name]"
    assert server.stats.requests == 1


def test_a_wait_beyond_the_limit_is_named_and_not_called_a_failure(client_of, account):
    fault = {"kind": "status", "status": 429, "retry_after": 3_600}
    with faulty(account, fault) as server, pytest.raises(RetryableError) as caught:
        client_of(server).send(LIST)
    assert server.stats.requests == 1
    assert "the server asked to wait 1 h (`Retry-After`), longer than" in str(caught.value)
    assert "kept failing" not in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(45, "45 s"), (60, "1 min"), (90, "90 s"), (5_400, "90 min"), (7_200, "2 h"), (86_400, "1 d")],
)
def test_durations_are_shown_in_a_unit_that_people_use(seconds, shown):
    assert duration(seconds) == shown


# Slow responses


@pytest.mark.parametrize("dripping", ["headers", "body"])
def test_a_response_of_one_byte_at_a_time_is_limited_as_a_whole(client_of, server, dripping):
    """Each byte restarts a socket's own timeout."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"
    with dripping_server(head if dripping == "body" else b"") as url:
        client = client_of(server, base_url=url, request_timeout=0.6, max_retry_seconds=0.5)
        began = time.monotonic()
        with pytest.raises(RetryableError, match=r"no complete response within 0\.6 s"):
            client.send(LIST)
        assert time.monotonic() - began < 5


@contextmanager
def dripping_server(start):
    """Sends `start`, then a space every 50 ms, for ever."""
    done = threading.Event()

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                self.request.recv(65536)
                self.request.sendall(start)
                while not done.wait(0.05):
                    self.request.sendall(b" " if start else b"H")

    class DrippingServer(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with DrippingServer(("127.0.0.1", 0), Dripping) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            done.set()
            running.shutdown()


# Repeating


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "status": 429}, id="too-many-at-once"),
        pytest.param({"kind": "status", "status": 429, "retry_after": 0}, id="with-retry-after"),
        pytest.param({"kind": "status", "status": 500}, id="invoiceds-own-failure"),
        pytest.param({"kind": "status", "status": 502, "html": True}, id="gateways-html"),
        pytest.param({"kind": "drop_before"}, id="dropped-before-it-was-carried-out"),
        pytest.param({"kind": "drop_after"}, id="dropped-after-it-was-carried-out"),
        pytest.param({"kind": "half_body"}, id="half-a-body"),
        pytest.param({"kind": "garbage"}, id="garbage"),
    ],
)
@pytest.mark.parametrize("call", [LIST, CREATE], ids=["read", "write"])
def test_what_may_pass_is_tried_again_and_done_once(client_of, account, fault, call):
    with faulty(account, {**fault, "times": 2}) as server:
        client = client_of(server, request_timeout=1)
        answer = client.send(call)
    created = account.objects("customers")
    assert [row["name"] for row in created] == (["Acme"] if call is CREATE else [])
    assert answer.body == [] if call is LIST else answer.body["id"] == created[0]["id"]
    assert (client.requests_sent, client.retries) == (3, 2)


def test_a_response_that_does_not_come_times_out(client_of, account):
    with faulty(account, {"kind": "stall", "seconds": 2, "times": 1}) as server:
        client = client_of(server, request_timeout=0.2)
        client.send(CREATE)
    assert client.retries == 1


def test_a_failure_remembered_under_its_key_is_tried_under_a_new_one(client_of, account):
    with faulty(account, {"kind": "status", "status": 500, "remembered": True, "times": 1}) as s:
        client_of(s).send(CREATE)
    assert len(account.objects("customers")) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_call_that_takes_no_key_gets_none(client_of, account, method):
    """Also when it is sent again after a failed response, which renews the key of a POST."""
    customer = account.add("customers", name="Acme")
    with faulty(account, {"kind": "status", "status": 500, "times": 1}) as server:
        client_of(server).send(Request(method=method, path=f"/customers/{customer['id']}"))


def test_a_key_of_the_callers_own_makes_two_calls_one(client, account):
    call = Request(
        method="POST", path="/customers", body={"name": "A"}, idempotency_key="my-own-key"
    )
    assert client.send(call).body["id"] == client.send(call).body["id"]
    assert len(account.objects("customers")) == 1


def test_two_equal_posts_are_two_objects(client, account):
    client.send(CREATE)
    client.send(CREATE)
    assert len(account.objects("customers")) == 2


def test_what_keeps_failing_ends_within_max_retry_seconds(client_of, account):
    with faulty(account, {"kind": "status", "status": 503, "html": True}) as server:
        client = client_of(server, max_retry_seconds=0.6)
        began = time.monotonic()
        with pytest.raises(RetryableError, match=r"GET /customers failed \(503\)"):
            client.send(LIST)
        assert time.monotonic() - began < 2
    assert client.retries >= 1


def test_a_server_that_is_not_there_is_a_failure_that_may_pass(client_of, account):
    with Server(account) as server:
        client = client_of(server, max_retry_seconds=0.1)
    with pytest.raises(RetryableError, match="GET /customers: no connection: Connection refused"):
        client.send(LIST)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("7", 7.0, id="seconds"),
        pytest.param(" 7 ", 7.0, id="seconds-with-spaces"),
        pytest.param(formatdate(1_000_030, usegmt=True), 30.0, id="date-to-come"),
        pytest.param(formatdate(999_990, usegmt=True), 0.0, id="date-gone-by"),
        pytest.param("soon", None, id="neither"),
        pytest.param("-3", None, id="below-zero"),
        pytest.param("", None, id="empty"),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, expected):
    assert retry_after_s(header, lambda: 1_000_000) == expected


# Redirects


def test_a_redirect_is_never_followed(client_of, account, server):
    """The request would carry the credentials to the host that the redirect names."""
    rule = {"kind": "redirect", "location": f"{server.url}/customers"}
    with faulty(account, {**rule, "times": 1}) as redirecting:
        assert client_of(redirecting).send(LIST).body == []
    with faulty(account, rule) as redirecting:
        with pytest.raises(FatalError, match=r"redirected.*not followed.*`base_url`"):
            client_of(redirecting).send(CREATE)
        assert redirecting.stats.requests == 1
    assert server.stats.requests == 0
    assert account.objects("customers") == []


# Answers


def test_a_response_shows_the_server_clock_and_the_list_length(client, account, clock):
    for name in ("Acme", "Beta", "Gamma"):
        account.add("customers", name=name)
    answer = client.send(Request(method="GET", path="/customers", params={"per_page": 2}))
    assert (answer.total, answer.clock, len(answer.body)) == (3, clock.seconds, 2)


def test_an_answer_without_a_body_is_none(client, account):
    customer = account.add("customers", name="Acme")
    answer = client.send(Request(method="DELETE", path=f"/customers/{customer['id']}"))
    assert (answer.body, answer.total) == (None, None)


# Requests at once


def test_no_more_requests_are_in_flight_than_the_gate_lets_through(client_of, account):
    with Server(account, latency_s=0.05) as server:
        client = client_of(server, max_connections=3)
        threads = [threading.Thread(target=client.send, args=(LIST,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (server.stats.requests, server.stats.max_in_flight) == (12, 3)


def test_a_post_that_timed_out_is_left_as_much_time_again(httpserver):
    """The first may still be in progress, and no key protects it from the second."""
    arrived = []
    done = threading.Event()

    def answer_late(request):
        arrived.append(time.monotonic())
        if len(arrived) == 1:
            done.wait(5)
        return Response('{"id": 1}', 201)

    httpserver.expect_request("/customers").respond_with_handler(answer_late)
    with Client(connection_to(httpserver.url_for("").rstrip("/"), request_timeout=0.4)) as client:
        client.send(CREATE)
    done.set()
    assert arrived[1] - arrived[0] >= 0.75


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "drop_after"}, id="dropped"),
        pytest.param({"kind": "late", "seconds": 0.2}, id="gateway-that-gave-up"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_whose_answer_was_lost_is_left_time_to_end(client_of, account, fault, method):
    """Invoiced may still execute it, and it must not overwrite a later write."""
    customer = account.add("customers", name="Acme")
    path = "/customers" if method == "POST" else f"/customers/{customer['id']}"
    with faulty(account, {**fault, "methods": [method], "times": 1}) as server:
        client = client_of(server, request_timeout=0.5)
        began = time.monotonic()
        client.send(Request(method=method, path=path, body={"name": "B"}))
        assert time.monotonic() - began >= 0.5
    assert (client.retries, len(account.objects("customers"))) == (1, 2 if method == "POST" else 1)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_request_that_invoiced_answered_is_no_longer_in_flight(client_of, account, status):
    with faulty(account, {"kind": "status", "status": status, "times": 1}) as server:
        began = time.monotonic()
        client_of(server, request_timeout=5).send(CREATE)
        assert time.monotonic() - began < 4


def connection_to(url, **changes):
    fields = {
        "api_key": "some-key",
        "base_url": url,
        "request_timeout": 5,
        "max_connections": 4,
        "max_retry_seconds": 20,
        "user_agent": "tests",
    }
    return Connection(**(fields | changes))
