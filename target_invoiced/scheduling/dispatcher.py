"""Ready tasks -> orders. Some need none, and some have to wait after all."""

from dataclasses import dataclass, replace

from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.ledger.parked import Parked
from target_invoiced.mapping.keys import ExternalKey, Reference, by_own_id
from target_invoiced.mapping.operations import NoOp, Remove, WriteRequest
from target_invoiced.mapping.outcomes import Done, Kind, Rejected
from target_invoiced.records.record import Task
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.scheduling.parking import ParkedQueue
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.scheduling.requests import RequestBuilder

Job = tuple[Task, WriteRequest]

UNKNOWN_CREATE = (
    "it is to be deleted, and whether an earlier run that died created it is not known. Look for "
    "it in Invoiced, and delete it there"
)
# A 404 for an object that the ledger knows.
NOT_FOUND = 404
STRANGE = (
    "The ledger knows it all the same: either it was deleted in Invoiced since, or the ledger is "
    "of another account"
)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Decides what is sent for each task, by what is known when its turn has come."""

    books: UnitOfWork
    flow: WriteQueue
    waiting: ParkedQueue
    announcer: RequestBuilder

    def jobs(self, most: int) -> list[Job]:
        """Up to so many of the ready tasks with their orders, announced with the next flush."""
        ready = self.flow.ready
        tasks = [ready.popleft() for _ in range(min(most, len(ready)))]
        keys = [task.key for task in tasks if task.key]
        if self.books.parked and keys:
            self.books.flush()
        parked = self.books.waiting_under(keys)
        tasks = [task for task in tasks if self._plan(task, parked)]
        ids = self._ids(tasks)
        return [(task, order) for task in tasks if (order := self._order(task, ids))]

    def found(self, task: Task, id: int | str) -> None:
        """The object is there already: bring it to what the record says."""
        assert task.key
        owner = self.books.owner(task.key.resource, id)
        if owner is not None and owner != task.key:
            if self._postponed(task):
                return  # its owner may give the natural key up
            said = f"it is the same object as {owner}: one of the two has to go"
            self.flow.finish(task, Rejected(said))
            return
        known = self.books.of(task)
        self.books.put(
            replace(known, id=id, gone=False, digest=None, idempotency_key=None, announced_at=None)
        )
        self.flow.again(task)

    def refused(self, task: Task, rejected: Rejected) -> None:
        """Invoiced refuses the write: for good, unless its natural key may be given up by others.

        A number that is taken may be free once the writes that came before have finished.
        """
        natural = task.stream.natural_key
        taken = natural is not None and rejected.param == natural and rejected.id is None
        if taken and not task.then and self._postponed(task):
            self.announcer.give_up_key(task)
        else:
            if rejected.status == NOT_FOUND and task.planned_for is not None and task.key:
                rejected = replace(rejected, reason=f"{rejected.reason}. {STRANGE}")
            self.flow.finish(task, rejected)

    def _postponed(self, task: Task) -> bool:
        """Whether the task is tried again, when all others have finished; it is so once."""
        if task.postponed:
            return False
        task.postponed = True
        if not self.flow.postpone(task):
            self.flow.again(task)  # they have finished meanwhile
        return True

    def _plan(self, task: Task, parked: dict[ExternalKey, Parked]) -> bool:
        """Whether a request is needed; if not, the task is settled."""
        known = self.books.of(task) if task.key else None
        if task.key in parked and task.parked is None:
            self.waiting.merge(task, parked[task.key])
        if known and known.digest == task.digest and task.parked is None:
            self.flow.finish(task, Done(Kind.UNCHANGED, known.id))
            return False
        alive = known.alive if known else None
        if task.parked is not None or not task.planned or task.planned_for != alive:
            try:
                task.plan(alive)
            except InvalidRecordError as problem:
                self.flow.finish(task, Rejected(str(problem)))
                return False
        intent = task.intent
        if task.deletes and alive is None and known and known.idempotency_key:
            self.flow.finish(task, Rejected(UNKNOWN_CREATE))
            return False
        if isinstance(intent, NoOp):
            self.flow.finish(task, Done(intent.kind, known.id if known else None))
            return False
        return True

    def _wait(self, task: Task, missing: ExternalKey) -> None:
        """What is removed went with its parent, if that is gone; all else waits for what comes."""
        parent = self.books.look_up([missing]).get(missing)
        if isinstance(task.intent, Remove) and parent is not None and parent.gone:
            self.flow.finish(task, Done(Kind.DELETED))
        else:
            self.waiting.wait(task, missing)

    def _ids(self, tasks: list[Task]) -> dict[Reference, object]:
        """Ids for what the tasks refer to, or a natural key where the id may be that itself."""
        wanted = [
            reference
            for task in tasks
            for one in task.batch
            for reference in one.references
            if isinstance(reference, ExternalKey)
        ]
        known = self.books.ids(set(wanted))
        ids: dict[Reference, object] = {reference: known[reference] for reference in known}
        for reference in wanted:
            natural = None if reference in ids else by_own_id(reference)
            if natural:
                ids[reference] = natural
        return ids

    def _order(self, task: Task, ids: dict[Reference, object]) -> WriteRequest | None:
        """None for a task that has to wait, or cannot be sent."""
        for one in task.batch:
            for reference in one.references:
                if isinstance(reference, ExternalKey) and reference not in ids:
                    self._wait(task, reference)
                    return None
        try:
            return self.announcer.order(task, ids)
        except InvalidRecordError as problem:
            self.flow.finish(task, Rejected(str(problem)))
            return None
