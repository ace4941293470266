"""A list that fails ends its own stream: the others are read, and the next run reads the rest."""

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from invoiced_api.client import Client
from invoiced_api.exceptions import RecordRejectedError, RetryableError
from invoiced_api.resources import BY_NAME, RESOURCES
from invoiced_emulator import Account, Faults, Server, seeded
from invoiced_emulator.resources.account_settings import SETTINGS
from invoiced_emulator.resources.registry import RESOURCES as EMULATED
from tap_invoiced import discovery
from tap_invoiced.bookmarks import State
from tap_invoiced.messages import Messages
from tap_invoiced.progress import LogProgress
from tap_invoiced.selection import selected_streams
from tap_invoiced.settings import tap_settings
from tap_invoiced.stream_failures import OutageDetector
from tap_invoiced.sync import Sync
from tests.tap.odd_account import add_settings_and_files

SERVED = [one for one in EMULATED if one not in SETTINGS]

EVERY = [
    one.name for one in RESOURCES if one.name in {"events", *(served.name for served in SERVED)}
]
# Read-only parts of documents and customers, and the lists of an account's settings. These fail
# beside a few other streams only, which spares time.
PARTS = ["customer_balances", "attachments", "estimate_attachments", "credit_note_attachments"]
UNDOCUMENTED = [one.name for one in RESOURCES if not one.documented]
BESIDE = ["items", "customers", "invoices", "estimates", "credit_notes", "events"]
RETRY_S = 0.3
SOAKING = bool(os.environ.get("SOAK_RUNS"))
API_KEY = "emulator-key"
NOW = 1_772_366_400  # the clock of the tests' accounts
Answer = tuple[Any, ...]  # status, body, type of the body


def own(status: int) -> Answer:
    """Invoiced's own refusal."""
    return status, json.dumps({"type": "invalid_request", "message": "No."}).encode()


ANSWERS: dict[str, Answer] = {
    "400": own(400),
    "404": own(404),
    "405": own(405),
    "410": own(410),
    "204": (204,),
    "endless-500": (500, b'{"type": "api_error", "message": "Our fault."}'),
    "html-with-200": (200, b"<html>Welcome to the guest network</html>", "text/html"),
    "null": (200, b"null"),
    "empty-object": (200, b"{}"),
}


@dataclass(frozen=True)
class Read:
    """What one run emitted, and how it ended."""

    rows: set[tuple[str, Any]]
    state: State
    failed: dict[str, str]
    seconds: float


def key_of(stream: str, record: dict[str, Any]) -> tuple[str, Any]:
    return stream, tuple(record[name] for name in BY_NAME[stream].key)


def read(
    url: str,
    state: State | None = None,
    streams: list[str] = EVERY,
    connections: int = 4,
    progress: LogProgress | None = None,
) -> Read:
    """Reads streams of an account in this process, which spares starting a command 200 times."""
    config = {"api_key": API_KEY, "base_url": url, "start_date": "2015-01-01"}
    settings = tap_settings(
        config | {"max_retry_seconds": RETRY_S, "max_connections": connections}, {}
    )
    catalog = discovery.catalog()
    for entry in catalog["streams"]:
        entry["selected"] = entry["stream"] in streams
    lines: list[bytes] = []
    began = time.monotonic()
    with Client(settings.connection) as client:
        shown = progress or LogProgress()
        sync = Sync(client, settings, Messages(lines.append), state or {}, shown)
        sync.run(selected_streams(catalog))
    messages = [json.loads(line) for line in b"".join(lines).splitlines()]
    rows = {key_of(m["stream"], m["record"]) for m in messages if m["type"] == "RECORD"}
    last = [m["value"] for m in messages if m["type"] == "STATE"][-1]
    return Read(rows, last, sync.failed.reasons, time.monotonic() - began)


