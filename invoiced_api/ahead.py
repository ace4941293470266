"""Keeps the connections busy: fetches for the stream that is being read, and for the next ones.

Threads only wait for answers. Deciding, parsing and making blocks is done by the caller's thread,
since threads that compute at once would only fight for the interpreter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

from invoiced_api.client import Answer, Client
from invoiced_api.failures import NotFound
from invoiced_api.reading import Ask, page_of
from invoiced_api.streams import Block, Part, Reading

# How much may wait for its turn, in bytes of blocks; the first in order is always fetched.
MOST_BUFFERED_BYTES = 24 * 1024 * 1024
# What a request under way may bring.
BYTES_EXPECTED = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Request:
    reading: Reading
    part: Part
    ask: Ask


class ReadAhead:
    """Reads several streams, over at most `connections` connections at once."""

    def __init__(self, client: Client, connections: int, readings: Sequence[Reading]) -> None:
        self._client = client
        self._connections = connections
        self._readings = list(readings)
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[_Request, Answer | Exception]] = SimpleQueue()
        self._threads = 0
        self._in_flight = 0

    def __enter__(self) -> "ReadAhead":
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in range(self._threads):
            self._requests.put(None)

    def add(self, reading: Reading) -> None:
        """A reading that comes before all others."""
        self._readings.insert(0, reading)

    def blocks(self, reading: Reading) -> Iterator[Block]:
        """The blocks of one of the readings, in order; each is to be exhausted before the next.

        Raises what its requests raised, when the blocks before are out.
        """
        while True:
            self._send()
            block = reading.next_block()
            if block:
                yield block
                self._collect(wait=False)
            elif reading.failure or reading.finished:
                break
            else:
                self._collect(wait=True)
        self._readings.remove(reading)
        if reading.failure:
            raise reading.failure

    def _send(self) -> None:
        """Asks for as much as may be in flight, the most urgent first."""
        buffered = sum(reading.buffered_bytes for reading in self._readings)
        for reading in self._readings:
            if reading.failure:
                continue
            for part in reading.waiting():
                if self._in_flight >= self._connections:
                    return
                expected = buffered + self._in_flight * BYTES_EXPECTED
                urgent = reading is self._readings[0] and reading.waits_for(part)
                if urgent or expected < MOST_BUFFERED_BYTES:
                    self._ask(reading, part)

    def _ask(self, reading: Reading, part: Part) -> None:
        if part.ask is None:
            return
        part.in_flight = True
        self._in_flight += 1
        if self._threads < self._in_flight:
            self._threads += 1
            # Daemons: a run that is told to stop does not wait for answers it will not read.
            Thread(target=self._work, daemon=True).start()
        self._requests.put(_Request(reading, part, part.ask))

    def _collect(self, *, wait: bool) -> None:
        """Takes the answers that have come; waits for one if there is none and `wait`."""
        while wait or not self._answers.empty():
            wait = False
            request, answer = self._answers.get()
            self._in_flight -= 1
            if isinstance(answer, Exception):
                request.reading.failure = request.reading.failure or answer
                continue
            request.reading.requests += 1 + answer.retries
            request.reading.retries += answer.retries
            request.reading.take(request.part, page_of(request.ask, answer))

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            try:
                self._answers.put((request, self._answer(request.ask)))
            except Exception as failure:  # noqa: BLE001  # raised where the stream's blocks are read
                self._answers.put((request, failure))

    def _answer(self, ask: Ask) -> Answer:
        try:
            return self._client.send(ask.call())
        except NotFound:
            if ask.listing.optional:
                return Answer(headers={}, body=[])
            raise
