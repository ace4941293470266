"""The one place that ends a run early: now, or after everything before a record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from target_invoiced.delivery.workers import WorkerPool
from target_invoiced.scheduling.dispatcher import Job
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.scheduling.requests import RequestBuilder

# How long a run that was asked to stop waits for writes in flight. The journal knows the rest.
SHUTDOWN_GRACE_S = 4.0


@dataclass(slots=True)
class Shutdown:
    """Whether and why a run ends early.

    Attributes:
        workers: send the writes in flight.
        queue: of records that may be dropped.
        requests: takes unsent requests out of the journal.
        clock: monotonic, in seconds.
        failure: why the run ends; None if it does not.
    """

    workers: WorkerPool
    queue: WriteQueue
    requests: RequestBuilder
    clock: Callable[[], float]
    failure: BaseException | None = None
    _last: tuple[int, BaseException] | None = None
    _deadline: float | None = field(default=None)

    def stop(self, failure: BaseException) -> None:
        """End the run with this exception once the writes in flight have ended."""
        if self.failure is None:
            self.failure = failure
            self.withdraw(self.workers.cancel_pending())

    def stop_soon(self, failure: BaseException) -> None:
        """The same, but wait only a few seconds for the writes in flight."""
        self.stop(failure)
        self._deadline = self._deadline or self.clock() + SHUTDOWN_GRACE_S

    def stop_at(self, failure: BaseException, position: int | None) -> None:
        """End the run with this exception once everything before the position is recorded."""
        if position is None:
            self.stop(failure)
        elif self._last is None or position < self._last[0]:
            self._last = position, failure

    @property
    def ending(self) -> bool:
        """Whether no further message is taken."""
        return self.failure is not None or self._last is not None

    @property
    def left_s(self) -> float | None:
        """How many seconds the run may still wait; None for no limit."""
        return None if self._deadline is None else self._deadline - self.clock()

    @property
    def finished(self) -> bool:
        """Whether a run that has failed waits for nothing any more."""
        return not len(self.workers) or (self.left_s is not None and self.left_s <= 0)

    def discard_ready(self) -> None:
        """Drop the ready records that come after the one that ends the run."""
        if self._last is not None:
            last = self._last[0]
            kept = [one for one in self.queue.ready if (one.position or last) < last]
            self.queue.ready.clear()
            self.queue.ready.extend(kept)

    def admit(self, jobs: list[Job], *, more: bool) -> list[Job]:
        """The jobs that may still be sent. Stops the run if there are none before its end."""
        if self._last and not self.failure:
            last = self._last[0]
            jobs = [*self.workers.cancel_pending(), *jobs]
            late = [job for job in jobs if (job[0].position or last) >= last]
            self.withdraw(late)
            jobs = [job for job in jobs if job not in late]
            if not (more or jobs or len(self.workers)):
                self.stop(self._last[1])
        if self.failure:
            self.withdraw(jobs)
            return []
        return jobs

    def withdraw(self, jobs: Iterable[Job]) -> None:
        """Take jobs that were not sent out of the journal."""
        for pending, request in jobs:
            self.requests.withdraw(pending, request)
