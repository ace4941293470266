"""Properties of what the target decides: which STATE is safe, who waits for whom, what was sent."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoiced_emulator import Account, Server
from target_invoiced.ledger import Ledger
from target_invoiced.mapping.outcomes import Done, Kind, Rejected
from target_invoiced.records.intake import Checkpoint, Intake
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.recorder import OutcomeRecorder
from target_invoiced.results.report import Report
from target_invoiced.scheduling.dependencies import DependencyGraph
from target_invoiced.scheduling.requests import RequestBuilder
from target_invoiced.settings import target_settings
from target_invoiced.singer.checkpoints import (
    RecordDone,
    RecordReceived,
    StateReceived,
    StateTracker,
    Step,
    last_safe,
)
from target_invoiced.singer.messages import Record, Schema

MANY = settings(max_examples=500, deadline=None)

# Which STATE may be told


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Records that come and settle in any order, with numbered STATEs between them."""
    steps: list[Step] = []
    open_: list[int] = []
    came = told = 0
    for choice in draw(st.lists(st.sampled_from("came came settled settled told".split()))):
        if choice == "came":
            came += 1
            open_.append(came)
            steps.append(RecordReceived(came))
        elif choice == "told":
            told += 1
            steps.append(StateReceived(told))
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
        """What the schedule promises, told in full where it keeps only the last writer."""
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


# What was sent before, where no key tells

NOW = 1_772_366_400
SETTINGS = target_settings({"api_key": "a-key"}, {})
PAYMENTS = Schema(1, "payments", {"type": "object"}, [])
REFUSED = "z"
# A letter is a payment, equal to others of the same letter; a number is a STATE.
INPUTS = st.lists(st.sampled_from(["a", "a", "b", "c", REFUSED, "STATE"]), min_size=1, max_size=24)


@dataclass(slots=True, kw_only=True)
class World:
    """What outlives a run: the input, the ledger, the STATE that was stored, and Invoiced."""

    tokens: list[str]
    ledger: Ledger
    stored: int = 0
    now: int = NOW
    runs: "itertools.count[int]" = field(default_factory=itertools.count)
    created: dict[str, str] = field(default_factory=dict)

    def place_of(self, state: int) -> int:
        """Where the input goes on after so many STATEs."""
        places = [place for place, token in enumerate(self.tokens, 1) if token == "STATE"]
        return places[state - 1] if state else 0

    def state_at(self, place: int) -> int:
        """What the STATE that stands just before the place holds."""
        return self.tokens[:place].count("STATE")

    echo_is_lost: ClassVar[bool] = True


class MovingWorld(World):
    """One whose STATEs hold how many records came before, and stand elsewhere in each run."""

    echo_is_lost = False  # then nothing tells where an input with other STATEs begins

    def place_of(self, state: int) -> int:
        places = [place for place, token in enumerate(self.tokens) if token != "STATE"]
        return places[state] if state < len(places) else len(self.tokens)

    def state_at(self, place: int) -> int:
        return place - self.tokens[:place].count("STATE")


class CrashError(Exception):
    """The process is gone."""


