"""From messages to records: which object each record describes, and whether it needs a write."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import ENDPOINTS
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.ledger.replay import Entry, Stage
from target_invoiced.mapping.card_numbers import shows_card_number
from target_invoiced.mapping.keys import ExternalKey
from target_invoiced.mapping.operations import Create
from target_invoiced.mapping.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.mapping.paths import placeholders
from target_invoiced.records.batched_calls import Batches
from target_invoiced.records.keyless import KeylessMatcher, state_digest
from target_invoiced.records.record import PendingRecord, Stream
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.settings import TargetSettings
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.messages import Record, Schema
from target_invoiced.stream_settings import EndpointStream, Ids

LOGGER = logging.getLogger(__name__)

# Meltano's own, sent by `meltano config test` to see whether a target takes records at all.
TEST_STREAM = "meltano_test_stream"


# A record that was written, or waits in the ledger, needs nothing more when it comes again.
FINAL_STAGES = (Stage.SETTLED, Stage.PARKED)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A STATE.

    Attributes:
        segment: how many came before it in this run.
        digest: of its value.
        value: to be written to stdout.
    """

    segment: int
    digest: bytes
    value: Any


@dataclass(slots=True)
class Intake:
    """Takes messages in.

    More than 12 fields, since callbacks keep the stages after it out of its sight.

    Attributes:
        settings: of the run.
        unit: the ledger.
        states: which STATE may be written.
        record_outcome: takes records that need no request.
        enqueue: takes the others.
        writing: whether a write for a key is in flight.
        skip: counts a record of a stream that is skipped.
        clock: monotonic, in seconds.
        input_digest: of the input up to the latest record.
        replayed: how many records without a key an earlier run has sent.
        unversioned: mirrors with records that have no version.
        seen_versions: streams and versions of which a record came.
    """

    settings: TargetSettings
    unit: UnitOfWork
    states: StateTracker
    record_outcome: Callable[[PendingRecord, Outcome], None]
    enqueue: Callable[[PendingRecord], None]
    writing: Callable[[ExternalKey], bool]
    skip: Callable[[str], None]
    clock: Callable[[], float]
    input_digest: Callable[[], bytes]
    replayed: int = 0
    unversioned: set[str] = field(default_factory=set)
    seen_versions: set[tuple[str, int | None]] = field(default_factory=set)
    _keyless: KeylessMatcher = field(init=False)
    _batches: Batches = field(init=False)
    _streams: dict[str, Stream | None] = field(default_factory=dict)
    _warned_of: set[tuple[str, str]] = field(default_factory=set)
    _without_key: set[str] = field(default_factory=set)
    # Removals of objects that an earlier run may have created.
    _removals: dict[ExternalKey, list[PendingRecord]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keyless = KeylessMatcher(self.unit, self._resolve, self._skip_replayed)
        self._batches = Batches(self.unit, self.enqueue)

    def add_schema(self, message: Schema) -> None:
        """Take a SCHEMA.

        Raises:
            InvalidInputError: for a stream without an endpoint, and for what is no JSON Schema.
        """
        self._batches.send(message.stream)
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
        """The SCHEMA with its key in the ledger's order. Raises InvalidInputError if wrong."""
        if to.key_properties:
            message = replace(message, key_properties=list(to.key_properties))
        names = message.key_properties
        if to.ids is Ids.INVOICED:
            allowed = {"id", *to.resource.key, *placeholders(to.writes.path or to.resource.path)}
            if not allowed.issuperset(names):
                listed = ", ".join(f"`{one}`" for one in names)
                raise InvalidInputError(
                    f"line {message.line}: the key of `{message.stream}` is {listed}, but with "
                    '`ids`: "invoiced" a record is known by the `id` that Invoiced gave it. '
                    "Nothing of the stream was written. "
                    'Set `ids` to "external" for it in `streams`.'
                )
        elif not names:
            self._warn_of_no_key(message.stream)
        elif len(names) > 1:
            order = self.unit.ledger.keys.key_order(to.resource.name, names)
            return replace(message, key_properties=order)
        return message

    def stream(self, name: str, line: int) -> Stream | None:
        """The stream of a message; None if it is skipped. Raises InvalidInputError."""
        if name not in self._streams:
            raise InvalidInputError(
                f"line {line}: a RECORD of `{name}` came before its SCHEMA. "
                "The tap must write the SCHEMA first."
            )
        return self._streams[name]

    def add_state(self, value: Any) -> None:
        """Take a STATE: it identifies the records before it, and is written after all of them."""
        mark, segment = state_digest(value), self._keyless.segment
        self._keyless.add_state(mark)
        self.send_batches()
        self.states.add_state(Checkpoint(segment, mark, value))

    def finish(self) -> str | None:
        """Take the end of the input. Returns what is wrong if records are left in doubt."""
        self._keyless.finish()
        self.send_batches()
        for key, known in self.unit.keys.look_up(self._removals).items():
            for removal in self._removals.pop(key):
                removal.pinned = True
                self.unit.keys.pin(known)
                self.enqueue(removal)
        keyless = self._keyless
        if not keyless.doubtful:
            return None
        for doubt in keyless.doubts:
            LOGGER.error("%s", doubt)
        return (
            f"{keyless.doubtful} records were not sent: {keyless.doubts[0]}. Run again from the "
            "last state, or set `doubt` of the stream to send or skip them."
        )

    def send_batches(self) -> None:
        """Send the batches that are not full."""
        self._batches.send_all()

    def add_records(self, messages: Iterable[Record]) -> None:
        """Take several records at once, so that the ledger is read once for all of them."""
        records = [pending for message in messages if (pending := self._pending(message))]
        candidates = self._keyless.candidates(one for one in records if one.journaled)
        keys = [pending.key for pending in records if pending.key]
        if self.unit.parked.count and keys:
            self.unit.flush()
        known, parked = self.unit.keys.look_up(keys), self.unit.parked.by_key(keys)
        for pending in records:
            if pending.journaled:
                self._keyless.accept(pending, candidates)
                continue
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
        position = self.states.came()
        key, problem = _key_of(message, stream)
        keyless = stream.keyless(record, key)
        pending = PendingRecord(stream, message, record, self.clock(), key, position)
        if problem:
            self.record_outcome(pending, Rejected(problem))
            return None
        if keyless:
            pending.journaled = True
            pending.line = self.input_digest() + position.to_bytes(8, "big")
        return pending

    def _accept(self, pending: PendingRecord, known: ObjectMapping | None) -> None:
        """Let a record in that may have to be written."""
        problem = pending.message.problem
        problem = problem or pending.stream.validator.first_problem(pending.message.record)
        if problem:
            self.record_outcome(pending, Rejected(problem))
            return
        self._warn_of_unknown(pending)
        if known and known.parent and pending.deletes:
            pending.add_parent(known.parent)
        try:
            pending.plan(known.alive if known else None)
        except InvalidRecordError as problem:
            if known is None or not self.writing(known.key):
                self.record_outcome(pending, Rejected(str(problem)))
                return
            # Once the writes before it have finished, it may become another operation.
        if known and (pending.deletes or self._removals) and self._held_back(pending, known):
            return
        if known:
            pending.pinned = True
            self.unit.keys.pin(known)
        if pending.journaled and pending.entry and pending.entry.batch:
            self._resend(pending, pending.entry)
        elif pending.journaled:
            self._batches.add(pending)
        else:
            self.enqueue(pending)

    def _held_back(self, pending: PendingRecord, known: ObjectMapping) -> bool:
        """Whether a removal waits for a later record of its key.

        An earlier run may have created an object of the key. If a create of the key follows, it
        finds that object, and the removal needs nothing more. The input came again from before the
        create, so that the removal came first in that run, too.
        """
        key = known.key
        unknown = known.alive is None and known.idempotency_key and not self.writing(key)
        if unknown and pending.deletes:
            self._removals.setdefault(key, []).append(pending)
            return True
        created = isinstance(pending.operation, Create)
        for removal in self._removals.pop(key, ()) if created else ():
            self.record_outcome(removal, Done(Kind.UNCHANGED))
        return False

    def _resolve(self, pending: PendingRecord, entry: Entry | None) -> None:
        """Continue with a record without a key, of which an earlier run left the entry."""
        pending.entry = entry
        if entry:
            self.unit.journal(pending, entry.stage)
        if entry and entry.stage in FINAL_STAGES:
            self._skip_replayed(pending)
        else:
            self._accept(pending, None)

    def _resend(self, pending: PendingRecord, entry: Entry) -> None:
        """Send the batch of the entry again, if its outcome is unknown."""
        stage = self._batches.resend(pending, entry)
        if stage is Stage.SETTLED:
            self.unit.journal(pending, Stage.SETTLED, batch=None)
            self._skip_replayed(pending)
        elif stage is not None:
            self.unit.journal(pending, stage, batch=None)
            self._batches.add(pending)

    def _skip_replayed(self, pending: PendingRecord) -> None:
        self.replayed += 1
        self.record_outcome(pending, Done(Kind.UNCHANGED))

    def _warn_of_no_key(self, stream: str) -> None:
        if stream not in self._without_key:
            self._without_key.add(stream)
            LOGGER.warning(
                "%s: its SCHEMA names no `key_properties`: records that are repeated a day later "
                "are created again. Name the columns that are the key in `key_properties` of the "
                "stream in the setting `streams`, or at the tap",
                stream,
            )

    def _warn_of_unknown(self, pending: PendingRecord) -> None:
        stream = pending.stream.name
        for name in pending.stream.mapper.unknown_attributes(pending.record):
            if (stream, name) not in self._warned_of:
                self._warned_of.add((stream, name))
                LOGGER.warning("%s: Invoiced has no attribute `%s`: left out", stream, name)


def _key_of(message: Record, stream: Stream) -> tuple[ExternalKey | None, str | None]:
    """The key of a record, and why it cannot be one."""
    try:
        key = stream.key(message.record)
    except InvalidRecordError as problem:
        return None, str(problem)
    if key and shows_card_number(key.value):
        return None, "its key looks like a full card number"
    return key, None
