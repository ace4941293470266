"""A record that cannot be read or kept is a reject; data that is not understood ends the run."""

import gzip
import json

import pytest

GOOD = [{"id": "before", "name": "Before"}, {"id": "after", "name": "After"}]


def line(message):
    return json.dumps(message).encode() + b"\n"


# BATCH


def batch(file, stream="customers", compression=None):
    encoding = {"format": "jsonl"} | ({"compression": compression} if compression else {})
    return {
        "type": "BATCH",
        "stream": stream,
        "encoding": encoding,
        "manifest": [file.as_uri()],
    }


@pytest.mark.parametrize("compression", ["gzip", None, "none"])
def test_the_records_of_a_batch_are_written_before_its_state(
    run_target, server, account, singer, tmp_path, compression
):
    content = b"".join(map(line, GOOD))
    file = tmp_path / "part.jsonl"
    file.write_bytes(gzip.compress(content) if compression == "gzip" else content)
    messages = [
        singer.schema("customers"),
        batch(file, compression=compression),
        singer.state(1),
    ]
    run = run_target(server, messages, ids="external")
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert sorted(row["name"] for row in account.objects("customers")) == ["After", "Before"]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            {
                "type": "BATCH",
                "stream": "customers",
                "encoding": {"format": "parquet"},
                "manifest": ["file:///nowhere"],
            },
            id="batch-of-another-format",
        ),
        pytest.param(
            {
                "type": "BATCH",
                "stream": "customers",
                "encoding": {"format": "jsonl"},
                "manifest": ["s3://bucket/part.jsonl"],
            },
            id="batch-elsewhere",
        ),
        pytest.param(
            {"type": "UPSERT", "stream": "customers", "record": {"id": 1}}, id="unknown-with-record"
        ),
        pytest.param({"type": "ROWS", "stream": "customers", "rows": []}, id="unknown-of-a-stream"),
    ],
)
def test_data_that_is_not_understood_ends_the_run_before_its_state(
    run_target, server, singer, message
):
    messages = [singer.schema("customers"), singer.state(1), message, singer.state(2)]
    run = run_target(server, messages, ids="external", max_rejects=-1)
    assert (run.exit_code, run.messages) == (1, [1])
    assert run.complaint.startswith("line 3")


# Records that cannot be kept


def deep(levels):
    return b'{"a":' * levels + b"1" + b"}" * levels


def raw(attributes):
    """A RECORD line of raw JSON attributes."""
    return b'{"type":"RECORD","stream":"customers","record":{"id":"bad",' + attributes + b"}}\n"


BAD = [
    pytest.param(raw(b'"name":"\\ud83d"'), id="truncated-emoji"),
    pytest.param(raw(b'"name":"x","metadata":{"a":"\\udc00"}'), id="truncated-emoji-within"),
    pytest.param(raw(b'"name":"x","credit_limit":NaN'), id="nan"),
    pytest.param(raw(b'"name":"x","credit_limit":-Infinity'), id="infinity"),
    pytest.param(raw(b'"name":"x","metadata":' + deep(300)), id="300-levels-deep"),
    pytest.param(raw(b'"name":"x","metadata":' + deep(2000)), id="2000-levels-deep"),
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("ids", ["external", "invoiced"])
def test_a_record_that_cannot_be_kept_is_a_reject(
    run_target, server, account, singer, tmp_path, bad, ids
):
    names = {"id"} if ids == "invoiced" else set()
    good = [{name: value for name, value in one.items() if name not in names} for one in GOOD]
    if ids == "invoiced":
        bad = bad.replace(b'"id":"bad",', b"")
    content = (
        line(singer.schema("customers"))
        + line(singer.record("customers", **good[0]))
        + bad
        + line(singer.record("customers", **good[1]))
        + line(singer.state(1))
    )
    settings = {"ids": ids, "max_rejects": -1, "rejects": str(tmp_path / "rejects")}
    run = run_target(server, content, **settings)
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert run.counts("customers") == {"created": 2, "rejected": 1}
    assert len(account.objects("customers")) == 2


def test_a_list_where_a_path_needs_an_id_is_a_reject(run_target, server, singer):
    messages = [
        *singer.stream("contacts", {"customer": [5], "name": "A"}),
        *singer.stream("customers", {"name": "A"}),
        singer.state(1),
    ]
    run = run_target(server, messages, max_rejects=-1)
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert run.counts("contacts") == {"rejected": 1}


@pytest.mark.parametrize("value", [[5], {"a": 1}, True, {"id": [5]}], ids=str)
@pytest.mark.parametrize("ids", ["external", "invoiced"])
def test_what_is_no_reference_is_a_reject(run_target, server, singer, value, ids):
    messages = [
        *singer.stream("contacts", {"id": "k", "customer": value, "name": "A"}),
        singer.state(1),
    ]
    run = run_target(server, messages, max_rejects=-1, ids=ids)
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert run.counts("contacts") == {"rejected": 1}


@pytest.mark.parametrize("version", [2**63, 2**64, -(2**63) - 1, 10**30])
def test_a_version_that_cannot_be_kept_ends_no_run_in_the_middle(
    run_target, server, singer, version
):
    messages = singer.version("customers", version, *GOOD)
    streams = {"customers": {"mirror": True}}
    run = run_target(
        server, [*messages, singer.state(1)], ids="external", max_rejects=-1, streams=streams
    )
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr


@pytest.mark.parametrize("key", ["a\x00b", "\x00"])
def test_a_key_with_a_nul_is_kept_or_a_reject(run_target, server, singer, key):
    messages = [*singer.stream("customers", {"id": key, "name": "A"}), singer.state(1)]
    run = run_target(server, messages, ids="external", max_rejects=-1)
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr


def test_a_byte_order_mark_is_skipped(run_target, server, account, singer):
    content = b"\xef\xbb\xbf" + b"".join(map(line, singer.stream("customers", {"name": "A"})))
    run = run_target(server, content)
    assert run.exit_code == 0, run.stderr
    assert len(account.objects("customers")) == 1


def test_a_schema_that_refers_to_itself_is_one_clear_line(run_target, server, singer):
    schema = singer.schema("customers", name={"$ref": "#/properties/name"})
    run = run_target(server, [schema, singer.record("customers", name="A")])
    assert run.exit_code == 1
    assert "$ref" in run.complaint
    assert "unexpectedly" not in run.complaint
