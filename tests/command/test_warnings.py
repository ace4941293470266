"""Meltano shows its users every warning of Python's: the commands must cause none."""

from collections.abc import Callable
from typing import Any

import pytest

from invoiced_emulator import Server

STRICT = {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_both_commands_run_without_a_warning(
    log_format: str,
    business_server: Server,
    run_tap: Callable[..., Any],
    run_target: Callable[..., Any],
) -> None:
    """As errors, in Python's development mode: also of files and sockets that are not closed."""
    read = run_tap(business_server, env=STRICT, log_format=log_format, capture_deletes=True)
    assert read.exit_code == 0, read.stderr
    schema = {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": []}
    record = {"type": "RECORD", "stream": "customers", "record": {"name": "Vela"}}
    written = run_target(business_server, [schema, record], env=STRICT, log_format=log_format)
    assert written.exit_code == 0, written.stderr
    for log in (read.stderr, written.stderr):
        assert "Warning" not in log and "Exception ignored" not in log


@pytest.mark.parametrize("arguments", [["--check"], ["--about"], ["--discover"]])
def test_nor_do_the_lesser_tasks(
    arguments: list[str], business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server, *arguments, env=STRICT)
    assert run.exit_code == 0, run.stderr
    assert "Warning" not in run.stderr
