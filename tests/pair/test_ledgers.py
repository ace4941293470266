"""What the ledger keeps outlives a kill: in a SQLite file, and in a PostgreSQL that many share."""

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from invoiced_emulator import Account, Server, seeded
from invoiced_emulator.http.faults import Fault
from target_invoiced.ledger.locks import SCHEMA_LOCK

NEVER_CARRIED_OUT = Fault(kind="drop_before")
CARRIED_OUT_LATE = Fault(kind="stall", seconds=1.5)


def test_a_copy_with_its_ledger_in_postgresql_is_the_same_copy(
    shop: Account, whole_copy: Any, copying: Callable[..., Any], database: str
) -> None:
    copy = copying(shop, ledger=database)
    ended = copy.pipe.run()
    assert (ended.tap, ended.target) == (0, 0), ended.log
    assert copy.copied == whole_copy.copied
    writes, copy.pipe.state = copy.writes, None
    assert copy.pipe.run().target == 0
    assert copy.writes == writes


def test_a_copy_with_its_ledger_in_postgresql_outlives_kills(
    shop: Account,
    whole_copy: Any,
    copying: Callable[..., Any],
    fuse: Callable[[], Any],
    database: str,
) -> None:
    rng, at_copy = random.Random(1), fuse()
    copy = copying(shop, at_copy={"before_request": at_copy, "faults": at_copy}, ledger=database)
    for fault in (None, NEVER_CARRIED_OUT, CARRIED_OUT_LATE):
        at_copy.light(rng.randrange(5, 50), lambda: copy.pipe.kill("tap", "target"), fault)
        assert copy.pipe.run().target < 0
    ended = copy.pipe.run()
    assert (ended.tap, ended.target) == (0, 0), ended.log
    assert copy.copied == whole_copy.copied


def test_two_accounts_that_share_a_database_do_not_see_each_other_s_keys(
    shop: Account, whole_copy: Any, copying: Callable[..., Any], clock: Any, database: str
) -> None:
    """Two companies whose objects have the same ids, since both began with the same number."""
    other = seeded(customers=5, seed=2, now=clock, api_key="emulator-key")
    copies = [
        copying(source, folder=folder, ledger=database)
        for source, folder in ((shop, "one"), (other, "other"))
    ]
    shared = {row["id"] for row in shop.objects("invoices")}
    assert shared & {row["id"] for row in other.objects("invoices")}
    for copy in copies:
        ended = copy.pipe.run()
        assert (ended.tap, ended.target) == (0, 0), ended.log
    assert copies[0].copied == whole_copy.copied
    assert copies[1].undocumented == []
    statuses = {row["id"]: row["status"] for row in other.objects("subscriptions")}
    ended_ones = {
        str(key) for key, status in statuses.items() if status in ("canceled", "finished")
    }
    complete = {str(row["id"]) for row in other.objects("tasks") if row["complete"]}
    assert copies[1].original.keys() - copies[1].copied.keys() == {
        *(("subscriptions", key) for key in ended_ones),
        *(("tasks", key) for key in complete),
    }


def test_a_check_of_a_database_that_another_run_migrates_says_so(
    server: Server, run_target: Callable[..., Any], database: str
) -> None:
    """A migration locks the whole database, as each run of 0.1.0 does."""
    with psycopg.connect(database) as other:
        other.execute(f"SELECT pg_advisory_lock({SCHEMA_LOCK})")
        run = run_target(server, b"", "--check", ledger=database)
    assert "by another run. Wait until it ends, and start again." in run.complaint
    assert run_target(server, b"", "--check", ledger=database).exit_code == 0


def line(stream: str, **record: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": record}


def head(stream: str) -> dict[str, Any]:
    return {"type": "SCHEMA", "stream": stream, "schema": {}, "key_properties": ["id"]}


ITEMS = [{"quantity": 1, "unit_cost": 100}]


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/parked.db"
    return str(request.getfixturevalue("database"))


def test_a_record_that_waits_is_written_by_the_run_that_brings_what_it_waits_for(
    ledger: str, account: Account, server: Server, run_target: Callable[..., Any]
) -> None:
    state = {"type": "STATE", "value": {"day": 1}}
    invoices = [head("invoices"), line("invoices", id=7, customer=1, items=ITEMS), state]
    first = run_target(server, invoices, ids="external", ledger=ledger, max_rejects=-1)
    assert first.exit_code == 0, first.stderr
    assert first.messages == [{"day": 1}], "STATE passes what is durably parked"
    assert "customers with the key 1, which did not arrive" in first.stderr
    assert account.objects("invoices") == []
    customers = [head("customers"), line("customers", id=1, name="Acme")]
    second = run_target(server, customers, ids="external", ledger=ledger)
    assert second.exit_code == 0, second.stderr
    (customer,) = account.objects("customers")
    assert [row["customer"] for row in account.objects("invoices")] == [customer["id"]]
    again = run_target(server, [*invoices, *customers], ids="external", ledger=ledger)
    assert again.exit_code == 0, again.stderr
    assert len(account.objects("invoices")) == 1


@pytest.mark.parametrize(
    ("fault", "made_before"),
    [
        pytest.param(None, 1, id="carried-out"),
        pytest.param(NEVER_CARRIED_OUT, 0, id="never-carried-out"),
    ],
)
def test_a_write_that_was_announced_and_never_answered_is_found_out_by_the_next_run(
    fault: Fault | None,
    made_before: int,
    ledger: str,
    account: Account,
    fuse: Callable[[], Any],
    piping: Callable[..., Any],
    tmp_path: Any,
) -> None:
    """A payment has no natural key to look it up by: only its idempotency key identifies it."""
    account.add("customers", name="Acme", number="CUST-1")
    customer = '{"customer": {"number": "CUST-1"}, "amount": 9, "id": "m1"}'
    (tmp_path / "input.singer").write_text(
        '{"type": "SCHEMA", "stream": "payments", "schema": {}, "key_properties": ["id"]}\n'
        f'{{"type": "RECORD", "stream": "payments", "record": {customer}}}\n'
        '{"type": "STATE", "value": {"done": 1}}\n'
    )
    at_copy = fuse()
    with Server(account, before_request=at_copy, faults=at_copy) as server:
        pipe = piping(server, ids="external", ledger=ledger)
        pipe.tap = ["cat", str(tmp_path / "input.singer")]
        at_copy.light(2, lambda: pipe.kill("target"), fault)  # after the look at CUST-1
        assert pipe.run().target < 0
        assert (len(account.objects("payments")), pipe.state) == (made_before, None)
        ended = pipe.run()
    assert ended.target == 0, ended.log
    assert [row["amount"] for row in account.objects("payments")] == [9]
    assert pipe.state == {"done": 1}
