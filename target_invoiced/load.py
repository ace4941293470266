"""The conductor: messages -> tasks -> orders -> outcomes, and the state that may be told."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from invoiced_api.console import Stopped
from invoiced_api.failures import BadInput, InvoicedError
from target_invoiced.announcing import Announcer
from target_invoiced.answers import Answers
from target_invoiced.books import Books, heard
from target_invoiced.courier import Courier
from target_invoiced.failures import Unwritable
from target_invoiced.identity import ExternalKey, NaturalKey, Reference
from target_invoiced.inbox import Crew, End, Event, Inbox, Lines, Result, Signal
from target_invoiced.intake import Intake
from target_invoiced.ledger import Known, Ledger, Parked
from target_invoiced.messages import ActivateVersion, Message, Reader, Record, Schema, State
from target_invoiced.outcomes import Done, Found, Kind, Missing, Outcome, Rejected
from target_invoiced.planning import Nothing, references_of
from target_invoiced.rejects import Rejects
from target_invoiced.report import Report
from target_invoiced.schedule import Schedule
from target_invoiced.settings import TargetSettings
from target_invoiced.settling import Settlement
from target_invoiced.state import States
from target_invoiced.tasks import Stream, Task
from target_invoiced.writer import Order, Writer

LOGGER = logging.getLogger(__name__)

# How many records may be on their way: enough to find work for every connection.
MOST_PENDING = 1_000
# Records that the ledger is asked for at once.
RECORDS_AT_ONCE = 500
# Writes that are announced for each connection: one under way and one to follow.
AHEAD = 2
# How long a run that was asked to end waits for what is under way. The journal knows the rest.
PATIENCE_S = 4.0
# Objects that a new version of a table left behind are removed so many at a time.
LEFT_BEHIND_AT_ONCE = 200


@dataclass(slots=True, kw_only=True)
class Load:
    """One run. STATE is echoed once everything before it is settled.

    `tell` writes to stdout; None if no STATE is to be echoed. With `sample`, only the first record
    of each stream is taken. `clock` is monotonic, `now` UNIX time, both in seconds.
    """

    courier: Courier
    ledger: Ledger
    settings: TargetSettings
    inbox: Inbox
    tell: Callable[[bytes], None] | None
    rejects: Rejects | None = None
    answers: Callable[[Books], Answers] | None = None
    sample: bool = False
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    report: Report = field(default_factory=Report)
    replayed: int = 0
    _books: Books = field(init=False)
    _states: States = field(init=False, default_factory=States)
    _schedule: Schedule[Task] = field(init=False, default_factory=Schedule)
    _settlement: Settlement = field(init=False)
    _intake: Intake = field(init=False)
    _announcer: Announcer = field(init=False)
    _crew: Crew = field(init=False)
    _answers: Answers | None = field(init=False, default=None)
    _reader: Reader = field(init=False, default_factory=Reader)
    _lines: deque[bytes] = field(init=False, default_factory=deque)
    _last_of_part: deque[int] = field(init=False, default_factory=deque)
    _message: Message | None = field(init=False, default=None)
    _ready: deque[Task] = field(init=False, default_factory=deque)
    _arrived: set[Reference] = field(init=False, default_factory=set)
    _revived: set[int] = field(init=False, default_factory=set)
    _left_behind: Iterator[list[Known]] | None = field(init=False, default=None)
    _sampled: set[str] = field(init=False, default_factory=set)
    _in_hand: int = field(init=False, default=0)
    _ended: bool = field(init=False, default=False)
    _input_over: bool = field(init=False, default=False)
    _bad_input: BadInput | None = field(init=False, default=None)
    _last_try: bool = field(init=False, default=False)
    _failure: BaseException | None = field(init=False, default=None)
    _deadline: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._books = Books(self.ledger, self.now)
        if self.answers:
            self._answers = self.answers(self._books)
        self._settlement = Settlement(
            self._books,
            self._states,
            self.report,
            self.rejects,
            self._answers,
            self.settings.max_rejects,
            self._stop,
            self.clock,
        )
        self._intake = Intake(
            self.settings,
            self._books,
            self._states,
            settle=self._settlement.settle,
            admit=self._admit,
            pending=self._schedule.writing,
            skip=lambda stream: self.report.skip(stream, self.clock()),
            clock=self.clock,
        )
        self._announcer = Announcer(self._books, self.now, self.clock)
        writer = Writer(self.courier)
        size = self.settings.connection.max_connections
        self._crew = Crew(size, self.inbox, writer.write, self.courier.retries)

    def run(self, file_number: int) -> None:
        """Raises BadInput, RunBlocked, TryAgain, TooManyRejects, Stopped.

        What was echoed stays true, and what was sent is known to the ledger, however it ends.
        """
        self.inbox.read(file_number)
        self._revive_known()
        try:
            self._turn([])
            while not self._over():
                self._turn(self.inbox.take(self._timeout_s()))
        finally:
            self.replayed = self._intake.replayed
            if self._answers:
                self._answers.close(wait=self._failure is None)
        if self._failure:
            raise self._failure

    def _over(self) -> bool:
        if self._failure:
            patience_over = self._deadline is not None and self.clock() >= self._deadline
            return not self._in_hand or patience_over
        return self._ended and not self._lines and not len(self._schedule) and self._last_try

    def _timeout_s(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - self.clock())

    def _stop(self, failure: BaseException) -> None:
        """End the run with this failure, once what is under way has come back."""
        if self._failure is None:
            self._failure = failure
            jobs = self._crew.dismiss()
            self._in_hand -= len(jobs)
            self._withdraw(jobs)

    def _withdraw(self, jobs: Iterable[tuple[Task, Order]]) -> None:
        for task, order in jobs:
            self._announcer.withdraw(task, order)

    def _turn(self, events: Iterable[Event]) -> None:
        """Deal with what has come, send what may be sent, tell what may be told."""
        orders: list[tuple[Task, Order]] = []
        try:
            for event in events:
                self._deal_with(event)
            while self._progress(orders):
                pass
        except (BadInput, InvoicedError) as failure:
            self._stop(failure)
        if self._failure:
            self._withdraw(orders)
            orders = []
        self._put_down()
        self._in_hand += len(orders)
        self._crew.give(orders)
        self._echo()

    def _progress(self, orders: list[tuple[Task, Order]]) -> bool:
        """Take one step; False if there is none to take before something comes back."""
        if self._failure:
            return False
        if self._arrived and self._books.parked:
            self._put_down()
            arrived, self._arrived = self._arrived, set()
            self._revive(self._books.waiting_for(arrived))
            return True
        self._arrived.clear()
        room = AHEAD * self.settings.connection.max_connections - self._in_hand - len(orders)
        if self._ready and room > 0:
            orders += self._prepare(room)
            return True
        try:
            return self._take_in()
        except BadInput as problem:
            # What came before it is written all the same.
            self._bad_input, self._ended = problem, True
            self._lines.clear()
            return True

    def _put_down(self) -> None:
        self._books.flush()
        self._settlement.durable()
        if self._answers:
            self._answers.durable()

    def _echo(self) -> None:
        for mark in self._states.safe():
            if self.tell is None:
                continue
            self.ledger.cover(mark.segment, mark.digest)
            self.tell(orjson.dumps(mark.value, option=orjson.OPT_APPEND_NEWLINE))

    # What comes

    def _deal_with(self, event: Event) -> None:
        match event:
            case Lines(lines):
                self._lines.extend(lines)
                self._last_of_part.append(len(lines))
            case End(error):
                self._ended = True
                if error:
                    self._bad_input = BadInput(f"the input cannot be read: {error.strerror}.")
            case Signal(number):
                self._stop(Stopped(number))
                self._deadline = self._deadline or self.clock() + PATIENCE_S
            case Result(task, value, retries):
                self._in_hand -= 1
                task.retries += retries
                self._came_back(task, value)

    def _came_back(self, task: Task, value: Any) -> None:
        match value:
            case Done() | Rejected():
                self._finish(task, value)
            case Found(id):
                self._found(task, id)
            case Missing(reference):
                self._wait_for(task, reference)
            case InvoicedError():
                self._stop(value)
            case Exception():
                raise value

    def _finish(self, task: Task, outcome: Outcome) -> None:
        """A task is settled: others may go on."""
        if isinstance(outcome, Done):
            objects = task.stream.objects(task.record, task.key)
            self._arrived |= {one for one in objects if isinstance(one, (ExternalKey, NaturalKey))}
        self._settlement.settle(task, outcome)
        self._ready.extend(self._schedule.finish(task))

    def _found(self, task: Task, id: int | str) -> None:
        """The object is there already: bring it to what the record says."""
        assert task.key
        owner = self.ledger.owner(task.key.resource, id)
        if owner is not None and owner != task.key:
            said = f"it is the same object as {owner}: one of the two has to go"
            self._finish(task, Rejected(said))
            return
        known = self._books.of(task)
        self._books.put(
            replace(known, id=id, gone=False, digest=None, idempotency_key=None, announced_at=None)
        )
        self._ready.appendleft(task)

    def _park(self, task: Task, missing: Reference) -> None:
        """The record waits for another, in this run or a later one; STATE need not."""
        self._books.park(task, missing)
        self._settlement.parked(task, durable=self.ledger.durable)
        self._ready.extend(self._schedule.finish(task))

    def _admit(self, task: Task) -> None:
        if self._schedule.add(task, **task.depends()):
            self._ready.append(task)

    # Input

    def _take_in(self) -> bool:
        """Take in what comes next of the input; False if nothing can be for now."""
        if len(self._schedule) >= MOST_PENDING:
            return False
        if self._left_behind is not None:
            return self._remove_left_behind()
        match self._next_message():
            case Record() as record:
                self._intake.records(self._sample(self._records_from(record)))
            case Schema() as schema:
                self._intake.schema(schema)
            case State(value=value):
                self._intake.state(value)
            case ActivateVersion() as new_version:
                return self._activate(new_version)
            case None:
                return self._finish_input() if self._ended and not self._lines else False
        return True

    def _next_message(self) -> Message | None:
        """None if no whole line is there."""
        if self._message is not None:
            message, self._message = self._message, None
            return message
        while self._lines:
            line = self._lines.popleft()
            self._last_of_part[0] -= 1
            if not self._last_of_part[0]:
                self._last_of_part.popleft()
                self.inbox.more()
            read = self._reader.message(line)
            if read is not None:
                return read
        return None

    def _records_from(self, first: Record) -> Iterator[Record]:
        """The records from here on that lie ready, up to a message of another kind."""
        yield first
        for _ in range(RECORDS_AT_ONCE - 1):
            other = self._next_message()
            if not isinstance(other, Record):
                self._message = other
                return
            yield other

    def _sample(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            if not self.sample or record.stream not in self._sampled:
                self._sampled.add(record.stream)
                yield record

    def _activate(self, message: ActivateVersion) -> bool:
        """Of a mirror, what the version did not bring is removed, once all of it has settled."""
        stream = self._intake.stream(message.stream, message.line)
        if stream is None or not stream.mirrors or stream.resource is None:
            LOGGER.info(
                "%s: ACTIVATE_VERSION deletes nothing, since the stream is no `mirror`",
                message.stream,
            )
            return True
        self._intake.send_batches()
        if len(self._schedule):
            self._message = message
            return False
        self._put_down()
        self._left_behind = self._pages_left_behind(stream, message)
        return True

    def _pages_left_behind(self, stream: Stream, message: ActivateVersion) -> Iterator[list[Known]]:
        last, resource = "", stream.resource or ""
        while rows := self.ledger.left_behind(
            stream.name, resource, message.version, last, LEFT_BEHIND_AT_ONCE
        ):
            last = rows[-1].key.value
            for known in rows:
                self._remove(stream, message, known)
            yield rows

    def _remove_left_behind(self) -> bool:
        assert self._left_behind is not None
        if next(self._left_behind, None) is None:
            self._left_behind = None
        return True

    def _remove(self, stream: Stream, message: ActivateVersion, known: Known) -> None:
        names = stream.schema.key_properties
        keys = [known.key.value] if len(names) == 1 else orjson.loads(known.key.value)
        record = {**dict(zip(names, keys, strict=True)), "_sdc_deleted_at": True}
        sent = Record(message.line, stream.name, record)
        task = Task(stream, sent, record, self.clock(), key=known.key, position=self._states.came())
        self._books.hold(task, known)
        self._admit(task)

    def _finish_input(self) -> bool:
        """All input is in: give what still waits a last chance, then call it rejected."""
        if not self._input_over:
            self._input_over = True
            self._intake.end()
            return True
        if self._last_try or len(self._schedule):
            return False
        self._last_try = True
        if self._bad_input:
            self._stop(self._bad_input)
            return False
        self._put_down()
        if self._books.parked:
            for waiting in self._books.all_waiting():
                missing = heard(waiting.missing) if isinstance(waiting, Parked) else None
                if not isinstance(missing, ExternalKey):
                    self._revive([waiting])
                elif isinstance(waiting, Parked) and (task := self._unparked(waiting)):
                    self._finish_parked(task, missing)
        return True

    # Records that waited

    def _revive_known(self) -> None:
        """Take up what an earlier run parked and what has come since."""
        if not self._books.parked or not self.ledger.durable:
            return
        for waiting in self._books.all_waiting():
            missing = heard(waiting.missing) if isinstance(waiting, Parked) else None
            if isinstance(missing, ExternalKey) and self._books.ids([missing]):
                self._revive([waiting])

    def _revive(self, waiting: Iterable[Parked | Task]) -> None:
        for one in waiting:
            task = one if isinstance(one, Task) else self._unparked(one)
            if task is not None:
                self._admit(task)

    def _unparked(self, parked: Parked) -> Task | None:
        """The task of a parked record; None if it is under way, or its stream goes nowhere."""
        to = self.settings.stream(parked.stream)
        if to is None or parked.number is None or parked.number in self._revived:
            return None
        self._revived.add(parked.number)
        schema, key_properties = orjson.loads(parked.schema)
        stream = Stream.of(
            Schema(parked.line, parked.stream, schema, key_properties), to, self.settings
        )
        record = orjson.loads(parked.record)
        message = Record(parked.line, parked.stream, record)
        task = Task(stream, message, record, self.clock(), key=parked.key, parked=parked)
        if parked.key:
            known = self._books.look_up([parked.key]).get(parked.key)
            self._books.hold(task, known or Known(key=parked.key, stream=parked.stream))
        try:
            task.plan(self._books.of(task).alive if parked.key else None)
        except Unwritable:
            LOGGER.debug("line %d: is looked at again when its turn comes", parked.line)
        return task

    def _finish_parked(self, task: Task, missing: Reference) -> None:
        """What still waits when the input is over is a reject, told of once.

        It goes on waiting for a later run, unless no key tells it apart from what is piped in of
        the rejects file.
        """
        parked = task.parked
        outcome: Outcome = Rejected(f"it refers to {missing}, which never came")
        if parked and parked.told:
            LOGGER.warning("a record of an earlier run still waits for %s", missing)
            outcome = Done(Kind.SKIPPED)
        if parked and parked.number is not None and (task.key or self.rejects is None):
            self.ledger.amend(parked.number, told=True)
            task.parked = None
        self._settlement.settle(task, outcome)

    # Sending

    def _prepare(self, room: int) -> list[tuple[Task, Order]]:
        """Orders of tasks that are ready; some need none, and some have to wait after all."""
        tasks = [self._ready.popleft() for _ in range(min(room, len(self._ready)))]
        own = [task.key for task in tasks if task.key]
        if self._books.parked and own:
            self._put_down()
        parked = self._books.waiting_under(own)
        planned = [task for task in tasks if self._plan(task, parked)]
        wanted = {
            reference
            for task in planned
            for one in task.batch
            for reference in references_of(one.intent)
        }
        keys = [one for one in wanted if isinstance(one, ExternalKey)]
        ids: dict[Reference, Any] = dict(self._books.ids(keys).items())
        orders = []
        for task in planned:
            missing = self._missing(task, ids)
            if missing:
                self._wait_for(task, missing)
                continue
            try:
                orders.append((task, self._announcer.order(task, ids)))
            except Unwritable as problem:
                self._finish(task, Rejected(str(problem)))
        return orders

    def _plan(self, task: Task, parked: dict[ExternalKey, Parked]) -> bool:
        """Whether a request is needed; if not, the task is settled."""
        known = self._books.of(task) if task.key else None
        waiting = parked.get(task.key) if task.key else None
        if waiting and task.parked is None and waiting.number not in self._revived:
            task.parked = waiting
            _ = task.digest  # of the record as it came
            task.record = orjson.loads(waiting.record) | task.record
        elif known and known.digest == task.digest and task.parked is None:
            self._finish(task, Done(Kind.UNCHANGED, known.id))
            return False
        try:
            intent = task.plan(known.alive if known else None)
        except Unwritable as problem:
            self._finish(task, Rejected(str(problem)))
            return False
        if isinstance(intent, Nothing):
            self._finish(task, Done(intent.kind, known.id if known else None))
            return False
        return True

    def _missing(self, task: Task, ids: dict[Reference, Any]) -> Reference | None:
        """What the task refers to and nobody knows. String ids may be in the account already."""
        for one in task.batch:
            for reference in references_of(one.intent):
                if not isinstance(reference, ExternalKey) or reference in ids:
                    continue
                natural = self._announcer.by_own_id(reference)
                if natural is None:
                    return reference
                ids[reference] = natural
        return None

    def _wait_for(self, task: Task, missing: Reference) -> None:
        if self._last_try:
            self._finish_parked(task, missing)
            self._ready.extend(self._schedule.finish(task))
        else:
            self._park(task, missing)
