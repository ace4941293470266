"""Outcomes -> ledger, rejects, answers, report: what is known once a record is settled."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from target_invoiced.exceptions import TooManyRejectsError
from target_invoiced.ledger.replay import Stage
from target_invoiced.mapping.operations import Create
from target_invoiced.mapping.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.mapping.paths import object_path
from target_invoiced.records.record import Task
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.rejects import Rejects
from target_invoiced.results.report import Report
from target_invoiced.results.responses import ResponseSink
from target_invoiced.singer.checkpoints import StateTracker

LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class OutcomeRecorder:
    """Settles records. STATE may pass them only after `durable` was called.

    `stop` ends the run, once what came before the position has settled.
    """

    books: UnitOfWork
    states: StateTracker
    report: Report
    rejects: Rejects | None
    answers: ResponseSink | None
    max_rejects: int | None
    stop: Callable[[Exception, int | None], None]
    clock: Callable[[], float]
    _settled: list[int] = field(default_factory=list)

    def settle(self, task: Task, outcome: Outcome) -> None:
        """What became of a task, and of all others of its batch."""
        for one in task.batch:
            self._settle(one, outcome)

    def parked(self, task: Task, durable: bool) -> None:
        """A task waits for another record, and STATE for it, unless it does so in the ledger."""
        if not durable:
            return
        if task.ordinal is not None:
            self.books.enter(task, Stage.PARKED, "", 0)
        self.books.release(task)
        if task.position is not None:
            self._settled.append(task.position)

    def durable(self) -> None:
        """What was put down is durable: STATE may pass it."""
        for position in self._settled:
            self.states.settled(position)
        self._settled.clear()

    def _settle(self, task: Task, outcome: Outcome) -> None:
        if task.key and task.held:
            self._put_key(task, outcome)
        elif task.ordinal is not None and task.entry is not None:
            self._put_entry(task, outcome)
        if isinstance(outcome, Rejected) and task.parked is not None and self.rejects is None:
            # STATE has passed it, and nothing else keeps it.
            self.books.keep_waiting(task, refused=True)
        self.books.unpark(task)
        self.books.release(task)
        self.report.add(task.stream.name, outcome, task.retries, task.began, self.clock())
        if self.answers:
            self.answers.add(task, outcome)
        if isinstance(outcome, Rejected) and not self.refuse(task, outcome):
            return
        if task.position is not None:
            self._settled.append(task.position)

    def _put_key(self, task: Task, outcome: Outcome) -> None:
        known = self.books.of(task)
        ended = replace(known, idempotency_key=None, announced_at=None, stream=task.stream.name)
        version = task.message.version if task.stream.mirrors else None
        version = known.version if version is None else version
        match outcome:
            case Done(Kind.SKIPPED):
                return
            case Done() if task.deletes:
                if known.id is None:
                    return  # it never was here
                again = known.generation if known.gone else known.generation + 1
                after = replace(ended, gone=True, digest=task.digest, generation=again)
            case Done(_, made):
                id = known.alive if known.alive is not None else made
                after = replace(ended, id=id, gone=False, digest=task.digest, version=version)
            case Rejected(_, _, _, made):
                creating = isinstance(task.intent, Create) and known.alive is None
                after = replace(
                    ended,
                    id=known.id if made is None else made,
                    gone=known.gone if made is None else False,
                    generation=known.generation + creating,
                )
                if after == known:
                    return
        self.books.put(after)

    def _put_entry(self, task: Task, outcome: Outcome) -> None:
        entry = task.entry
        if entry is None or entry.stage is not Stage.ANNOUNCED:
            return
        stage = Stage.REJECTED if isinstance(outcome, Rejected) else Stage.SETTLED
        made = object_path(task.stream.resource, outcome.id)
        self.books.enter(task, stage, entry.idempotency_key, entry.announced_at, made)

    def refuse(self, task: Task, rejected: Rejected) -> bool:
        """Keep a reject; False if it is one too many, and ends the run."""
        schema, message = task.stream.schema, task.message
        where = f"line {message.line}, {message.stream}"
        if self.rejects:
            self.rejects.add(schema, message, rejected)
        else:
            LOGGER.error("%s: %s", where, rejected.reason)
        if self.max_rejects is None or self.report.rejected <= self.max_rejects:
            return True
        step = "Send what it refers to" if rejected.waits else "Mend the record"
        self.stop(
            TooManyRejectsError(
                f"stopped at {where}: {rejected.reason} - more rejects than `max_rejects` allows "
                f"({self.max_rejects}). {step}, and run again from the last state: what was "
                "written since is not written again."
            ),
            task.position,
        )
        return False
