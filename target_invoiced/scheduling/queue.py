"""The records that are on their way: admitted, ready to be written, finished."""

from collections import deque
from dataclasses import dataclass, field

from target_invoiced.mapping.keys import ExternalKey, NaturalKey, Reference
from target_invoiced.mapping.outcomes import Done, Kind, Outcome
from target_invoiced.records.record import Task
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.settlement import OutcomeRecorder
from target_invoiced.scheduling.dependencies import DependencyGraph


@dataclass(slots=True)
class WriteQueue:
    """Keeps tasks in the order that they need.

    `ready` are those that wait for nothing any more. `arrived` is what others may have waited for
    and what is there since it was last looked at.
    """

    books: UnitOfWork
    settlement: OutcomeRecorder
    ready: deque[Task] = field(default_factory=deque)
    arrived: set[Reference] = field(default_factory=set)
    _schedule: DependencyGraph[Task] = field(default_factory=DependencyGraph)

    def __len__(self) -> int:
        return len(self._schedule)

    def pending(self, key: ExternalKey) -> bool:
        """Whether a write for this key is yet to finish."""
        return self._schedule.writing(key)

    def admit(self, task: Task) -> None:
        if self._schedule.add(task, **task.depends()):
            self.ready.append(task)

    def again(self, task: Task) -> None:
        """A task that is ready needs another look."""
        self.ready.appendleft(task)

    def postpone(self, task: Task) -> bool:
        """Let the task wait for all others that do not wait for it; False if there are none."""
        return self._schedule.postpone(task)

    def finish(self, task: Task, outcome: Outcome) -> None:
        """The task is settled: what waited for it may go on."""
        if isinstance(outcome, Done) and outcome.kind is not Kind.SKIPPED and not task.deletes:
            objects = task.stream.planner.objects(task.record, task.key)
            self.arrived |= {one for one in objects if isinstance(one, (ExternalKey, NaturalKey))}
        self.settlement.settle(task, outcome)
        self.ready.extend(self._schedule.finish(task))

    def park(self, task: Task, missing: Reference) -> None:
        """The task waits for an object that may come later, and nothing waits for the task.

        STATE need not wait either if the ledger keeps it. Raises InvalidInputError if memory is full.
        """
        for one in task.batch:
            self.books.park(one, missing)
            self.settlement.parked(one, durable=self.books.ledger.durable)
        task.then = []  # each waits for itself
        self.ready.extend(self._schedule.finish(task))
