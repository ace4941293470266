"""Keeps the connections busy: fetches for the stream that is being read, and for the next ones.

Threads only wait for answers. Deciding, parsing and making blocks is done by the caller's thread,
since threads that compute at once would only fight for the interpreter.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Thread

from invoiced_api.client import Client, Response
from invoiced_api.exceptions import InvoicedError, NotFoundError, RetryableError
from invoiced_api.reading.pages import PageRequest, page_of
from invoiced_api.reading.readers import EncodedChunk, StreamReader, WindowReader

LOGGER = logging.getLogger(__name__)

# How much may wait for its turn, in bytes of blocks; the first in order is always fetched.
MOST_BUFFERED_BYTES = 24 * 1024 * 1024
# What a request under way may bring.
BYTES_EXPECTED = 256 * 1024


@dataclass(frozen=True, slots=True)
class _InFlight:
    reading: StreamReader
    part: WindowReader
    ask: PageRequest
    parsed: bool = False


class Prefetcher:
    """Reads several streams, over at most `connections` connections at once."""

    def __init__(self, client: Client, connections: int, readings: Sequence[StreamReader]) -> None:
        self._client = client
        self._connections = connections
        self._readings = list(readings)
        self._requests: SimpleQueue[_InFlight | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[_InFlight, Response | Exception]] = SimpleQueue()
        self._threads = 0
        self._in_flight = 0

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in range(self._threads):
            self._requests.put(None)

    def add(self, reading: StreamReader) -> None:
        """A reading that comes before all others."""
        self._readings.insert(0, reading)

    def blocks(self, reading: StreamReader) -> Iterator[EncodedChunk]:
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
                # Answers first, since what they make possible to ask can be under way meanwhile.
                self._collect(wait=not self._make_one())
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

    def _ask(self, reading: StreamReader, part: WindowReader) -> None:
        if part.ask is None:
            return
        part.in_flight = True
        self._in_flight += 1
        if self._threads < self._in_flight:
            self._threads += 1
            # Daemons: a run that is told to stop does not wait for answers it will not read.
            Thread(target=self._work, daemon=True).start()
        self._requests.put(_InFlight(reading, part, part.ask))

    def _make_one(self) -> bool:
        """Makes one block, for the first stream that has rows for one."""
        for reading in self._readings:
            try:
                if not reading.failure and reading.make_one():
                    return True
            except InvoicedError as failure:
                reading.failure = failure
        return False

    def _collect(self, *, wait: bool) -> None:
        """Takes the answers that have come, and asks on; waits for one if none has and `wait`."""
        while wait or not self._answers.empty():
            wait = False
            request, answer = self._answers.get()
            self._in_flight -= 1
            self._take(request, answer)
            self._send()  # so that it is under way while the page is made into a block
            self._make_one()

    def _take(self, request: _InFlight, answer: Response | Exception) -> None:
        reading = request.reading
        if isinstance(answer, Exception):
            reading.failure = reading.failure or answer
            return
        reading.requests += 1 + answer.retries
        reading.retries += answer.retries
        try:
            page = page_of(request.ask, answer)
        except RetryableError as garbled:
            self._ask_again(request, garbled)
            return
        except InvoicedError as failure:
            reading.failure = reading.failure or failure
            return
        reading.take(request.part, page)

    def _ask_again(self, request: _InFlight, garbled: RetryableError) -> None:
        """Once more, parsed by the thread that asks, which also waits and tries as often as set."""
        LOGGER.warning("%s; trying again", garbled)
        request.reading.retries += 1
        self._in_flight += 1
        self._requests.put(replace(request, parsed=True))

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            try:
                self._answers.put((request, self._answer(request)))
            except Exception as failure:  # noqa: BLE001  # raised where the stream's blocks are read
                self._answers.put((request, failure))

    def _answer(self, request: _InFlight) -> Response:
        """Unparsed, unless the request says otherwise: threads are to wait, not to compute."""
        call = replace(request.ask.call(), raw=not request.parsed)
        try:
            return self._client.send(call)
        except NotFoundError:
            if request.ask.listing.optional:
                return Response(headers={}, body=[])
            raise
