"""A reject is one record, however often it is refused; corrected, it is written once."""

import json

import pytest


@pytest.fixture(autouse=True)
def customer(account):
    return account.add("customers", id=5, name="Acme", number="C-1")


@pytest.fixture
def load(run_target, server, tmp_path):
    def run(*messages, **settings):
        file = str(tmp_path / "rejects.singer")
        return run_target(server, list(messages), **{"rejects": file, **settings})

    return run


@pytest.fixture
def corrected(tmp_path):
    """The messages of the rejects file, each record with the change; the file is gone then."""

    def correct(**change):
        file = tmp_path / "rejects.singer"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
        for line in lines:
            if line["type"] == "RECORD":
                line["record"] |= change
        return lines

    return correct


def payment(amount, **more):
    return {"customer": 5, "amount": amount, "date": "2026-02-01T00:00:00Z", **more}


def amounts(account):
    return sorted(row["amount"] for row in account.objects("payments"))


# Two equal ones, of which one was mistyped


@pytest.mark.parametrize("covered", [True, False], ids=["covered-by-a-state", "not-covered"])
def test_a_corrected_reject_equal_to_a_written_record_is_written(
    load, singer, account, corrected, covered
):
    state = [singer.state(1)] if covered else []
    load(*singer.stream("payments", payment(10), payment("ten")), *state, max_rejects=-1)
    assert amounts(account) == [10]
    run = load(*corrected(amount=10))
    assert run.exit_code == 0, run.stderr
    assert amounts(account) == [10, 10]


def test_two_rejects_corrected_to_equal_records_are_both_written(load, singer, account, corrected):
    load(
        *singer.stream("payments", payment("ten"), payment(10), payment("10 dollars")),
        singer.state(1),
        max_rejects=-1,
    )
    load(*corrected(amount=10))
    assert amounts(account) == [10, 10, 10]


def test_a_corrected_reject_that_is_sent_twice_is_written_once(load, singer, account, corrected):
    load(*singer.stream("payments", payment(10), payment("ten")), singer.state(1), max_rejects=-1)
    messages = corrected(amount=10)
    for _ in range(2):
        assert load(*messages).exit_code == 0
    assert amounts(account) == [10, 10]


def test_a_corrected_reject_that_is_sent_again_a_day_later_is_written_once(
    load, singer, account, corrected, later
):
    load(*singer.stream("payments", payment("ten")), singer.state(1), max_rejects=-1)
    messages = corrected(amount=10)
    load(*messages)
    load(*messages, env=later(30))
    assert amounts(account) == [10]


# One that is refused again and again


def test_a_reject_of_several_runs_is_in_the_file_once(
    load, singer, account, corrected, tmp_path, rejects_in
):
    messages = [*singer.stream("payments", payment("ten")), singer.state(1)]
    for _ in range(3):
        assert load(*messages).exit_code == 1
    assert len(rejects_in(tmp_path / "rejects.singer")) == 1
    assert load(*corrected(amount=10)).exit_code == 0
    assert amounts(account) == [10]


def test_each_of_equal_rejects_is_in_the_file_once(
    load, singer, account, corrected, tmp_path, rejects_in
):
    """The run ends at the first one, so that later runs may meet both."""
    messages = [*singer.stream("payments", payment("ten"), payment("ten")), singer.state(1)]
    load(*messages)
    for _ in range(2):
        load(*messages, max_rejects=1)
    assert len(rejects_in(tmp_path / "rejects.singer")) == 2
    load(*corrected(amount=10))
    assert amounts(account) == [10, 10]


def test_a_keyed_reject_of_several_runs_is_in_the_file_once(
    load, singer, account, tmp_path, rejects_in
):
    record = {"id": "p", "customer": {"number": "C-1"}, "amount": "ten"}
    for _ in range(3):
        load(*singer.stream("payments", record), singer.state(1), ids="external")
    assert len(rejects_in(tmp_path / "rejects.singer")) == 1


def test_each_reject_has_an_id_of_its_own(load, singer, tmp_path, rejects_in):
    load(*singer.stream("payments", payment("ten"), payment("ten")), max_rejects=-1)
    ids = {one["reject"].get("id") for one in rejects_in(tmp_path / "rejects.singer")}
    assert None not in ids
    assert len(ids) == 2
