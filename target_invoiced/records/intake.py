"""Messages -> records: what each record stands for, and whether anything has to be done for it."""

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
from target_invoiced.mapping.operations import CustomCall
from target_invoiced.mapping.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.mapping.paths import placeholders
from target_invoiced.records.record import PendingRecord, Stream
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.settings import CustomCallStream, EndpointStream, Ids, TargetSettings
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.messages import Record, Schema

LOGGER = logging.getLogger(__name__)

# Meltano's own, sent by `meltano config test` to see whether a target takes records at all.
TEST_STREAM = "meltano_test_stream"


# What was written, or waits in the ledger, needs nothing more when it comes again.
FINAL_STAGES = (Stage.SETTLED, Stage.PARKED)


@dataclass(frozen=True, slots=True)
class Checkpoint:
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
    """Takes messages in. `record_outcome` is told of records that need no request, `enqueue` of the others.

    `writing` says whether a write for a key is yet to finish, `skip` counts a record of a stream
    that goes nowhere. `clock` is monotonic, in seconds. `replayed` counts records without a key
    that an earlier run has sent; `unversioned` are mirrors with records that have no version,
    `seen_versions` those of which a record came.
    """

    settings: TargetSettings
    unit: UnitOfWork
    states: StateTracker
    record_outcome: Callable[[PendingRecord, Outcome], None]
    enqueue: Callable[[PendingRecord], None]
    writing: Callable[[ExternalKey], bool]
    skip: Callable[[str], None]
    clock: Callable[[], float]
    replayed: int = 0
    unversioned: set[str] = field(default_factory=set)
    seen_versions: set[tuple[str, int | None]] = field(default_factory=set)
    _alignment: ReplayMatcher[PendingRecord] = field(init=False)
    _segment: int = field(init=False)
    _ordinal: int = field(init=False)
    _began: int = field(init=False)
    _placed: bool = False
    _streams: dict[str, Stream | None] = field(default_factory=dict)
    _batches: dict[str, list[PendingRecord]] = field(default_factory=dict)
    _warned_of: set[tuple[str, str]] = field(default_factory=set)
    _without_key: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        past, last, self._began = self.unit.ledger.journal.past()
        self._ordinal = self._began
        self._alignment = ReplayMatcher(past)
        self.unit.journal_in_use = bool(past.covered or past.uncovered)
        self._segment = last + 1

    def add_schema(self, message: Schema) -> None:
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
        if isinstance(to, EndpointStream):
            message = self._with_key(message, to)
        try:
            return Stream.of(message, to, self.settings)
        except ValueError as problem:
            raise InvalidInputError(
                f"line {message.line}: the SCHEMA of `{name}` is not valid JSON Schema: {problem}. "
                "Correct it at the tap."
            ) from None

    def _with_key(self, message: Schema, to: EndpointStream) -> Schema:
        """The SCHEMA with its key in the ledger's order. Raises InvalidInputError for a wrong key."""
        names = message.key_properties
        if to.ids is Ids.INVOICED:
            allowed = {"id", *to.resource.key, *placeholders(to.writes.path or to.resource.path)}
            if not allowed.issuperset(names):
                listed = ", ".join(f"`{one}`" for one in names)
                raise InvalidInputError(
                    f"line {message.line}: the key of `{message.stream}` is {listed}, but with "
                    '`ids`: "invoiced" a record is known by the `id` that Invoiced gave it. Nothing '
                    'of the stream was written. Set `ids` to "external" for it in `streams`.'
                )
        elif not names:
            self._warn_of_no_key(message.stream)
        elif len(names) > 1:
            order = self.unit.ledger.keys.key_order(to.resource.name, names)
            return replace(message, key_properties=order)
        return message

    def stream(self, name: str, line: int) -> Stream | None:
        """The stream of a message, None for one that is skipped. Raises InvalidInputError."""
        if name not in self._streams:
            raise InvalidInputError(
                f"line {line}: a RECORD of `{name}` came before its SCHEMA. "
                "The tap must write the SCHEMA first."
            )
        return self._streams[name]

    def add_state(self, value: Any) -> None:
        """STATE ends a segment of the journal."""
        mark = digest(value)
        if not self._placed:
            self._placed = True
            self._segment -= self._alignment.segments_back(mark)
        self._apply_journal(self._alignment.state(mark))
        self.send_batches()
        over = self._alignment.ends(self._segment)
        self.states.add_state(Checkpoint(self._segment, mark, self._began, over, value))
        self._segment += 1

    def finish(self) -> None:
        """The input is over."""
        for pending, entry in self._alignment.end():
            if entry.stage in FINAL_STAGES:
                self._skip_replayed(pending)
            else:
                self._apply_journal([(pending, entry)])
        self.send_batches()

    def add_records(self, messages: Iterable[Record]) -> None:
        """Take in several records at once, since the ledger is asked for all of them in one go."""
        records = [pending for message in messages if (pending := self._pending(message))]
        keys = [pending.key for pending in records if pending.key]
        if self.unit.parked.count and keys:
            self.unit.flush()
        known, parked = self.unit.keys.look_up(keys), self.unit.parked.by_key(keys)
        for pending in records:
            if pending.key is None:
                self._accept(pending, None)
                continue
            row = known.get(pending.key)
            version = pending.message.version if pending.stream.mirrors else None
            if row and version is not None:
                row = self.unit.keys.mark_seen(row, version)
            unchanged = row is not None and row.digest == pending.digest
            if unchanged and pending.key not in parked and not self.writing(pending.key):
                self.record_outcome(pending, Done(Kind.UNCHANGED, row.id if row else None))
            else:
                self._accept(
                    pending, row or ObjectMapping(key=pending.key, stream=pending.stream.name)
                )

    def _pending(self, message: Record) -> PendingRecord | None:
        """None for a record that needs no further look."""
        stream = self.stream(message.stream, message.line)
        if stream is None:
            self.skip(message.stream)
            return None
        if stream.mirrors and message.version is None:
            self.unversioned.add(message.stream)
        elif stream.mirrors:
            self.seen_versions.add((message.stream, message.version))
        record, exclude = message.record, stream.settings.exclude
        if exclude:
            record = {name: value for name, value in record.items() if name not in exclude}
        pending = PendingRecord(stream, message, record, self.clock(), position=self.states.came())
        try:
            pending.key = stream.key(message.record)
            if pending.key and shows_card_number(pending.key.value):
                raise InvalidRecordError("its key looks like a full card number")
        except InvalidRecordError as problem:
            self.record_outcome(pending, Rejected(str(problem)))
            return None
        return pending

    def _accept(self, pending: PendingRecord, known: ObjectMapping | None) -> None:
        """Let a record in that may have to be written."""
        problem = pending.message.problem
        problem = problem or pending.stream.validator.first_problem(pending.message.record)
        if problem:
            self.record_outcome(pending, Rejected(problem))
            return
        self._warn_of_unknown(pending)
        pending.add_parent(known.parent if known else None)
        try:
            pending.plan(known.alive if known else None)
        except InvalidRecordError as problem:
            if known is None or not self.writing(known.key):
                self.record_outcome(pending, Rejected(str(problem)))
                return
            # Once the writes before it have finished, it may stand for something else.
        if known:
            self.unit.pin(pending, known)
        if pending.stream.keyless(pending.record, pending.key):
            self._ordinal += 1
            pending.ordinal, pending.segment = self._ordinal, self._segment
            self._apply_journal(self._alignment.record(pending, pending.digest))
        else:
            self.enqueue(pending)

    def _apply_journal(self, decided: Iterable[tuple[PendingRecord, Entry | None]]) -> None:
        """What the journal says of records without a key."""
        for pending, entry in decided:
            pending.entry, pending.segment = entry, self._segment
            if entry:
                # At once, whatever becomes of it now: the journal keeps the order of the input.
                self.unit.journal(pending, entry.stage, entry.idempotency_key, entry.announced_at)
            if entry and entry.stage in FINAL_STAGES:
                self._skip_replayed(pending)
            elif (
                isinstance(pending.stream.settings, CustomCallStream)
                and pending.stream.settings.batch_size > 1
            ):
                self._add_to_batch(pending, pending.stream.settings.batch_size)
            else:
                self.enqueue(pending)

    def _skip_replayed(self, pending: PendingRecord) -> None:
        self.replayed += 1
        self.record_outcome(pending, Done(Kind.UNCHANGED))

    def _add_to_batch(self, pending: PendingRecord, size: int) -> None:
        batch = self._batches.setdefault(pending.stream.name, [])
        if batch and _call(batch[0]) != _call(pending):
            self._send_batch(pending.stream.name)
            batch = self._batches.setdefault(pending.stream.name, [])
        batch.append(pending)
        if len(batch) == size:
            self._send_batch(pending.stream.name)

    def send_batches(self) -> None:
        for stream in list(self._batches):
            self._send_batch(stream)

    def _send_batch(self, stream: str) -> None:
        batch = self._batches.pop(stream, None)
        if batch:
            batch[0].batch_rest = batch[1:]
            self.enqueue(batch[0])

    def _warn_of_no_key(self, stream: str) -> None:
        if stream not in self._without_key:
            self._without_key.add(stream)
            LOGGER.warning(
                "%s: its SCHEMA names no `key_properties`: records that come again in a later run "
                "are created again. Tell the tap which columns are the key",
                stream,
            )

    def _warn_of_unknown(self, pending: PendingRecord) -> None:
        stream = pending.stream.name
        for name in pending.stream.mapper.unknown_attributes(pending.record):
            if (stream, name) not in self._warned_of:
                self._warned_of.add((stream, name))
                LOGGER.warning("%s: Invoiced has no attribute `%s`: left out", stream, name)


def _call(pending: PendingRecord) -> tuple[Any, str | None]:
    """What the records of a batch have in common: one path, and one key if it was sent before."""
    announced = pending.entry is not None and pending.entry.stage is Stage.ANNOUNCED
    key = pending.entry.idempotency_key if pending.entry and announced else None
    return pending.operation.path if isinstance(pending.operation, CustomCall) else (), key
