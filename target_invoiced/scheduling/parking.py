"""Records that refer to what has not come: parked, taken up again, and in the end rejected."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import orjson

from target_invoiced import exact_json
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.ledger.database import KEYS_PER_QUERY
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.ledger.parked import Parked
from target_invoiced.mapping.keys import ExternalKey, Reference
from target_invoiced.mapping.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.records.record import Stream, Task
from target_invoiced.records.unit_of_work import MENDED, UnitOfWork, heard
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.settings import TargetSettings
from target_invoiced.singer.messages import Record, Schema

LOGGER = logging.getLogger(__name__)

# SCHEMAs of parked records that are kept at hand.
MOST_STREAMS = 100


@dataclass(slots=True)
class ParkedQueue:
    """Looks after the records that wait for others. `clock` is monotonic, in seconds.

    They are taken up in rounds, a page of the ledger at a time, as there is room for them.
    """

    settings: TargetSettings
    books: UnitOfWork
    flow: WriteQueue
    clock: Callable[[], float]
    _last_chance: bool = False
    _round: Iterator[None] | None = None
    _streams: dict[tuple[str, bytes], Stream] = field(default_factory=dict)

    def wait(self, task: Task, missing: Reference) -> None:
        """What the task refers to is not there. When all input is in, it will not come any more."""
        if self._last_chance:
            self.flow.finish(task, self._told(task, missing))
        else:
            self.flow.park(task, missing)

    def take_up_known(self) -> None:
        """From now on, take up what an earlier run parked and what has come since."""
        if self.books.parked:
            self._round = self._known()

    def give_last_chance(self) -> None:
        """All input is in: from now on, what still waits is looked at once more, or rejected."""
        self._last_chance = True
        if self.books.parked:
            self._round = self._remaining()

    @property
    def at_work(self) -> bool:
        """Whether something may be taken up."""
        return self._round is not None or bool(self.books.parked and self.flow.arrived)

    def take_up(self) -> None:
        """Take up a part of what may go on. To be called after a flush."""
        if self._round is None:
            self._round = self._arrived()
        if next(self._round, self) is self:
            self._round = None

    def _known(self) -> Iterator[None]:
        for page in self.books.waiting():
            there = self.books.ids(_keys(page))
            self._admit([one for one in page if heard(one.missing) in there])
            yield

    def _arrived(self) -> Iterator[None]:
        arrived = self.flow.arrived
        came = [arrived.pop() for _ in range(min(len(arrived), KEYS_PER_QUERY))]
        for task in self.books.waiting_here(came):
            self.flow.admit(task)
        for page in self.books.waiting(came):
            self._admit(page)
            yield

    def _remaining(self) -> Iterator[None]:
        """Only keys of other systems are certain not to be known."""
        for task in self.books.waiting_here():
            self.flow.admit(task)
        for page in self.books.waiting():
            keys = _keys(page)
            self._admit([one for one in page if heard(one.missing) not in keys])
            for one in page:
                missing = heard(one.missing)
                late = self._task(one) if missing in keys else None
                if late is not None:
                    self.flow.settlement.settle(late, self._told(late, missing))
            yield

    def merge(self, task: Task, parked: Parked) -> None:
        """A newer record of the same key came: what it does not tell is told by the older one.

        That one is counted as skipped, unless it was counted as a reject.
        """
        if not self.books.take_up(parked):
            return
        if not parked.told:
            self.flow.settlement.report.skip(parked.stream, self.clock())
        task.parked = parked
        _ = task.digest  # of the record as it came
        task.record = exact_json.loads(parked.record) | task.record
        task.message = replace(task.message, record=task.record)

    def _admit(self, page: Iterable[Parked]) -> None:
        for one in page:
            if task := self._task(one):
                self.flow.admit(task)

    def _task(self, parked: Parked) -> Task | None:
        """The task of a parked record; None if it is under way, or its stream goes nowhere.

        A newer record of its key that is under way takes over what it tells.
        """
        if parked.key and self.flow.pending(parked.key):
            return None
        stream = self._stream(parked)
        if stream is None or not self.books.revive(parked):
            return None
        record = exact_json.loads(parked.record)
        task = Task(
            stream=stream,
            message=Record(parked.line, parked.stream, record),
            record=record,
            began=self.clock(),
            key=parked.key,
            parked=parked,
        )
        if parked.key:
            known = self.books.look_up([parked.key]).get(parked.key)
            self.books.hold(task, known or ObjectMapping(key=parked.key, stream=parked.stream))
        try:
            task.plan(self.books.of(task).alive if parked.key else None)
        except InvalidRecordError as problem:
            LOGGER.debug("line %d will be rejected: %s", parked.line, problem)
        return task

    def _stream(self, parked: Parked) -> Stream | None:
        """The stream as it was when the record came; None if it goes nowhere by now."""
        name = parked.stream, parked.schema
        if name not in self._streams:
            to = self.settings.stream(parked.stream)
            if to is None:
                return None
            schema, key_properties = orjson.loads(parked.schema)
            if len(self._streams) == MOST_STREAMS:
                self._streams.clear()
            message = Schema(parked.line, parked.stream, schema, key_properties)
            self._streams[name] = Stream.of(message, to, self.settings)
        return self._streams[name]

    def _told(self, task: Task, missing: Reference) -> Outcome:
        """What still waits when the input is over is a reject, told of once.

        It goes on waiting for a later run, unless nothing tells it apart from what may be piped
        in of the rejects file.
        """
        parked = task.parked
        told = parked is not None and parked.told
        stays = parked is not None and bool(task.key or not self.settings.rejects)
        if stays:
            self.books.keep_waiting(task)
        if told:
            awaited = "a mended one of its key" if missing == MENDED else missing
            LOGGER.warning("%s: a record still waits for %s", task.stream.name, awaited)
            return Done(Kind.SKIPPED)
        reason = f"it refers to {missing}, which never came, or was refused"
        if stays:
            reason += "; it waits in the ledger, and is written once that is there"
        return Rejected(reason, waits=stays)


def _keys(page: Iterable[Parked]) -> set[ExternalKey]:
    """The keys of other systems that records wait for."""
    missing = {heard(one.missing) for one in page}
    return {one for one in missing if isinstance(one, ExternalKey)}