class Run:
    """One run of the target over a world: the rooms of the real one, without threads and HTTP."""

    def __init__(self, world: World, rng: random.Random, mishap: Callable[[], bool]) -> None:
        self.world, self.random, self.mishap = world, rng, mishap
        self.unit = UnitOfWork(world.ledger, lambda: world.now, run=f"run {next(world.runs)}")
        self.states = StateTracker()
        self.recorder = OutcomeRecorder(
            self.unit, self.states, Report(), None, None, None, self._stop, lambda: 0.0
        )
        self.input: list[str] = []
        self.ready: list[PendingRecord] = []
        self.sent: list[tuple[PendingRecord, str]] = []
        self.intake = Intake(
            SETTINGS,
            self.unit,
            self.states,
            record_outcome=self.recorder.record_outcome,
            enqueue=self.ready.append,
            writing=lambda key: False,
            skip=lambda stream: None,
            clock=lambda: 0.0,
            input_digest=lambda: repr(self.input).encode(),
        )
        self.requests = RequestBuilder(self.unit, lambda: world.now, lambda: 0.0)

    def live(self) -> None:
        """To the end of the input, or to a CrashError."""
        place = self.world.place_of(self.world.stored)
        self.intake.add_schema(PAYMENTS)
        while True:
            left = place < len(self.world.tokens)
            steps = [self._send] * bool(self.ready) + [self._settle] * bool(self.sent)
            if left and (not steps or self.random.random() < 0.5):
                token, place = self.world.tokens[place], place + 1
                self.input.append(token)
                if token == "STATE":
                    self.intake.add_state(self.world.state_at(place))
                else:
                    self.intake.add_records([Record(place, "payments", {"reference": token})])
            elif steps:
                self.random.choice(steps)()
            else:
                self.intake.finish()
                self._put_down()
                return
            self._put_down()

    def _send(self) -> None:
        """Announced durably, and then carried out once under its key, or never, or unheard of."""
        pending = self.ready.pop(self.random.randrange(len(self.ready)))
        order = self.requests.build(pending, {})
        self._put_down()
        self._perhaps()
        assert order.idempotency_key
        if pending.record["reference"] != REFUSED:
            self.world.created.setdefault(order.idempotency_key, pending.record["reference"])
        self.sent.append((pending, order.idempotency_key))
        self._perhaps()

    def _settle(self) -> None:
        pending, _ = self.sent.pop(self.random.randrange(len(self.sent)))
        refused = pending.record["reference"] == REFUSED
        self.recorder.record_outcome(
            pending, Rejected("refused", 400) if refused else Done(Kind.CREATED, 1)
        )
        self._perhaps()

    def _put_down(self) -> None:
        self.unit.flush()
        self.recorder.committed()
        for mark in self.states.ready():
            assert isinstance(mark, Checkpoint)
            self.world.ledger.journal.cover(self.unit.run, mark.segment, mark.digest)
            if self.world.echo_is_lost:
                self._perhaps()
            self._check_safe(mark.value)
            self.world.stored = mark.value
            self._perhaps()

    def _check_safe(self, state: int) -> None:
        """STATE passes nothing that is not there."""
        before = Counter(self.world.tokens[: self.world.place_of(state)])
        made = Counter(self.world.created.values())
        assert all(made[token] >= before[token] for token in "abc")

    def _perhaps(self) -> None:
        if self.mishap():
            raise CrashError

    def _stop(self, failure: Exception) -> None:
        raise failure


@settings(max_examples=300, deadline=None)
@given(INPUTS, st.randoms(use_true_random=False), st.integers(0, 6))
def test_equal_payments_without_a_key_are_created_once_each_whatever_crashes(
    tokens: list[str], rng: random.Random, crashes: int
) -> None:
    """What is left at the end of input without a STATE behind it may be left alone: it comes again.

    So the input ends with a STATE, as every tap's does.
    """
    world = World(tokens=[*tokens, "STATE"], ledger=Ledger(None))
    try:
        for _ in range(crashes):
            try:
                Run(world, rng, lambda: rng.random() < 0.1).live()
            except CrashError:
                continue
        Run(world, rng, never).live()
    finally:
        world.ledger.close()
    assert Counter(world.created.values()) == Counter(
        token for token in tokens if token not in ("STATE", REFUSED)
    )
    assert world.stored == world.tokens.count("STATE")


def never() -> bool:
    return False


def after(moments: int) -> Callable[[], bool]:
    """True once, after so many moments at which it might have been."""
    countdown = itertools.count(moments, -1)
    return lambda: next(countdown) == 0


def crashed(world: World, moments: int, seed: int) -> bool:
    """Whether a run died, so many moments after it began."""
    try:
        Run(world, random.Random(seed), after(moments)).live()
    except CrashError:
        return True
    return False


