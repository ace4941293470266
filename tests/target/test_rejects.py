"""Rejected records: counted, kept, corrected and sent again."""

import json

import pytest


@pytest.fixture
def three_with_a_bad_one(singer):
    return [
        singer.schema("customers", name={"type": "string"}),
        singer.record("customers", name="A"),
        singer.state("before"),
        singer.record("customers", name="B", credit_limit="much"),
        singer.state("after"),
        singer.record("customers", name="C"),
        singer.state("end"),
    ]


@pytest.mark.parametrize(
    ("max_rejects", "code", "states", "name"),
    [
        pytest.param(0, 1, ["before"], "A", id="the-first-one-stops"),
        pytest.param(1, 0, ["before", "after", "end"], "C", id="one-is-allowed"),
        pytest.param(-1, 0, ["before", "after", "end"], "C", id="no-limit"),
    ],
)
def test_rejects_are_endured_up_to_max_rejects(
    run_target, account, server, singer, max_rejects, code, states, name
):
    account.add("customers", id=1, name="Old")
    messages = [
        *singer.stream("customers", {"id": 1, "name": "A"}),
        singer.state("before"),
        singer.record("customers", id=1, name="B", credit_limit="much"),
        singer.state("after"),
        singer.record("customers", id=1, name="C"),
        singer.state("end"),
    ]
    run = run_target(server, messages, max_rejects=max_rejects)
    assert (run.exit_code, run.messages) == (code, states)
    assert account.get("customers", 1)["name"] == name
    assert "ERROR line 4, customers (id: 1): PATCH /customers/1 refused (400): Cr" in run.stderr
    assert run.counts("customers") == {"updated": 1 if code else 2, "rejected": 1}
    if code:
        assert run.complaint.startswith(
            "stopped at line 4, customers (id: 1): PATCH /customers/1 refused"
        )
        assert "`max_rejects` allows (0)" in run.complaint


def test_the_second_reject_stops_where_one_is_allowed(run_target, account, server, singer):
    account.add("customers", id=1, name="Old")
    refused = [{"credit_limit": "much"}, {"credit_limit": "more"}]
    changes = [refused[0], {"name": "A"}, refused[1], {"name": "B"}]
    records = [{"id": 1, **change} for change in changes]
    run = run_target(server, singer.stream("customers", *records), max_rejects=1)
    assert run.exit_code == 1
    assert run.complaint.startswith(
        "stopped at line 4, customers (id: 1): PATCH /customers/1 refused (400)"
    )
    assert run.counts("customers") == {"updated": 1, "rejected": 2}
    assert account.get("customers", 1)["name"] == "A"


def test_records_before_a_reject_are_written_and_none_behind_it(
    run_target, account, server, singer
):
    """The reject is found at once, when what came before it is not yet sent."""
    names = [f"A{number:02}" for number in range(40)]
    messages = [
        singer.schema("customers", name={"type": "string"}),
        *(singer.record("customers", name=name) for name in names),
        singer.state("safe"),
        singer.record("customers", name=5),
        *(singer.record("customers", name=f"B{number}") for number in range(40)),
        singer.state("not safe"),
    ]
    run = run_target(server, messages, max_connections=2)
    assert run.complaint.startswith("stopped at line 43, customers: name must be of type string")
    assert (run.exit_code, run.messages) == (1, ["safe"])
    assert sorted(row["name"] for row in account.objects("customers")) == names


def test_so_it_is_when_much_of_the_input_lies_ready_behind_the_reject(
    run_target, account, server, singer
):
    """A turn that ended early, for new lines, once counted ready records as written."""
    names = [f"A{number:02}" for number in range(40)]
    messages = [
        singer.schema("customers", name={"type": "string"}),
        *(singer.record("customers", name=name) for name in names),
        singer.record("customers", name=5),
        *(singer.record("customers", name="B", notes="b" * 1_000) for _ in range(1_000)),
    ]
    run = run_target(server, messages)
    assert run.complaint.startswith("stopped at line 42, customers: name must be of type string")
    assert sorted(row["name"] for row in account.objects("customers")) == names


def test_rejects_can_be_corrected_and_sent_again(
    run_target, account, server, three_with_a_bad_one, tmp_path
):
    file = tmp_path / "rejects.singer"
    file.write_text('{"type": "STATE", "value": "of an earlier run"}\n')
    run = run_target(
        server, three_with_a_bad_one, rejects=str(file), max_rejects=-1, max_connections=1
    )
    assert "credit limit" not in run.stderr.lower()
    earlier, schema, record = map(json.loads, file.read_text().splitlines())
    assert earlier["type"] == "STATE"
    assert schema == three_with_a_bad_one[0]
    assert record["record"] == {"name": "B", "credit_limit": "much"}
    assert record["reject"]["line"] == 4
    assert record["reject"]["status"] == 400
    assert record["reject"]["param"] == "credit_limit"
    assert record["reject"]["reason"].startswith("POST /customers refused (400): Credit limit")
    record["record"]["credit_limit"] = 500
    again = run_target(server, [schema, record])
    assert again.counts("customers") == {"created": 1}
    found = [(row["name"], row["credit_limit"]) for row in account.objects("customers")]
    assert found == [("A", None), ("C", None), ("B", 500)]


def test_the_rejects_file_is_refused_as_input_of_a_run_that_adds_to_it(
    run_target, account, server, singer, tmp_path
):
    """It would be read while it grows, and never end."""
    file = tmp_path / "rejects.singer"
    bad = singer.stream("customers", {"name": 5})
    run_target(server, bad, rejects=str(file), max_rejects=-1)
    before = file.read_bytes()
    run = run_target(server, b"", "--input", str(file), rejects=str(file), max_rejects=-1)
    assert run.exit_code == 1
    assert "Move it to another name first" in run.complaint
    assert file.read_bytes() == before


def test_accepted_rejects_are_reported_at_the_end(run_target, account, server, singer, tmp_path):
    file = tmp_path / "rejects.singer"
    run = run_target(
        server, singer.stream("customers", {"notes": "x"}), rejects=str(file), max_rejects=-1
    )
    assert run.exit_code == 0
    assert f"WARNING 1 records were rejected: see {file}" in run.stderr


def test_a_date_that_no_integer_of_64_bits_holds_is_a_reject_and_stops_nothing_else(
    run_target, account, server, singer
):
    run = run_target(
        server,
        singer.stream(
            "invoices",
            *({"customer": {"number": "C-1"}, "date": date} for date in (1e20, "9" * 20)),
        )
        + singer.stream("customers", {"name": "A"}),
        max_rejects=-1,
    )
    assert run.exit_code == 0
    errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR ")]
    assert [error.split(". Write it as ")[0] for error in errors] == [
        "ERROR line 2, invoices: `date` is not an RFC 3339 date or date-time",
        "ERROR line 3, invoices: `date` is not a date: digits alone must be UNIX seconds between "
        "1980 and 2100",
    ]
    assert run.counts("invoices") == {"rejected": 2}
    assert len(account.objects("customers")) == 1
