"""A deleted object arrives once, with its last values and the time of its deletion."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
import requests

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
    """The time of each deletion, by id."""
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
    """This run reports it, or the next one does: no older version follows."""
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


def test_deletions_that_do_not_name_their_parent_are_counted_and_skipped(
    account: Account, clock: Any, reads: Callable[..., Any]
) -> None:
    """A part of a key is not a key: no target could find the row."""
    customer = account.add("customers", name="Acme")["id"]
    contact = account.add("contacts", name="Nancy", _customer=customer)["id"]
    first = reads()
    clock.seconds += 5
    account.remove("contacts", contact)
    second = reads(first.state)
    assert second.records("contacts") == []
    assert "contacts: skipped 1 deletions" in second.stderr


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


def test_a_canceled_subscription_and_a_voided_payment_are_not_deleted(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Their events are called `deleted`, yet both stay in their lists. Shadows do not."""
    account.add("plans", id="starter", name="Starter", amount=49)
    customer = account.add("customers", name="Acme")["id"]
    invoice = account.add("invoices", customer=customer, items=[{"unit_cost": 50}])["id"]
    own = account.add("transactions", customer=customer, amount=7)["id"]
    names = ("subscriptions", "payments", "transactions")
    settings = {"catalog": catalog_of(*names), "capture_deletes": True}
    for entry in settings["catalog"]["streams"]:
        entry["selected"] = True
    with Server(account) as server:
        http = partial(requests.request, auth=(account.api_key, ""), timeout=10)
        body = {"customer": customer, "plan": "starter"}
        sub = http("POST", f"{server.url}/subscriptions", json=body).json()["id"]
        applied = [{"type": "invoice", "invoice": invoice, "amount": 10}]
        body = {"customer": customer, "amount": 50, "applied_to": applied}
        kept, void, again = (
            http("POST", f"{server.url}/payments", json=body).json()["id"] for _ in range(3)
        )
        shadows = {row["payment"]: row["id"] for row in account.objects("transactions")}
        clock.seconds += 100
        first = run_tap(server, **settings)
        clock.seconds += 100
        http("DELETE", f"{server.url}/subscriptions/{sub}")
        http("DELETE", f"{server.url}/payments/{void}")
        changed = {"applied_to": [{**applied[0], "amount": 5}]}
        http("PATCH", f"{server.url}/payments/{again}", json=changed)
        http("PATCH", f"{server.url}/payments/{kept}", json={"notes": "changed"})
        clock.seconds += 10
        second = run_tap(server, state=first.state, **settings)
        third = run_tap(server, state=second.state, **settings)
        clock.seconds += 100
        fourth = run_tap(server, state=third.state, **settings)
        http("DELETE", f"{server.url}/transactions/{own}")
        fifth = run_tap(server, state=fourth.state, **settings)
    assert first.exit_code == second.exit_code == 0, second.stderr
    assert deleted(second, "subscriptions") == deleted(second, "payments") == {}
    assert second.records("subscriptions")[-1]["status"] == "canceled"
    assert [row["voided"] for row in second.records("payments") if row["id"] == void] == [True]
    assert set(deleted(second, "transactions")) == {shadows[void], shadows[again]}
    assert deleted(third, "transactions") == deleted(fourth, "transactions") == {}
    assert set(deleted(fifth, "transactions")) == {own}


