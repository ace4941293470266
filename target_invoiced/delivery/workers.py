"""Threads that carry out writes."""

from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from target_invoiced.events import EventQueue, Result


class WorkerPool:
    """Threads that work on what they are given; what comes of it arrives in the inbox.

    They are daemons: the journal knows what a run that ends without them leaves behind.
    """

    def __init__(
        self, size: int, inbox: EventQueue, work: Callable[[Any], Any], retries: Callable[[], int]
    ) -> None:
        self._jobs: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        self._inbox = inbox
        self._work, self._retries = work, retries
        for number in range(size):
            Thread(target=self._run, daemon=True, name=f"writer-{number}").start()

    def give(self, jobs: Iterable[tuple[Any, Any]]) -> None:
        """Pairs of an item, which comes back with the result, and what is to be done for it."""
        for job in jobs:
            self._jobs.put(job)

    def dismiss(self) -> list[tuple[Any, Any]]:
        """Takes back the jobs that nobody has begun."""
        left = []
        while True:
            try:
                left.append(self._jobs.get_nowait())
            except Empty:
                return left

    def _run(self) -> None:
        while True:
            item, job = self._jobs.get()
            try:
                value = self._work(job)
            except Exception as error:  # noqa: BLE001  # the conductor raises it
                value = error
            self._inbox.put(Result(item, value, self._retries()))
