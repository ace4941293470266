"""Lines to messages, and the errors for lines that are not messages."""

import json
import re
from decimal import Decimal

import pytest

from invoiced_api.exceptions import InvalidInputError
from target_invoiced import exact_json
from target_invoiced.singer.messages import ActivateVersion, Batch, Reader, Record, Schema, State

STATE = b'{"type": "STATE", "value": {"n": 1}}\n'
HUSH = "hush-hush"


def messages(lines):
    """The messages of lines that come one after the other."""
    reader = Reader()
    for line in lines:
        message = reader.message(line)
        if message is not None:
            yield message


def read(*lines):
    return list(messages(lines))


def test_every_type_is_read_with_its_line_number():
    assert read(
        b'{"type": "SCHEMA", "stream": "s", "schema": {"a": 1}, "key_properties": ["id"]}\n',
        b'{"type": "RECORD", "stream": "s", "record": {"id": 1}}\n',
        b'{"type": "ACTIVATE_VERSION", "stream": "s", "version": 1}\n',
        STATE,
    ) == [
        Schema(1, "s", {"a": 1}, ["id"]),
        Record(2, "s", {"id": 1}),
        ActivateVersion(3, "s", 1),
        State(4, {"n": 1}),
    ]


@pytest.mark.parametrize("kind", ["state", "State", "STATE"])
def test_types_may_be_written_in_any_case(kind):
    assert read(STATE.replace(b"STATE", kind.encode())) == [State(1, {"n": 1})]


@pytest.mark.parametrize("blank", [b"\n", b"  \t\n", b"\r\n"])
def test_blank_lines_are_passed_over_and_counted(blank):
    assert read(blank, STATE) == [State(2, {"n": 1})]


def test_an_unknown_type_without_data_is_skipped_with_one_warning(caplog):
    heartbeat = b'{"type": "HEARTBEAT", "at": "hush-hush"}\n'
    assert read(heartbeat, heartbeat, STATE) == [State(3, {"n": 1})]
    (warning,) = caplog.records
    assert warning.getMessage() == "line 1: skipped a message of an unknown type"


@pytest.mark.parametrize(
    ("carrier", "shown"),
    [("stream", " (stream `s`)"), ("record", ""), ("records", ""), ("manifest", "")],
)
def test_an_unknown_type_that_carries_data_ends_the_run(carrier, shown):
    line = json.dumps({"type": "ROWS", carrier: "s" if shown else HUSH}).encode() + b"\n"
    with pytest.raises(InvalidInputError) as caught:
        read(STATE, line, STATE)
    said = f"line 2 of the input{shown} is a message of an unknown type"
    assert str(caught.value).startswith(said)
    assert HUSH not in str(caught.value)


def test_a_byte_order_mark_before_the_first_line_is_skipped():
    assert read(b"\xef\xbb\xbf" + STATE, STATE) == [State(1, {"n": 1}), State(2, {"n": 1})]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", 5),
        ("19.99", 19.99),
        ("0.30000000000000004", 0.1 + 0.2),
        ("1e2", 100.0),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", Decimal(2**64)),
        ("-9223372036854775809", Decimal(-(2**63) - 1)),
        ("12345678901234567.89", Decimal("12345678901234567.89")),
        ("1e999", Decimal("1e999")),
        ("1" * 5000, Decimal("1" * 5000)),
    ],
)
def test_a_number_keeps_every_digit(written, value):
    line = b'{"type": "RECORD", "stream": "s", "record": {"id": %s}}\n' % written.encode()
    (record,) = read(line)
    assert (record.problem, record.record) == (None, {"id": value})
    assert type(record.record["id"]) is type(value)
    if isinstance(value, Decimal):
        assert json.loads(exact_json.dumps(record.record), parse_int=str, parse_float=str) == {
            "id": written.replace("e", "E+") if "e" in written else written
        }


