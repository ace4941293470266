"""Every resource of the API, not only those that are read by default."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from invoiced_api.definitions import ReadStrategy
from invoiced_api.resources import BY_NAME, RESOURCES
from invoiced_emulator import Account, Server
from invoiced_emulator.resources.registry import RESOURCES as SERVED

# `test_further_streams.py` has the others.
EVERY = [
    one.name for one in RESOURCES if one.name in {"events", *(served.name for served in SERVED)}
]
# The events that the test itself makes by reading are none; the account keeps them elsewhere.
KEPT = [name for name in EVERY if name != "events"]


@pytest.fixture
def run_all(
    run_tap: Callable[..., Any], catalog_of: Callable[..., Any], business_server: Server
) -> Callable[..., Any]:
    def run(state: Any = None, **settings: Any) -> Any:
        catalog = catalog_of(*EVERY)
        for entry in catalog["streams"]:
            entry["selected"] = True
        done = run_tap(business_server, state=state, catalog=catalog, **settings)
        assert done.exit_code == 0, done.stderr
        return done

    return run


@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_every_object_of_every_resource_is_emitted_and_validates_strictly(
    page_size: int,
    business: Account,
    run_all: Callable[..., Any],
    strict_validator: Callable[..., Any],
) -> None:
    validators = {}
    emitted: dict[str, list[Any]] = {name: [] for name in EVERY}
    run = run_all(page_size=page_size)
    for message in run.messages:
        stream = message.get("stream")
        if message["type"] == "SCHEMA":
            validators[stream] = strict_validator(message["schema"])
        elif message["type"] == "RECORD":
            validators[stream].validate(message["record"])
            emitted[stream].append(message["record"]["id"])
    for name in KEPT:
        assert sorted(emitted[name]) == sorted(row["id"] for row in business.objects(name)), name
    assert sorted(emitted["events"]) == sorted(event["id"] for event in business.events())
    assert "not in the schema" not in run.stderr


def test_archived_ones_are_among_them(business: Account, run_all: Callable[..., Any]) -> None:
    business.add("plans", id="old-plan", name="Old", _archived=True)
    assert "old-plan" in run_all().ids("plans")


def below(server: Server, customer: int, name: str) -> Any:
    """The children of one customer, asked for on their own."""
    path = "line_items" if name == "pending_line_items" else name
    url = f"{server.url}/customers/{customer}/{path}"
    return requests.get(url, auth=("emulator-key", ""), timeout=10).json()


def test_children_name_their_parent(
    business: Account, business_server: Server, run_all: Callable[..., Any]
) -> None:
    run = run_all()
    customers = set(run.ids("customers"))
    for name in ("contacts", "payment_sources", "pending_line_items"):
        found = {(row["customer"], row["id"]) for row in run.records(name)}
        assert found == {
            (owner, row["id"]) for owner in customers for row in below(business_server, owner, name)
        }
        assert found
    plans = {row["invoice"]: row["id"] for row in run.records("payment_plans")}
    assert plans == {
        row["id"]: row["payment_plan"] for row in run.records("invoices") if row["payment_plan"]
    }


def test_payments_show_what_they_are_applied_to(run_all: Callable[..., Any]) -> None:
    assert all("applied_to" in row for row in run_all().records("payments"))


def test_a_second_run_emits_only_what_was_updated_since_whatever_the_list_can_do(
    business: Account, clock: Any, run_all: Callable[..., Any]
) -> None:
    first = run_all()
    clock.seconds += 1_000
    changed = {}
    for name in KEPT:
        rows = [row for row in business.objects(name) if "updated_at" in row]
        if rows and BY_NAME[name].strategy is not ReadStrategy.PER_PARENT:
            business.edit(name, rows[-1]["id"], updated_at=clock.seconds - 10)
            changed[name] = [rows[-1]["id"]]
    assert len(changed) >= 15
    second = run_all(first.state)
    assert {name: second.ids(name) for name in changed} == changed


def test_events_come_oldest_first_and_a_window_at_a_time(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    for number in range(1_500):
        account.add("customers", id=number + 1, name=str(number))
    began = clock.seconds
    for number in range(1_500):
        clock.seconds = began + number
        account.remove("customers", number + 1)
    clock.seconds += 100
    catalog = catalog_of("events")
    catalog["streams"][0]["selected"] = True

    def one_more(account: Account, number: int, method: str, path: str) -> None:
        account.record("created", "customers", {"id": 5_000 + number, "customer": None})

    with Server(account, before_request=one_more) as server:
        run = run_tap(server, catalog=catalog)
    assert run.exit_code == 0, run.stderr
    stamps = [row["timestamp"] for row in run.records("events")]
    assert stamps == sorted(stamps)
    types = [row["type"] for row in run.records("events")]
    assert types.count("customer.deleted") == 1_500


def test_a_bad_value_costs_neither_its_row_nor_another_stream(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.edit("transactions", business.objects("transactions")[0]["id"], amount={"usd": 5})
    run = run_tap(business_server)
    assert run.exit_code == 0, run.stderr
    assert run.stderr.count('field `amount` holds {"usd":5}, not a number') == 1
    for name in ("invoices", "transactions"):
        assert len(run.ids(name)) == len(business.objects(name))
