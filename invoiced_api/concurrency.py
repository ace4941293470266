"""The bound on requests in flight."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

# Invoiced answers the 21st request at once under one API key with 429.
MAX_CONNECTIONS = 20


class ConcurrencyLimiter:
    """Lets at most `limit` requests be in flight, of all threads together.

    The limit is halved when the server refuses a request as one too many. It grows by one after as
    many successes as it lets through at once, up to its start (AIMD).

    Attributes:
        limit: how many requests may be in flight now, 1 to the number of connections.
    """

    def __init__(self, connections: int) -> None:
        if not 1 <= connections <= MAX_CONNECTIONS:
            raise ValueError(f"1 to {MAX_CONNECTIONS} connections, not {connections}")
        self._most = connections
        self.limit = connections
        self._in_flight = 0
        self._good = 0
        self._cuts = 0
        self._room = Condition()

    @contextmanager
    def acquire(self) -> Iterator[int]:
        """Wait for a place and hold it while a request is in flight. Gives a token."""
        with self._room:
            self._room.wait_for(lambda: self._in_flight < self.limit)
            self._in_flight += 1
            token = self._cuts
        try:
            yield token
        finally:
            with self._room:
                self._in_flight -= 1
                self._room.notify()

    def on_throttled(self, token: int) -> None:
        """Halve the limit, once for all requests that were sent before: one was refused."""
        with self._room:
            if token == self._cuts:
                self._cuts += 1
                self._good = 0
                self.limit = max(1, self.limit // 2)

    def on_success(self) -> None:
        """A request was not throttled."""
        with self._room:
            self._good += 1
            if self.limit < self._most and self._good >= self.limit:
                self._good = 0
                self.limit += 1
                self._room.notify()
