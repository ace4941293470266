"""A stream whose lists can be asked for changes since a moment, in the order of changes."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from invoiced_api.exceptions import UnfilteredError, UnsortedError
from invoiced_api.reading.full_scan import FullScanReader
from invoiced_api.reading.pages import (
    BY_ID,
    INCREMENTAL,
    Head,
    ListQuery,
    Page,
    PageRequest,
    Row,
    changed_since,
)
from invoiced_api.reading.steps import (
    MAX_RESPONSE_S,
    OnRows,
    PageSteps,
    SortProbe,
    Window,
    first_page,
    first_request,
    head,
    sorts,
)
from invoiced_api.reading.strategies import ascending, merged, no_pages, recent, shown_at_rest
from invoiced_api.reading.streams import StreamReader
from invoiced_api.reading.window_sizes import FEW, MIN_PAGES, fair_rows, rows_per_window
from invoiced_api.reading.windows import Encode, EncodedChunk, WindowReader, cut

LOGGER = logging.getLogger(__name__)

# So many rows that do not show when they were updated are named in the log.
MAX_UNDATED_NAMED = 5


class IncrementalReader(StreamReader):
    """Reads lists that can be asked for changes.

    The time to be read, from the bookmark to the server's clock, is cut into windows; one that
    proves too full is cut again. When all windows are read the tail follows: what changed since
    the clock was read.

    The opening requests page 1 of each list. That is the first page of the first window, or all
    there is.

        opening ──pages known──> windows (while the sort order is still probed)
           │                        │ all windows have ended
           ├──few changes────────┐  v
           │                     └>tail ──ended──> finished
           │ the server ignores     │
           │ `sort`                 │ a page is not sorted
           └──> full scan <─────────┘
                    └──ended, its rows sorted here──> finished

    It has more fields than a class should have: half of them are those of every reader, and the
    others are the state of the picture.
    """

    def __init__(self, lists: Sequence[ListQuery], since: int, encode: Encode) -> None:
        super().__init__(lists, since, encode)
        self._trusts_sort = True
        self._probe = SortProbe()
        self._opened = False
        self._tail_follows = False
        self._fallback: FullScanReader | None = None
        self._pages: list[tuple[PageRequest, Page]] = []  # of the openings
        self._second_look: list[Page] | None = None
        self._largest = lists[0]
        self._shown: dict[int, Page] = {}  # page 1 of lists that it shows whole, by their place
        self._openings = [self._open_window(partial(self._open, one), since) for one in lists]

    @property
    def finished(self) -> bool:
        """Whether all windows and the tail are out."""
        if self._fallback:
            return self._fallback.finished
        return self._opened and not self._opening and not self._windows and not self._tail_follows

    @property
    def buffered_bytes(self) -> int:
        """Bytes that were read and have not come out."""
        return self._fallback.buffered_bytes if self._fallback else self._buffered_bytes

    @buffered_bytes.setter
    def buffered_bytes(self, value: int) -> None:
        self._buffered_bytes = value

    @property
    def _opening(self) -> bool:
        return any(opening.request for opening in self._openings)

    def _move_on(self) -> None:
        """Open windows, cut those that are too full, open the tail, or fall back to a full scan."""
        if not self._opened and len(self._heads) == len(self._lists) and not self._looks_again():
            self._opened = True
            self._know_lists()
            self._windows.extend(self._first_windows())
            self._reuse_pages()
            self._take_arrivals()
            if self.failure:
                return
        if self._fallback is None and not self._opening and not self._trusts_sort:
            self._fall_back()
        if self._fallback:
            self._fallback.bytes_per_row = self.bytes_per_row
            self._fallback.advance()
            self.unreadable = self._fallback.unreadable
            self.failure = self._fallback.failure
            return
        unread = any(window.request for window in self._windows)
        if self._tail_follows and not unread and not self._cut_short:
            self._tail_follows = False
            # After all windows: its last page shows what is left at one moment.
            self._windows.append(self._tail(self.clock))
        super()._move_on()

    def wanted(self) -> Iterator[WindowReader]:
        """Windows that need a page, those that open the lists first."""
        if self._fallback:
            yield from self._fallback.wanted()
            return
        for opening in self._openings:
            if opening.request and not opening.in_flight:
                yield opening
        yield from super().wanted()

    def holds_up_output(self, window: WindowReader) -> bool:
        """Whether nothing can come out before this window continues."""
        if self._fallback:
            return self._fallback.holds_up_output(window)
        return window in self._openings if self._opening else super().holds_up_output(window)

    def encode_one(self) -> bool:
        """Encode one chunk of rows that have arrived; False if there are none."""
        return self._fallback.encode_one() if self._fallback else super().encode_one()

    def next_chunk(self) -> EncodedChunk | None:
        """The next chunk in order; None while the lists are opened, or if it has not arrived."""
        if self._fallback:
            return self._fallback.next_chunk()
        return None if self._opening else super().next_chunk()

    def close(self) -> None:
        """Delete what a full scan keeps on disk."""
        if self._fallback:
            self._fallback.close()

    def _note_count(
        self, request: PageRequest, window: WindowReader, total: int | None, shown: int
    ) -> None:
        """A window may prove too full, by its largest list."""
        if request.listing is not self._largest:
            return
        if window.rows_ahead is None:
            window.rows_ahead = total
        sorts = request.params.get("sort") == INCREMENTAL
        if sorts and total is not None and window in self._windows:
            self._cut_again(window, total - shown)

    def _note_failure(self, window: WindowReader, failure: Exception) -> None:
        """If the server does not do as it is asked, the lists are read whole."""
        if isinstance(failure, (UnsortedError, UnfilteredError)):
            self._trusts_sort = False
        else:
            super()._note_failure(window, failure)

    def _take_undated(self, window: WindowReader, rows: list[Row]) -> None:
        """Rows that do not show when they were updated come out once, and move no bookmark."""
        new = [row for row in rows if row["id"] not in self._undated]
        if not new or window in self._openings:
            return
        for row in new:
            self._undated[row["id"]] = window
            if len(self._undated) <= MAX_UNDATED_NAMED:
                stamp, path = self._lists[0].stamp, self._lists[0].path
                LOGGER.warning(
                    "GET %s: %s has no usable `%s`, so each run emits it again",
                    path,
                    row["id"],
                    stamp,
                )
        self._await_encoding(window, new, dated=False)

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        """How much there is, by which clock; and whether what follows may rely on `sort`."""
        page = yield from first_page(listing, window.since)
        self._pages.append((first_request(listing, window.since), page))
        self._heads.append(Head(page.total, page.clock, page.moments[0] if page.moments else None))
        probes, shown = (page.total or 0) > listing.page_size, page.ids
        del page  # its rows may come out before the probe ends
        if probes:
            self._probe.begun = True
            sorted_by_change = yield from sorts(listing, window.since, shown)
            # Not `&=`, which would restore what was known before the probe began: meanwhile, a
            # window may have shown a page that is not sorted.
            if not sorted_by_change:
                self._trusts_sort = False

    def _reuse_pages(self) -> None:
        """Give the first window the pages that it would request again."""
        window = self._windows[0] if self._windows else None
        alone = len(self._lists) == 1
        while window and window.request and (alone or self._is_settled(window.window.until)):
            known = next((page for asked, page in self._pages if asked == window.request), None)
            if known is None:
                break
            self._pages = [one for one in self._pages if one[1] is not known]
            window.receive(known)
        self._pages.clear()

    def _know_lists(self) -> None:
        """Note which list is the largest, and which ones page 1 showed whole.

        An object that moves between the lists later is in the tail, since a move is a change.
        """
        for request, page in self._pages:
            if page.is_last and page.ascending and not page.undated and not page.unreadable:
                self._shown[self._lists.index(request.listing)] = page
        if self._pages:
            self._largest = max(self._pages, key=lambda one: one[1].total or 0)[0].listing

    @property
    def _is_small(self) -> bool:
        """Whether each list showed all its rows on one page."""
        return bool(self._pages) and all(page.is_last for _, page in self._pages)

    def _looks_again(self) -> bool:
        """Whether lists that exchange objects are still being requested a second time.

        They are requested at the same time, so each may show an object when it is not there.
        """
        if len(self._lists) == 1 or not self._is_small:
            return False
        if self._second_look is None:
            self._second_look = []
            later = self._lists[1:]  # an object only moves to a later list
            look, since = self._look, self._since
            self._openings += [self._open_window(partial(look, one), since) for one in later]
        return len(self._second_look) < len(self._lists) - 1

    def _look(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        page = yield from first_page(listing, window.since)
        if self._second_look is not None:
            self._second_look.append(page)

    def _fall_back(self) -> None:
        """Starts again: what the windows have read so far relied on the order."""
        for window in self._windows:
            window.abandoned = True
        self._windows.clear()
        self._cut_short = None
        self._unencoded.clear()
        self._fallback = self._full_scan()

    def _full_scan(self) -> FullScanReader:
        params = changed_since(self._since, BY_ID)
        return FullScanReader(self._lists, self._since, self._encode, params, in_order=True)

    def _first_windows(self) -> Iterator[WindowReader]:
        few = self._fair() * FEW
        alone = len(self._lists) == 1
        if self._second_look is not None:
            rows = shown_at_rest([page for _, page in self._pages], self._second_look)
            if rows is not None:
                yield self._known(rows)
                return
        if self._since >= self.clock or (self.total <= few if alone else self._is_small):
            # The tail reads one list after the other, so only the first is known already.
            self._pages = [one for one in self._pages if one[0].listing is self._lists[0]]
            yield self._tail(self._since)
            return
        self._tail_follows = True
        earliest = min(max(self._earliest(), self._since), self.clock - 1)
        edges = cut(earliest, self.clock, self.total, self._rows_per_window(self.total))
        for since, until in pairwise([self._since, *edges[1:]]):
            yield self._window(since, until)

    def _earliest(self) -> int:
        """Before it there is nothing to read; the bookmark may be years earlier."""
        return min((head.earliest for head in self._heads if head.earliest is not None), default=0)

    def _window(self, since: int, until: int | None = None) -> WindowReader:
        if len(self._lists) == 1:
            read = partial(ascending, self._lists[0], self._probe)
            return self._open_window(read, since, until)
        shown = self._shown if self._is_settled(until) else {}
        return self._open_window(partial(merged, self._lists, self._probe, shown), since, until)

    def _is_settled(self, until: int | None) -> bool:
        """Whether the window ended so long ago that page 1 of each list still shows it.

        A server queries a list before it stamps the response. An object that changed in between is
        older than the clock, and may have moved to a list that was queried without it.
        """
        return until is not None and until <= self.clock - MAX_RESPONSE_S

    def _known(self, rows: list[Row]) -> WindowReader:
        """A window whose rows are known."""
        window = self._open_window(no_pages, self._since)
        if rows:
            self._await_encoding(window, rows)
        return window

    def _tail(self, since: int) -> WindowReader:
        if len(self._lists) == 1:
            return self._window(since)
        return self._open_window(partial(recent, self._lists, self._probe), since)

    def _cut_again(self, window: WindowReader, rows_ahead: int) -> None:
        """Gives the later pieces of a window away when more is left in it than it should hold."""
        index = self._windows.index(window)
        last = index + 1 == len(self._windows)
        behind = 0 if last else self._windows[index + 1].rows_ahead
        until = window.window.until
        if until is None or behind is None or not window.request:
            return
        rows = rows_ahead - behind
        if rows <= MIN_PAGES * self._lists[0].page_size:
            return
        edges = cut(window.window.since, until, rows, self._rows_per_window(rows))
        window.window.until = edges[1]
        for place, (since, end) in enumerate(pairwise(edges[1:]), start=index + 1):
            self._windows.insert(place, self._window(since, end))

    def _rows_per_window(self, rows: int) -> int:
        return rows_per_window(rows, self._fair(), self._lists[0].page_size)

    def _fair(self) -> int:
        page_size, left = self._lists[0].page_size, self.rows_left_in_all()
        return fair_rows(page_size, self.bytes_per_row, self.total, left)


class RecountReader(IncrementalReader):
    """Counts what was updated since a second, and reads what changed since a later one."""

    def __init__(
        self, lists: Sequence[ListQuery], since: int, changed_since: int, encode: Encode
    ) -> None:
        super().__init__(lists, since, encode)
        self._changed_since = changed_since

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        page = yield from head(listing, window.since)
        self._heads.append(Head(page.total, page.clock))

    def _first_windows(self) -> Iterator[WindowReader]:
        yield self._tail(self._changed_since)
