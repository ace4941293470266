"""Invoiced forgets an idempotency key after a day: what was sent longer ago is not sent again."""

import sqlite3
from contextlib import closing

import pytest

from invoiced_emulator import Faults, Server

DAYS_S = 2 * 24 * 3600


def age(file, seconds=DAYS_S):
    """Two days pass, or another time."""
    ledger = sqlite3.connect(file)
    with closing(ledger), ledger:
        for table in ("invoiced_objects", "invoiced_entries", "invoiced_parked"):
            ledger.execute(f"UPDATE {table} SET announced_at = announced_at - {seconds}")


@pytest.fixture
def left_for_days(run_target, account, tmp_path):
    """A run whose POSTs are executed without a response gives up; days later another continues."""

    def run(messages, **settings):
        lost = Faults([{"kind": "drop_after", "methods": ["POST"]}])
        with Server(account, faults=lost) as server:
            first = run_target(server, messages, max_retry_seconds=0.3, **settings)
            assert "kept failing" in first.complaint
            age(tmp_path / "ledger.db")
        with Server(account, port=server.port) as server:
            return run_target(server, messages, max_rejects=-1, **settings)

    return run


@pytest.mark.parametrize(
    ("settings", "records"),
    [
        pytest.param({"ids": "external"}, [{"id": "a", "name": "A"}], id="with-a-key"),
        pytest.param({}, [{"name": "A"}], id="without-a-key"),
        pytest.param(
            {"streams": {"customers": {"method": "POST", "path": "/customers", "batch_size": 1}}},
            [{"name": "A"}],
            id="of-a-call",
        ),
    ],
)
def test_it_is_a_reject_that_says_where_to_look(left_for_days, account, singer, settings, records):
    run = left_for_days(singer.stream("customers", *records), **settings)
    assert run.exit_code == 0
    assert "a run that died a day or more ago sent it" in run.stderr
    assert run.counts("customers") == {"rejected": 1}
    assert len(account.objects("customers")) == 1


def test_of_a_batch_each_record_is(left_for_days, singer):
    stream = {"method": "POST", "path": "/customers", "batch_size": 2}
    messages = singer.stream("customers", {"name": "A"}, {"name": "B"})
    run = left_for_days(messages, streams={"customers": stream})
    assert run.counts("customers") == {"rejected": 2}


@pytest.mark.parametrize("ids", ["external", "invoiced"])
def test_within_a_day_it_is_repeated_under_its_key(
    run_target, account, singer, tmp_path, without_waits, ids
):
    """Invoiced gives the response of the first one, and executes nothing."""
    lost = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 1}])
    messages = singer.stream(
        "customers", {"name": "A"} | ({"id": "a"} if ids == "external" else {})
    )
    with Server(account, faults=lost) as server:
        first = run_target(server, messages, max_retry_seconds=0.3, ids=ids)
        assert "kept failing" in first.complaint
        age(tmp_path / "ledger.db", 22 * 3600)
        run = run_target(server, messages, ids=ids, env=without_waits)
    assert run.counts("customers") == {"created": 1}
    assert len(account.objects("customers")) == 1


@pytest.mark.parametrize("ids", ["external", "invoiced"])
def test_what_waited_for_days_and_was_never_sent_is_sent(
    run_target, account, server, singer, tmp_path, ids
):
    lines = [{"name": "Work", "unit_cost": 100}]
    invoice = {"customer": {"number": "C-9"}, "items": lines}
    invoice |= {"id": "inv"} if ids == "external" else {}
    customer = {"number": "C-9", "name": "C"} | ({"id": "c"} if ids == "external" else {})
    run_target(server, singer.stream("invoices", invoice), ids=ids, max_rejects=-1)
    age(tmp_path / "ledger.db")
    run = run_target(server, singer.stream("customers", customer), ids=ids, max_rejects=-1)
    assert run.counts("invoices") == {"created": 1}
    assert len(account.objects("invoices")) == 1
