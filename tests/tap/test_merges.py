"""With `capture_deletes`, what a merge of two customers moved is read again, and arrives once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from invoiced_emulator import Account, Server

STREAMS = (
    *("customers", "invoices", "estimates", "credit_notes", "subscriptions", "payments"),
    *("transactions", "contacts", "charges", "credit_balance_adjustments", "tasks", "notes"),
    *("payment_sources", "pending_line_items"),
)
KEPT, GONE = 1, 2


@pytest.fixture
def business(account: Account) -> Account:
    """Two customers; of everything, object 10 belongs to the first and 20 to the second."""
    account.add("plans", id="starter", name="Starter", amount=49)
    for key in (KEPT, GONE):
        account.add("customers", id=key, name=f"Acme {key}")
        for name in STREAMS[1:]:
            owner = "_customer" if name in ("contacts", "payment_sources") else "customer"
            more: dict[str, Any] = {"plan": "starter"} if name == "subscriptions" else {}
            more |= {"customer_id": key} if name == "tasks" else {}
            account.add(name, id=10 * key, **{owner: key}, **more)
    both = {"status": "finished", "canceled_at": 5}
    account.add("subscriptions", id=21, customer=GONE, plan="starter", **both)
    account.add("customers", id=3, name="Branch", parent_customer=GONE)
    return account


@pytest.fixture
def reads(run_tap: Callable[..., Any], catalog_of: Callable[..., Any]) -> Callable[..., Any]:
    def run(server: Server, state: Any = None, **settings: Any) -> Any:
        catalog = catalog_of(*STREAMS)
        for entry in catalog["streams"]:
            entry["selected"] = True
        settings = {"capture_deletes": True, **settings}
        return run_tap(server, state=state, catalog=catalog, **settings)

    return run


def latest(*runs: Any) -> dict[tuple[str, Any], dict[str, Any]]:
    """The last record of each object, by stream and id (children by id alone)."""
    return {(name, row["id"]): row for run in runs for name in STREAMS for row in run.records(name)}


def is_merged(rows: dict[tuple[str, Any], dict[str, Any]]) -> bool:
    moved = [row for (name, key), row in rows.items() if key in (20, 21) and name != "customers"]
    assert len(moved) == len(STREAMS)
    return all(row.get("customer", row.get("customer_id")) == KEPT for row in moved)


def gone(run: Any) -> list[Any]:
    return [row["id"] for row in run.records("customers") if row.get("_sdc_deleted_at")]


def test_a_merge_moves_rows_and_marks_only_the_customer_that_is_gone(
    business: Account, clock: Any, reads: Callable[..., Any], server: Server
) -> None:
    first = reads(server)
    clock.seconds += 100
    business.merge(GONE, KEPT)
    clock.seconds += 100
    second = reads(server, first.state)
    assert (first.exit_code, second.exit_code) == (0, 0), second.stderr
    assert gone(second) == [GONE]
    rows = latest(second)
    assert rows["customers", KEPT].get("_sdc_deleted_at") is None
    assert rows["customers", KEPT]["name"] == "Acme 1"
    assert rows["customers", GONE]["name"] == "Acme 2"
    assert rows["customers", 3]["parent_customer"] == KEPT
    assert is_merged(rows)
    clock.seconds += 100
    third = reads(server, second.state)
    assert latest(third) == {}


@pytest.mark.parametrize("ended", range(1, 40, 3))
def test_a_run_that_is_ended_after_a_merge_loses_nothing_of_it(
    business: Account, clock: Any, reads: Callable[..., Any], server: Server, ended: int
) -> None:
    """The account refuses every request from the given one on; the next run goes on.

    Every other time, the first run did not capture deletions.
    """
    first = reads(server, capture_deletes=ended % 2 == 0)
    clock.seconds += 100
    business.merge(GONE, KEPT)
    clock.seconds += 100

    def end(account: Account, number: int, method: str, path: str) -> None:
        account.canceled_account = number >= ended

    with Server(business, before_request=end) as closing:
        second = reads(closing, first.state)
    business.canceled_account = False
    third = reads(server, second.state or first.state)
    assert third.exit_code == 0, third.stderr
    assert {*gone(second), *gone(third)} == {GONE}
    rows = latest(second, third)
    assert is_merged(rows)
    assert rows["customers", 3]["parent_customer"] == KEPT


@pytest.mark.parametrize(
    ("shown", "expected"),
    [pytest.param(GONE, [GONE], id="shows-the-gone"), pytest.param(KEPT, [], id="shows-the-kept")],
)
def test_a_merge_that_names_one_customer_is_checked(
    business: Account,
    clock: Any,
    reads: Callable[..., Any],
    server: Server,
    shown: int,
    expected: list[int],
) -> None:
    """Without `original_customer`, a customer is gone only if Invoiced no longer has it."""
    first = reads(server)
    clock.seconds += 100
    before = business.get("customers", shown)
    business.merge(GONE, KEPT)
    business.event_log[-1] = replace(business.event_log[-1], row=before)
    second = reads(server, first.state)
    assert second.exit_code == 0, second.stderr
    assert gone(second) == expected


def test_a_merge_that_names_the_gone_customer_by_its_id_is_understood(
    business: Account, clock: Any, reads: Callable[..., Any], server: Server
) -> None:
    first = reads(server)
    clock.seconds += 100
    business.merge(GONE, KEPT)
    event = business.event_log[-1]
    business.event_log[-1] = replace(event, row={**event.row, "original_customer": GONE})
    assert gone(reads(server, first.state)) == [GONE]


def test_two_merges_in_a_row_end_at_the_last_customer(
    business: Account, clock: Any, reads: Callable[..., Any], server: Server
) -> None:
    first = reads(server)
    clock.seconds += 100
    business.merge(GONE, KEPT)
    business.merge(KEPT, 3)
    second = reads(server, first.state)
    assert second.exit_code == 0, second.stderr
    assert set(gone(second)) == {GONE, KEPT}
    moved = {
        key: row["customer"] for (name, key), row in latest(second).items() if name == "invoices"
    }
    assert moved == {10: 3, 20: 3}
