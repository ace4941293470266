"""Records that refer to an unknown object: parked, resumed, and in the end rejected."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from target_invoiced import exact_json
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.ledger.database import KEYS_PER_QUERY
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.ledger.parked import Parked
from target_invoiced.mapping.keys import ExternalKey, Reference
from target_invoiced.mapping.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.records.parked_buffer import AWAITING_CORRECTION, decode_reference
from target_invoiced.records.record import PendingRecord, Stream
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.recorder import OutcomeRecorder
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.settings import TargetSettings
from target_invoiced.singer.messages import Record, Schema

LOGGER = logging.getLogger(__name__)

# SCHEMAs of parked records that are cached.
MAX_STREAMS = 100


@dataclass(slots=True)
class ParkedQueue:
    """Looks after parked records. They are resumed in rounds, a page of the ledger at a time.

    Attributes:
        settings: of the run.
        unit: the ledger.
        queue: takes resumed records.
        recorder: of outcomes.
        clock: monotonic, in seconds.
    """

    settings: TargetSettings
    unit: UnitOfWork
    queue: WriteQueue
    recorder: OutcomeRecorder
    clock: Callable[[], float]
    _input_over: bool = False
    _round: Iterator[None] | None = None
    _streams: dict[tuple[str, bytes], Stream] = field(default_factory=dict)

    def park(self, pending: PendingRecord, missing: Reference) -> None:
        """Park a record whose reference is unknown; reject it once the input is over."""
        if self._input_over:
            self.queue.finish(pending, self._reject_or_keep(pending, missing))
        else:
            self.queue.park(pending, missing)

    def resume_known(self) -> None:
        """From now on, resume records that an earlier run parked, if their objects are known."""
        if self.unit.parked.count:
            self._round = self._pages_of_known()

    def resolve_or_reject_remaining(self) -> None:
        """From now on, try each parked record again, or reject it: the input is over."""
        self._input_over = True
        if self.unit.parked.count:
            self._round = self._remaining_pages()

    @property
    def has_work(self) -> bool:
        """Whether a record may be resumed."""
        return self._round is not None or bool(
            self.unit.parked.count and self.queue.newly_available
        )

    def resume_page(self) -> None:
        """Resume some of the records that may continue. Call it after a flush."""
        if self._round is None:
            self._round = self._pages_of_arrived()
        if next(self._round, self) is self:
            self._round = None

    def _pages_of_known(self) -> Iterator[None]:
        for page in self.unit.parked.pages():
            there = self.unit.keys.ids(_keys(page))
            self._enqueue([one for one in page if decode_reference(one.missing) in there])
            yield

    def _pages_of_arrived(self) -> Iterator[None]:
        arrived = self.queue.newly_available
        came = [arrived.pop() for _ in range(min(len(arrived), KEYS_PER_QUERY))]
        for page in self.unit.parked.pages(came):
            self._enqueue(page)
            yield

    def _remaining_pages(self) -> Iterator[None]:
        """Only keys of other systems are certain not to be known."""
        for page in self.unit.parked.pages():
            keys = _keys(page)
            self._enqueue([one for one in page if decode_reference(one.missing) not in keys])
            for one in page:
                missing = decode_reference(one.missing)
                late = self._pending(one) if missing in keys else None
                if late is not None:
                    self.recorder.record_outcome(late, self._reject_or_keep(late, missing))
            yield

    def merge(self, pending: PendingRecord, parked: Parked) -> None:
        """Merge an older parked record into a newer one of its key, whose attributes win.

        The older one is counted as skipped, unless it was counted as a reject.
        """
        if not self.unit.parked.claim(parked):
            return
        if not parked.reported:
            self.recorder.report.skip(parked.stream, self.clock())
        pending.parked = parked
        pending.merge_into(exact_json.loads(parked.record))

    def _enqueue(self, page: Iterable[Parked]) -> None:
        for one in page:
            if pending := self._pending(one):
                self.queue.enqueue(pending)

    def _pending(self, parked: Parked) -> PendingRecord | None:
        """The parked record to be sent; None if it is in flight, or its stream is skipped.

        A newer record of its key that is in flight has been merged with it.
        """
        if parked.key and self.queue.writing(parked.key):
            return None
        stream = self._stream(parked)
        if stream is None or not self.unit.parked.resume(parked):
            return None
        record = exact_json.loads(parked.record)
        pending = PendingRecord(
            stream=stream,
            message=Record(parked.line, parked.stream, record),
            record=record,
            began=self.clock(),
            key=parked.key,
            position=self.unit.parked.position_of(parked),
            parked=parked,
        )
        if parked.key:
            known = self.unit.keys.look_up([parked.key]).get(parked.key)
            pending.pinned = True
            self.unit.keys.pin(known or ObjectMapping(key=parked.key, stream=parked.stream))
        try:
            pending.plan(self.unit.keys.get(parked.key).alive if parked.key else None)
        except InvalidRecordError as problem:
            LOGGER.debug("%s: will be rejected: %s", pending.place, problem)
        return pending

    def _stream(self, parked: Parked) -> Stream | None:
        """The stream as it was when the record came; None if it is skipped by now."""
        name = parked.stream, parked.schema
        if name not in self._streams:
            to = self.settings.stream(parked.stream)
            if to is None:
                return None
            schema, key_properties = exact_json.loads(parked.schema)
            if len(self._streams) == MAX_STREAMS:
                self._streams.clear()
            message = Schema(parked.line, parked.stream, schema, key_properties)
            self._streams[name] = Stream.of(message, to, self.settings)
        return self._streams[name]

    def _reject_or_keep(self, pending: PendingRecord, missing: Reference) -> Outcome:
        """A record that still waits when the input is over is a reject, reported once.

        It stays parked for a later run, unless the rejects file holds it and it has no key: then
        nothing distinguishes it from a corrected one.
        """
        parked = pending.parked
        reported = parked is not None and parked.reported
        stays = parked is not None and self.unit.parked.durable
        stays = stays and bool(pending.key or not self.settings.rejects)
        if stays:
            self.unit.parked.keep_parked(pending)
        if reported:
            awaited = "a corrected record of its key" if missing == AWAITING_CORRECTION else missing
            LOGGER.warning("%s: still waits for %s", pending.place, awaited)
            return Done(Kind.SKIPPED)
        reason = f"it refers to {missing}, which did not arrive or was rejected"
        if stays:
            reason += "; it waits in the ledger, and a later run writes it once that object exists"
        return Rejected(reason, waits=stays)


def _keys(page: Iterable[Parked]) -> set[ExternalKey]:
    """The keys of other systems that records wait for."""
    missing = {decode_reference(one.missing) for one in page}
    return {one for one in missing if isinstance(one, ExternalKey)}