ALL_FAILURES = [
    *((stream, answer) for stream in (*EVERY, *PARTS) for answer in ANSWERS),
    # All of these are read in the same way. Their 404 is a warning: `test_further_streams.py`.
    *(
        (stream, answer)
        for number, stream in enumerate(UNDOCUMENTED)
        for place, answer in enumerate(name for name in ANSWERS if name != "404")
        if SOAKING or number == 0 or (number + place) % len(ANSWERS) == 0
    ),
]


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """An account with a few objects of every stream, which do not change."""
    account = seeded(customers=4, seed=7, now=lambda: NOW, api_key=API_KEY)
    add_settings_and_files(account)
    with Server(account) as server:
        yield server


@pytest.fixture(scope="module")
def whole(small: Server) -> Read:
    """What a run reads if nothing fails."""
    everything = read(small.url, streams=[one.name for one in RESOURCES])
    assert not everything.failed
    assert {name for name, _ in everything.rows} == set(BY_NAME)
    return everything


def children_of(stream: str) -> set[str]:
    return {name for name in EVERY if (p := BY_NAME[name].parent) and p.resource == stream}


def read_beside(stream: str) -> list[str]:
    """The streams that are read when one fails."""
    return EVERY if stream in EVERY else [one for one in BY_NAME if one in {stream, *BESIDE}]


def pattern_of(stream: str) -> str:
    return re.sub(r"{\w+}", "[^/]+", BY_NAME[stream].path)


