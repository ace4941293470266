"""One stream being read in several windows of time at once: what to ask next, what may come out.

Decisions only. The time to be read, from the bookmark to the server's clock, is cut into windows;
one that proves too full is cut again. Pages may arrive in any order, blocks come out in the order
of the windows. When all windows are read the tail follows: what changed since the clock was read.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
    Emit,
    Steps,
    Window,
    ascending,
    by_id,
    head,
    merged,
    newest_first,
    recent,
    sorts,
)
from invoiced_api.resources import BY_NAME, Parent, ReadStrategy, Resource

Make = Callable[[list[Row]], bytes]

# What a row weighs that is parsed and not yet made into a block.
BYTES_PER_FRESH_ROW = 8 * 1024
# How many lists of children are under way at once.
MOST_CHILD_LISTS = 64
# A window of more pages is cut into pieces of about so many: small enough that the first in order
# is never long in coming, large enough that few pages reach beyond their window.
MOST_PAGES = 10
# Where less is left, windows are smaller, so that all connections have one or two to the end.
FEWEST_PAGES = 2
MOST_PIECES = 16
LAST_WINDOWS = 32
# One row in so many that a page of a window has to spare.
SPARE = 20


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """Some rows, in the form that the reader wants. `newest` is the last one's `updated_at`."""

    content: bytes
    rows: int
    newest: int


class WindowReader:
    """One way of reading under way. `ask` is the page it waits for, None when it has ended.

    `rows_ahead` is how many rows the list had from the part's first second on, once known.
    What it read waits in `fresh`, then in `blocks`.
    """

    def __init__(self, read: Callable[[Window, Emit], Steps], window: Window) -> None:
        self.fresh: deque[list[Row]] = deque()
        self.blocks: deque[EncodedChunk] = deque()
        self._steps = read(window, self.fresh.append)
        self.window = window
        self.rows_ahead: int | None = None
        self.in_flight = False
        self.ask: PageRequest | None = None
        self._go_on(None)

    def take(self, page: Page) -> None:
        if self.rows_ahead is None:
            self.rows_ahead = page.total
        self.in_flight = False
        self._go_on(page)

    def _go_on(self, page: Page | None) -> None:
        try:
            self.ask = next(self._steps) if page is None else self._steps.send(page)
        except StopIteration:
            self.ask = None


