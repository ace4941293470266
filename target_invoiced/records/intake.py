"""Messages -> tasks: what each record stands for, and whether anything has to be done for it."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import ENDPOINTS
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.ledger.replay import Entry, ReplayMatcher, Stage
from target_invoiced.mapping.card_numbers import shows_card_number
from target_invoiced.mapping.keys import ExternalKey, digest
from target_invoiced.mapping.operations import Send
from target_invoiced.mapping.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.records.record import Stream, Task
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.settings import CustomCallStream, EndpointStream, Ids, TargetSettings
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.messages import Record, Schema

LOGGER = logging.getLogger(__name__)

# Meltano's own, sent by `meltano config test` to see whether a target takes records at all.
TEST_STREAM = "meltano_test_stream"


# What was written, or waits in the ledger, needs nothing more when it comes again.
DEALT_WITH = (Stage.SETTLED, Stage.PARKED)


@dataclass(frozen=True, slots=True)
class Mark:
    """A STATE, and where the journal stands when it comes.

    `began` is the last ordinal of earlier runs: what came again has a later one. `over`: nothing
    else of what they sent before this STATE will come again.
    """

    segment: int
    digest: bytes
    began: int
    over: bool
    value: Any


@dataclass(slots=True)
class Intake:
    """Takes messages in. `settle` is told of records that need no request, `admit` of the others.

    `pending` says whether a write for a key is yet to finish, `skip` counts a record of a stream
    that goes nowhere. `clock` is monotonic, in seconds. `replayed` counts records without a key
    that an earlier run has sent; `unversioned` are mirrors with records that have no version.
    """

    settings: TargetSettings
    books: UnitOfWork
    states: StateTracker
    settle: Callable[[Task, Outcome], None]
    admit: Callable[[Task], None]
    pending: Callable[[ExternalKey], bool]
    skip: Callable[[str], None]
    clock: Callable[[], float]
    replayed: int = 0
    unversioned: set[str] = field(default_factory=set)
    _alignment: ReplayMatcher[Task] = field(init=False)
    _segment: int = field(init=False)
    _ordinal: int = field(init=False)
    _began: int = field(init=False)
    _placed: bool = False
    _streams: dict[str, Stream | None] = field(default_factory=dict)
    _batches: dict[str, list[Task]] = field(default_factory=dict)
    _warned_of: set[tuple[str, str]] = field(default_factory=set)
    _without_key: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        past, last, self._began = self.books.ledger.journal.past()
        self._ordinal = self._began
        self._alignment = ReplayMatcher(past)
        self.books.journal_in_use = bool(past.covered or past.uncovered)
        self._segment = last + 1

    def schema(self, message: Schema) -> None:
        """Raises InvalidInputError for a stream without an endpoint, and for what is no schema."""
        self._send_batch(message.stream)
        self._streams[message.stream] = self._stream(message)

    def _stream(self, message: Schema) -> Stream | None:
        """None for a stream that is skipped."""
        name = message.stream
        to = self.settings.stream(name)
        if to is None:
            if name == TEST_STREAM:
                LOGGER.info("%s: skipped", name)
            elif self.settings.skip_unknown_streams:
                LOGGER.warning("%s: has no endpoint, skipped", name)
            else:
                raise InvalidInputError(
                    f"line {message.line}: stream `{name}` has no endpoint. Map it in the setting "
                    f"`streams` to one of {', '.join(ENDPOINTS)}, or set `unknown_streams` to skip."
                )
            return None
        if isinstance(to, EndpointStream) and to.ids is Ids.EXTERNAL and not message.key_properties:
            self._warn_of_no_key(name)
        try:
            return Stream.of(message, to, self.settings)
        except ValueError as problem:
            raise InvalidInputError(
                f"line {message.line}: the SCHEMA of `{name}` is not valid JSON Schema: {problem}. "
                "Correct it at the tap."
            ) from None

    def stream(self, name: str, line: int) -> Stream | None:
        """The stream of a message, None for one that is skipped. Raises InvalidInputError."""
        if name not in self._streams:
            raise InvalidInputError(
                f"line {line}: a RECORD of `{name}` came before its SCHEMA. "
                "The tap must write the SCHEMA first."
            )
        return self._streams[name]

    def state(self, value: Any) -> None:
        """STATE ends a segment of the journal."""
        mark = digest(value)
        if not self._placed:
            self._placed = True
            self._segment -= self._alignment.segments_back(mark)
        self._place(self._alignment.state(mark))
        self.send_batches()
        over = self._alignment.ends(self._segment)
        self.states.told(Mark(self._segment, mark, self._began, over, value))
        self._segment += 1

    def end(self) -> None:
        """The input is over."""
        for task, entry in self._alignment.end():
            if entry.stage in DEALT_WITH:
                self._recognise(task)
            else:
                self._place([(task, entry)])
        self.send_batches()

    def records(self, messages: Iterable[Record]) -> None:
        """Take in several records at once, since the ledger is asked for all of them in one go."""
        tasks = [task for message in messages if (task := self._task(message))]
        keys = [task.key for task in tasks if task.key]
        if self.books.parked and keys:
            self.books.flush()
        known, parked = self.books.look_up(keys), self.books.waiting_under(keys)
        for task in tasks:
            if task.key is None:
                self._take(task, None)
                continue
            row = known.get(task.key)
            version = task.message.version if task.stream.mirrors else None
            if row and version is not None:
                self.books.see(version, task.key)
                row = replace(row, version=version)
            unchanged = row is not None and row.digest == task.digest
            if unchanged and task.key not in parked and not self.pending(task.key):
                self.settle(task, Done(Kind.UNCHANGED, row.id if row else None))
            else:
                self._take(task, row or ObjectMapping(key=task.key, stream=task.stream.name))

    def _task(self, message: Record) -> Task | None:
        """None for a record that needs no further look."""
        stream = self.stream(message.stream, message.line)
        if stream is None:
            self.skip(message.stream)
            return None
        if stream.mirrors and message.version is None:
            self.unversioned.add(message.stream)
        record, exclude = message.record, stream.settings.exclude
        if exclude:
            record = {name: value for name, value in record.items() if name not in exclude}
        task = Task(stream, message, record, self.clock(), position=self.states.came())
        try:
            task.key = stream.key(message.record)
            if task.key and shows_card_number(task.key.value):
                raise InvalidRecordError("its key looks like a full card number")
        except InvalidRecordError as problem:
            self.settle(task, Rejected(str(problem)))
            return None
        return task

    def _take(self, task: Task, known: ObjectMapping | None) -> None:
        """Let a record in that may have to be written."""
        problem = task.message.problem or task.stream.validator.first_problem(task.message.record)
        if problem:
            self.settle(task, Rejected(problem))
            return
        self._warn_of_unknown(task)
        try:
            task.plan(known.alive if known else None)
        except InvalidRecordError as problem:
            if known is None or not self.pending(known.key):
                self.settle(task, Rejected(str(problem)))
                return
            # Once the writes before it have finished, it may stand for something else.
        if known:
            self.books.hold(task, known)
        if task.stream.keyless(task.record, task.key):
            self._ordinal += 1
            task.ordinal, task.segment = self._ordinal, self._segment
            self._place(self._alignment.record(task, task.digest))
        else:
            self.admit(task)

    def _place(self, decided: Iterable[tuple[Task, Entry | None]]) -> None:
        """What the journal says of records without a key."""
        for task, entry in decided:
            task.entry, task.segment = entry, self._segment
            if entry:
                # At once, whatever becomes of it now: the journal keeps the order of the input.
                self.books.enter(task, entry.stage, entry.idempotency_key, entry.announced_at)
            if entry and entry.stage in DEALT_WITH:
                self._recognise(task)
            elif (
                isinstance(task.stream.settings, CustomCallStream)
                and task.stream.settings.batch_size > 1
            ):
                self._add_to_batch(task, task.stream.settings.batch_size)
            else:
                self.admit(task)

    def _recognise(self, task: Task) -> None:
        self.replayed += 1
        self.settle(task, Done(Kind.UNCHANGED))

    def _add_to_batch(self, task: Task, size: int) -> None:
        batch = self._batches.setdefault(task.stream.name, [])
        if batch and _call(batch[0]) != _call(task):
            self._send_batch(task.stream.name)
            batch = self._batches.setdefault(task.stream.name, [])
        batch.append(task)
        if len(batch) == size:
            self._send_batch(task.stream.name)

    def send_batches(self) -> None:
        for stream in list(self._batches):
            self._send_batch(stream)

    def _send_batch(self, stream: str) -> None:
        batch = self._batches.pop(stream, None)
        if batch:
            batch[0].then = batch[1:]
            self.admit(batch[0])

    def _warn_of_no_key(self, stream: str) -> None:
        if stream not in self._without_key:
            self._without_key.add(stream)
            LOGGER.warning(
                "%s: its SCHEMA names no `key_properties`: records that come again in a later run "
                "are created again. Tell the tap which columns are the key",
                stream,
            )

    def _warn_of_unknown(self, task: Task) -> None:
        stream = task.stream.name
        for name in task.stream.planner.unknown_attributes(task.record):
            if (stream, name) not in self._warned_of:
                self._warned_of.add((stream, name))
                LOGGER.warning("%s: Invoiced has no attribute `%s`: left out", stream, name)


def _call(task: Task) -> tuple[Any, str | None]:
    """What the records of a batch have in common: one path, and one key if it was sent before."""
    announced = task.entry is not None and task.entry.stage is Stage.ANNOUNCED
    key = task.entry.idempotency_key if task.entry and announced else None
    return task.intent.path if isinstance(task.intent, Send) else (), key
