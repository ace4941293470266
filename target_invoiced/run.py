"""The conductor: messages -> tasks -> orders -> outcomes, and the state that may be told."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError, InvoicedError
from singer_command.signals import Interrupted
from target_invoiced import exact_json
from target_invoiced.delivery.senders import Sender
from target_invoiced.delivery.workers import WorkerPool
from target_invoiced.delivery.writer import Writer
from target_invoiced.events import EndOfInput, Event, EventQueue, Lines, Result, Signal
from target_invoiced.ledger import Ledger
from target_invoiced.mapping.operations import WriteRequest
from target_invoiced.mapping.outcomes import Done, Found, Missing, Rejected
from target_invoiced.records.intake import Intake
from target_invoiced.records.record import Task
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.rejects import Rejects
from target_invoiced.results.report import Report
from target_invoiced.results.responses import ResponseSink
from target_invoiced.results.settlement import OutcomeRecorder
from target_invoiced.scheduling.dispatcher import Dispatch, Job
from target_invoiced.scheduling.mirror import Mirror
from target_invoiced.scheduling.parking import ParkedQueue
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.scheduling.requests import RequestBuilder
from target_invoiced.settings import TargetSettings
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.messages import ActivateVersion, Record, Schema, State
from target_invoiced.singer.reader import MessageReader

LOGGER = logging.getLogger(__name__)

# How many records may be on their way: enough to find work for every connection.
MOST_PENDING = 1_000
# Writes that are announced for each connection: one under way and one to follow.
AHEAD = 2
# Records that are taken in at once: the ledger is asked for all of them in one go. While writes are
# under way they are fewer, since nobody is given the next write meanwhile.
MANY_AT_ONCE = 500
FEW_AT_ONCE = 50
# How long a run that was asked to end waits for what is under way. The journal knows the rest.
PATIENCE_S = 4.0


@dataclass(slots=True, kw_only=True)
class TargetRun:
    """One run. STATE is echoed once everything before it is settled.

    `tell` writes to stdout; None if no STATE is to be echoed. With `sample`, only the first record
    of each stream is taken. `clock` is monotonic, `now` UNIX time, both in seconds.
    """

    courier: Sender
    ledger: Ledger
    settings: TargetSettings
    inbox: EventQueue
    tell: Callable[[bytes], None] | None
    rejects: Rejects | None = None
    answers: Callable[[UnitOfWork], ResponseSink] | None = None
    sample: bool = False
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    report: Report = field(default_factory=Report)
    _books: UnitOfWork = field(init=False)
    _states: StateTracker = field(init=False, default_factory=StateTracker)
    _answers: ResponseSink | None = field(init=False, default=None)
    _settlement: OutcomeRecorder = field(init=False)
    _flow: WriteQueue = field(init=False)
    _waiting: ParkedQueue = field(init=False)
    _dispatch: Dispatch = field(init=False)
    _mirror: Mirror = field(init=False)
    _intake: Intake = field(init=False)
    _feed: MessageReader = field(init=False)
    _crew: WorkerPool = field(init=False)
    _announcer: RequestBuilder = field(init=False)
    _removals: Iterator[None] | None = field(init=False, default=None)
    _in_hand: dict[Task, WriteRequest] = field(init=False, default_factory=dict)
    _ended: bool = field(init=False, default=False)
    _stage: int = field(init=False, default=0)
    _bad_input: InvalidInputError | None = field(init=False, default=None)
    _last: tuple[int, BaseException] | None = field(init=False, default=None)
    _failure: BaseException | None = field(init=False, default=None)
    _deadline: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        settings = self.settings
        self._books = UnitOfWork(self.ledger, self.now)
        self._answers = self.answers(self._books) if self.answers else None
        self._settlement = OutcomeRecorder(
            books=self._books,
            states=self._states,
            report=self.report,
            rejects=self.rejects,
            answers=self._answers,
            max_rejects=settings.max_rejects,
            stop=self._stop_at,
            clock=self.clock,
        )
        self._flow = WriteQueue(self._books, self._settlement)
        self._waiting = ParkedQueue(settings, self._books, self._flow, self.clock)
        self._announcer = RequestBuilder(self._books, self.now, self.clock)
        self._dispatch = Dispatch(self._books, self._flow, self._waiting, self._announcer)
        self._mirror = Mirror(self._books, self._flow, self._states, self.clock)
        self._intake = Intake(
            settings=settings,
            books=self._books,
            states=self._states,
            settle=self._settlement.settle,
            admit=self._flow.admit,
            pending=self._flow.pending,
            skip=lambda stream: self.report.skip(stream, self.clock()),
            clock=self.clock,
        )
        self._feed = MessageReader(self.inbox.more, self.sample)
        writer = Writer(self.courier)
        connections = settings.connection.max_connections
        self._crew = WorkerPool(connections, self.inbox, writer.write, self.courier.retries)

    @property
    def replayed(self) -> int:
        """How many records without a key an earlier run had sent."""
        return self._intake.replayed

    def run(self, file_number: int) -> None:
        """Raises InvalidInputError, FatalError, RetryableError, TooManyRejectsError, Stopped.

        What was echoed stays true, and what was sent is known to the ledger, however it ends.
        """
        self.inbox.read(file_number)
        if not self.sample:
            self._waiting.take_up_known()
        try:
            more = self._turn([])
            while not self._over():
                left_s = None if self._deadline is None else self._deadline - self.clock()
                more = self._turn(self.inbox.take(0 if more else left_s))
        finally:
            if self._answers:
                self._answers.close(wait=self._goes_on)
        if self._failure:
            raise self._failure

    def _goes_on(self) -> bool:
        """Whether nothing ends the run early, be it a signal that came since the last turn."""
        for event in self.inbox.take(0):
            if isinstance(event, Signal):
                self._deal_with(event)
        return self._failure is None

    def _over(self) -> bool:
        if self._failure:
            impatient = self._deadline is not None and self.clock() >= self._deadline
            return not self._in_hand or impatient
        return self._stage == len(END) and not len(self._flow) and not self._waiting.at_work

    def _stop(self, failure: BaseException) -> None:
        """End the run with this failure, once what is under way has come back."""
        if self._failure is None:
            self._failure = failure
            self._withdraw(self._taken_back())

    def _taken_back(self) -> list[Job]:
        """The jobs that nobody has begun."""
        jobs: list[Job] = self._crew.dismiss()
        for task, _ in jobs:
            del self._in_hand[task]
        return jobs

    def _stop_at(self, failure: BaseException, position: int | None) -> None:
        """End the run with this failure, once what came before the position has settled."""
        if position is None:
            self._stop(failure)
        elif self._last is None or position < self._last[0]:
            self._last = position, failure

    def _before_last(self, jobs: list[Job]) -> list[Job]:
        """Those of the jobs that came before the record that ends the run, if one does."""
        if self._last is None:
            return jobs
        before = [job for job in jobs if (job[0].position or self._last[0]) < self._last[0]]
        self._withdraw(job for job in jobs if job not in before)
        return before

    def _withdraw(self, jobs: Iterable[Job]) -> None:
        for task, order in jobs:
            self._announcer.withdraw(task, order)

    def _turn(self, events: Iterable[Event]) -> bool:
        """Deal with what has come, send what may be sent, tell what may be told.

        Whether more can be done before anything comes back: the crew does not wait for that.
        """
        jobs: list[Job] = []
        more = False
        for event in events:
            try:
                self._deal_with(event)
            except (InvalidInputError, InvoicedError) as failure:
                self._stop(failure)  # the other events have come all the same
        try:
            while not self._failure and (more := self._progress(jobs)):
                if jobs or self.inbox:
                    break
        except (InvalidInputError, InvoicedError) as failure:
            self._stop(failure)
        if self._last and not self._failure:
            jobs = self._before_last([*self._taken_back(), *jobs])
            if not (more or jobs or self._in_hand):
                self._stop(self._last[1])
        if self._failure:
            self._withdraw(jobs)
            jobs = []
        self._put_down()
        self._in_hand.update(jobs)
        self._crew.give(jobs)
        self._echo()
        return more

    def _progress(self, jobs: list[Job]) -> bool:
        """Take one step; False if there is none to take before something comes back."""
        if self._last:
            position = self._last[0]
            ready = (task for task in self._flow.ready if (task.position or position) < position)
            self._flow.ready = deque(ready)
        if not self._waiting.at_work:
            self._flow.arrived.clear()
        elif len(self._flow) < MOST_PENDING:
            self._put_down()
            self._waiting.take_up()
            return True
        room = AHEAD * self.settings.connection.max_connections - len(self._in_hand) - len(jobs)
        if self._flow.ready and room > 0:
            jobs += self._dispatch.jobs(room)
            return True
        if self._last or len(self._flow) >= MOST_PENDING:
            return False
        try:
            return self._take_in()
        except InvalidInputError as problem:
            # What came before it is written all the same.
            self._bad_input, self._ended = problem, True
            self._feed.drop()
            return True

    def _put_down(self) -> None:
        self._books.flush()
        self._settlement.durable()
        if self._answers:
            self._answers.durable()

    def _echo(self) -> None:
        for mark in self._states.safe():
            if self.tell is not None:
                if self._books.journal_in_use:
                    self.ledger.journal.cover(
                        mark.segment, mark.digest, began=mark.began, over=mark.over
                    )
                self.tell(exact_json.dumps(mark.value, orjson.OPT_APPEND_NEWLINE))

    def _deal_with(self, event: Event) -> None:
        match event:
            case Lines(lines):
                if self._bad_input is None:
                    self._feed.add(lines)
            case EndOfInput(error):
                self._ended = True
                if error:
                    self._bad_input = InvalidInputError(
                        f"the input cannot be read: {error.strerror}."
                    )
            case Signal(number):
                self._stop(Interrupted(number))
                self._deadline = self._deadline or self.clock() + PATIENCE_S
            case Result(task, value, retries):
                order = self._in_hand.pop(task)
                task.retries += retries
                self._came_back(task, order, value)

    def _came_back(self, task: Task, order: WriteRequest, value: Any) -> None:
        match value:
            case Done():
                self._flow.finish(task, value)
            case Rejected():
                self._dispatch.refused(task, value)
            case Found(id):
                self._dispatch.found(task, id)
            case Missing(reference):
                self._announcer.withdraw(task, order)
                self._waiting.wait(task, reference)
            case InvoicedError():
                self._stop(value)
            case Exception():
                raise value

    def _take_in(self) -> bool:
        """Take in what comes next of the input; False if nothing can be for now."""
        if self._removals is not None:
            if next(self._removals, self) is self:
                self._removals = None
            return True
        match self._feed.next():
            case Record() as record:
                most = FEW_AT_ONCE if self._in_hand else MANY_AT_ONCE
                self._intake.records(self._feed.records(record, most))
            case Schema() as schema:
                self._intake.schema(schema)
            case State(value=value):
                self._intake.state(value)
            case ActivateVersion() as version:
                return self._activate(version)
            case None:
                return self._ended and not self._feed and self._finish_input()
        return True

    def _activate(self, message: ActivateVersion) -> bool:
        """Of a mirror, what the version did not bring is removed, once all of it has settled."""
        stream = self._intake.stream(message.stream, message.line)
        if stream is None or not stream.mirrors:
            LOGGER.info("%s: ACTIVATE_VERSION deletes nothing: it is no `mirror`", message.stream)
            return True
        if self.sample:
            return True  # most of the version was left out
        if message.stream in self._intake.unversioned:
            raise InvalidInputError(
                f"line {message.line}: ACTIVATE_VERSION of `{message.stream}`, which is a mirror, "
                "but records of it came without a version. Nothing was deleted for it."
            )
        self._intake.send_batches()
        if len(self._flow):
            self._feed.put_back(message)
            return False
        self._put_down()
        self._removals = self._mirror.remove_left_behind(stream, message)
        return True

    def _finish_input(self) -> bool:
        """All input is in: the last steps, each when nothing is on its way any more."""
        if self._stage == len(END) or len(self._flow):
            return False
        END[self._stage](self)
        self._stage += 1
        return True

    def _end_intake(self) -> None:
        self._intake.end()

    def _end_waiting(self) -> None:
        if self._bad_input:
            self._stop(self._bad_input)
            return
        self._put_down()
        if not self.sample:
            self._waiting.give_last_chance()


# What remains to be done when all input is in, in this order.
END: tuple[Callable[[TargetRun], None], ...] = (TargetRun._end_intake, TargetRun._end_waiting)