def test_events_without_their_objects_are_asked_for_again(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    customer = account.add("customers", name="Acme")["id"]
    settings = {"catalog": catalog_of("customers"), "capture_deletes": True}
    with Server(account, faults=Faults([{"kind": "empty_objects", "path": "/events"}])) as server:
        first = run_tap(server, **settings)
        clock.seconds += 100
        account.remove("customers", customer)
        second = run_tap(server, state=first.state, **settings)
    assert second.exit_code == 0, second.stderr
    assert set(deleted(second, "customers")) == {customer}


def test_an_event_that_never_shows_its_object_holds_the_bookmark_for_a_day(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    lost, late, other = (account.add("customers", name=str(number))["id"] for number in range(3))
    settings = {"catalog": catalog_of("customers"), "capture_deletes": True}
    with Server(account) as server:
        first = run_tap(server, **settings)
        clock.seconds += 100
        for customer in (lost, late, other):
            account.remove("customers", customer)
        account.lost_events |= {1, 2}
        clock.seconds += 1000
        second = run_tap(server, state=first.state, **settings)
        assert "event 1 (customer.deleted at 2026-03-01T12:01:40" in second.stderr
        assert set(deleted(second, "customers")) == {other}
        account.lost_events -= {2}
        clock.seconds += 1000
        third = run_tap(server, state=second.state, **settings)
        assert set(deleted(third, "customers")) == {late}
        clock.seconds += 86_400
        fourth = run_tap(server, state=third.state, **settings)
        assert "event 1 (customer.deleted" in fourth.stderr
        account.lost_events.clear()
        fifth = run_tap(server, state=fourth.state, **settings)
    assert {run.exit_code for run in (second, third, fourth, fifth)} == {0}
    assert deleted(fourth, "customers") == deleted(fifth, "customers") == {}
    assert "event 1" not in fifth.stderr


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"type": None}, id="no-type"),
        pytest.param({"type": 5}, id="type-of-another-kind"),
        pytest.param({"data": None}, id="no-data"),
        pytest.param({"data": {"object": None}}, id="null-object"),
    ],
)
def test_an_event_without_type_or_object_is_skipped_with_a_warning(
    account: Account,
    clock: Any,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Any],
    event: dict[str, Any],
) -> None:
    odd, good = (account.add("customers", name=str(number))["id"] for number in range(2))
    settings = {"catalog": catalog_of("customers"), "capture_deletes": True}

    def raw(of: Any) -> bytes:
        row = of.as_row()
        return orjson.dumps({**row, **event} if of.row["id"] == odd else row)

    account.event_raw = raw  # type: ignore[method-assign]
    with Server(account) as server:
        first = run_tap(server, **settings)
        clock.seconds += 100
        account.remove("customers", odd)
        account.remove("customers", good)
        clock.seconds += 1000
        second = run_tap(server, state=first.state, **settings)
        third = run_tap(server, state=second.state, **settings)
    assert second.exit_code == third.exit_code == 0, second.stderr
    assert set(deleted(second, "customers")) == {good}
    assert "WARNING event 1" in second.stderr
    assert "event 1" not in third.stderr


def test_deletions_of_every_second_arrive_once(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """The events of a long time are read by windows, none of which may lose its edge."""
    ids = [account.add("customers", name=str(number))["id"] for number in range(150)]
    settings = {"catalog": catalog_of("customers"), "capture_deletes": True, "page_size": 5}
    with Server(account) as server:
        first = run_tap(server, **settings)
        for customer in ids:
            clock.seconds += 1
            account.remove("customers", customer)
        clock.seconds += 100
        second = run_tap(server, state=first.state, **settings)
    rows = second.records("customers")
    assert sorted(row["id"] for row in rows) == ids
    assert all(row["_sdc_deleted_at"] for row in rows)


def test_shadow_transactions_cost_at_most_the_documented_requests(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Two for each changed payment, and one for each transaction that is gone."""
    customer = account.add("customers", name="Acme")["id"]
    invoice = account.add("invoices", customer=customer, items=[{"unit_cost": 50}])["id"]
    settings = {"catalog": catalog_of("transactions"), "capture_deletes": True}
    paths: list[str] = []
    with Server(account, before_request=lambda *call: paths.append(call[-1])) as server:
        http = partial(requests.request, auth=(account.api_key, ""), timeout=10)
        applied = [{"type": "invoice", "invoice": invoice, "amount": 10}]
        body = {"customer": customer, "amount": 50, "applied_to": applied}
        ids = [http("POST", f"{server.url}/payments", json=body).json()["id"] for _ in range(4)]
        clock.seconds += 100
        first = run_tap(server, **settings)
        clock.seconds += 100
        paths.clear()
        quiet = run_tap(server, state=first.state, **settings)
        unchanged = len(paths)
        http("DELETE", f"{server.url}/payments/{ids[0]}")
        http("PATCH", f"{server.url}/payments/{ids[1]}", json={"notes": "changed"})
        http("POST", f"{server.url}/payments", json=body)  # a new one costs none
        clock.seconds += 10
        paths.clear()
        third = run_tap(server, state=quiet.state, **settings)
    assert len(deleted(third, "transactions")) == 1
    changed, gone = 2, 1
    assert len(paths) - unchanged <= 2 * changed + gone
