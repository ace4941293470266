"""The files that runs append to: `rejects` and `responses`."""

import json

import pytest

BAD = {"name": "B", "credit_limit": "much"}


@pytest.mark.parametrize("setting", ["rejects", "responses"])
def test_a_full_disk_ends_the_run_with_one_line_and_no_state_behind_it(
    run_target, server, singer, setting
):
    messages = [
        singer.state("before"),
        *singer.stream("customers", {"name": "A"}, BAD),
        singer.state("after"),
    ]
    run = run_target(server, messages, max_rejects=-1, **{setting: "/dev/full"})
    said = f"setting `{setting}`: /dev/full cannot be written: No space left on device."
    assert (run.exit_code, run.complaint, run.messages) == (1, said, ["before"])


@pytest.mark.parametrize("setting", ["rejects", "responses"])
def test_a_device_that_never_ends_is_not_read_for_what_it_holds(
    run_target, server, singer, setting
):
    """A read of `/dev/zero`, or of a pipe, would never return; what is written there is dropped."""
    messages = [*singer.stream("customers", {"name": "A"}, BAD), singer.state("after")]
    run = run_target(server, messages, max_rejects=-1, **{setting: "/dev/zero"})
    assert run.messages == ["after"] or "cannot be written: " in run.complaint


LEFT = [
    pytest.param(b'{"type": "RECORD", "stream": "customers", "rec', id="torn"),
    pytest.param(
        b'{"type": "RECORD", "stream": "customers", "record": {"name": "corrected"}}', id="whole"
    ),
    pytest.param(
        b'{"type": "STATE", "value": 1}\n{"name": "bad correction", }', id="corrected-badly"
    ),
    pytest.param(b'{"type": "STATE", "value": 1}\n', id="ended"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("setting", ["rejects", "responses"])
@pytest.mark.parametrize("left", LEFT)
def test_what_a_file_held_stays_and_what_is_added_begins_on_a_line_of_its_own(
    run_target, server, singer, tmp_path, left, setting
):
    """Also where a run died in the middle of a line, or an editor left the last one without end."""
    file = tmp_path / "kept.singer"
    file.write_bytes(left)
    messages = singer.stream("customers", {"name": "A"}, BAD)
    run_target(server, messages, max_rejects=-1, **{setting: str(file)})
    end = b"\n" if left and not left.endswith(b"\n") else b""
    content = file.read_bytes()
    assert content.startswith(left + end + b'{"type":"SCHEMA"')
    added = [json.loads(line) for line in content[len(left + end) :].splitlines()]
    assert [message["type"] for message in added] == ["SCHEMA", "RECORD"]


@pytest.mark.parametrize("left", LEFT)
def test_a_file_that_nothing_is_added_to_is_not_touched(run_target, server, singer, tmp_path, left):
    file = tmp_path / "rejects.singer"
    file.write_bytes(left)
    run_target(server, singer.stream("customers", {"name": "A"}), rejects=str(file))
    assert file.read_bytes() == left


def test_the_file_of_rejects_is_left_as_it_is_where_it_is_the_input(run_target, server, tmp_path):
    """A reject corrected badly was once cut off before the run refused its own input."""
    file = tmp_path / "rejects.singer"
    file.write_bytes(b'{"name": "corrected badly", }')
    run = run_target(server, b"", "--input", str(file), rejects=str(file))
    assert "input is the file that the setting `rejects` names" in run.complaint
    assert file.read_bytes() == b'{"name": "corrected badly", }'