class StreamReader:
    """What is being read of a resource: parts under way, and the blocks that come out of them.

    This one reads lists that can be asked for changes. `make` turns rows into a block's content;
    it is called once per block, in no certain order. `total` and `clock` (the server's, in UNIX
    seconds, before the first row) are known once the first block is out. The driver counts
    `requests` (with the `retries` among them), and sets `failure` when one failed for good.
    """

    def __init__(self, lists: Sequence[ListQuery], since: int, make: Make) -> None:
        self._lists = lists
        self._since = since
        self._make = make
        self._heads: list[Page] = []
        self._trusts_sort = True
        self._tail_follows = False
        self._parts: deque[WindowReader] = deque()
        self._openings = [WindowReader(partial(self._open, one), Window(since)) for one in lists]
        self._unmade: deque[WindowReader] = deque()
        self.buffered_bytes = 0
        self.failure: Exception | None = None
        self.requests = 0
        self.retries = 0

    @property
    def total(self) -> int:
        """How many rows the server counted at the start."""
        return sum(page.total or 0 for page in self._heads)

    @property
    def clock(self) -> int:
        return min(page.clock for page in self._heads)

    @property
    def finished(self) -> bool:
        return not self._opening and not self._parts and not self._tail_follows

    @property
    def _opening(self) -> bool:
        return any(part.ask for part in self._openings)

    def waiting(self) -> Iterator[WindowReader]:
        """The parts that wait for a page and are not in flight, the most urgent first."""
        for part in (*self._openings, *self._parts):
            if part.ask and not part.in_flight:
                yield part

    def waits_for(self, part: WindowReader) -> bool:
        """Whether nothing can come out before this part goes on."""
        return self._opening or part is self._parts[0]

    def take(self, part: WindowReader, page: Page) -> None:
        """Goes on with a part by the page it asked for."""
        ask, waiting = part.ask, len(part.fresh)
        part.take(page)
        if part in self._openings:
            self._opened()
        elif part in self._parts:
            for rows in islice(part.fresh, waiting, None):
                self._unmade.append(part)
                self.buffered_bytes += BYTES_PER_FRESH_ROW * len(rows)
            if ask and ask.params.get("sort") == INCREMENTAL and len(self._lists) == 1:
                self._cut_again(part, page)
            self._end_with_tail()

    def make_one(self) -> bool:
        """Makes a block of rows that have arrived; False if there are none."""
        if not self._unmade:
            return False
        part = self._unmade.popleft()
        rows = part.fresh.popleft()
        count, newest = len(rows), self._newest(rows)
        block = EncodedChunk(self._make(rows), count, newest)
        self.buffered_bytes += len(block.content) - BYTES_PER_FRESH_ROW * count
        part.blocks.append(block)
        return True

    def next_block(self) -> EncodedChunk | None:
        """The next block in order, None if it has not arrived (or if all is out: `finished`)."""
        while not self._opening and self._parts:
            front = self._parts[0]
            if front.blocks:
                block = front.blocks.popleft()
                self.buffered_bytes -= len(block.content)
                return block
            if front.ask or front.fresh:
                return None
            self._parts.popleft()
        return None

    def _newest(self, rows: list[Row]) -> int:
        moment = rows[-1].get(self._lists[0].stamp)
        return moment if isinstance(moment, int) else self._since

    def _open(self, listing: ListQuery, window: Window, emit: Emit) -> Steps:
        """How much there is, by which clock; and whether what follows may rely on `sort`."""
        page = yield from head(listing, window.since)
        self._heads.append(page)
        if (page.total or 0) > listing.page_size:
            self._trusts_sort &= yield from sorts(listing, window.since)

    def _opened(self) -> None:
        """Windows are read while it is still looked at whether the server sorts."""
        if not self._parts and len(self._heads) == len(self._lists):
            self._parts.extend(self._first_parts())
        if not self._opening and not self._trusts_sort:
            params = changed_since(self._since, BY_ID)
            window = Window(self._since)
            self._parts = deque([WindowReader(partial(by_id, self._lists, params=params), window)])
            self._unmade.clear()
            self.buffered_bytes = 0
            self._tail_follows = False

    def _first_parts(self) -> Iterator[WindowReader]:
        small = len(self._lists) == 1 and self.total <= FEWEST_PAGES * self._lists[0].page_size
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

    def _cut_again(self, part: WindowReader, page: Page) -> None:
        """Gives the later pieces of a window away when more is left in it than it should hold."""
        index = self._parts.index(part)
        last = index + 1 == len(self._parts)
        behind = 0 if last else self._parts[index + 1].rows_ahead
        until = part.window.until
        if until is None or behind is None or page.total is None or not part.ask:
            return
        left = page.total - len(page.rows) - behind
        edges = cut(part.window.since, until, left, self._fair(page.total))
        part.window.until = edges[1]
        for place, (since, end) in enumerate(pairwise(edges[1:]), start=index + 1):
            self._parts.insert(place, self._window(Window(since, end)))

    def _fair(self, rows_ahead: int) -> int:
        """How many rows a window should hold when so many are left to be read: whole pages.

        A page shows the last row of the one before again, and the last page is to show that the
        window has ended, even if it holds some more rows than thought.
        """
        page_size = self._lists[0].page_size
        pages = min(max(rows_ahead // (LAST_WINDOWS * page_size), FEWEST_PAGES), MOST_PAGES)
        return max(1, pages * (page_size - 1) - page_size // SPARE)

    def _end_with_tail(self) -> None:
        """The tail is read after all windows: its last answer shows what is left at one moment."""
        if self._tail_follows and not any(part.ask for part in self._parts):
            self._tail_follows = False
            self._parts.append(self._tail(self.clock))


class RecountReader(StreamReader):
    """Counts what was updated since a second, and reads what changed since a later one."""

    def __init__(
        self, lists: Sequence[ListQuery], since: int, changed_since: int, make: Make
    ) -> None:
        super().__init__(lists, since, make)
        self._changed_since = changed_since

    def _open(self, listing: ListQuery, window: Window, emit: Emit) -> Steps:
        self._heads.append((yield from head(listing, window.since)))

    def _first_parts(self) -> Iterator[WindowReader]:
        yield self._tail(self._changed_since)


class FullScanReader(StreamReader):
    """Reads lists that cannot be asked for changes, and leaves out what is older."""

    def _open(self, listing: ListQuery, window: Window, emit: Emit) -> Steps:
        self._heads.append((yield PageRequest(listing=listing, per_page=1)))

    def _first_parts(self) -> Iterator[WindowReader]:
        yield WindowReader(partial(by_id, self._lists), Window(self._since))


class NewestFirstReader(StreamReader):
    """Reads a list that comes newest first, by windows all the same."""

    def _open(self, listing: ListQuery, window: Window, emit: Emit) -> Steps:
        params = {"start_date": window.since}
        self._heads.append((yield PageRequest(listing=listing, per_page=1, params=params)))

    def _earliest(self) -> int:
        return self._since

    def _window(self, window: Window) -> WindowReader:
        return WindowReader(partial(newest_first, self._lists[0]), window)


class ChildReader(StreamReader):
    """Reads the lists below each object of the parent's resource, several at once.

    `below` gives the lists of a parent's id. Rows get the parent's id as `attribute`. They come
    parent by parent, so no block moves a bookmark.
    """

    def __init__(
        self,
        parents: Callable[[Make], StreamReader],
        parent: Parent,
        below: Callable[[Any], Sequence[ListQuery]],
        since: int,
        make: Make,
    ) -> None:
        super().__init__((), since, make)
        self._parents = parents(self._adopt)
        self._parent = parent
        self._below = below
        self._orphans: deque[Any] = deque()
        self._seen: set[Any] = set()

    @property
    def total(self) -> int:
        return self._parents.total

    @property
    def clock(self) -> int:
        return self._parents.clock

    @property
    def finished(self) -> bool:
        return self._parents.finished and not self._orphans and not self._parts

    def waiting(self) -> Iterator[WindowReader]:
        while self._orphans and len(self._parts) < MOST_CHILD_LISTS:
            read = partial(self._children, self._orphans.popleft())
            self._parts.append(WindowReader(read, Window(self._since)))
        yield from super().waiting()
        if len(self._orphans) < MOST_CHILD_LISTS:
            yield from self._parents.waiting()

    def waits_for(self, part: WindowReader) -> bool:
        return not self._parts or part is self._parts[0]

    def take(self, part: WindowReader, page: Page) -> None:
        if part in self._parts:
            super().take(part, page)
            return
        self._parents.take(part, page)
        while self._parents.make_one() or self._parents.next_block():
            pass

    def _newest(self, rows: list[Row]) -> int:
        return self._since

    def _adopt(self, rows: list[Row]) -> bytes:
        having = self._parent.having
        for row in rows:
            if row["id"] not in self._seen and (having is None or row.get(having) is not None):
                self._seen.add(row["id"])
                self._orphans.append(row["id"])
        return b""

    def _children(self, parent: Any, window: Window, emit: Emit) -> Steps:
        def adopted(rows: list[Row]) -> None:
            for row in rows:
                row[self._parent.attribute] = parent
            emit(rows)

        return by_id(self._below(parent), window, adopted)


def reader_of(
    resource: Resource, page_size: int, since: int, make: Make, parse: Parse = orjson.loads
) -> StreamReader:
    """How everything of a resource that was updated since a second (UNIX) is read."""
    if resource.parent:
        of = BY_NAME[resource.parent.resource]
        return ChildReader(
            partial(reader_of, of, page_size, 0),
            resource.parent,
            partial(listings, resource, page_size, parse=parse),
            since,
            make,
        )
    ways = {
        ReadStrategy.INCREMENTAL: StreamReader,
        ReadStrategy.FULL_SCAN: FullScanReader,
        ReadStrategy.NEWEST_FIRST: NewestFirstReader,
    }
    return ways[resource.way](listings(resource, page_size, parse=parse), since, make)


def cut(since: int, until: int, rows: int, rows_per_piece: int) -> list[int]:
    """The edges of pieces of a time that holds so many rows, evenly; at least a second each.

    All but the last hold so many rows, or more if there were too many pieces.
    """
    pieces = max(1, min(-(-rows // rows_per_piece), MOST_PIECES, until - since))
    fits = rows_per_piece * pieces >= rows
    part, whole = (rows_per_piece, rows) if fits and rows else (1, pieces)
    return [*(since + (until - since) * piece * part // whole for piece in range(pieces)), until]