@pytest.mark.parametrize(("stream", "answer"), ALL_FAILURES)
def test_a_failing_list_ends_its_stream_only_and_the_next_run_reads_the_rest(
    stream: str,
    answer: str,
    small: Server,
    whole: Read,
    gateway_to: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    children, streams = children_of(stream), read_beside(stream)
    with gateway_to(small.url, pattern_of(stream), *ANSWERS[answer]) as gateway:
        first = read(gateway.url, streams=streams)
        assert gateway.seen
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert list(first.failed) == [stream, *sorted(children, key=EVERY.index)]
    assert [line.partition(":")[0] for line in errors] == list(first.failed)
    for child in children:
        assert f"{child}: not read, because its parent `{stream}` failed." in errors
    unread = {stream, *children}
    expected = {row for row in whole.rows if row[0] in streams}
    assert {row for row in expected if row[0] not in unread} <= first.rows
    assert "currently_syncing" not in first.state
    assert first.seconds < 10
    second = read(small.url, first.state, streams)
    assert not second.failed
    assert first.rows | second.rows == expected


@pytest.mark.parametrize("answer", ["400", "endless-500"])
def test_a_stream_that_fails_midway_continues_from_its_last_correct_bookmark(
    answer: str, clock: Any, gateway_to: Any
) -> None:
    account = Account(api_key=API_KEY, now=clock)
    for number in range(900):
        account.add("customers", name=str(number), updated_at=NOW - 90_000 + 100 * number)
    with Server(account) as server:
        complete = read(server.url, streams=["customers", "invoices"])
        with gateway_to(server.url, "/customers", *ANSWERS[answer], after=9) as gateway:
            first = read(gateway.url, streams=["customers", "invoices"], connections=1)
        second = read(server.url, first.state, ["customers", "invoices"])
    assert list(first.failed) == ["customers"]
    assert first.rows and second.rows
    assert first.rows | second.rows == complete.rows
    assert len(second.rows) < len(complete.rows)


def test_a_list_that_fails_on_every_page_for_a_while_takes_no_longer_than_one_page(
    httpserver: HTTPServer, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Thirty child lists recover after most of `max_retry_seconds` each: their stream fails."""
    first_request: dict[str, float] = {}

    def recovers(request: Request) -> Response:
        since = first_request.setdefault(request.path, time.monotonic())
        failing = time.monotonic() - since < 0.8
        return Response("[]", status=503 if failing else 200)

    customers = [{"id": number, "updated_at": 1_700_000_000} for number in range(30)]
    headers = {"X-Total-Count": "30"}
    httpserver.expect_request("/customers").respond_with_json(customers, headers=headers)
    httpserver.expect_request(re.compile("/customers/.*")).respond_with_handler(recovers)
    catalog = catalog_of("contacts")
    catalog["streams"][0]["selected"] = True
    settings = {"base_url": httpserver.url_for("").rstrip("/"), "max_connections": 1}
    began = time.monotonic()
    run = run_tap(None, catalog=catalog, max_retry_seconds=1, **settings)
    assert run.exit_code == 1
    assert "contacts failed (503)" in run.complaint
    assert time.monotonic() - began < 12  # thirty times 0.8 s would be 24


def test_check_names_each_list_that_cannot_be_read(
    business_server: Server, run_tap: Callable[..., Any], gateway_to: Any
) -> None:
    refusal = b'{"type": "invalid_request", "message": "Gone."}'
    with gateway_to(business_server.url, "/charges", 410, refusal) as gateway:
        run = run_tap(None, "--check", base_url=gateway.url)
    lines = run.stdout.decode().splitlines()
    assert run.exit_code == 0
    assert "charges: not readable, GET /charges refused (410): Gone." in lines
    assert "refunds: readable" in lines


def test_the_command_ends_with_one_critical_line_that_names_stream_reason_and_remedy(
    business: Account, run_tap: Callable[..., Any]
) -> None:
    faults = Faults([{"kind": "status", "status": 503, "html": True, "path": "/invoices"}])
    with Server(business, faults=faults) as server:
        run = run_tap(server, max_retry_seconds=0.2)
    assert run.exit_code == 1
    assert run.complaint.startswith("1 of 6 streams failed (invoices); the others are complete. ")
    assert "GET /invoices failed (503)" in run.complaint and "try again later" in run.complaint
    (error,) = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
    assert error.startswith("ERROR invoices: GET /invoices failed (503)")
    assert set(run.state["bookmarks"]) == {
        "customers",
        "subscriptions",
        "estimates",
        "credit_notes",
        "transactions",
    }
    assert "| invoices" in run.stderr  # the closing table


def test_an_account_that_is_not_there_stops_the_run_at_the_first_stream(
    run_tap: Callable[..., Any], account: Account
) -> None:
    with Server(account) as server:
        gone = server.url
    run = run_tap(None, base_url=gone, max_retry_seconds=0.5)
    assert run.exit_code == 1
    assert "no connection: Connection refused" in run.complaint
    assert not [line for line in run.stderr.splitlines() if line.startswith("ERROR")]


def test_an_account_that_only_fails_stops_the_run_at_the_second_stream(
    run_tap: Callable[..., Any], account: Account
) -> None:
    """Each of six streams would otherwise be tried for `max_retry_seconds`."""
    with Server(account, faults=Faults([{"kind": "status", "status": 502, "html": True}])) as down:
        run = run_tap(down, max_retry_seconds=0.5)
    assert run.exit_code == 1
    assert "failed (502)" in run.complaint
    assert len([line for line in run.stderr.splitlines() if line.startswith("ERROR")]) == 1


class DefectiveProgress(LogProgress):
    """Raises an unexpected error while one stream is read."""

    def begin(self, stream: str) -> None:
        super().begin(stream)
        if stream == "invoices":
            raise ZeroDivisionError("a defect")


def test_an_unexpected_exception_ends_its_stream_only_and_is_named_as_a_defect(
    small: Server, whole: Read, caplog: pytest.LogCaptureFixture
) -> None:
    done = read(small.url, progress=DefectiveProgress())
    unread = {"invoices", *children_of("invoices")}
    assert set(done.failed) == unread
    reason = done.failed["invoices"]
    assert reason.startswith("ZeroDivisionError: a defect. This is a defect of tap-invoiced: ")
    assert "LOGLEVEL=DEBUG" in reason
    assert f"invoices: {reason}" in [record.getMessage() for record in caplog.records]
    expected = {row for row in whole.rows if row[0] in EVERY and row[0] not in unread}
    assert expected <= done.rows
    assert not read(small.url, done.state).failed


NO_FEATURE = json.dumps(
    {
        "type": "invalid_request",
        "message": "Your Invoiced account does not have access to this feature.",
    }
).encode()


def test_a_feature_that_the_account_lacks_is_skipped_until_it_was_read_once(
    business_server: Server, run_tap: Callable[..., Any], gateway_to: Any
) -> None:
    with gateway_to(business_server.url, "/subscriptions", 400, NO_FEATURE) as gateway:
        never = run_tap(None, base_url=gateway.url)
        state = {"bookmarks": {"subscriptions": {"updated_at": "2026-01-31T10:00:00Z"}}}
        before = run_tap(None, base_url=gateway.url, state=state)
        check = run_tap(None, "--check", base_url=gateway.url)
    assert never.exit_code == 0, never.stderr
    (warning,) = [one for one in never.stderr.splitlines() if one.startswith("WARNING subscr")]
    assert warning.startswith("WARNING subscriptions: skipped, GET /subscriptions refused (400)")
    assert "subscriptions" not in never.state["bookmarks"]
    assert before.exit_code == 1
    assert "ERROR subscriptions: access was lost since the last run: " in before.stderr
    assert before.state["bookmarks"]["subscriptions"] == state["bookmarks"]["subscriptions"]
    for run in (never, before):
        assert run.records("invoices") and run.records("transactions")
    assert "subscriptions: not on this account" in check.stdout.decode().splitlines()


def test_an_account_without_subscription_billing_is_read_with_one_warning_a_stream(
    business: Account,
    business_server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Any],
) -> None:
    business.lacks.add("subscription_billing")
    catalog = catalog_of("customers", "plans", "subscriptions", "invoices")
    for stream in catalog["streams"]:
        stream["selected"] = True
    run = run_tap(business_server, catalog=catalog)
    assert run.exit_code == 0, run.stderr
    warnings = [one for one in run.stderr.splitlines() if " skipped, " in one]
    assert [one.split(":")[0] for one in warnings] == ["WARNING plans", "WARNING subscriptions"]
    assert run.records("customers") and run.records("invoices")
    check = run_tap(business_server, "--check").stdout.decode().splitlines()
    assert {f"{name}: not on this account" for name in ("plans", "subscriptions")} <= {*check}


FAILED = RetryableError("failed")
UNREACHABLE = RetryableError("no connection", unreachable=True)


class TestOutage:
    """Which failures stop the run: decided from moments alone."""

    def test_a_list_that_fails_beside_others_that_succeed_is_no_outage(self) -> None:
        detector = OutageDetector()
        assert not detector.is_outage(UNREACHABLE, 100.0, 101.0)
        assert not detector.is_outage(FAILED, 100.0, 101.0)

    def test_no_connection_and_no_success_is_an_outage(self) -> None:
        assert OutageDetector().is_outage(UNREACHABLE, 100.0, 99.0)
        assert OutageDetector().is_outage(UNREACHABLE, 100.0, None)

    def test_two_streams_in_a_row_without_any_success_are_an_outage(self) -> None:
        detector = OutageDetector()
        assert not detector.is_outage(FAILED, 100.0, 99.0)
        assert detector.is_outage(FAILED, 400.0, 99.0)

    def test_a_success_between_two_failing_streams_is_no_outage(self) -> None:
        detector = OutageDetector()
        assert not detector.is_outage(FAILED, 100.0, 99.0)
        assert not detector.is_outage(FAILED, 400.0, 350.0)

    def test_a_refusal_is_never_an_outage(self) -> None:
        assert not OutageDetector().is_outage(RecordRejectedError("no"), 100.0, None)
