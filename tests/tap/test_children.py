"""Children are read below the parents that changed, or that an event names, and now and then all.

Here time stands still unless a test moves it. An edit of a child changes neither its parent nor the
events unless the test says so.
"""

import copy
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from invoiced_emulator import Account, Server

HOUR_S, DAY_S = 3_600, 86_400
CUSTOMERS = 40

Rows = dict[tuple[int, int], str]


class Business:
    """Customers with contacts, some of which a run has to emit."""

    def __init__(self, account: Account, clock: Any, customers: int = CUSTOMERS) -> None:
        self.account, self.clock = account, clock
        self.due: set[int] = set()  # contacts that the next run has to emit
        stamp = clock.seconds - DAY_S
        self.customers = [
            account.add("customers", name="Acme", updated_at=stamp)["id"] for _ in range(customers)
        ]
        for customer in self.customers * 2:
            account.add("contacts", name="Ann", _customer=customer, updated_at=stamp)

    def rows(self) -> Rows:
        owners = self.account.private
        return {
            (owners("contacts", row["id"])["_customer"], row["id"]): row["name"]
            for row in self.account.objects("contacts")
        }

    def below(self, customer: int) -> set[int]:
        return {key for owner, key in self.rows() if owner == customer}

    def edit(self, rng: random.Random) -> dict[str, Any]:
        """A contact that changed without a word."""
        _, key = rng.choice(sorted(self.rows()))
        name = f"Ann {rng.randrange(10**6)}"
        return self.account.edit("contacts", key, name=name)

    def owner(self, contact: dict[str, Any]) -> int:
        return int(self.account.private("contacts", contact["id"])["_customer"])

    def edit_with_parent(self, rng: random.Random) -> None:
        customer = self.owner(self.edit(rng))
        self.account.edit("customers", customer)
        self.due |= self.below(customer)

    def edit_with_event(self, rng: random.Random) -> None:
        contact = self.edit(rng)
        customer = self.owner(contact)
        self.account.record("updated", "contacts", {**contact, "customer": customer})
        self.due |= self.below(customer)

    def edit_with_unclear_event(self, rng: random.Random) -> None:
        contact = self.edit(rng)
        self.account.record("updated", "contacts", contact)
        self.due.add(contact["id"])

    def edit_in_silence(self, rng: random.Random) -> None:
        self.edit(rng)

    def add(self, rng: random.Random) -> None:
        customer = self.account.add("customers", name="New")["id"]
        key = self.account.add("contacts", name="Bob", _customer=customer)["id"]
        self.due.add(key)

    def merge(self, rng: random.Random) -> None:
        living = [row["id"] for row in self.account.objects("customers")]
        gone, kept = rng.sample(living, 2)
        self.account.merge(gone, kept)
        self.due |= self.below(kept)


CHANGES = (
    Business.edit_with_parent,
    Business.edit_with_event,
    Business.edit_in_silence,
    Business.edit_in_silence,
    Business.add,
    Business.merge,
)


@pytest.fixture
def run_contacts(run_tap: Callable[..., Any], catalog_of: Callable[..., Any]) -> Callable[..., Any]:
    def run(server: Any, state: Any = None, **settings: Any) -> Any:
        if isinstance(server, Server):
            server.requests.clear()
        catalog = catalog_of("contacts")
        catalog["streams"][0]["selected"] = True
        return run_tap(server, state=state, catalog=catalog, **settings)

    return run


def emitted(messages: list[Any]) -> Rows:
    rows = [one["record"] for one in messages if one["type"] == "RECORD"]
    return {(row["customer"], row["id"]): row["name"] for row in rows}


def read_below(server: Server) -> set[int]:
    """The customers whose contacts were requested."""
    found = (re.match(r"/customers/(\d+)/contacts", one.path) for one in server.requests)
    return {int(one[1]) for one in found if one}


def long_since_swept(state: Any, days: int = 8) -> Any:
    """The state as if the last sweep was so many days before 2026-03-01."""
    state = copy.deepcopy(state)
    state["bookmarks"]["contacts"]["swept_at"] = f"2026-02-{29 - days:02}T12:00:00Z"
    return state