@pytest.mark.parametrize(
    ("record", "problem", "kept"),
    [
        pytest.param(
            rb'{"id": 1, "name": "cut \ud83d"}',
            "`name` holds a broken character, such as a truncated emoji",
            {"id": 1, "name": "[hidden]"},
            id="half-of-an-emoji",
        ),
        pytest.param(
            b'{"id": 1, "name": "cut \xf0\x9f"}',
            "`name` holds a broken character, such as a truncated emoji",
            {"id": 1, "name": "[hidden]"},
            id="broken-utf-8",
        ),
        pytest.param(
            rb'{"id": 1234567890123456789, "lines": [{"name": "\ud83d"}]}',
            "`lines[].name` holds a broken character, such as a truncated emoji",
            {"id": 1234567890123456789, "lines": [{"name": "[hidden]"}]},
            id="half-of-an-emoji-beside-a-long-number",
        ),
        pytest.param(
            b'{"id": 1, "amount": NaN}',
            "`amount` is not a number that JSON has (NaN or infinite)",
            {"id": 1, "amount": "[hidden]"},
            id="nan",
        ),
        pytest.param(
            b'{"id": 1, "amount": -Infinity}',
            "`amount` is not a number that JSON has (NaN or infinite)",
            {"id": 1, "amount": "[hidden]"},
            id="infinity",
        ),
        pytest.param(
            b'{"id": 1, "a": ' + b"[" * 300 + b"]" * 300 + b"}",
            "`a` is nested more than 100 levels deep",
            None,
            id="300-levels",
        ),
        pytest.param(
            b'{"id": 1, "\\ud83d": 5}',
            "the name `?` holds a broken character",
            {"id": 1, "?": 5},
            id="name-of-an-attribute",
        ),
    ],
)
def test_a_record_that_cannot_be_kept_comes_with_the_reason(record, problem, kept):
    (found,) = read(b'{"type": "RECORD", "stream": "s", "record": %s}\n' % record)
    assert (found.stream, found.problem) == ("s", problem)
    assert kept is None or found.record == kept
    exact_json.dumps(found.record)


def test_a_record_nested_too_deep_to_be_read_still_names_its_stream():
    record = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    (found,) = read(b'{"type": "RECORD", "stream": "s", "record": %s}\n' % record)
    assert found.stream == "s"
    assert "nested more than 100 levels deep" in found.problem
    exact_json.dumps(found.record)


@pytest.mark.parametrize("version", ["9223372036854775808", "-1e400", '"7"', "1.5", "true"])
def test_a_version_that_no_database_holds_is_a_problem_of_its_record(version):
    head = b'{"type": "RECORD", "stream": "s", "record": {"id": 1}, "version": '
    (found,) = read(head + version.encode() + b"}\n")
    assert found == Record(1, "s", {"id": 1}, None, found.problem)
    assert found.problem == "its `version` is not a whole number of 64 bits"


@pytest.mark.parametrize("version", ["", ', "version": null', ', "version": 9223372036854775808'])
def test_an_activation_without_a_usable_version_has_none(version):
    head = b'{"type": "ACTIVATE_VERSION", "stream": "s"'
    assert read(head + version.encode() + b"}\n") == [ActivateVersion(1, "s", None)]


def test_a_state_that_cannot_be_echoed_as_it_came_is_refused():
    with pytest.raises(InvalidInputError, match="line 1 of the input is not JSON"):
        read(b'{"type": "STATE", "value": {"n": NaN}}\n')


def test_a_batch_names_its_files():
    line = (
        b'{"type": "BATCH", "stream": "s", "encoding": {"format": "jsonl", "compression": "gzip"}, '
        b'"manifest": ["file:///tmp/a.gz"]}\n'
    )
    assert read(line) == [Batch(1, "s", "jsonl", "gzip", ["file:///tmp/a.gz"])]


def test_the_last_line_needs_no_line_break():
    assert read(STATE.rstrip()) == [State(1, {"n": 1})]


def test_a_schema_may_have_no_key_properties():
    (schema,) = read(b'{"type": "SCHEMA", "stream": "s", "schema": {}}\n')
    assert schema.key_properties == []


