"""One stream being read in several windows of time at once: what to ask next, what may come out.

Decisions only. The time to be read, from the bookmark to the server's clock, is cut into windows;
one that proves too full is cut again. Pages may arrive in any order, blocks come out in the order
of the windows. When all windows are read the tail follows: what changed since the clock was read.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from invoiced_api.reading import (
    BY_CHANGE,
    Ask,
    Emit,
    Listing,
    Page,
    Row,
    Steps,
    Window,
    ascending,
    by_id,
    head,
    merged,
    recent,
    sorts,
    updated_at,
)

# A window of more rows is cut into pieces of about so many: small enough that the first in order
# is never long in coming, large enough that few pages reach beyond their window.
ROWS_PER_WINDOW = 1_000
MOST_PIECES = 16


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows, in the form that the reader wants. `newest` is the last one's `updated_at`."""

    content: bytes
    rows: int
    newest: int


class Part:
    """One way of reading under way. `ask` is the page it waits for, None when it has ended.

    `rows_ahead` is how many rows the list had from the part's first second on, once known.
    """

    def __init__(self, steps: Steps, window: Window, blocks: deque[Block]) -> None:
        self._steps = steps
        self.window = window
        self.blocks = blocks
        self.rows_ahead: int | None = None
        self.in_flight = False
        self.ask: Ask | None = None
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


class Reading:
    """Everything of a resource that was updated since a second, from the lists that hold it.

    `make` turns rows into a block's content; it is called once per block, in no certain order.
    `total` and `clock` (the server's, in UNIX seconds, before the first row) are known once the
    first block is out. The driver counts `requests` (with the `retries` among them), and sets
    `failure` when one failed for good.
    """

    def __init__(
        self, lists: Sequence[Listing], since: int, make: Callable[[list[Row]], bytes]
    ) -> None:
        self._lists = lists
        self._since = since
        self._make = make
        self._heads: list[Page] = []
        self._trusts_sort = True
        self._tail_follows = False
        self._openings = [Part(self._open(one), Window(since), deque()) for one in lists]
        self._parts: deque[Part] = deque()
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

    def waiting(self) -> Iterator[Part]:
        """The parts that wait for a page and are not in flight, the most urgent first."""
        for part in (*self._openings, *self._parts):
            if part.ask and not part.in_flight:
                yield part

    def waits_for(self, part: Part) -> bool:
        """Whether nothing can come out before this part goes on."""
        return self._opening or part is self._parts[0]

    def take(self, part: Part, page: Page) -> None:
        """Goes on with a part by the page it asked for."""
        sort = part.ask.sort if part.ask else BY_CHANGE
        part.take(page)
        if part in self._openings:
            self._opened()
        elif part in self._parts:
            if sort == BY_CHANGE and len(self._lists) == 1:
                self._cut_again(part, page)
            self._end_with_tail()

    def next_block(self) -> Block | None:
        """The next block in order, None if it has not arrived (or if all is out: `finished`)."""
        while not self._opening and self._parts:
            front = self._parts[0]
            if front.blocks:
                block = front.blocks.popleft()
                self.buffered_bytes -= len(block.content)
                return block
            if front.ask:
                return None
            self._parts.popleft()
        return None

    def _open(self, listing: Listing) -> Steps:
        """How much there is, by which clock; and whether what follows may rely on `sort`."""
        page = yield from head(listing, self._since)
        self._heads.append(page)
        if (page.total or 0) > listing.page_size:
            self._trusts_sort &= yield from sorts(listing, self._since)

    def _opened(self) -> None:
        """Windows are read while it is still looked at whether the server sorts."""
        if not self._parts and len(self._heads) == len(self._lists):
            self._parts.extend(self._first_parts())
        if not self._opening and not self._trusts_sort:
            window = Window(self._since)
            self._parts = deque([self._part(window, lambda emit: by_id(self._lists, window, emit))])
            self._tail_follows = False

    def _first_parts(self) -> Iterator[Part]:
        if self._since >= self.clock or (len(self._lists) == 1 and self.total <= ROWS_PER_WINDOW):
            yield self._tail(self._since)
            return
        self._tail_follows = True
        for since, until in pairwise(cut(self._since, self.clock, self.total)):
            yield self._window(since, until)

    def _window(self, since: int, until: int) -> Part:
        window = Window(since, until)
        if len(self._lists) == 1:
            return self._part(window, lambda emit: ascending(self._lists[0], window, emit))
        return self._part(window, lambda emit: merged(self._lists, window, emit))

    def _tail(self, since: int) -> Part:
        window = Window(since)
        if len(self._lists) == 1:
            return self._part(window, lambda emit: ascending(self._lists[0], window, emit))
        return self._part(window, lambda emit: recent(self._lists, since, emit))

    def _part(self, window: Window, read: Callable[[Emit], Steps]) -> Part:
        blocks: deque[Block] = deque()

        def emit(rows: list[Row]) -> None:
            newest = updated_at(rows[-1])
            block = Block(self._make(rows), len(rows), newest)
            self.buffered_bytes += len(block.content)
            blocks.append(block)

        return Part(read(emit), window, blocks)

    def _cut_again(self, part: Part, page: Page) -> None:
        """Gives the later pieces of a window away when more is left in it than it should hold."""
        index = self._parts.index(part)
        last = index + 1 == len(self._parts)
        behind = 0 if last else self._parts[index + 1].rows_ahead
        until = part.window.until
        if until is None or behind is None or page.total is None or not part.ask:
            return
        left = page.total - len(page.rows) - behind
        edges = cut(part.window.since, until, left)
        part.window.until = edges[1]
        for place, (since, end) in enumerate(pairwise(edges[1:]), start=index + 1):
            self._parts.insert(place, self._window(since, end))

    def _end_with_tail(self) -> None:
        """The tail is read after all windows: its last answer shows what is left at one moment."""
        if self._tail_follows and not any(part.ask for part in self._parts):
            self._tail_follows = False
            self._parts.append(self._tail(self.clock))


def cut(since: int, until: int, rows: int) -> list[int]:
    """The edges of equal pieces of a time that holds so many rows; at least a second each."""
    pieces = max(1, min(-(-rows // ROWS_PER_WINDOW), MOST_PIECES, until - since))
    return [since + (until - since) * piece // pieces for piece in range(pieces + 1)]