def at_any_two_moments(attempt: Callable[[int, int], tuple[bool, bool]]) -> None:
    """Attempt everything with two crashes; an attempt tells which of the two runs died."""
    for first in itertools.count():
        died = True, True
        for second in itertools.count():
            died = attempt(first, second)
            if not died[1]:
                break
        if not died[0]:
            break


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "tokens",
    [["b", "z", "z"], ["a", "STATE", "z", "a"], ["z", "STATE", "a", "a"], ["a", "STATE", "STATE"]],
    ids="-".join,
)
def test_two_runs_that_die_at_any_two_moments_create_each_payment_once(
    tokens: list[str], seed: int
) -> None:
    """The second one amid what the first one had done, so that the journal is half of each."""
    wanted = Counter(token for token in tokens if token not in ("STATE", REFUSED))

    def attempt(first: int, second: int) -> tuple[bool, bool]:
        world = World(tokens=[*tokens, "STATE"], ledger=Ledger(None))
        died = crashed(world, first, seed), crashed(world, second, seed)
        Run(world, random.Random(seed), never).live()
        world.ledger.close()
        assert Counter(world.created.values()) == wanted, (first, second)
        return died

    at_any_two_moments(attempt)


@pytest.mark.parametrize(
    "runs",
    [
        ["a a b c STATE", "a a STATE b c STATE", "a a b STATE c STATE"],
        ["a b STATE a c STATE", "a STATE b a STATE c STATE", "a b a c STATE"],
        ["a a z b STATE", "a STATE a STATE z STATE b STATE", "a a z b STATE"],
    ],
)
def test_states_that_stand_elsewhere_in_the_next_run_create_nothing_twice(runs: list[str]) -> None:
    """Taps write them by the clock."""
    inputs = [run.split() for run in runs]
    wanted = Counter(token for token in inputs[0] if token not in ("STATE", REFUSED))

    def attempt(first: int, second: int) -> tuple[bool, bool]:
        world = MovingWorld(tokens=inputs[0], ledger=Ledger(None))
        died = crashed(world, first, seed=0)
        world.tokens = inputs[1]
        died_again = crashed(world, second, seed=1)
        world.tokens = inputs[2]
        Run(world, random.Random(2), never).live()
        world.ledger.close()
        assert Counter(world.created.values()) == wanted, (first, second)
        return died, died_again

    at_any_two_moments(attempt)


@pytest.mark.parametrize(("hours", "wanted"), [(22, "abc"), (24, "abbc")])
def test_an_equal_record_is_another_one_once_23_hours_have_passed(hours: int, wanted: str) -> None:
    """Until then, a record that no STATE covers is the one that was sent, wherever it recurs."""
    world = MovingWorld(tokens=["a", "b"], ledger=Ledger(None))
    Run(world, random.Random(0), never).live()  # no STATE covers what it sent
    assert Counter(world.created.values()) == Counter("ab")
    world.now += hours * 3600
    world.tokens = ["a", "STATE", "c", "STATE", "b", "STATE"]
    Run(world, random.Random(0), never).live()
    world.ledger.close()
    created = Counter(world.created.values())
    assert created == Counter(wanted) + (Counter("a") if hours > 23 else Counter())


def test_what_did_not_come_again_is_not_looked_for_in_later_input() -> None:
    """The tap reads anew after a crash, and one record is another by then."""
    for last in range(1, 12):
        world = World(tokens=["a", "b", "STATE"], ledger=Ledger(None))
        assert crashed(world, 5, seed=0)
        before = Counter(world.created.values())
        world.tokens = ["a", "c", "STATE"]
        crashed(world, last, seed=0)
        Run(world, random.Random(0), never).live()
        world.ledger.close()
        assert Counter(world.created.values()) == before | Counter("ac"), last


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
    """SQLite gave the number of a record that waits to the next one, which was then passed over."""
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
