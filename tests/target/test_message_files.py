"""The files that runs add to: `rejects` and `responses`."""

import json

import pytest

BAD = {"name": "B", "credit_limit": "much"}


def records_of(file):
    messages = [json.loads(line) for line in file.read_text().splitlines()]
    return [message["record"] for message in messages if message["type"] == "RECORD"]


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


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        pytest.param(b'{"type": "RECORD", "stream": "customers", "rec', [BAD], id="left-out"),
        pytest.param(
            b'{"type": "RECORD", "stream": "customers", "record": {"name": "mended"}}',
            [{"name": "mended"}, BAD],
            id="ended",
        ),
        pytest.param(b"", [BAD], id="an-empty-file"),
    ],
)
def test_a_last_line_without_an_end_is(run_target, server, singer, tmp_path, left, kept):
    """A run died in the middle of it, or an editor left it so."""
    file = tmp_path / "rejects.singer"
    file.write_bytes(left)
    run_target(server, singer.stream("customers", BAD), max_rejects=-1, rejects=str(file))
    assert records_of(file) == kept


def test_what_stands_before_a_line_that_is_left_out_stays(run_target, server, singer, tmp_path):
    file = tmp_path / "rejects.singer"
    settings = {"max_rejects": -1, "rejects": str(file)}
    run_target(server, singer.stream("customers", BAD), **settings)
    with file.open("ab") as torn:
        torn.write(b'{"type": "REC')
    run_target(server, singer.stream("customers", {**BAD, "name": "C"}), **settings)
    assert [record["name"] for record in records_of(file)] == ["B", "C"]