@pytest.mark.parametrize("value", [None, {}, [], 0, "text"], ids=repr)
def test_a_state_may_hold_anything(value):
    line = json.dumps({"type": "STATE", "value": value}).encode()
    assert read(line) == [State(1, value)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(b"hush-hush\n", "is not JSON", id="words"),
        pytest.param(b'{"type": "hush-hush"\n', "is not JSON", id="broken-json"),
        pytest.param(
            b'{"type": "STATE", "value": "hush-hush \xff"}\n', "is not JSON", id="no-utf-8"
        ),
        pytest.param(
            b'{"type": "SCHEMA", "hush-hush": NaN, "stream": "s"}\n',
            "(stream `s`) is not JSON",
            id="nan",
        ),
        pytest.param(b'["hush-hush"]\n', "is not a JSON object", id="list"),
        pytest.param(b'"hush-hush"\n', "is not a JSON object", id="string"),
        pytest.param(b"null\n", "is not a JSON object", id="null"),
        pytest.param(b'{"hush-hush": 1}\n', 'has no "type"', id="no-type"),
        pytest.param(
            b'{"type": 5, "stream": "s", "a": "hush-hush"}\n',
            '(stream `s`) has no "type"',
            id="type-is-5",
        ),
        pytest.param(
            b'{"type": "RECORD", "record": {"a": "hush-hush"}}\n',
            'is a RECORD without "stream"',
            id="record-without-stream",
        ),
        pytest.param(
            b'{"type": "RECORD", "stream": "", "record": {}}\n',
            'is a RECORD without "stream"',
            id="record-with-empty-stream",
        ),
        pytest.param(
            b'{"type": "RECORD", "stream": "s", "a": "hush-hush"}\n',
            '(stream `s`) is a RECORD whose "record" is not an object',
            id="record-without-record",
        ),
        pytest.param(
            b'{"type": "RECORD", "stream": "s", "record": ["hush-hush"]}\n',
            '(stream `s`) is a RECORD whose "record" is not an object',
            id="record-is-a-list",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "stream": "s", "hush-hush": 1}\n',
            '(stream `s`) is a SCHEMA whose "schema" is not an object',
            id="schema-without-schema",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "schema": {"a": "hush-hush"}}\n',
            'is a SCHEMA without "stream"',
            id="schema-without-stream",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "stream": "s", "schema": {}, "key_properties": "hush-hush"}\n',
            '(stream `s`) is a SCHEMA whose "key_properties" is not a list of names',
            id="key-properties-are-a-string",
        ),
        pytest.param(
            b'{"type": "STATE", "hush-hush": 1}\n',
            'is a STATE without "value"',
            id="state-without-value",
        ),
        pytest.param(
            b'{"type": "ACTIVATE_VERSION", "version": "hush-hush"}\n',
            'is a ACTIVATE_VERSION without "stream"',
            id="activate-version-without-stream",
        ),
    ],
)
def test_a_malformed_line_is_one_clear_line_that_repeats_nothing_of_it(line, said):
    found = []
    with pytest.raises(InvalidInputError) as caught:
        for message in messages([STATE, b"\n", line, STATE]):
            found.append(message)
    assert found == [State(1, {"n": 1})]
    complaint = str(caught.value)
    assert complaint.startswith(f"line 3 of the input {said}. ")
    assert HUSH not in complaint
    assert "\n" not in complaint


@pytest.mark.parametrize("kept", range(1, 50, 7))
def test_input_cut_off_within_a_line_differs_from_a_broken_line(kept):
    record = b'{"type": "RECORD", "stream": "s", "record": {"name": "hush-hush"}}\n'
    with pytest.raises(InvalidInputError) as caught:
        read(STATE, record[:kept])
    assert re.match(
        r"input ends in the middle of line 2( \(stream `s`\))?: .* from its last state",
        str(caught.value),
    )
    assert HUSH not in str(caught.value)
