"""The code that all readers of a stream share.

Decisions only: no network, no threads. Pages may arrive in any order; chunks come out in the order
of the windows. A reader changes state in two places only:

    receive(window, page)   takes a page in: its rows, and the next page the window needs
    advance()               drops windows that have ended, opens the next ones

`wanted` and `next_chunk` change no windows. So whoever drives a reader calls `advance` first and
sends what is `wanted` after it: then an unfinished reader has a chunk to hand out, rows to
encode, or a page in flight.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from invoiced_api.exceptions import FatalError
from invoiced_api.reading.pages import ListQuery, Page, Row
from invoiced_api.reading.windows import Encode, EncodedChunk, WindowReader
from invoiced_api.retry import RetryBudget

# The least that a row weighs which is parsed and not yet encoded.
BYTES_PER_UNENCODED_ROW = 8 * 1024
# How many rows a stream is taken to have as long as the server has not counted them.
ROWS_OF_UNKNOWN = 10_000


class StreamReader:
    """A stream that is read: its windows, and the chunks that come out of them.

    Attributes:
        buffered_bytes: bytes that were read and have not come out.
        failure: why reading failed; also set by the caller if a request failed for good.
        budget: bounds the retries of all its requests.
        unreadable: names the rows that could not be read.
        bytes_per_page: size of its latest page.
        bytes_per_row: average size of a row of that page.
        requests: how many requests were sent, counted by the caller.
        retries: how many of them were repetitions.
        rows_left_in_all: gives about how many rows all streams have to read; set by the caller.

    It has more fields than a class should have: half of them are what its caller counts.
    """

    def __init__(self, lists: Sequence[ListQuery], since: int, encode: Encode) -> None:
        """Prepare the reader.

        Args:
            lists: the queries that together return every object.
            since: UNIX second of the bookmark.
            encode: makes a chunk's content of rows; called once per chunk, in no certain order.
        """
        self._lists = lists
        self._since = since
        self._encode = encode
        self._heads: list[Page] = []
        self._windows: deque[WindowReader] = deque()
        self._unencoded: deque[WindowReader] = deque()
        self._weights: dict[int, int] = {}  # of rows that are not encoded, by the list's identity
        self.buffered_bytes = 0
        self.failure: Exception | None = None
        self._cut_short: Exception | None = None  # the failure, once everything before it is out
        self.budget: RetryBudget | None = None  # for the retries of all its requests
        self.unreadable: list[str] = []
        self._unreadable_since: int | None = None
        self.bytes_per_page = 0
        self.bytes_per_row = 0
        self.requests = 0
        self.retries = 0
        self.rows_left_in_all: Callable[[], int] = lambda: self.rows_left
        self._rows_received = 0

    @property
    def rows_left(self) -> int:
        """About how many rows are still to be read."""
        if self.finished or self.failure:
            return 0
        if not self.knows_clock:
            return ROWS_OF_UNKNOWN
        return max(0, self.total - self._rows_received)

    @property
    def total(self) -> int:
        """How many rows the server counted. Known once the first chunk is out."""
        return sum(page.total or 0 for page in self._heads)

    @property
    def clock(self) -> int:
        """The server's clock before the first row, in UNIX seconds; known with the first chunk."""
        return min(page.clock for page in self._heads)

    @property
    def knows_clock(self) -> bool:
        """Whether a response has shown the server's clock."""
        return bool(self._heads)

    @property
    def finished(self) -> bool:
        """Whether everything came out, as of the last `advance`."""
        return not self._windows

    @property
    def complete(self) -> bool:
        """Whether a bookmark may move to what was read."""
        return True

    @property
    def is_failing(self) -> bool:
        """Whether it has failed, or its requests fail at present and are repeated."""
        if self.failure or self._cut_short:
            return True
        return self.budget is not None and self.budget.failing_since is not None

    def advance(self) -> None:
        """Drop windows that have ended, and open the next ones. Sends nothing."""
        while self._windows and self._windows[0].drained:
            self._windows.popleft()
        if self._cut_short and not self._windows:
            self.failure = self._cut_short

    def wanted(self) -> Iterator[WindowReader]:
        """The windows that need a page which was not requested yet, most urgent first."""
        return (window for window in self._windows if window.request and not window.in_flight)

    def holds_up_output(self, window: WindowReader) -> bool:
        """Whether nothing can come out before this window continues."""
        front = self._windows[0] if self._windows else None
        return window is front and not (window.unencoded or window.chunks)

    def receive(self, window: WindowReader, page: Page) -> None:
        """Take in the page that a window requested."""
        if window.abandoned:
            return
        if page.unreadable:
            self._note_unreadable(window, page)
        waiting = len(window.unencoded)
        self._rows_received += page.shown
        window.receive(page)
        for rows in islice(window.unencoded, waiting, None):
            self._await_encoding(window, rows)

    def fail(self, window: WindowReader, failure: Exception) -> None:
        """Note that the page that a window requested cannot be had.

        What comes before it still comes out: its rows are complete and in order.
        """
        if window.abandoned:
            return
        if isinstance(failure, FatalError) or window not in self._windows:
            self.failure = self.failure or failure
            return
        self._cut_short = failure
        window.request = None
        while self._windows[-1] is not window:
            self._abandon(self._windows.pop())

    def _abandon(self, window: WindowReader) -> None:
        """Give up a window and what it has read."""
        window.abandoned = True
        for rows in window.unencoded:
            self._start_encoding(rows)
        self.buffered_bytes -= sum(len(chunk.content) for chunk in window.chunks)
        self._unencoded = deque(one for one in self._unencoded if one is not window)

    def shares(self, window: WindowReader) -> bool:
        """Whether other readers depend on the window too, even if this one has failed."""
        return False

    def encode_one(self) -> bool:
        """Encode one chunk of rows that have arrived; False if there are none."""
        if not self._unencoded:
            return False
        window = self._unencoded.popleft()
        rows = window.unencoded.popleft()
        count, newest = len(rows), self._newest(rows)
        self._start_encoding(rows)
        chunk = EncodedChunk(self._encode(rows), count, newest)
        self.buffered_bytes += len(chunk.content)
        window.chunks.append(chunk)
        return True

    def _await_encoding(self, window: WindowReader, rows: list[Row]) -> None:
        self._unencoded.append(window)
        weight = max(BYTES_PER_UNENCODED_ROW, self.bytes_per_row) * len(rows)
        self._weights[id(rows)] = weight
        self.buffered_bytes += weight

    def _start_encoding(self, rows: list[Row]) -> None:
        self.buffered_bytes -= self._weights.pop(id(rows))

    def next_chunk(self) -> EncodedChunk | None:
        """The next chunk in order; None if it has not arrived, or if everything is out."""
        if not self._windows or not self._windows[0].chunks:
            return None
        chunk = self._windows[0].chunks.popleft()
        self.buffered_bytes -= len(chunk.content)
        return self._held_back(chunk)

    def _note_unreadable(self, window: WindowReader, page: Page) -> None:
        """No bookmark may pass a row that was not read."""
        request = window.request
        path = request.listing.path if request else ""
        self.unreadable += [f"GET {path} {row}" for row in page.unreadable]
        since = window.window.since
        known = self._unreadable_since
        self._unreadable_since = since if known is None else min(known, since)

    def _held_back(self, chunk: EncodedChunk) -> EncodedChunk:
        since = self._unreadable_since
        if since is None or chunk.newest <= since:
            return chunk
        return replace(chunk, newest=since)

    def close(self) -> None:
        """Release what the reader holds outside of memory."""

    def _newest(self, rows: list[Row]) -> int:
        moment = rows[-1].get(self._lists[0].stamp)
        return moment if type(moment) is int else self._since
