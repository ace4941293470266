"""Properties of what the target decides: which STATE is safe, and who waits for whom."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoiced_emulator import Account, Server
from target_invoiced.scheduling.dependencies import DependencyGraph
from target_invoiced.singer.checkpoints import (
    RecordDone,
    RecordReceived,
    StateReceived,
    StateTracker,
    Step,
    last_safe,
)

MANY = settings(max_examples=500, deadline=None)

# Which STATE may be echoed


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Records that come and settle in any order, with numbered STATEs between them."""
    steps: list[Step] = []
    open_: list[int] = []
    came = echoed = 0
    for choice in draw(st.lists(st.sampled_from("came came settled settled echoed".split()))):
        if choice == "came":
            came += 1
            open_.append(came)
            steps.append(RecordReceived(came))
        elif choice == "echoed":
            echoed += 1
            steps.append(StateReceived(echoed))
        elif open_:
            steps.append(RecordDone(open_.pop(draw(st.integers(0, len(open_) - 1)))))
    return steps


@MANY
@given(histories())
def test_the_states_that_are_echoed_are_those_that_no_unsettled_record_precedes(
    history: list[Step],
) -> None:
    states, echoed = StateTracker(), []
    before: dict[Any, set[int]] = {}
    unsettled: set[int] = set()
    for number, step in enumerate(history, 1):
        match step:
            case RecordReceived(position):
                assert states.came() == position
                unsettled.add(position)
            case RecordDone(position):
                states.settled(position)
                unsettled.discard(position)
            case StateReceived(value):
                states.add_state(value)
                before[value] = set(unsettled)
        fresh = states.ready()
        assert not any(before[value] & unsettled for value in fresh), "it passes an unsettled one"
        echoed += fresh
        assert (echoed[-1] if echoed else None) == last_safe(history[:number])
    assert echoed == sorted(echoed), "in order, and each once"


# Who waits for whom


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    number: int
    writes: frozenset[str]
    reads: frozenset[str]
    removes: bool

    def waits_for(self, earlier: "Item") -> bool:
        """What the schedule promises, in full where the schedule keeps only the last writer."""
        written = earlier.writes & (self.writes | self.reads)
        return bool(written or (self.removes and (earlier.reads - earlier.writes) & self.writes))


TOKENS = st.frozensets(st.sampled_from("abcde"), max_size=2)
ITEMS = st.lists(st.tuples(TOKENS, TOKENS, st.booleans()), max_size=14).map(
    lambda rows: [
        Item(number=number, writes=writes, reads=reads, removes=removes)
        for number, (writes, reads, removes) in enumerate(rows)
    ]
)


@MANY
@given(ITEMS, st.randoms(use_true_random=False))
def test_an_item_goes_exactly_when_everything_it_depends_on_has_finished(
    items: list[Item], rng: random.Random
) -> None:
    """So writes to one object keep their order, and what is independent never waits."""
    schedule: DependencyGraph[Item] = DependencyGraph()
    waiting, under_way = list(items), []
    pending: list[Item] = []  # added, and not finished
    released: set[Item] = set()
    while waiting or pending:
        if waiting and (not under_way or rng.random() < 0.6):
            item = waiting.pop(0)
            if schedule.add(item, writes=item.writes, reads=item.reads, removes=item.removes):
                released.add(item)
                under_way.append(item)
            pending.append(item)
        else:
            done = under_way.pop(rng.randrange(len(under_way)))
            pending.remove(done)
            follow = schedule.finish(done)
            assert [one.number for one in follow] == sorted(one.number for one in follow)
            released.update(follow)
            under_way += follow
        for item in pending:
            held_up = any(item.waits_for(one) for one in pending if one.number < item.number)
            assert (item in released) == (not held_up)
        assert len(schedule) == len(pending)
        for token in "abcde":
            assert schedule.writing(token) == any(token in one.writes for one in pending)
    assert released == set(items), "everything goes in the end"


# Through the command


