"""The events of the event loop: lines of input, results of writes, signals. One queue for all."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from types import FrameType
from typing import Any

# How much is read at once, and how many such parts lie ready.
CHUNK_BYTES = 1 << 16
CHUNKS_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Lines:
    """A chunk of the input.

    Attributes:
        lines: whole lines, but for the last one of the input, which may lack its end.
    """

    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """The input has ended.

    Attributes:
        error: why it could not be read any further; None at its regular end.
    """

    error: OSError | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal asks the run to end.

    Attributes:
        number: of the signal.
    """

    number: int


@dataclass(frozen=True, slots=True)
class Result:
    """A job of the workers has ended.

    Attributes:
        item: as it was submitted.
        value: what the work returned, or the exception that it raised.
        retries: how many of its requests were repeated.
    """

    item: Any
    value: Any
    retries: int = 0


Event = Lines | EndOfInput | Signal | Result


class EventQueue:
    """Events in the order of their arrival. Reads no further ahead than it is asked to."""

    def __init__(self) -> None:
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._room = Semaphore(CHUNKS_AHEAD)

    def __bool__(self) -> bool:
        """Whether something has come."""
        return not self._events.empty()

    def listen_for_signals(self, started: Callable[[int], None]) -> None:
        """Turn SIGTERM and SIGINT into events, however often and whenever they come.

        Args:
            started: called with the first signal; starts the time that the run has to end.
        """

        def receive(number: int, frame: FrameType | None) -> None:
            self._events.put(Signal(number))
            started(number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, receive)

    def read(self, file_number: int) -> None:
        """Begin to read lines. Call `release_chunk` for each `Lines` that was handled."""
        Thread(target=self._read, args=(file_number,), daemon=True, name="input").start()

    def release_chunk(self) -> None:
        """Allow another chunk to be read."""
        self._room.release()

    def put(self, event: Event) -> None:
        """Add an event, from any thread."""
        self._events.put(event)

    def take(self, timeout_s: float | None) -> list[Event]:
        """All events that have come. Waits for one, at most `timeout_s` seconds if that is set."""
        try:
            events = [self._events.get(timeout=timeout_s)]
        except Empty:
            return []
        while True:
            try:
                events.append(self._events.get_nowait())
            except Empty:
                return events

    def _read(self, file_number: int) -> None:
        rest: list[bytes] = []
        try:
            while True:
                self._room.acquire()
                chunk = os.read(file_number, CHUNK_BYTES)
                if not chunk:
                    break
                *lines, last = chunk.split(b"\n")
                if not lines:
                    rest.append(last)
                    self._room.release()
                    continue
                lines[0] = b"".join([*rest, lines[0]])
                rest = [last] if last else []
                self._events.put(Lines([line + b"\n" for line in lines]))
        except OSError as error:
            self._events.put(EndOfInput(error))
            return
        if rest:
            self._events.put(Lines([b"".join(rest)]))
        self._events.put(EndOfInput())
