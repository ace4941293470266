"""Which pages to request next, for several readers at once: decisions only, no network.

Every step of the state below has one method, and each method does that step only. `advance` never
requests anything; `to_request` never changes a reader's windows.

        ┌──> advance ──> to_request ──> next_chunk ──chunk──> (hand it out) ──┐
        │                                   │ none                            │
        │                                   v                                 │
        │                              reader ended? ──yes──> (stop)          │
        │                                   │ no                              │
        │                                   v                                 │
        │           encode_one, or wait for a page: its window takes it in    │
        └───────────────────────────────────┴─────────────────────────────────┘

After `advance` and `to_request`, a reader that is neither ended nor able to hand out a chunk or to
encode has a page in flight: its front window needs one, and what holds up the output is
requested whatever is buffered. So a wait always has something to wait for.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from invoiced_api.reading.pages import PageRequest
from invoiced_api.reading.streams import StreamReader
from invoiced_api.reading.windows import WindowReader

# How much may wait for its turn, in bytes of chunks; what holds up the output always goes.
MAX_BUFFERED_BYTES = 32 * 1024 * 1024
# A request in flight is expected to bring at least this part of it: 256 KB.
MIN_PAGES_BUFFERED = 128
# A page that is so many times as large as expected is dropped, and requested when there is room.
MAX_UNEXPECTED = 4


class Attempt(Enum):
    """How a page is requested, after responses that could not be read."""

    FIRST = ""
    SECOND = " once"
    BY_ROW = ", row by row"


@dataclass(frozen=True, slots=True)
class InFlight:
    """A page that was requested.

    Attributes:
        reader: the stream that needs it.
        window: the window that needs it.
        request: what was requested.
        expected_bytes: reserved for it in the buffer.
        max_bytes: a larger response is dropped; None is without a bound.
        attempt: how it was requested, after responses that could not be read.
    """

    reader: StreamReader
    window: WindowReader
    request: PageRequest
    expected_bytes: int
    max_bytes: int | None = None
    attempt: Attempt = Attempt.FIRST


class RequestScheduler:
    """Decides which pages to request, for several readers in the order in which they come out.

    Args:
        connections: the most requests in flight.
        readers: the streams, in the order in which they come out.
        max_buffered_bytes: the most bytes that wait to come out.

    Each reader knows about how many rows all of them have to read. While there are many, its
    windows are large: the connections have other work, and each window ends on a page that reaches
    beyond it. What the earlier readers have to read keeps its room in the buffer, up to half of it:
    else the pages of later ones could fill it, and leave the earlier ones one request at a time.

    A reader whose requests keep failing waits most of the time, over no connection. So its
    requests take no place of those of other readers; each reader sends `connections` at most.
    """

    def __init__(
        self,
        connections: int,
        readers: Sequence[StreamReader],
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
    ) -> None:
        self._connections = connections
        self._max_bytes = max_buffered_bytes
        self._readers: list[StreamReader] = []
        self._current: StreamReader | None = None
        self._reserved_bytes = 0
        self._in_flight: Counter[StreamReader] = Counter()
        self._repeated: deque[InFlight] = deque()
        for reader in reversed(readers):
            self.add_first(reader)

    @property
    def in_flight(self) -> int:
        """How many requests were sent and have not ended."""
        return self._in_flight.total()

    @property
    def buffered_bytes(self) -> int:
        """Bytes that were read and have not come out."""
        return sum(reader.buffered_bytes for reader in self._readers)

    def add_first(self, reader: StreamReader) -> None:
        """Add a reader that comes out before all others."""
        self._readers.insert(0, reader)
        reader.rows_left_in_all = self._rows_left

    def start(self, reader: StreamReader) -> None:
        """Make this reader the most urgent: its chunks come out from now on."""
        self._current = reader

    def remove(self, reader: StreamReader) -> None:
        """Forget a reader; what is in flight for it is dropped when it arrives."""
        self._readers.remove(reader)

    def advance(self) -> None:
        """Move every reader on, as far as the received pages allow."""
        for reader in self._readers:
            try:
                reader.advance()
            except Exception as failure:  # noqa: BLE001  # raised where the chunks are read
                reader.failure = failure

    def to_request(self) -> Iterator[InFlight]:
        """The requests that may be sent now, the most urgent first; each counts as in flight."""
        occupied = sum(n for reader, n in self._in_flight.items() if not reader.is_failing)
        if occupied >= self._connections:
            return
        buffered = self.buffered_bytes
        for _ in range(len(self._repeated)):
            sent = self._repeated.popleft()
            if occupied >= self._connections or self._in_flight[sent.reader] >= self._connections:
                self._repeated.append(sent)
                continue
            self._in_flight[sent.reader] += 1
            occupied += not sent.reader.is_failing
            yield sent
        kept_bytes = 0  # for what the earlier readers have to read
        for reader in self._readers:
            if reader.failure:
                continue
            room = self._max_bytes - min(kept_bytes, self._max_bytes // 2)
            kept_bytes += reader.rows_left * reader.bytes_per_row
            for window in reader.wanted():
                if occupied >= self._connections:
                    return
                if self._in_flight[reader] >= self._connections:
                    break
                expected = self._expected_bytes(reader, window)
                fits = buffered + self._reserved_bytes + expected <= room
                urgent = reader is self._current and reader.holds_up_output(window)
                if not (fits or urgent):
                    # What holds up the output is wanted first, so nothing after it may go.
                    break
                if window.request:
                    window.in_flight = True
                    self._in_flight[reader] += 1
                    occupied += 1
                    self._reserved_bytes += expected
                    most = None if urgent else MAX_UNEXPECTED * expected
                    yield InFlight(reader, window, window.request, expected, most)

    def _rows_left(self) -> int:
        return sum(reader.rows_left for reader in self._readers)

    def _expected_bytes(self, reader: StreamReader, window: WindowReader) -> int:
        rows = window.request.per_page if window.request else 0
        least = self._max_bytes // MIN_PAGES_BUFFERED
        return max(least, reader.bytes_per_page, reader.bytes_per_row * rows)

    def free_connection(self, sent: InFlight) -> None:
        """A request has ended; `free_buffer`, `postpone` or `repeat` follows."""
        self._in_flight[sent.reader] -= 1
        if not self._in_flight[sent.reader]:
            del self._in_flight[sent.reader]

    def repeat(self, sent: InFlight) -> None:
        """The same page is to be requested again."""
        self._repeated.append(sent)

    def postpone(self, sent: InFlight, size: int) -> None:
        """A page has so many bytes, for which there is no room: it will be requested again."""
        self.free_buffer(sent)
        sent.window.in_flight = False
        sent.reader.bytes_per_page = max(size, sent.reader.bytes_per_page)

    def free_buffer(self, sent: InFlight) -> None:
        """Nothing is reserved for a page any more: its window takes it in, or why there is none."""
        self._reserved_bytes -= sent.expected_bytes

    def encode_one(self) -> bool:
        """Encode one chunk of the first reader that has rows for one; False if none has."""
        for reader in self._readers:
            try:
                if not reader.failure and reader.encode_one():
                    return True
            except Exception as failure:  # noqa: BLE001  # raised where the chunks are read
                reader.failure = failure
        return False
