"""BATCH messages of the Singer SDK: records in files are written like those in messages."""

import gzip
import json

import pytest


def batch(*paths, stream="customers", format="jsonl", compression="gzip", scheme="file://"):
    return {
        "type": "BATCH",
        "stream": stream,
        "encoding": {"format": format, "compression": compression},
        "manifest": [f"{scheme}{path}" for path in paths],
    }


@pytest.fixture
def packed(tmp_path):
    """Writes a gzip file of records, one per line."""

    def write(name, *records):
        path = tmp_path / name
        lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
        path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
        return path

    return write


def test_the_records_of_all_files_are_written_before_the_state(
    run_target, account, server, singer, packed
):
    one = packed("one file.json.gz", {"name": "A", "number": "C-1"}, {"name": "B"})
    two = packed("two.json.gz", {"name": "C", "credit_limit": 19.99})
    manifest = batch(str(one).replace(" ", "%20"), two)
    invoice = {"customer": {"number": "C-1"}, "items": [{"unit_cost": 5}]}
    run = run_target(
        server,
        [
            singer.schema("customers"),
            manifest,
            singer.state(1),
            *singer.stream("invoices", invoice),
        ],
    )
    assert (run.exit_code, run.messages) == (0, [1])
    rows = {row["name"]: row for row in account.objects("customers")}
    assert sorted(rows) == ["A", "B", "C"]
    assert rows["C"]["credit_limit"] == 19.99
    assert run.counts("customers") == {"created": 3}
    assert run.counts("invoices") == {"created": 1}


@pytest.mark.parametrize("compression", ["none", None, "GZIP"])
def test_a_batch_may_be_plain_and_its_encoding_in_any_case(
    run_target, account, server, singer, tmp_path, compression
):
    path = tmp_path / "rows.jsonl"
    content = b'{"name": "A"}\n\n{"name": "B"}'
    path.write_bytes(gzip.compress(content) if compression == "GZIP" else content)
    run = run_target(server, [singer.schema("customers"), batch(path, compression=compression)])
    assert run.exit_code == 0
    assert {row["name"] for row in account.objects("customers")} == {"A", "B"}


def test_a_record_in_a_batch_that_cannot_be_kept_is_a_reject(
    run_target, account, server, singer, packed
):
    path = packed("a.gz", {"name": "A"}, r'{"name": "cut \ud83d"}', {"name": "B"})
    run = run_target(server, [singer.schema("customers"), batch(path)], max_rejects=1)
    assert run.exit_code == 0
    assert run.counts("customers") == {"created": 2, "rejected": 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"format": "parquet"}, "has the encoding parquet, gzip", id="parquet"),
        pytest.param({"compression": "zstd"}, "has the encoding jsonl, zstd", id="zstd"),
        pytest.param({"scheme": "s3://bucket"}, "not on this machine", id="another-machine"),
    ],
)
def test_a_batch_that_cannot_be_read_ends_the_run_before_its_state(
    run_target, account, server, singer, packed, change, said
):
    path = packed("a.gz", {"name": "in the batch"})
    messages = [*singer.stream("customers", {"name": "A"}), singer.state(1)]
    run = run_target(server, [*messages, batch(path, **change), singer.state(2)])
    assert (run.exit_code, run.messages) == (1, [1])
    assert run.complaint.startswith("line 4 of the input is a BATCH of `customers` that ")
    assert said in run.complaint
    assert [row["name"] for row in account.objects("customers")] == ["A"]


@pytest.mark.parametrize("damage", ["absent", "cut off", "no gzip", "no record"])
def test_a_damaged_file_ends_the_run_before_its_state(
    run_target, server, singer, packed, tmp_path, damage
):
    path = packed("a.gz", *({"name": f"A{number}"} for number in range(9)))
    if damage == "absent":
        path = tmp_path / "absent.gz"
    elif damage == "cut off":
        path.write_bytes(path.read_bytes()[:-12])
    elif damage == "no gzip":
        path.write_bytes(b'{"name": "A"}\n')
    else:
        path = packed("a.gz", {"name": "A"}, "[5]")
    run = run_target(server, [singer.schema("customers"), batch(path), singer.state(2)])
    assert (run.exit_code, run.messages) == (1, [])
    assert "names the file" in run.complaint


def test_a_batch_before_its_schema_ends_the_run(run_target, server, packed):
    path = packed("a.gz", {"name": "A"})
    run = run_target(server, [batch(path)])
    assert run.exit_code == 1
    assert "came before its SCHEMA" in run.complaint
