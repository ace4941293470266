"""The code that all readers of a stream share.

Decisions only: no network, no threads. Pages may arrive in any order; chunks come out in the order
of the windows. A window takes its page in by itself, and reports the arrival. `advance` is the one
place where a reader changes its windows:

    _take_arrivals   takes over the rows of pages that have arrived, and notes failures
    _move_on         drops windows that have ended, and opens the next ones; not after a failure

So whoever drives a reader calls `advance` first and sends what is `wanted` after it: then an
unfinished reader has a chunk to hand out, rows to encode, or a page in flight.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from invoiced_api.exceptions import FatalError
from invoiced_api.reading.pages import Head, ListQuery, PageRequest, Row, TypedRow
from invoiced_api.reading.steps import Window
from invoiced_api.reading.windows import (
    Arrival,
    Encode,
    EncodedChunk,
    Read,
    UnencodedRows,
    WindowReader,
)
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

    # Whether rows are encoded in the order of changes, so that each chunk may move the bookmark.
    _encodes_in_order: ClassVar[bool] = True

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
        self._heads: list[Head] = []
        self._arrivals: deque[Arrival] = deque()  # since the last `advance`
        # By id, the windows that emit rows which have not shown when they were updated.
        self._undated: dict[Any, WindowReader] = {}
        self._windows: deque[WindowReader] = deque()
        self._unencoded: deque[WindowReader] = deque()
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
        return sum(head.total or 0 for head in self._heads)

    @property
    def clock(self) -> int:
        """The server's clock before the first row, in UNIX seconds; known with the first chunk."""
        return min(head.clock for head in self._heads)

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
        """Take over what has arrived, and open the next windows. Does nothing after a failure."""
        if not self.failure:
            self._take_arrivals()
        if not self.failure:
            self._move_on()

    def _move_on(self) -> None:
        """Drop windows that have ended, and open the next ones."""
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

    def _take_arrivals(self) -> None:
        """Take over what has arrived: rows, counts, failures."""
        while self._arrivals:
            arrival = self._arrivals.popleft()
            window, page = arrival.window, arrival.page
            if window.abandoned:
                continue
            if page and page.unreadable:
                self._note_unreadable(arrival, page.unreadable)
            if arrival.failure:
                self._note_failure(window, arrival.failure)
            elif page:
                self._rows_received += page.shown
                for rows in window.emitted:
                    self._await_encoding(window, rows)
                window.emitted.clear()
                self._note_count(arrival.request, window, page.total, page.shown)
                if page.undated and not window.abandoned:
                    self._take_undated(window, page.undated)

    def _note_count(
        self, request: PageRequest, window: WindowReader, total: int | None, shown: int
    ) -> None:
        """A page of a window has arrived, which counted and showed so many rows."""

    def _take_undated(self, window: WindowReader, rows: list[Row]) -> None:
        """A page of a window showed these rows, which do not show when they were updated."""

    def _note_failure(self, window: WindowReader, failure: Exception) -> None:
        """The page that a window requested cannot be had.

        What comes before it still comes out: its rows are complete and in order.
        """
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
        self.buffered_bytes -= sum(waiting.size for waiting in window.unencoded)
        self.buffered_bytes -= sum(len(chunk.content) for chunk in window.chunks)
        self._unencoded = deque(one for one in self._unencoded if one is not window)

    def encode_one(self) -> bool:
        """Encode one chunk of rows that have arrived; False if there are none."""
        if not self._unencoded:
            return False
        window = self._unencoded.popleft()
        waiting = window.unencoded.popleft()
        self.buffered_bytes -= waiting.size
        count = len(waiting.rows)
        content = self._encode(waiting.rows)
        self.buffered_bytes += len(content)
        window.chunks.append(EncodedChunk(content, count, waiting.newest))
        return True

    def _open_window(self, read: Read, since: int, until: int | None = None) -> WindowReader:
        return WindowReader(read, Window(since, until), self._arrivals)

    def _await_encoding(self, window: WindowReader, rows: list[Row], *, dated: bool = True) -> None:
        newest = self._since
        if dated and self._encodes_in_order:
            last, stamp = rows[-1], self._lists[0].stamp
            # A stamp that was not true before, such as one far ahead, says nothing of other rows.
            if not self._undated or last["id"] not in self._undated:
                newest = getattr(last, stamp) if isinstance(last, TypedRow) else last[stamp]
        size = max(BYTES_PER_UNENCODED_ROW, self.bytes_per_row) * len(rows)
        self.buffered_bytes += size
        self._unencoded.append(window)
        window.unencoded.append(UnencodedRows(rows, newest, size))

    def next_chunk(self) -> EncodedChunk | None:
        """The next chunk in order; None if it has not arrived, or if everything is out."""
        if not self._windows or not self._windows[0].chunks:
            return None
        chunk = self._windows[0].chunks.popleft()
        self.buffered_bytes -= len(chunk.content)
        since = self._unreadable_since
        if since is None or chunk.newest <= since:
            return chunk
        return EncodedChunk(chunk.content, chunk.rows, since)

    def _note_unreadable(self, arrival: Arrival, names: Sequence[str]) -> None:
        """No bookmark may pass a row that was not read."""
        path, since = arrival.request.listing.path, arrival.since
        self.unreadable += [f"GET {path} {name}" for name in names]
        known = self._unreadable_since
        self._unreadable_since = since if known is None else min(known, since)

    def close(self) -> None:
        """Release what the reader holds outside of memory."""
