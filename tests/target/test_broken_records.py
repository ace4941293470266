"""A record that cannot be kept or sent as it came is that record's reject; the run goes on."""

import json
from pathlib import Path

import pytest

DEEP = b"[" * 300 + b"]" * 300
BROKEN = [
    pytest.param(rb'{"id": "K-2", "name": "cut \ud83d"}', id="half-of-an-emoji"),
    pytest.param(b'{"id": "K-2", "name": "cut \xf0\x9f"}', id="broken-utf-8"),
    pytest.param(b'{"id": "K-2", "name": "A", "credit_limit": NaN}', id="nan"),
    pytest.param(b'{"id": "K-2", "name": "A", "metadata": {"a": Infinity}}', id="infinity"),
    pytest.param(b'{"id": "K-2", "name": "A", "extra": ' + DEEP + b"}", id="300-levels"),
    pytest.param(b'{"id": "K-2", "name": "A", "credit_limit": 1e999}', id="huge-number"),
    pytest.param(
        b'{"id": "K-2", "name": "A", "credit_limit": 12345678901234567890123}', id="long-number"
    ),
    pytest.param(rb'{"id": "K-2\u0000", "name": "A"}', id="nul-in-the-key"),
    pytest.param(rb'{"id": "K-2 \ud83d", "name": "A"}', id="half-of-an-emoji-in-the-key"),
    pytest.param(b'{"id": ["K-2"], "name": "A"}', id="list-as-a-key"),
    pytest.param(b'{"id": "K-2", "name": "A", "parent_customer": [5]}', id="list-as-a-reference"),
]


def record(content, stream=b"customers", more=b""):
    return b'{"type": "RECORD", "stream": "%s", "record": %s%s}\n' % (stream, content, more)


def lines(*records, stream="customers"):
    schema = {"type": "SCHEMA", "stream": stream, "schema": {}, "key_properties": ["id"]}
    state = b'{"type": "STATE", "value": %d}\n'
    return json.dumps(schema).encode() + b"\n" + b"".join([*records, state % len(records)])


@pytest.mark.parametrize("ledger", ["file", "none"])
@pytest.mark.parametrize("broken", BROKEN)
def test_the_other_records_are_written_and_state_goes_on(
    run_target, account, server, tmp_path, broken, ledger
):
    ids = {"ids": "external"}
    if ledger == "none":
        ids = {"ledger": "none"}
        broken = broken.replace(b'"id": "K-2", ', b"")
    before, behind = b'{"id": "K-1", "name": "A"}', b'{"id": "K-3", "name": "C"}'
    if ledger == "none":
        before, behind = b'{"name": "A"}', b'{"name": "C"}'
    rejects = tmp_path / "rejects.singer"
    run = run_target(
        server,
        lines(record(before), record(broken), record(behind)),
        max_rejects=1,
        rejects=str(rejects),
        **ids,
    )
    assert run.exit_code == 0, run.stderr
    assert run.messages == [3]
    assert {row["name"] for row in account.objects("customers")} == {"A", "C"}
    assert run.counts("customers")["rejected"] == 1
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [one["reject"]["line"] for one in kept if one["type"] == "RECORD"] == [3]


def test_a_corrected_record_is_written_and_an_uncorrected_one_refused_again(
    run_target, account, server, tmp_path
):
    rejects = tmp_path / "rejects.singer"
    broken = record(rb'{"id": 1, "name": "cut \ud83d", "notes": "kept"}')
    run_target(server, lines(broken), rejects=str(rejects), ids="external")
    again = Path(tmp_path / "again.singer")
    again.write_text(rejects.read_text())
    run = run_target(server, again.read_bytes(), ids="external")
    assert run.exit_code == 1
    assert "`name` was hidden" in run.complaint
    run = run_target(server, again.read_bytes().replace(b"[hidden]", b"whole"), ids="external")
    assert run.exit_code == 0
    (row,) = account.objects("customers")
    assert (row["name"], row["notes"]) == ("whole", "kept")


@pytest.mark.parametrize("version", [b"9223372036854775808", b'"7"', b"1.5"])
def test_a_version_that_cannot_be_kept_is_a_reject(run_target, account, server, version):
    content = b'{"id": 1, "name": "A"}'
    run = run_target(
        server, lines(record(content, more=b', "version": ' + version)), ids="external"
    )
    assert run.exit_code == 1
    assert "its `version` is not a whole number of 64 bits" in run.complaint
    assert not account.objects("customers")


def test_a_list_where_a_path_needs_an_id_is_a_reject(run_target, server):
    streams = {"mails": {"method": "POST", "path": "/invoices/{invoice}/emails"}}
    found = [{"invoice": [1]}, {"invoice": {"id": [1]}}, {"invoice": True}, {"invoice": 1.5}]
    records = (record(json.dumps(one).encode(), b"mails") for one in found)
    run = run_target(
        server,
        lines(*records, stream="mails"),
        streams=streams,
        allow_side_effects=["emails"],
        max_rejects=4,
    )
    assert run.exit_code == 0
    assert run.counts("mails") == {"rejected": 4}


def test_a_ref_to_itself_in_a_schema_is_one_line(run_target, server):
    schema = b'{"type": "SCHEMA", "stream": "customers", "schema": {"$ref": "#"}}\n'
    run = run_target(server, schema)
    assert run.exit_code == 1
    assert "its `$ref` # refers to itself" in run.complaint


def test_a_byte_order_mark_is_skipped(run_target, account, server):
    run = run_target(server, b"\xef\xbb\xbf" + lines(record(b'{"name": "A"}')))
    assert run.exit_code == 0
    assert len(account.objects("customers")) == 1


@pytest.mark.parametrize(
    "keys",
    [
        ["123456789012345678901", "123456789012345678902"],
        ["9" * 30, "9" * 29 + "8"],
        ["0.1234567890123456789", "0.1234567890123456788"],
    ],
)
def test_keys_of_many_digits_identify_different_objects(run_target, account, server, keys):
    contents = [b'{"id": %s, "name": "%s"}' % (key.encode(), key.encode()) for key in keys]
    for _ in range(2):
        run = run_target(server, lines(*map(record, contents)), ids="external")
        assert run.exit_code == 0
    assert {row["name"] for row in account.objects("customers")} == set(keys)
    assert run.counts("customers") == {"unchanged": 2}
