"""The bound on requests in flight."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

# Invoiced answers the 21st request at once under one API key with 429.
MAX_CONNECTIONS = 20


class ConcurrencyLimiter:
    """Lets at most `limit` requests be in flight, of all threads together.

    The limit is halved when the server finds them too many, and grows back by one after as many
    good answers as it lets through at once, up to `connections`.
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
        """Held while a request is in flight. Gives a token for `on_throttled`."""
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
        """A request was refused for being one too many: halve, once for all sent before that."""
        with self._room:
            if token == self._cuts:
                self._cuts += 1
                self._good = 0
                self.limit = max(1, self.limit // 2)

    def on_success(self) -> None:
        """A request was answered."""
        with self._room:
            self._good += 1
            if self.limit < self._most and self._good >= self.limit:
                self._good = 0
                self.limit += 1
                self._room.notify()
