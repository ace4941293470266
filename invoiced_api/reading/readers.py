"""One stream, read in several windows at once: which pages it needs, which rows come out next.

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
from functools import partial
from itertools import islice, pairwise
from typing import Any

import orjson

from invoiced_api.reading.pages import (
    BY_ID,
    INCREMENTAL,
    ListQuery,
    Page,
    PageRequest,
    Parse,
    Row,
    changed_since,
    listings,
    updated_at,
)
from invoiced_api.reading.strategies import (
    OnRows,
    PageSteps,
    Window,
    ascending,
    by_id,
    head,
    merged,
    newest_first,
    recent,
    sorts,
)
from invoiced_api.reading.windows import Encode, EncodedChunk, WindowReader, cut
from invoiced_api.resources import BY_NAME, Parent, ReadStrategy, Resource
from invoiced_api.retry import RetryBudget

# What a row weighs that is parsed and not yet encoded.
BYTES_PER_UNENCODED_ROW = 8 * 1024
# How many lists of children are under way at once.
MAX_CHILD_LISTS = 64
# A window of more pages is cut into pieces of about so many.
MAX_PAGES_PER_WINDOW = 10
# Where less is left, windows are smaller, so that all connections have one or two to the end.
MIN_PAGES_PER_WINDOW = 2
LAST_WINDOWS = 32
# One row in so many that a page of a window has to spare.
SPARE = 20


class StreamReader:
    """A stream that is being read: windows under way, and the chunks that come out of them.

    `encode` turns rows into a chunk's content; it is called once per chunk, in no certain order.
    `total` (rows that the server counted) and `clock` (the server's, in UNIX seconds, before the
    first row) are known once the first chunk is out. `requests` and `retries` are counted by
    whoever drives the reader, who also sets `failure` when a request failed for good.
    `bytes_per_page` is what its latest page weighed.
    """

    def __init__(self, lists: Sequence[ListQuery], since: int, encode: Encode) -> None:
        self._lists = lists
        self._since = since
        self._encode = encode
        self._heads: list[Page] = []
        self._windows: deque[WindowReader] = deque()
        self._unencoded: deque[WindowReader] = deque()
        self.buffered_bytes = 0
        self.failure: Exception | None = None
        self.budget: RetryBudget | None = None  # for the retries of all its requests
        self.bytes_per_page = 0
        self.requests = 0
        self.retries = 0

    @property
    def total(self) -> int:
        return sum(page.total or 0 for page in self._heads)

    @property
    def clock(self) -> int:
        return min(page.clock for page in self._heads)

    @property
    def finished(self) -> bool:
        """Whether everything came out. As of the last `advance`."""
        return not self._windows

    def advance(self) -> None:
        """Drops windows that have ended, opens the next ones. Needs no page, sends nothing."""
        while self._windows and self._windows[0].drained:
            self._windows.popleft()

    def wanted(self) -> Iterator[WindowReader]:
        """The windows that need a page which was not requested yet, the most urgent first."""
        return (window for window in self._windows if window.request and not window.in_flight)

    def holds_up_output(self, window: WindowReader) -> bool:
        """Whether nothing can come out before this window continues."""
        return bool(self._windows) and window is self._windows[0]

    def receive(self, window: WindowReader, page: Page) -> None:
        """Takes in the page that a window requested."""
        if window.abandoned:
            return
        waiting = len(window.unencoded)
        window.receive(page)
        for rows in islice(window.unencoded, waiting, None):
            self._unencoded.append(window)
            self.buffered_bytes += BYTES_PER_UNENCODED_ROW * len(rows)

    def encode_one(self) -> bool:
        """Encodes one chunk of rows that have arrived; False if there are none."""
        if not self._unencoded:
            return False
        window = self._unencoded.popleft()
        rows = window.unencoded.popleft()
        count, newest = len(rows), self._newest(rows)
        chunk = EncodedChunk(self._encode(rows), count, newest)
        self.buffered_bytes += len(chunk.content) - BYTES_PER_UNENCODED_ROW * count
        window.chunks.append(chunk)
        return True

    def next_chunk(self) -> EncodedChunk | None:
        """The next chunk in order, None if it has not arrived (or everything is out)."""
        if not self._windows or not self._windows[0].chunks:
            return None
        chunk = self._windows[0].chunks.popleft()
        self.buffered_bytes -= len(chunk.content)
        return chunk

    def _newest(self, rows: list[Row]) -> int:
        moment = rows[-1].get(self._lists[0].stamp)
        return moment if isinstance(moment, int) else self._since


class IncrementalReader(StreamReader):
    """Reads lists that can be asked for changes.

    The time to be read, from the bookmark to the server's clock, is cut into windows; one that
    proves too full is cut again. When all windows are read the tail follows: what changed since
    the clock was read.

        opening ──heads known──> windows (while the sort order is still probed)
           │                        │ all windows have ended
           │ the server ignores     v
           │ `sort`                tail ──ended──> finished
           └──> one window in id order ──ended──> finished
    """

    def __init__(self, lists: Sequence[ListQuery], since: int, encode: Encode) -> None:
        super().__init__(lists, since, encode)
        self._trusts_sort = True
        self._opened = False
        self._tail_follows = False
        self._overfull: list[tuple[WindowReader, int]] = []
        self._openings = [WindowReader(partial(self._open, one), Window(since)) for one in lists]

    @property
    def finished(self) -> bool:
        return self._opened and not self._opening and not self._windows and not self._tail_follows

    @property
    def _opening(self) -> bool:
        return any(opening.request for opening in self._openings)

    def advance(self) -> None:
        if not self._opened and len(self._heads) == len(self._lists):
            self._opened = True
            self._windows.extend(self._first_windows())
        if not self._opening and not self._trusts_sort:
            self._trusts_sort = True
            self._read_in_id_order()
        self._cut_overfull()
        if self._tail_follows and not any(window.request for window in self._windows):
            self._tail_follows = False
            # After all windows: its last page shows what is left at one moment.
            self._windows.append(self._tail(self.clock))
        super().advance()

    def wanted(self) -> Iterator[WindowReader]:
        for opening in self._openings:
            if opening.request and not opening.in_flight:
                yield opening
        yield from super().wanted()

    def holds_up_output(self, window: WindowReader) -> bool:
        return window in self._openings if self._opening else super().holds_up_output(window)

    def receive(self, window: WindowReader, page: Page) -> None:
        request = window.request
        super().receive(window, page)
        sorted_page = request is not None and request.params.get("sort") == INCREMENTAL
        if sorted_page and len(self._lists) == 1 and page.total is not None:
            self._overfull.append((window, page.total - len(page.rows)))

    def next_chunk(self) -> EncodedChunk | None:
        return None if self._opening else super().next_chunk()

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        """How much there is, by which clock; and whether what follows may rely on `sort`."""
        page = yield from head(listing, window.since)
        self._heads.append(page)
        if (page.total or 0) > listing.page_size:
            self._trusts_sort &= yield from sorts(listing, window.since)

    def _read_in_id_order(self) -> None:
        """Starts again: what the windows have read so far relied on the order."""
        for window in self._windows:
            window.abandoned = True
        params = changed_since(self._since, BY_ID)
        whole = Window(self._since)
        self._windows = deque([WindowReader(partial(by_id, self._lists, params=params), whole)])
        self._unencoded.clear()
        self.buffered_bytes = 0
        self._tail_follows = False

    def _first_windows(self) -> Iterator[WindowReader]:
        small = (
            len(self._lists) == 1 and self.total <= MIN_PAGES_PER_WINDOW * self._lists[0].page_size
        )
        if self._since >= self.clock or small:
            yield self._tail(self._since)
            return
        self._tail_follows = True
        earliest = min(max(self._earliest(), self._since), self.clock - 1)
        edges = cut(earliest, self.clock, self.total, self._fair(self.total))
        for since, until in pairwise([self._since, *edges[1:]]):
            yield self._window(Window(since, until))

    def _earliest(self) -> int:
        """Before it there is nothing to read; the bookmark may be years earlier."""
        return min((updated_at(page.rows[0]) for page in self._heads if page.rows), default=0)

    def _window(self, window: Window) -> WindowReader:
        if len(self._lists) == 1:
            return WindowReader(partial(ascending, self._lists[0]), window)
        return WindowReader(partial(merged, self._lists), window)

    def _tail(self, since: int) -> WindowReader:
        if len(self._lists) == 1:
            return self._window(Window(since))
        return WindowReader(partial(recent, self._lists), Window(since))

    def _cut_overfull(self) -> None:
        for window, rows_ahead in self._overfull:
            if window in self._windows:
                self._cut_again(window, rows_ahead)
        self._overfull.clear()

    def _cut_again(self, window: WindowReader, rows_ahead: int) -> None:
        """Gives the later pieces of a window away when more is left in it than it should hold."""
        index = self._windows.index(window)
        last = index + 1 == len(self._windows)
        behind = 0 if last else self._windows[index + 1].rows_ahead
        until = window.window.until
        if until is None or behind is None or not window.request:
            return
        edges = cut(window.window.since, until, rows_ahead - behind, self._fair(rows_ahead))
        window.window.until = edges[1]
        for place, (since, end) in enumerate(pairwise(edges[1:]), start=index + 1):
            self._windows.insert(place, self._window(Window(since, end)))

    def _fair(self, rows_ahead: int) -> int:
        """How many rows a window should hold when so many are left to be read: whole pages.

        A page shows the last row of the one before again, and the last page is to show that the
        window has ended, even if it holds some more rows than thought.
        """
        page_size = self._lists[0].page_size
        pages = rows_ahead // (LAST_WINDOWS * page_size)
        pages = min(max(pages, MIN_PAGES_PER_WINDOW), MAX_PAGES_PER_WINDOW)
        return max(1, pages * (page_size - 1) - page_size // SPARE)


class RecountReader(IncrementalReader):
    """Counts what was updated since a second, and reads what changed since a later one."""

    def __init__(
        self, lists: Sequence[ListQuery], since: int, changed_since: int, encode: Encode
    ) -> None:
        super().__init__(lists, since, encode)
        self._changed_since = changed_since

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        self._heads.append((yield from head(listing, window.since)))

    def _first_windows(self) -> Iterator[WindowReader]:
        yield self._tail(self._changed_since)


class FullScanReader(IncrementalReader):
    """Reads lists that cannot be asked for changes, and leaves out what is older."""

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        self._heads.append((yield PageRequest(listing=listing, per_page=1)))

    def _first_windows(self) -> Iterator[WindowReader]:
        yield WindowReader(partial(by_id, self._lists), Window(self._since))


class NewestFirstReader(IncrementalReader):
    """Reads a list that comes newest first, by windows all the same."""

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        params = {"start_date": window.since}
        self._heads.append((yield PageRequest(listing=listing, per_page=1, params=params)))

    def _earliest(self) -> int:
        return self._since

    def _window(self, window: Window) -> WindowReader:
        return WindowReader(partial(newest_first, self._lists[0]), window)


class ChildReader(StreamReader):
    """Reads the lists below each object of the parent's resource, several at once.

    `below` gives the lists of a parent's id. Rows get the parent's id as `attribute`. They come
    parent by parent, so no chunk moves a bookmark.
    """

    def __init__(
        self,
        parents: Callable[[Encode], StreamReader],
        parent: Parent,
        below: Callable[[Any], Sequence[ListQuery]],
        since: int,
        encode: Encode,
    ) -> None:
        super().__init__((), since, encode)
        self._parents = parents(self._collect_parents)
        self._parent = parent
        self._below = below
        self._pending_parents: deque[Any] = deque()
        self._seen: set[Any] = set()

    @property
    def total(self) -> int:
        return self._parents.total

    @property
    def clock(self) -> int:
        return self._parents.clock

    @property
    def finished(self) -> bool:
        return self._parents.finished and not self._pending_parents and not self._windows

    def advance(self) -> None:
        self._parents.advance()
        while self._parents.encode_one() or self._parents.next_chunk():
            self._parents.advance()
        super().advance()
        while self._pending_parents and len(self._windows) < MAX_CHILD_LISTS:
            read = partial(self._children, self._pending_parents.popleft())
            self._windows.append(WindowReader(read, Window(self._since)))

    def wanted(self) -> Iterator[WindowReader]:
        yield from super().wanted()
        if len(self._pending_parents) < MAX_CHILD_LISTS:
            yield from self._parents.wanted()

    def holds_up_output(self, window: WindowReader) -> bool:
        return not self._windows or super().holds_up_output(window)

    def receive(self, window: WindowReader, page: Page) -> None:
        if window in self._windows:
            super().receive(window, page)
        else:
            self._parents.receive(window, page)

    def _newest(self, rows: list[Row]) -> int:
        return self._since

    def _collect_parents(self, rows: list[Row]) -> bytes:
        having = self._parent.having
        for row in rows:
            if row["id"] not in self._seen and (having is None or row.get(having) is not None):
                self._seen.add(row["id"])
                self._pending_parents.append(row["id"])
        return b""

    def _children(self, parent: Any, window: Window, on_rows: OnRows) -> PageSteps:
        def with_parent(rows: list[Row]) -> None:
            for row in rows:
                row[self._parent.attribute] = parent
            on_rows(rows)

        return by_id(self._below(parent), window, with_parent)


def reader_of(
    resource: Resource, page_size: int, since: int, encode: Encode, parse: Parse = orjson.loads
) -> StreamReader:
    """How everything of a resource that was updated since a second (UNIX) is read."""
    if resource.parent:
        of = BY_NAME[resource.parent.resource]
        return ChildReader(
            partial(reader_of, of, page_size, 0),
            resource.parent,
            partial(listings, resource, page_size, parse=parse),
            since,
            encode,
        )
    readers = {
        ReadStrategy.INCREMENTAL: IncrementalReader,
        ReadStrategy.FULL_SCAN: FullScanReader,
        ReadStrategy.NEWEST_FIRST: NewestFirstReader,
    }
    return readers[resource.way](listings(resource, page_size, parse=parse), since, encode)
