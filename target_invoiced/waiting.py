"""Records that refer to what has not come: parked, taken up again, and in the end rejected."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import orjson

from target_invoiced.books import MENDED, PARKED_PER_PAGE, Books, heard
from target_invoiced.failures import Unwritable
from target_invoiced.flow import Flow
from target_invoiced.identity import ExternalKey, Reference
from target_invoiced.ledger.database import KEYS_PER_QUERY
from target_invoiced.ledger.keys import Known
from target_invoiced.ledger.parked import Parked
from target_invoiced.messages import Record, Schema
from target_invoiced.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.settings import TargetSettings
from target_invoiced.tasks import Stream, Task

LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Waiting:
    """Looks after the records that wait for others. `clock` is monotonic, in seconds."""

    settings: TargetSettings
    books: Books
    flow: Flow
    clock: Callable[[], float]
    _last_chance: bool = False
    _came: list[Reference] = field(default_factory=list)
    _beyond: int = 0

    def wait(self, task: Task, missing: Reference) -> None:
        """What the task refers to is not there. When all input is in, it will not come any more."""
        if self._last_chance:
            self.flow.finish(task, self._told(task, missing))
        else:
            self.flow.park(task, missing)

    def take_up_known(self) -> None:
        """Take up what an earlier run parked and what has come since."""
        if not self.books.parked:
            return
        for waiting in self.books.all_waiting():
            missing = heard(waiting.missing) if isinstance(waiting, Parked) else None
            if isinstance(missing, ExternalKey) and self.books.ids([missing]):
                self._take_up([waiting])

    @property
    def has_arrivals(self) -> bool:
        """Whether something has come that others may wait for."""
        return bool(self.books.parked and (self._came or self.flow.arrived))

    def take_up_arrived(self) -> None:
        """Take up some of what waited for something that has come. To be called after a flush."""
        arrived = self.flow.arrived
        if not self._came:
            self._came = [arrived.pop() for _ in range(min(len(arrived), KEYS_PER_QUERY))]
            self._beyond = 0
            self._take_up(self.books.waiting_here_for(self._came))
        page = self.books.waiting_for(self._came, self._beyond)
        self._take_up(page)
        if len(page) < PARKED_PER_PAGE:
            self._came = []
        else:
            self._beyond = page[-1].number or 0

    def give_last_chance(self) -> None:
        """All input is in: what still waits is looked at once more, or rejected.

        Only keys of other systems are certain not to be known. To be called after a flush.
        """
        self._last_chance = True
        if not self.books.parked:
            return
        for waiting in self.books.all_waiting():
            missing = heard(waiting.missing) if isinstance(waiting, Parked) else None
            if not isinstance(missing, ExternalKey):
                self._take_up([waiting])
            elif isinstance(waiting, Parked) and (task := self._task(waiting)):
                self.flow.settlement.settle(task, self._told(task, missing))

    def merge(self, task: Task, parked: Parked) -> None:
        """A newer record of the same key came: what it does not tell is told by the older one."""
        if not self.books.take_up(parked):
            return
        task.parked = parked
        _ = task.digest  # of the record as it came
        task.record = orjson.loads(parked.record) | task.record
        task.message = replace(task.message, record=task.record)

    def _take_up(self, waiting: Iterable[Parked | Task]) -> None:
        for one in waiting:
            task = one if isinstance(one, Task) else self._task(one)
            if task is not None:
                self.flow.admit(task)

    def _task(self, parked: Parked) -> Task | None:
        """The task of a parked record; None if it is under way, or its stream goes nowhere.

        A newer record of its key that is under way takes over what it tells.
        """
        to = self.settings.stream(parked.stream)
        if parked.key and self.flow.pending(parked.key):
            return None
        if to is None or not self.books.take_up(parked):
            return None
        schema, key_properties = orjson.loads(parked.schema)
        message = Schema(parked.line, parked.stream, schema, key_properties)
        record = orjson.loads(parked.record)
        task = Task(
            stream=Stream.of(message, to, self.settings),
            message=Record(parked.line, parked.stream, record),
            record=record,
            began=self.clock(),
            key=parked.key,
            parked=parked,
        )
        if parked.key:
            known = self.books.look_up([parked.key]).get(parked.key)
            self.books.hold(task, known or Known(key=parked.key, stream=parked.stream))
        try:
            task.plan(self.books.of(task).alive if parked.key else None)
        except Unwritable as problem:
            LOGGER.debug("line %d will be rejected: %s", parked.line, problem)
        return task

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
