"""Whatever is wrong, the run ends with one CRITICAL line and a code, and loses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KEY_WORD = "emulator-key"


# Settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"api_key": None}, "setting `api_key` is missing or empty.", id="no-api-key"),
        pytest.param({"api_key": ""}, "setting `api_key` is missing or empty.", id="empty-api-key"),
        pytest.param(
            {"sandbox": "maybe"},
            'setting `sandbox` must be true or false, not "maybe".',
            id="maybe",
        ),
        pytest.param(
            {"base_url": "http://invoiced.example"},
            "setting `base_url` must be a URL with https",
            id="http-to-the-network",
        ),
        pytest.param(
            {"streams": {"crm": "customers"}},
            "setting `streams`: `crm` must be an object such as",
            id="stream-is-no-object",
        ),
        pytest.param(
            {"streams": {"crm": {"endpoint": "clients"}}},
            "setting `streams`: `crm` needs an `endpoint`, one of tax_rates, items, plans,",
            id="no-such-endpoint",
        ),
        pytest.param(
            {"streams": {"crm": {"endpoint": ["customers"]}}},
            "setting `streams`: `crm` needs an `endpoint`, one of tax_rates, items, plans,",
            id="endpoint-is-a-list",
        ),
        pytest.param(
            {"streams": {"crm": {"end_point": "customers"}}},
            "setting `streams`: `crm` has an unknown key `end_point`",
            id="unknown-key",
        ),
        pytest.param(
            {"streams": {"customers": {"operations": ["upsert"]}}},
            "setting `streams`: `customers` needs lists of names",
            id="no-such-operation",
        ),
        pytest.param(
            {"streams": {"customers": {"exclude": 5}}},
            "setting `streams`: `customers` needs lists of names",
            id="exclude-is-a-number",
        ),
        pytest.param(
            {"streams": "customers"}, "setting `streams` must be an object in JSON", id="streams"
        ),
        pytest.param(
            {"unknown_streams": "stop"},
            'setting `unknown_streams` must be "error" or "skip"',
            id="unknown-streams",
        ),
        pytest.param(
            {"max_rejects": -2}, "setting `max_rejects` must be a whole number", id="max-rejects"
        ),
        pytest.param(
            {"rejects": "/no/such/folder/rejects"},
            "setting `rejects`: /no/such/folder/rejects cannot be written: No such file",
            id="rejects-cannot-be-written",
        ),
    ],
)
def test_a_wrong_setting_stops_before_any_request(run_target, server, singer, settings, said):
    messages = [*singer.stream("customers", {"name": "A"}), singer.state(1)]
    run = run_target(None, messages, **{"base_url": server.url, **settings})
    assert run.complaint.startswith(said)
    assert (run.exit_code, run.stdout, server.stats.requests) == (1, b"", 0)
    assert KEY_WORD not in run.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "cannot be read: No such file or directory.", id="absent"),
        pytest.param(b"", "is empty.", id="empty"),
        pytest.param(b"api_key: hush-hush", "is not JSON:", id="no-json"),
        pytest.param(b'["hush-hush"]', "must hold one JSON object", id="no-object"),
        pytest.param(
            b'{"api_key": "hush\xff"}',
            "is not text in UTF-8 or UTF-16. Save it as UTF-8 and start again.",
            id="no-utf-8",
        ),
    ],
)
def test_a_config_that_cannot_be_used_is_named(environment, tmp_path, content, said):
    path = tmp_path / "own.json"
    if content is not None:
        path.write_bytes(content)
    run = subprocess.run(
        [sys.executable, "-m", "target_invoiced", "--config", path],
        capture_output=True,
        env=environment,
        text=True,
        check=False,
    )
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"CRITICAL config {path} {said}")
    assert "hush" not in line
    assert (run.returncode, run.stdout) == (1, "")


def test_an_input_file_that_is_not_there_is_named(run_target, server):
    run = run_target(server, b"", "--input", "/no/such/file")
    said = "input /no/such/file cannot be read: No such file or directory."
    assert run.complaint == f"{said} Check its path and permissions."
    assert run.exit_code == 1


# The account


@pytest.mark.parametrize(
    ("canceled", "settings", "said"),
    [
        pytest.param(False, {"api_key": "hush-hush"}, "refused (401)", id="wrong-key"),
        pytest.param(True, {}, "refused (402)", id="canceled-account"),
    ],
)
def test_an_account_out_of_reach_stops_at_the_first_write(
    run_target, account, server, singer, canceled, settings, said
):
    account.canceled_account = canceled
    messages = [
        singer.state("before"),
        *singer.stream("customers", {"id": 1, "name": "A"}, {"id": 1, "name": "B"}),
        singer.state("after"),
    ]
    run = run_target(server, messages, max_rejects=-1, **settings)
    assert said in run.complaint
    assert (run.exit_code, run.stdout) == (1, b'"before"\n')
    assert server.stats.requests == 1
    assert "hush" not in run.stderr


# Messages


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(b"hush-hush\n", "line 4 of the input is not JSON.", id="no-json"),
        pytest.param(
            b'{"type": "RECORD", "stream": "customers", "record": {"name": "hush}\n',
            "line 4 of the input (stream `customers`) is not JSON.",
            id="no-json-that-shows-its-stream",
        ),
        pytest.param(
            b'{"type": "RECORD", "stream": "customers", "records": {"name": "hush"}}\n',
            'line 4 of the input (stream `customers`) is a RECORD whose "record" is not an object.',
            id="record-without-record",
        ),
        pytest.param(
            b'{"type": "RECORD", "record": {"name": "hush"}}\n',
            'line 4 of the input is a RECORD without "stream".',
            id="record-without-stream",
        ),
        pytest.param(b'["hush"]\n', "line 4 of the input is not a JSON object.", id="no-object"),
        pytest.param(b'{"a": "hush"}\n', 'line 4 of the input has no "type".', id="no-type"),
        pytest.param(
            b'{"type": "RECORD", "stream": "invoices", "record": {"a": "hush"}}\n',
            "line 4: a RECORD of `invoices` came before its SCHEMA.",
            id="record-before-its-schema",
        ),
        pytest.param(
            b'{"type": "RECORD", "stream": "customers", "record": {"name": ["hush"]}}\n',
            "stopped at line 4, customers: name must be of type string - more rejects",
            id="record-breaks-its-schema",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "stream": "users", "schema": {"a": "hush"}}\n',
            "line 4: stream `users` has no endpoint.",
            id="stream-without-endpoint",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "stream": "invoices", "schema": {"type": "hush"}}\n',
            "line 4: the SCHEMA of `invoices` is not valid JSON Schema: `type` breaks the rule",
            id="no-json-schema",
        ),
        pytest.param(
            b'{"type": "RECORD", "stream": "customers", "record": {"name": "hush',
            "input ends in the middle of line 4 (stream `customers`): the command before this",
            id="cut-off-in-the-middle-of-a-line",
        ),
    ],
)
def test_a_message_that_cannot_be_used_stops_there_and_keeps_what_was_before(
    run_target, account, server, singer, line, said
):
    good = [
        singer.schema("customers", name={"type": "string"}),
        singer.record("customers", name="A"),
        singer.state("safe"),
    ]
    lines = b"".join(json.dumps(message).encode() + b"\n" for message in good)
    after = b'\n{"type": "STATE", "value": "not safe"}\n' if line.endswith(b"\n") else b""
    run = run_target(server, lines + line + after)
    assert run.complaint.startswith(said)
    assert "hush" not in run.stderr
    assert (run.exit_code, run.stdout) == (1, b'"safe"\n')
    assert [customer["name"] for customer in account.objects("customers")] == ["A"]


def test_a_name_with_a_line_break_does_not_break_the_line(run_target, server, singer):
    messages = [{"type": "A\nCRITICAL B"}, *singer.stream("a\nCRITICAL b", {"name": "A"})]
    run = run_target(server, messages)
    assert run.complaint.startswith("line 2: stream `a CRITICAL b` has no endpoint.")


# Stdout


def test_a_closed_stdout_ends_the_run_and_nothing_is_written_twice(
    environment, config, account, server, singer, run_target, tmp_path
):
    """The reader of the states is gone, so the whole input comes again: the ledger has it."""
    reader, writer = os.pipe()
    os.close(reader)
    messages = [
        *singer.stream("customers", {"name": "A"}),
        singer.state(1),
        singer.record("customers", name="B"),
        singer.state(2),
    ]
    run = subprocess.run(
        [sys.executable, "-m", "target_invoiced", "--config", config(server)],
        input="".join(json.dumps(message) + "\n" for message in messages),
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment | {"TARGET_INVOICED_LEDGER": f"sqlite:///{tmp_path}/ledger.db"},
        text=True,
        check=False,
    )
    os.close(writer)
    critical = [line for line in run.stderr.splitlines() if line.startswith("CRITICAL")]
    assert len(critical) == 1
    assert "stdout was closed" in critical[0]
    assert "Traceback" not in run.stderr
    assert run.returncode == 1
    again = run_target(server, messages)
    assert (again.exit_code, again.messages) == (0, [1, 2])
    assert sorted(customer["name"] for customer in account.objects("customers")) == ["A", "B"]


def test_the_environment_alone_can_configure_a_run(environment, server, account, singer, tmp_path):
    path = Path(tmp_path) / "input.singer"
    lines = [json.dumps(message) for message in singer.stream("customers", {"name": "A"})]
    path.write_text("\n".join(lines))
    run = subprocess.run(
        [sys.executable, "-m", "target_invoiced", "--input", path],
        capture_output=True,
        cwd=tmp_path,
        env=environment
        | {"TARGET_INVOICED_BASE_URL": server.url, "INVOICED_API_KEY": account.api_key},
        check=False,
    )
    assert run.returncode == 0
    assert len(account.objects("customers")) == 1
    assert (tmp_path / "invoiced-ledger.db").is_file()
