"""The threads that carry out writes."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from target_invoiced.events import EventQueue, Result

THREAD_NAME = "writer"

Job = tuple[Any, Any]


class WorkerPool:
    """A thread pool whose results arrive in the event queue.

    Args:
        size: how many threads.
        events: takes the results.
        work: carries out one request.
        retries: how many requests of the calling thread were repeated since the last call.
    """

    def __init__(
        self, size: int, events: EventQueue, work: Callable[[Any], Any], retries: Callable[[], int]
    ) -> None:
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=THREAD_NAME)
        self._events, self._work, self._retries = events, work, retries
        self._jobs: dict[Any, tuple[Any, Future[None]]] = {}

    def __len__(self) -> int:
        """How many jobs were submitted and not taken back."""
        return len(self._jobs)

    def submit(self, jobs: Iterable[Job]) -> None:
        """Start jobs: pairs of an item, which comes back with the result, and its request."""
        for item, request in jobs:
            self._jobs[item] = request, self._executor.submit(self._run, item, request)

    def finish(self, item: Any) -> Any:
        """Note that the result of an item has arrived; returns its request."""
        return self._jobs.pop(item)[0]

    def cancel_pending(self) -> list[Job]:
        """Cancel and return the jobs that no thread has begun."""
        cancelled = [item for item, (_, future) in self._jobs.items() if future.cancel()]
        return [(item, self.finish(item)) for item in cancelled]

    def close(self) -> None:
        """Accept no more jobs. Does not wait for those in flight."""
        self._executor.shutdown(wait=not self._jobs, cancel_futures=True)

    def _run(self, item: Any, request: Any) -> None:
        try:
            value = self._work(request)
        except Exception as error:  # noqa: BLE001  # raised by the event loop
            value = error
        self._events.put(Result(item, value, self._retries()))


def exit_if_busy(code: int) -> None:
    """End the process at once if a worker is still sending.

    The interpreter would wait for it, as long as a request takes. The journal has its write.
    """
    if any(thread.name.startswith(THREAD_NAME) for thread in threading.enumerate()):
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)
