"""Lines to messages, and what is said of a line that is none."""

import json
import re

import pytest

from invoiced_api.exceptions import InvalidInputError
from target_invoiced.singer.messages import ActivateVersion, Reader, Record, Schema, State

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


def test_an_unknown_type_is_passed_over_with_one_warning(caplog):
    batch = b'{"type": "BATCH", "stream": "s", "manifest": ["hush-hush"]}\n'
    assert read(batch, batch, STATE) == [State(3, {"n": 1})]
    (warning,) = caplog.records
    assert warning.getMessage() == "line 1: messages of type BATCH are not known: skipped"


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
        pytest.param(b'{"type": "RECORD", "a": "hush-hush \xff"}\n', "is not JSON", id="no-utf-8"),
        pytest.param(b'{"a": NaN, "b": "hush-hush"}\n', "is not JSON", id="nan"),
        pytest.param(b'["hush-hush"]\n', "is not a JSON object", id="list"),
        pytest.param(b'"hush-hush"\n', "is not a JSON object", id="string"),
        pytest.param(b"null\n", "is not a JSON object", id="null"),
        pytest.param(b'{"stream": "hush-hush"}\n', 'has no "type"', id="no-type"),
        pytest.param(b'{"type": 5, "stream": "hush-hush"}\n', 'has no "type"', id="type-is-5"),
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
            b'{"type": "RECORD", "stream": "hush-hush"}\n',
            'is a RECORD whose "record" is not an object',
            id="record-without-record",
        ),
        pytest.param(
            b'{"type": "RECORD", "stream": "s", "record": ["hush-hush"]}\n',
            'is a RECORD whose "record" is not an object',
            id="record-is-a-list",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "stream": "hush-hush"}\n',
            'is a SCHEMA whose "schema" is not an object',
            id="schema-without-schema",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "schema": {"a": "hush-hush"}}\n',
            'is a SCHEMA without "stream"',
            id="schema-without-stream",
        ),
        pytest.param(
            b'{"type": "SCHEMA", "stream": "s", "schema": {}, "key_properties": "hush-hush"}\n',
            'is a SCHEMA whose "key_properties" is not a list of names',
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
def test_input_cut_off_in_the_middle_of_a_line_is_told_from_a_broken_line(kept):
    record = b'{"type": "RECORD", "stream": "s", "record": {"name": "hush-hush"}}\n'
    with pytest.raises(InvalidInputError) as caught:
        read(STATE, record[:kept])
    assert re.match(
        r"input ends in the middle of line 2: .* from its last state", str(caught.value)
    )
    assert HUSH not in str(caught.value)