def test_only_children_of_changed_or_named_parents_are_read(
    account: Account, clock: Any, run_contacts: Callable[..., Any]
) -> None:
    business = Business(account, clock)
    with Server(account) as server:
        first = run_contacts(server)
        assert emitted(first.messages) == business.rows()
        clock.seconds += HOUR_S
        quiet = run_contacts(server, first.state)
        assert (read_below(server), emitted(quiet.messages)) == (set(), {})
        assert len(server.requests) <= 4
        changed, named = business.customers[3], business.customers[7]
        account.edit("customers", changed)
        contact = min(business.below(named))
        account.record("updated", "contacts", {"id": contact, "customer": named})
        second = run_contacts(server, quiet.state)
        assert read_below(server) == {changed, named}
    assert {key for _, key in emitted(second.messages)} == business.below(changed) | business.below(
        named
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_changed_with_its_parent_or_an_event_is_emitted_and_the_rest_by_a_sweep(
    seed: int, account: Account, clock: Any, run_contacts: Callable[..., Any]
) -> None:
    rng = random.Random(seed)
    business = Business(account, clock)
    with Server(account) as server:
        run = run_contacts(server)
        warehouse = emitted(run.messages)
        for _ in range(3):
            clock.seconds += HOUR_S
            business.due.clear()
            for change in rng.choices(CHANGES, k=6):
                change(business, rng)
            clock.seconds += 100
            run = run_contacts(server, run.state)
            assert len(read_below(server)) < CUSTOMERS / 2
            warehouse |= emitted(run.messages)
            for key, name in business.rows().items():
                assert key[1] not in business.due or warehouse.get(key) == name
        state = run.state
        clock.seconds += 7 * DAY_S
        warehouse |= emitted(run_contacts(server, state).messages)
    assert warehouse.items() >= business.rows().items()


def test_an_event_that_names_no_parent_makes_the_run_read_all(
    account: Account, clock: Any, run_contacts: Callable[..., Any]
) -> None:
    business, rng = Business(account, clock), random.Random(1)
    with Server(account) as server:
        warehouse = emitted((run := run_contacts(server)).messages)
        clock.seconds += HOUR_S
        business.edit_in_silence(rng)
        business.edit_with_unclear_event(rng)
        run = run_contacts(server, run.state)
        assert "does not name the customer, so the children of all are read" in run.stderr
    assert warehouse | emitted(run.messages) == business.rows()
    assert run.state["bookmarks"]["contacts"]["swept_at"] == "2026-03-01T12:59:00Z"


@pytest.mark.parametrize(
    "why", ["no sweep known", "sweep due", "each run", "no events", "a day over"]
)
def test_a_run_in_doubt_reads_the_children_of_all_parents(
    why: str, account: Account, clock: Any, run_contacts: Callable[..., Any]
) -> None:
    business = Business(account, clock)
    with Server(account) as server:
        state = run_contacts(server).state
        clock.seconds += HOUR_S
        business.edit_in_silence(random.Random(2))
        settings: dict[str, Any] = {}
        match why:
            case "no sweep known":
                del state["bookmarks"]["contacts"]["swept_at"]
            case "sweep due":
                state = long_since_swept(state)
            case "each run":
                settings["children_sweep_days"] = 0
            case "no events":
                account.forbidden.add("events")
            case "a day over":
                settings["children_sweep_days"] = 1
                clock.seconds += DAY_S
        run = run_contacts(server, state, **settings)
        assert run.exit_code == 0, run.stderr
        assert read_below(server) == set(business.customers)
    assert ("without events" in run.stderr) == (why == "no events")
    (changed,) = [row for row in business.rows().items() if row[1] != "Ann"]
    assert changed in emitted(run.messages).items()
    assert run.state["bookmarks"]["contacts"]["swept_at"] > state["bookmarks"]["contacts"].get(
        "swept_at", ""
    )


def test_a_sweep_that_was_killed_is_not_counted(
    account: Account, clock: Any, run_contacts: Callable[..., Any]
) -> None:
    """A kill leaves the first lines of the output: each STATE among them has the former sweep."""
    business = Business(account, clock, customers=400)
    with Server(account) as server:
        first = run_contacts(server)
        clock.seconds += HOUR_S
        business.edit_in_silence(random.Random(3))
        before = long_since_swept(first.state)
        sweep = run_contacts(server, before).messages
        last = max(n for n, one in enumerate(sweep) if one["type"] == "RECORD")
        states = [one["value"] for one in sweep[:last] if one["type"] == "STATE"]
        assert states
        for state in states:
            assert state["bookmarks"] == before["bookmarks"]
        again = run_contacts(server, states[-1])
    assert emitted(again.messages) == business.rows()


def test_a_sweep_that_failed_is_not_counted(
    account: Account, clock: Any, run_contacts: Callable[..., Any], gateway_to: Any
) -> None:
    business = Business(account, clock)
    with Server(account) as server:
        before = long_since_swept(run_contacts(server).state)
        clock.seconds += HOUR_S
        below = f"/customers/{business.customers[-1]}/contacts"
        with gateway_to(server.url, below, 500, b"{}") as gateway:
            run = run_contacts(gateway, before, max_retry_seconds=1)
    assert run.exit_code == 1
    assert run.state["bookmarks"]["contacts"] == before["bookmarks"]["contacts"]


def test_an_empty_list_of_children_is_requested_once(
    account: Account, run_contacts: Callable[..., Any]
) -> None:
    for _ in range(3):
        account.add("customers", name="Acme")
    with Server(account) as server:
        assert run_contacts(server).exit_code == 0
        assert len([one for one in server.requests if "/contacts" in one.path]) == 3