def family(rng: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """Customers with parents of their own, their documents and children: parents may come last."""
    rows: list[tuple[str, dict[str, Any]]] = []
    for number in range(20):
        parent = f"c{rng.randrange(number)}" if number and rng.random() < 0.7 else None
        name = {"id": f"c{number}", "name": f"Customer {number}", "number": f"CUST-{number}"}
        rows.append(("customers", {**name, "parent_customer": parent}))
        bill = {"id": f"i{number}", "customer": f"c{number}", "number": f"INV-{number}"}
        rows.append(("invoices", {**bill, "items": [{"quantity": 1, "unit_cost": 100}]}))
        rows.append(
            ("contacts", {"id": f"p{number}", "customer": f"c{number}", "name": str(number)})
        )
        rows.append(("notes", {"id": f"n{number}", "invoice": f"i{number}", "notes": str(number)}))
        applied = [{"type": "invoice", "invoice": f"i{number}", "amount": 40}]
        payment = {"id": f"m{number}", "customer": f"c{number}", "amount": 40}
        rows.append(("payments", {**payment, "reference": str(number), "applied_to": applied}))
    rng.shuffle(rows)
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_every_reference_is_right_in_whatever_order_the_records_come(
    seed: int, account: Account, server: Server, run_target: Callable[..., Any], singer: Any
) -> None:
    rng = random.Random(seed)
    rows = family(rng)
    messages = [singer.schema(stream) for stream in dict(rows)]
    for number, (stream, row) in enumerate(rows):
        messages.append(singer.record(stream, **row))
        if rng.random() < 0.1:
            messages.append(singer.state({"done": number}))
    messages.append(singer.state({"done": "all"}))
    run = run_target(server, messages, ids="external")
    assert run.exit_code == 0, run.stderr
    assert run.messages[-1] == {"done": "all"}

    def by(resource: str, attribute: str) -> dict[Any, Any]:
        return {row[attribute]: row for row in account.objects(resource)}

    customers, invoices = by("customers", "number"), by("invoices", "number")
    contacts, notes, payments = (
        by("contacts", "name"),
        by("notes", "notes"),
        by("payments", "reference"),
    )
    counts = [len(account.objects(one)) for one in ("customers", "invoices", "notes", "payments")]
    assert counts == [20, 20, 20, 20]
    for stream, row in rows:
        number = row["id"][1:]
        customer = customers[f"CUST-{number}"]["id"]
        if stream == "customers":
            parent = row["parent_customer"]
            wanted = parent and customers[f"CUST-{parent[1:]}"]["id"]
            assert customers[row["number"]]["parent_customer"] == wanted
        elif stream == "invoices":
            assert invoices[row["number"]]["customer"] == customer
            assert invoices[row["number"]]["balance"] == 60
        elif stream == "contacts":
            assert account.private("contacts", contacts[number]["id"])["_customer"] == customer
        elif stream == "notes":
            assert notes[number]["invoice"] == invoices[f"INV-{number}"]["id"]
        else:
            (applied,) = payments[number]["applied_to"]
            assert payments[number]["customer"] == customer
            assert applied["invoice"] == invoices[f"INV-{number}"]["id"]


def test_a_record_that_waits_for_one_object_and_then_for_another_is_written_in_the_same_run(
    account: Account, server: Server, run_target: Callable[..., Any], singer: Any
) -> None:
    """SQLite once reused the number of a parked record for the next one, which was then skipped."""
    applied = [{"type": "invoice", "invoice": "i", "amount": 40}]
    messages = [
        *singer.stream(
            "invoices", {"id": "i", "customer": "d", "items": [{"quantity": 1, "unit_cost": 100}]}
        ),
        *singer.stream("payments", {"id": "m", "customer": "c", "applied_to": applied}),
        *singer.stream(
            "customers", {"id": "c", "name": "C"}, {"id": "d", "name": "D", "parent_customer": "c"}
        ),
        singer.state({"done": True}),
    ]
    run = run_target(server, messages, ids="external")
    assert run.exit_code == 0, run.stderr
    assert [row["amount"] for row in account.objects("payments")] == [40]
