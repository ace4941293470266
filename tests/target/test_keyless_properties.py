"""Properties of records without a key: each is created once, whatever crashes."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_invoiced.ledger import Ledger
from target_invoiced.mapping.outcomes import Done, Kind, Rejected
from target_invoiced.records.intake import Checkpoint, Intake
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.recorder import OutcomeRecorder
from target_invoiced.results.report import Report
from target_invoiced.scheduling.requests import RequestBuilder
from target_invoiced.settings import target_settings
from target_invoiced.singer.checkpoints import (
    StateTracker,
)
from target_invoiced.singer.messages import Record, Schema

MANY = settings(max_examples=500, deadline=None)

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
    """An input whose STATEs hold the number of records before them, at other places in each run."""

    echo_is_lost = False  # then nothing shows where an input with other STATEs begins

    def place_of(self, state: int) -> int:
        places = [place for place, token in enumerate(self.tokens) if token != "STATE"]
        return places[state] if state < len(places) else len(self.tokens)

    def state_at(self, place: int) -> int:
        return place - self.tokens[:place].count("STATE")


class CrashError(Exception):
    """The process is gone."""


class Run:
    """One run of the target over a world: the real parts, without threads and HTTP."""

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
        """Announced durably, then executed once under its key, or never, or without a response."""
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
        """STATE passes no record that is not written."""
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
    """True once, at the given one of the possible moments."""
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
    """Attempt everything with two crashes; an attempt shows which of the two runs died."""
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
    """The second crash comes before the end of the first run's work: the journal holds both."""
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
    """Taps write STATEs by the clock."""
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
