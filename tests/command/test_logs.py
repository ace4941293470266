"""Stderr for people and for programs: the same lines, as text or as JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server

# What Meltano wants of a line to take it for a log record of the plugin's.
FIELDS = {"level", "pid", "logger_name", "ts", "thread_name", "app_name", "message"}
CARD = "4111 1111 1111 1111"


def lines(run: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stderr.splitlines()]


@pytest.fixture
def meltano_asks(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """What Meltano sets for a plugin, as it was seen to: the path of a logging configuration."""

    def ask(formatter: dict[str, str], level: str = "INFO") -> dict[str, str]:
        path = tmp_path / "tap.singer_sdk_logging.json"
        content = {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"singer_formatter": formatter},
            "handlers": {
                "console": {
                    "class": "logging.StreamHandler",
                    "formatter": "singer_formatter",
                    "stream": "ext://sys.stderr",
                }
            },
            "root": {"handlers": ["console"], "level": level},
        }
        path.write_text(json.dumps(content))
        return {"SINGER_SDK_LOG_CONFIG": str(path)}

    return ask


STRUCTURED = {"()": "singer_sdk.logging.StructuredFormatter"}


def test_lines_are_text_unless_json_is_asked_for(
    business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server)
    assert "INFO METRIC" in run.stderr
    assert '{"level"' not in run.stderr


def test_with_log_format_json_every_line_is_what_meltano_reads(
    business_server: Server, run_tap: Callable[..., Any], clock: Any
) -> None:
    before = time.time()
    clock.seconds = int(before)  # else the tap warns of the server's clock
    run = run_tap(business_server, log_format="json")
    assert run.exit_code == 0
    for line in lines(run):
        assert line.keys() == FIELDS
        assert (line["level"], line["app_name"]) == ("info", "singer-invoiced")
        assert before <= line["ts"] <= time.time()
    said = [line["message"] for line in lines(run)]
    assert any(one.startswith("METRIC") for one in said)
    customers = len(run.ids("customers"))
    assert any(one.startswith(f"customers: records {customers}, requests ") for one in said)


def test_the_target_s_lines_too(server: Server, run_target: Callable[..., Any]) -> None:
    schema = {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": []}
    record = {"type": "RECORD", "stream": "customers", "record": {"name": "Vela"}}
    run = run_target(server, [schema, record], log_format="json")
    assert run.exit_code == 0, run.stderr
    (total,) = [line["message"] for line in lines(run) if "created" in line["message"]]
    assert total.startswith("customers: created 1, ")


@pytest.mark.parametrize(
    ("settings", "env", "as_json"),
    [
        ({}, {}, True),
        ({"log_format": "text"}, {}, False),
        ({}, {"TAP_INVOICED_LOG_FORMAT": "text"}, False),
    ],
    ids=["asked", "but-the-config-says-text", "but-the-environment-says-text"],
)
def test_meltano_gets_what_it_asks_for_unless_the_user_says_otherwise(
    settings: dict[str, str],
    env: dict[str, str],
    as_json: bool,
    server: Server,
    run_tap: Callable[..., Any],
    meltano_asks: Callable[..., dict[str, str]],
) -> None:
    run = run_tap(server, env=meltano_asks(STRUCTURED) | env, **settings)
    assert run.exit_code == 0
    assert run.stderr.startswith('{"level":') == as_json


def test_meltano_without_the_capability_gets_text(
    server: Server, run_tap: Callable[..., Any], meltano_asks: Callable[..., dict[str, str]]
) -> None:
    run = run_tap(server, env=meltano_asks({"format": "%(message)s"}))
    assert run.stderr.startswith("INFO ")


@pytest.mark.parametrize(
    ("loglevel", "debugs"), [({}, True), ({"LOGLEVEL": "INFO"}, False)], ids=["asked", "overruled"]
)
def test_the_level_is_meltano_s_unless_loglevel_says_otherwise(
    loglevel: dict[str, str],
    debugs: bool,
    server: Server,
    run_tap: Callable[..., Any],
    meltano_asks: Callable[..., dict[str, str]],
) -> None:
    run = run_tap(server, env=meltano_asks(STRUCTURED, level="DEBUG") | loglevel)
    assert any(line["level"] == "debug" for line in lines(run)) == debugs


@pytest.mark.parametrize("content", ["", "no JSON", "[]", '{"formatters": 5, "root": 6}'])
def test_a_logging_configuration_that_is_not_meltano_s_is_none_of_our_business(
    content: str, server: Server, run_tap: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "logging.json"
    path.write_text(content)
    run = run_tap(server, env={"SINGER_SDK_LOG_CONFIG": str(path)})
    assert run.exit_code == 0
    assert run.stderr.startswith("INFO ")


@pytest.mark.parametrize(
    "wrong",
    [{"api_key": "wrong-key-123"}, {"page_size": 0}],
    ids=["refused-by-the-server", "a-wrong-setting"],
)
def test_the_closing_line_of_a_run_that_failed_is_json_and_the_last(
    wrong: dict[str, Any], business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server, log_format="json", **wrong)
    assert run.exit_code == 1
    *before, last = lines(run)
    assert last["level"] == "critical"
    assert all(line["level"] != "critical" for line in before)


def test_a_wrong_log_format_is_one_line(server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(server, log_format="xml")
    assert run.exit_code == 1
    assert run.complaint.startswith('setting `log_format` must be "text" or "json", not "xml"')


def test_secrets_and_cards_are_hidden_in_json_too(
    business: Account, business_server: Server, run_target: Callable[..., Any]
) -> None:
    schema = {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": []}
    record = {"type": "RECORD", "stream": "customers", "record": {"id": 5, "name": "A", CARD: 1}}
    run = run_target(
        business_server,
        [schema, record],
        log_format="json",
        api_key="emulator-key",
        env={"LOGLEVEL": "DEBUG"},
    )
    assert {line["level"] for line in lines(run)} >= {"debug", "critical"}
    assert "[hidden]" in run.stderr
    for secret in ("emulator-key", CARD, CARD.replace(" ", "")):
        assert secret not in run.stderr


def test_python_s_warnings_are_json_too() -> None:
    """Meltano sets PYTHONWARNINGS=once, which shows what libraries deprecate to every user."""
    script = (
        "import warnings; from singer_command.logs import log_to_stderr\n"
        "log_to_stderr({}, (), 'json'); warnings.warn('old', DeprecationWarning)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "once", "-c", script], capture_output=True, check=True, timeout=30
    )
    line = json.loads(done.stderr)
    assert line["level"] == "warning"
    assert "DeprecationWarning: old" in line["message"]


@pytest.mark.parametrize(
    ("level", "shows_info"),
    [("warn", False), ("Warning", False), ("30", False), ("20", True), ("info", True)],
)
def test_loglevel_is_a_name_in_any_case_or_a_number(
    level: str, shows_info: bool, server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, env={"LOGLEVEL": level})
    assert run.exit_code == 0, run.stderr
    assert ("INFO customers: reading" in run.stderr) == shows_info


def test_a_loglevel_that_is_none_is_one_clear_line(
    server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(server, env={"LOGLEVEL": "loud"})
    assert run.exit_code == 1
    assert "LOGLEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not loud." in run.stderr
