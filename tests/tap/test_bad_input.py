"""Each bad input: one clear line, an exit code that is not 0, and nothing lost."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Faults, Server

GOOD_STATE = {"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}
LINES_WITH_X = {"properties": {"x": {}}}


def entry(stream: str, **schema: Any) -> dict[str, Any]:
    return {"tap_stream_id": stream, "stream": stream, "schema": schema, "metadata": []}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        pytest.param({"api_key": None}, "`api_key` is missing or empty", id="no-key"),
        pytest.param({"api_key": ""}, "`api_key` is missing or empty", id="empty-key"),
        pytest.param({"sandbox": "maybe"}, "`sandbox` must be true or false", id="sandbox-maybe"),
        pytest.param({"start_date": "soon"}, "must be an RFC 3339 date", id="date-of-words"),
        pytest.param({"start_date": 20260101}, "must be an RFC 3339 date", id="date-number"),
        pytest.param({"start_date": "2026-13-01"}, "`start_date` must be", id="thirteenth-month"),
        pytest.param(
            {"start_date": "2999-01-01"}, "`start_date` must be a moment of the past", id="future"
        ),
        pytest.param({"page_size": 101}, "`page_size` must be 1 to 100, not 101", id="page-size"),
        pytest.param({"max_connections": "x"}, "`max_connections` must be 1 to 20", id="words"),
        pytest.param(
            {"base_url": "http://example.com"}, "`base_url` must be a URL with https", id="http"
        ),
    ],
)
def test_a_bad_setting_is_named_with_what_it_must_be(
    settings: dict[str, Any], complaint: str, server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(None, **{"base_url": server.url, **settings})
    assert run.exit_code == 1
    assert complaint in run.complaint
    assert run.stdout == b""
    assert server.stats.requests == 0


@pytest.mark.parametrize("what", ["config", "catalog", "state"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(None, "cannot be read: No such file", id="missing"),
        pytest.param(" \n", "is empty", id="empty"),
        pytest.param('{"bookmarks": ', "is not JSON", id="cut-off"),
    ],
)
def test_a_bad_file_is_named(
    what: str,
    content: str | None,
    complaint: str,
    server: Server,
    run_tap: Callable[..., Any],
    tmp_path: Path,
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    run = run_tap(server, f"--{what}", str(path))
    assert run.exit_code == 1
    assert run.complaint.startswith(f"{what} {path} {complaint}")
    assert run.stdout == b""


@pytest.mark.parametrize(
    "state",
    [
        pytest.param([], id="a-list"),
        pytest.param("null", id="null"),
        pytest.param({"bookmarks": []}, id="bookmarks-a-list"),
        pytest.param({"bookmarks": {"invoices": "2026-01-31"}}, id="bookmark-no-object"),
        pytest.param({"bookmarks": {"invoices": {"updated_at": "soon"}}}, id="no-moment"),
        pytest.param({"bookmarks": {"invoices": {"updated_at": [1]}}}, id="bookmark-a-list"),
        pytest.param({"bookmark": {}}, id="no-bookmarks"),
        pytest.param({"api_key": "k", "sandbox": True}, id="the-config"),
        pytest.param({"type": "STATE", "value": None}, id="a-message-without-a-value"),
        pytest.param({"type": "RECORD", "stream": "items", "record": {}}, id="another-message"),
    ],
)
def test_a_state_of_another_shape_is_refused_before_anything_is_written(
    state: Any, server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, state=state)
    assert run.exit_code == 1
    assert run.complaint.startswith("state: ")
    assert run.stdout == b""


def test_a_state_may_stand_in_the_message_that_it_came_in(
    business_server: Server, run_tap: Callable[..., Any]
) -> None:
    first = run_tap(business_server)
    state = first.messages[-1]
    assert state["type"] == "STATE"
    again = run_tap(business_server, state=state)
    assert len(again.messages) < len(first.messages) / 2
    assert again.state == first.state


MOMENT = "2026-01-31T10:00:00Z"
SECONDS = 1_769_853_600  # the same moment


@pytest.mark.parametrize(
    "bookmarks",
    [
        pytest.param({"invoices": {"updated_at": SECONDS}}, id="seconds"),
        pytest.param({"invoices": {"updated_at": str(SECONDS)}}, id="seconds-as-text"),
        pytest.param({"invoices": {"updated_at": SECONDS * 1000}}, id="milliseconds"),
        pytest.param({"invoices": {"updated_at": f"{SECONDS}000"}}, id="milliseconds-as-text"),
        pytest.param({"invoices": {"updated_at": SECONDS + 0.25}}, id="with-a-fraction"),
        pytest.param(
            {"invoices": {"replication_key": "updated_at", "replication_key_value": MOMENT}},
            id="of-meltano-s-sdk",
        ),
        pytest.param({"invoices": {"replication_key_value": MOMENT}}, id="of-the-sdk-without-key"),
        pytest.param({"invoices": {"updatedAt": MOMENT}}, id="key-in-camel-case"),
        pytest.param({"Invoices": {"UPDATED-AT": MOMENT}}, id="names-in-another-case"),
    ],
)
def test_a_bookmark_of_another_format_with_one_meaning_is_accepted(
    bookmarks: Any, server: Server, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    run = run_tap(server, catalog=catalog_of("invoices"), state={"bookmarks": bookmarks})
    assert run.exit_code == 0, run.stderr
    assert f"invoices: reading what was updated since {MOMENT}" in run.stderr
    assert list(run.state["bookmarks"]) == ["invoices"]
    assert list(run.state["bookmarks"]["invoices"]) == ["updated_at"]


@pytest.mark.parametrize("wrapper", ["singer_state", "completed"])
def test_a_state_as_meltano_exports_it_is_accepted(
    wrapper: str, server: Server, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    state: Any = {"singer_state": GOOD_STATE}
    if wrapper == "completed":
        state = {"completed": state}
    run = run_tap(server, catalog=catalog_of("invoices"), state=state)
    assert f"invoices: reading what was updated since {MOMENT}" in run.stderr


@pytest.mark.parametrize(
    ("bookmarks", "complaint"),
    [
        pytest.param(
            {"invoices": {"update_at": MOMENT}},
            "the bookmark of `invoices` has `update_at` but not `updated_at`. Correct it",
            id="misspelt-key",
        ),
        pytest.param(
            {"invoice": {"updated_at": MOMENT}},
            "there is no stream `invoice`. Did you mean `invoices`?",
            id="misspelt-stream",
        ),
        pytest.param(
            {"invoices": {"replication_key": "created_at", "replication_key_value": MOMENT}},
            "the bookmark of `invoices` is of `created_at`, but the stream's replication key is",
            id="another-replication-key",
        ),
        pytest.param(
            {"invoices": {"updated_at": 20260131}},
            "must be an RFC 3339 date-time or UNIX seconds",
            id="a-date-as-a-number",
        ),
        pytest.param(
            {"invoices": {"updated_at": "2036-01-01T00:00:00Z"}},
            "the bookmark of `invoices` lies in the future (2036-01-01T00:00:00Z; this machine's",
            id="future",
        ),
        pytest.param(
            {"customers": {"updated_at": MOMENT, "deleted_at": 2_082_758_400}},
            "the bookmark of `customers` lies in the future",
            id="deletions-of-the-future",
        ),
    ],
)
def test_a_bookmark_without_one_meaning_is_an_error_and_never_a_first_run(
    bookmarks: Any, complaint: str, server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, state={"bookmarks": bookmarks})
    assert run.exit_code == 1
    assert run.complaint.startswith("state: ") and complaint in run.complaint
    assert (run.stdout, server.stats.requests) == (b"", 0)


@pytest.mark.parametrize("what", ["config", "catalog", "state"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_files_with_a_byte_order_mark_or_in_utf_16_are_read(
    what: str,
    encoding: str,
    server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Any],
    tmp_path: Path,
) -> None:
    contents: dict[str, Any] = {
        "config": {"user_agent": "from-the-file"},
        "catalog": catalog_of("invoices"),
        "state": GOOD_STATE,
    }
    path = tmp_path / "encoded.json"
    path.write_bytes(json.dumps(contents[what]).encode(encoding))
    run = run_tap(server, f"--{what}", str(path))
    assert run.exit_code == 0, run.stderr


def test_a_file_that_is_no_text_is_named(
    server: Server, run_tap: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes('{"user_agent": "caf\xe9"}'.encode("latin-1"))
    run = run_tap(server, "--config", str(path))
    assert run.exit_code == 1
    assert run.complaint.startswith(f"config {path} is not text in UTF-8 or UTF-16. Save it as")


def test_a_bookmark_of_a_stream_that_is_not_there_is_told_of(
    server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, state={"bookmarks": {"invoice": {}, "shoes": {}, "items": {}}})
    assert run.exit_code == 0
    told = [line for line in run.stderr.splitlines() if line.startswith("WARNING state: ")]
    assert told == [
        "WARNING state: ignoring the bookmark of unknown stream `invoice`. "
        "Did you mean `invoices`?",
        "WARNING state: ignoring the bookmark of unknown stream `shoes`",
    ]


def test_without_a_start_date_a_first_run_says_from_when_it_reads(
    server: Server, run_tap: Callable[..., Any]
) -> None:
    """Later ones read on from their bookmarks, and say nothing."""
    first = run_tap(server, start_date=None)
    (told,) = [line for line in first.stderr.splitlines() if "start_date" in line]
    assert told.startswith("WARNING no `start_date`: the first run of customers, subscriptions,")
    assert "Set `start_date` to read all" in told
    later = run_tap(server, start_date=None, state=first.state)
    given = run_tap(server, start_date="2020-01-01")
    assert "start_date" not in later.stderr + given.stderr


def test_the_key_of_the_sample_config_is_not_taken_for_one(
    server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, api_key="YOUR_INVOICED_API_KEY")
    assert run.complaint.startswith("setting `api_key` must be the key of your account")
    assert (run.exit_code, server.stats.requests) == (1, 0)


@pytest.mark.parametrize(
    ("catalog", "complaint"),
    [
        pytest.param([], 'must be an object with "streams"', id="a-list"),
        pytest.param(
            {"streams": [{"stream": "invoices"}]}, "must be an object with", id="no-schema"
        ),
        pytest.param({"streams": [entry("shoes")]}, "unknown stream `shoes`", id="unknown-stream"),
        pytest.param(
            {"streams": [entry("invoices", properties={"size": {}})]},
            "stream `invoices` has no field `size`",
            id="unknown-field",
        ),
        pytest.param(
            {
                "streams": [
                    entry("invoices", properties={"items": {"items": {"properties": {"x": {}}}}})
                ]
            },
            "stream `invoices` has no field `items[].x`",
            id="unknown-field-of-a-line",
        ),
    ],
)
def test_a_catalog_that_names_what_is_not_there_is_refused(
    catalog: Any, complaint: str, server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, catalog=catalog)
    assert run.exit_code == 1
    assert complaint in run.complaint
    assert run.stdout == b""


def test_a_wrong_key_stops_the_run(business_server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(business_server, api_key="wrong-key-123")
    assert run.exit_code == 1
    assert "refused (401)" in run.complaint and "Check `api_key`" in run.complaint
    assert "wrong-key-123" not in run.stderr


def test_a_canceled_account_stops_the_run_with_the_state_it_had(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.canceled_account = True
    run = run_tap(business_server, state=GOOD_STATE)
    assert run.exit_code == 1
    assert "refused (402)" in run.complaint
    assert run.state["bookmarks"] == GOOD_STATE["bookmarks"]


def test_a_forbidden_resource_that_never_synced_is_skipped_with_a_warning(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.forbidden.add("invoices")
    run = run_tap(business_server)
    assert run.exit_code == 0
    assert "WARNING invoices: skipped" in run.stderr
    assert run.records("transactions") and not run.records("invoices")
    assert "invoices" not in run.state["bookmarks"]


def test_a_forbidden_resource_that_synced_before_lets_the_others_finish_and_fails_the_run(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.forbidden.add("invoices")
    run = run_tap(business_server, state=GOOD_STATE)
    assert run.exit_code == 1
    assert "ERROR invoices: access was lost" in run.stderr
    assert run.records("transactions")
    assert run.state["bookmarks"]["invoices"] == GOOD_STATE["bookmarks"]["invoices"]


def test_a_list_that_keeps_failing_fails_the_run_and_leaves_its_bookmark(
    business: Account, run_tap: Callable[..., Any]
) -> None:
    faults = Faults([{"kind": "status", "status": 503, "html": True, "path": "/invoices"}])
    with Server(business, faults=faults) as server:
        run = run_tap(server, max_retry_seconds=0.2)
    assert run.exit_code == 1
    assert "GET /invoices failed (503)" in run.complaint
    assert "invoices" not in run.state["bookmarks"]
    assert len(run.state["bookmarks"]) == 5


def test_faults_that_pass_lose_nothing(business: Account, run_tap: Callable[..., Any]) -> None:
    kinds: list[dict[str, Any]] = [
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502, "html": True},
        {"kind": "drop_before"},
        {"kind": "half_body"},
        {"kind": "garbage"},
        {"kind": "redirect", "location": "http://127.0.0.1:9/"},
    ]
    faults = Faults([{**kind, "share": 0.05, "times": 2} for kind in kinds], seed=3)
    with Server(business, faults=faults) as server:
        run = run_tap(server, page_size=10)
    assert run.exit_code == 0, run.stderr
    assert run.stderr.count("retrying in") >= 5
    for stream in ("customers", "invoices", "subscriptions", "transactions"):
        assert sorted(run.ids(stream)) == [row["id"] for row in business.objects(stream)]


def test_check_tells_what_the_key_may_read(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.forbidden.add("estimates")
    run = run_tap(business_server, "--check")
    lines = run.stdout.decode().splitlines()
    assert run.exit_code == 0
    assert "customers: readable" in lines
    assert any(line.startswith("estimates: not readable, ") for line in lines)


def test_check_of_a_wrong_key_fails(business_server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(business_server, "--check", api_key="wrong-key-123")
    assert run.exit_code == 1
    assert "401" in run.complaint


def test_check_of_an_account_that_does_not_answer_ends_soon_whatever_the_timeout(
    account: Account, run_tap: Callable[..., Any]
) -> None:
    """Somebody waits for it: a request once had its whole minute."""
    faults = Faults([{"kind": "stall", "seconds": 30}])
    with Server(account, faults=faults) as server:
        began = time.monotonic()
        run = run_tap(server, "--check", max_retry_seconds=0.5, request_timeout=60)
        assert time.monotonic() - began < 15
    assert run.exit_code == 1
    # The limits of a response and of a silence are equal here: either may pass first.
    limits = ("no complete response within 0.5 s", "no response in time")
    assert run.complaint.startswith(tuple(f"GET /items: {limit}; " for limit in limits))
    assert run.complaint.endswith("Check the network and `base_url`, or try again later.")


def test_an_unknown_setting_is_a_warning(server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(server, shoe_size=43)
    assert run.exit_code == 0
    assert "WARNING ignoring unknown setting `shoe_size`" in run.stderr


@pytest.mark.parametrize("level", ["DEBUG", "debug"])
def test_no_secret_is_shown_at_any_level(
    level: str, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server, env={"LOGLEVEL": level})
    assert "DEBUG" in run.stderr
    assert "emulator-key" not in run.stderr + run.stdout.decode()


def test_settings_come_from_the_environment(server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(
        None,
        api_key=None,
        env={"INVOICED_API_KEY": "emulator-key", "TAP_INVOICED_BASE_URL": server.url},
    )
    assert run.exit_code == 0, run.stderr
    assert server.stats.requests > 0
