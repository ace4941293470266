"""What left the account arrives once, as it was, with the moment it left."""

from collections.abc import Callable
from typing import Any

import pytest

from invoiced_emulator import Account, Faults, Server


@pytest.fixture
def reads(
    run_tap: Callable[..., Any], catalog_of: Callable[..., Any], server: Server
) -> Callable[..., Any]:
    def run(state: Any = None, **settings: Any) -> Any:
        catalog = catalog_of("customers", "invoices", "contacts", "notes")
        for entry in catalog["streams"]:
            entry["selected"] = True
        done = run_tap(server, state=state, catalog=catalog, capture_deletes=True, **settings)
        assert done.exit_code == 0, done.stderr
        return done

    return run


def deleted(run: Any, stream: str) -> dict[Any, str]:
    """When each deleted object left, by id."""
    found = run.records(stream)
    return {row["id"]: row["_sdc_deleted_at"] for row in found if row.get("_sdc_deleted_at")}


def test_a_deletion_arrives_once_with_the_object_as_it_was(
    account: Account, clock: Any, reads: Callable[..., Any]
) -> None:
    customer = account.add("customers", name="Acme")["id"]
    invoice = account.add("invoices", customer=customer, draft=True, notes="goes")["id"]
    first = reads()
    clock.seconds += 10
    account.remove("invoices", invoice)
    clock.seconds += 10
    second = reads(first.state)
    assert deleted(first, "invoices") == {}
    assert deleted(second, "invoices") == {invoice: "2026-03-01T12:00:10.000000Z"}
    (record,) = second.records("invoices")
    assert (record["customer"], record["notes"]) == (customer, "goes")
    for _ in range(3):  # within the lookback, and beyond it
        clock.seconds += 40
        second = reads(second.state)
        assert deleted(second, "invoices") == {}


def test_a_deletion_committed_late_is_not_missed(
    account: Account, clock: Any, reads: Callable[..., Any]
) -> None:
    invoice = account.add("invoices", customer=1, draft=True)["id"]
    first = reads()
    clock.seconds += 30
    account.remove("invoices", invoice, at=clock.seconds - 50)
    assert set(deleted(reads(first.state), "invoices")) == {invoice}


def test_a_merged_customer_is_a_deleted_one(
    account: Account, clock: Any, reads: Callable[..., Any]
) -> None:
    stays, goes = (account.add("customers", name=name)["id"] for name in ("Acme", "Acme Inc."))
    first = reads()
    clock.seconds += 5
    account.merge(goes, stays)
    assert set(deleted(reads(first.state), "customers")) == {goes}


def test_an_object_that_is_read_and_deleted_in_one_run_ends_deleted(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """This run tells of it, or the next: no older version follows."""
    ids = [account.add("customers", name=str(number))["id"] for number in range(5)]

    def delete_one(account: Account, number: int, method: str, path: str) -> None:
        if "/customers" in path and number > 3 and ids:
            account.remove("customers", ids.pop())

    settings = {"catalog": catalog_of("customers"), "capture_deletes": True}
    with Server(account, before_request=delete_one) as server:
        first = run_tap(server, **settings)
        clock.seconds += 1
        second = run_tap(server, state=first.state, **settings)
        ids.clear()
        third = run_tap(server, state=second.state, **settings)
    runs = (first, second, third)
    last = {row["id"]: row for run in runs for row in run.records("customers")}
    left = {row["id"] for row in account.objects("customers")}
    assert {key for key, row in last.items() if row.get("_sdc_deleted_at")} == set(last) - left


def test_the_column_is_in_the_schema_only_when_asked_for(
    reads: Callable[..., Any], run_tap: Callable[..., Any], server: Server
) -> None:
    def columns(run: Any) -> set[str]:
        schemas = [one["schema"] for one in run.messages if one["type"] == "SCHEMA"]
        return {name for schema in schemas for name in schema["properties"]}

    assert "_sdc_deleted_at" in columns(reads())
    assert "_sdc_deleted_at" not in columns(run_tap(server))


def test_deletions_that_do_not_name_their_parent_are_told_of_and_left_out(
    account: Account, clock: Any, reads: Callable[..., Any]
) -> None:
    """Half a key is none: no target could find the row."""
    customer = account.add("customers", name="Acme")["id"]
    contact = account.add("contacts", name="Nancy", _customer=customer)["id"]
    first = reads()
    clock.seconds += 5
    account.remove("contacts", contact)
    second = reads(first.state)
    assert second.records("contacts") == []
    assert "contacts: 1 deletions are not told" in second.stderr


def test_events_that_may_not_be_read_fail_the_run_and_nothing_else(
    account: Account, server: Server, run_tap: Callable[..., Any]
) -> None:
    account.add("customers", name="Acme")
    account.forbidden.add("events")
    run = run_tap(server, capture_deletes=True)
    assert run.exit_code == 1
    assert "ERROR deletions cannot be read" in run.stderr
    assert run.ids("customers")


def state_before_the_deletions(run: Any) -> Any:
    """The last STATE before the first deleted record: where a killed run continues."""
    state = None
    for message in run.messages:
        if message["type"] == "STATE":
            state = message["value"]
        elif message["type"] == "RECORD" and message["record"].get("_sdc_deleted_at"):
            break
    return state


@pytest.mark.parametrize("end", ["killed", "failed"])
def test_deletions_are_not_lost_if_a_run_ends_between_records_and_deletions(
    end: str, account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Any
) -> None:
    """The bookmark of the records moves before the deletions are out; theirs must not."""
    ids = [account.add("customers", name=str(number))["id"] for number in range(700)]
    with Server(account) as server:
        first = run_tap(server, catalog=catalog_of("customers"))  # without capture_deletes
    clock.seconds += 600
    account.remove("customers", ids[0])
    for key in ids[1:]:
        clock.seconds += 1
        account.edit("customers", key, notes="called")
    clock.seconds += 600
    settings = {"catalog": catalog_of("customers"), "capture_deletes": True}
    rules = [{"kind": "status", "status": 500, "path": "/events"}] if end == "failed" else []
    with Server(account, faults=Faults(rules)) as server:
        second = run_tap(server, state=first.state, max_retry_seconds=0.3, **settings)
    assert second.exit_code == (end == "failed")
    state = state_before_the_deletions(second)
    before = first.state["bookmarks"]["customers"]["updated_at"]
    assert state["bookmarks"]["customers"]["updated_at"] > before
    with Server(account) as server:
        third = run_tap(server, state=state, **settings)
    assert set(deleted(third, "customers")) == {ids[0]}


def test_a_stream_that_may_not_be_read_does_not_make_every_run_read_all_events(
    account: Account, clock: Any, run_tap: Callable[..., Any]
) -> None:
    """Each stream has its own bookmark of deletions, a skipped one too."""
    account.forbidden.add("estimates")
    account.add("customers", name="Acme")
    with Server(account) as server:
        first = run_tap(server, capture_deletes=True)
        clock.seconds += 1_000
        second = run_tap(server, capture_deletes=True, state=first.state)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "updated_at" not in second.state["bookmarks"]["estimates"]
    assert second.state["bookmarks"]["estimates"]["deleted_at"].startswith("2026-03-01T12:15:40")
