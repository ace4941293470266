"""States of other tools and versions: accepted if they have one meaning, else refused."""

from collections.abc import Callable
from typing import Any

import pytest

from invoiced_emulator import Server

GOOD_STATE = {"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}


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


def test_a_state_file_may_hold_the_whole_message(
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


def test_a_bookmark_of_an_unknown_stream_is_reported(
    server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, state={"bookmarks": {"invoice": {}, "shoes": {}, "items": {}}})
    assert run.exit_code == 0
    warnings = [line for line in run.stderr.splitlines() if line.startswith("WARNING state: ")]
    assert warnings == [
        "WARNING state: ignoring the bookmark of unknown stream `invoice`. "
        "Did you mean `invoices`?",
        "WARNING state: ignoring the bookmark of unknown stream `shoes`",
    ]
