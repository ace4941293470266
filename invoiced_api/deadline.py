"""A limit on the time that a whole response takes.

The timeout of a socket starts again with each byte: a response of one byte at a time would never
end. So one thread watches all connections of a client, and cuts those that are too slow.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# How often to look, as a part of the limit.
LOOKS_PER_LIMIT = 10
MAX_LOOK_S = 1.0


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its response.

    Attributes:
        ends_at: when it has taken too long, by the monotonic clock.
        socket: the connection; None until it is known.
        cut: whether the connection was cut since it took too long.
    """

    ends_at: float
    socket: Any = None
    cut: bool = False


class ResponseDeadline:
    """Cuts the connections of exchanges that take longer than a limit.

    Args:
        limit_s: seconds for the whole response.
        clock: monotonic, in seconds.
    """

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._running: set[Exchange] = set()
        self._current = threading.local()
        self._starting = threading.Lock()
        self._started = False
        self._closed = threading.Event()

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """Watch the exchange of this thread while inside."""
        exchange = Exchange(self._clock() + self._limit_s)
        self._current.exchange = exchange
        self._running.add(exchange)
        self._start()
        try:
            yield exchange
        finally:
            self._running.discard(exchange)
            self._current.exchange = None

    def connected(self, connection_socket: Any) -> None:
        """Note the socket of this thread's request; its time starts now."""
        exchange = getattr(self._current, "exchange", None)
        if exchange:
            exchange.ends_at = self._clock() + self._limit_s
            exchange.socket = connection_socket

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def watched(self, connection_class: type[Any]) -> type[Any]:
        """A class of connections that notes its socket before it waits for a response."""
        deadline = self

        class Watched(connection_class):  # type: ignore[misc]
            def getresponse(self) -> Any:
                deadline.connected(self.sock)
                return super().getresponse()

        return Watched

    def _start(self) -> None:
        if self._started:
            return
        with self._starting:
            if not self._started:
                self._started = True
                threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        pause_s = min(MAX_LOOK_S, self._limit_s / LOOKS_PER_LIMIT)
        while not self._closed.wait(pause_s):
            now = self._clock()
            for exchange in list(self._running):
                if exchange.socket is not None and now >= exchange.ends_at and not exchange.cut:
                    exchange.cut = True
                    with contextlib.suppress(OSError):
                        exchange.socket.shutdown(socket.SHUT_RDWR)
