"""A setting, file or catalog that cannot be used ends the run with one clear line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Server

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
            {"start_date": "2999-01-01"}, "`start_date` must be a moment in the past", id="future"
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


def test_without_a_start_date_a_first_run_says_from_when_it_reads(
    server: Server, run_tap: Callable[..., Any]
) -> None:
    """Later runs read from their bookmarks and do not warn."""
    first = run_tap(server, start_date=None)
    (warning,) = [line for line in first.stderr.splitlines() if "start_date" in line]
    assert warning.startswith("WARNING no `start_date`: the first run of customers, subscriptions,")
    assert "Set `start_date` to read all" in warning
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


def test_a_misspelt_name_of_a_needed_setting_is_hinted_at(
    run_tap: Callable[..., Any], server: Server
) -> None:
    run = run_tap(server, api_key="", apikey="a-key")
    assert run.complaint.startswith("setting `api_key` is missing or empty")
    assert "unknown setting `apikey`. Did you mean `api_key`?" in run.stderr
