"""A stream whose lists are read whole, with several pages in flight."""

from collections.abc import Iterator, Sequence
from functools import partial
from types import MappingProxyType

from invoiced_api.reading.external_sort import ExternalSort
from invoiced_api.reading.pages import Head, ListQuery, Page, PageRequest, Params, Row
from invoiced_api.reading.scans import Scan, looked_at, page_request
from invoiced_api.reading.steps import OnRows, PageSteps, Window, incomplete
from invoiced_api.reading.streams import StreamReader
from invoiced_api.reading.windows import Encode, EncodedChunk, WindowReader

# How many pages of a list are requested before the first of them has come.
MAX_PAGES_AHEAD = 32
# The server may refuse pages that are not requested in order. Each refusal halves the pages
# ahead; so many pages in a row that are not refused allow one more.
PAGES_PER_STEP = 32


class _PagedList:
    """The pages of one list in one pass: which are opened, which have come.

    A full page is never the last, whatever the count: a page that brings nothing has to follow it.
    If that page brings rows, or if there is no count, pages are read one after the other until one
    brings nothing: it is empty, or shows the rows of an earlier page. A page beyond the count may
    also be refused.

    Attributes:
        opened: how many pages were opened.
        received: all pages up to this one have come.
        counted: how many pages have rows, by the count of page 1; 0 without a count.
        filled: how many pages had rows.
        last: number of the last page; None until page 1 shows it, or if only its successor will.
        repeats_page_1: whether the latest page shows the rows of page 1.
    """

    def __init__(self, query: ListQuery) -> None:
        self.query = query
        self.opened = 0
        self.received = 0
        self.counted = 0
        self.filled = 0
        self.last: int | None = None
        self.repeats_page_1 = False
        self._per_page = 0
        self._ended = False
        self._shown: dict[int, int] = {}  # the first page with these ids, by their hash
        self._arrived: set[int] = set()

    @property
    def planned(self) -> bool:
        """Whether no more pages are to be opened."""
        return self._ended or (self.last is not None and self.opened >= self.last)

    def may_open(self) -> bool:
        in_turn = self.last is not None or self.opened == self.received
        return not self.planned and in_turn and self.opened < self.received + MAX_PAGES_AHEAD

    def add(self, number: int, page: Page) -> bool:
        """Note that a page has come; False if it is the end, since it brings nothing."""
        ids = hash(tuple(page.ids))
        earlier = self._shown.setdefault(ids, number)
        self.repeats_page_1 = earlier == 1 < number
        self.filled += bool(page.shown)
        is_end = number > max(1, self.counted) and (not page.shown or earlier < number)
        if number == 1:
            self._plan(page)
        elif is_end:
            self._ended = True
        elif number == self.last and page.shown >= self._per_page:
            self.last = None
        self._arrived.add(number)
        while self.received + 1 in self._arrived:
            self.received += 1
            self._arrived.discard(self.received)
        return not is_end

    def _plan(self, page: Page) -> None:
        if page.single or not page.shown:
            self.last = 1
            return
        self._per_page = page.shown
        if page.total is not None:
            self.counted = -(-page.total // page.shown)
            whole = page.shown >= page.total and page.shown != page.asked
            self.last = 1 if whole else page.total // page.shown + 1


class _PageReader(WindowReader):
    """One page of a list. One that was refused waits for the page before."""

    paged: _PagedList
    number: int
    refused: bool = False


class FullScanReader(StreamReader):
    """Reads lists that cannot be asked for changes, and leaves out rows older than `since`.

    Rows come out page by page in the order of the lists, or `in_order` of their changes, by way of
    a temporary file. Chunks move the bookmark only if they are in order.

        pass ──all pages are out──> check ──complete──> (sorted rows) ──> finished
         ^ forward, several pages     │ count again,
         │ in flight                  │ last page again
         └──────not settled───────────┘
    """

    _encodes_in_order = False

    def __init__(
        self,
        lists: Sequence[ListQuery],
        since: int,
        encode: Encode,
        params: Params = MappingProxyType({}),
        *,
        in_order: bool = False,
    ) -> None:
        """Prepare the reader.

        Args:
            lists: the queries that together return every object.
            since: UNIX second of the bookmark; rows of an earlier one are left out.
            encode: makes a chunk's content of rows.
            params: of every page, beside those of the lists.
            in_order: whether rows come out in the order of their changes.
        """
        super().__init__(lists, since, encode)
        self._params = params
        self._scan = Scan(lists[0].stamp, lists[0].flag)
        self._sort = ExternalSort() if in_order else None
        self._sorted: Iterator[EncodedChunk] | None = None
        self._next_sorted: EncodedChunk | None = None
        self._ahead = MAX_PAGES_AHEAD
        self._unrefused = 0
        self._checks: list[WindowReader] | None = None
        self._recounts: list[int | None] = []
        self._last_pages: list[Page] = []
        self._lists_read = [_PagedList(query) for query in lists]
        self._done = False

    @property
    def finished(self) -> bool:
        """Whether the lists are proven complete and everything came out."""
        return self._done and not self._next_sorted

    def _move_on(self) -> None:
        """Open the next pages; at the end of a pass, check it or start another one."""
        super()._move_on()
        self._unencoded.clear()  # `encode_one` takes rows from the windows
        if self._cut_short:
            return
        self._open_pages()
        if not self._windows and not self._done and self._all_planned:
            self._finish_pass()

    def _note_failure(self, window: WindowReader, failure: Exception) -> None:
        """Rows that come out sorted come out all or not at all."""
        if self._sort:
            self.failure = self.failure or failure
        else:
            super()._note_failure(window, failure)

    def wanted(self) -> Iterator[WindowReader]:
        """The pages to request, but for those that a server serves only in order."""
        for window in super().wanted():
            if not isinstance(window, _PageReader) or self._in_turn(window):
                yield window

    def next_chunk(self) -> EncodedChunk | None:
        """The next chunk, in the order of pages or of changes; None if there is none yet."""
        if self._sorted is None:
            return super().next_chunk()
        chunk, self._next_sorted = self._next_sorted, next(self._sorted, None)
        return chunk

    def encode_one(self) -> bool:
        """Encode the rows of the next page in order, since later pages may hold older versions."""
        for window in self._windows:
            if window.unencoded:
                waiting = window.unencoded.popleft()
                self.buffered_bytes -= waiting.size
                self._encode_page(window, waiting.rows)
                return True
            if window.request:
                return False
        return False

    def _encode_page(self, window: WindowReader, rows: list[Row]) -> None:
        here = Window(self._since)
        taken = [row for row in self._scan.take(rows) if self._scan.belongs_to(row, here)]
        if not taken:
            return
        moments = [self._scan.moment(row) for row in taken]
        content = self._encode(taken)
        if self._sort:
            self._sort.add(moments, content)
        else:
            window.chunks.append(EncodedChunk(content, len(taken), self._since))
            self.buffered_bytes += len(content)

    @property
    def _all_planned(self) -> bool:
        return all(paged.planned for paged in self._lists_read)

    def _open_pages(self) -> None:
        for paged in self._lists_read:
            while paged.may_open() and len(self._windows) < 2 * MAX_PAGES_AHEAD:
                paged.opened += 1
                read = partial(self._read_page, paged, paged.opened)
                window = _PageReader(read, Window(self._since), self._arrivals)
                window.paged, window.number = paged, paged.opened
                self._windows.append(window)
            if not paged.planned:
                break

    def _in_turn(self, window: _PageReader) -> bool:
        behind = window.number - window.paged.received
        return behind <= (1 if window.refused else self._ahead)

    def _read_page(
        self, paged: _PagedList, number: int, window: Window, on_rows: OnRows
    ) -> PageSteps:
        if number == 1:
            page = yield from looked_at(
                page_request(paged.query, 1, self._params), expects_rows=None
            )
            self._scan.start_list(page)
            if self._scan.number == 1:
                self._heads.append(Head(page.total, page.clock))
        else:
            page = yield page_request(paged.query, number, self._params, may_be_refused=True)
            self._adapt(refused=page.refused)
            if page.refused:
                self._refused(paged, number)
            if page.refused or (not page.shown and number <= paged.counted):
                # A server may refuse what comes after everything that it counts.
                beyond = 0 < paged.counted < number
                request = page_request(paged.query, number, self._params, may_be_refused=beyond)
                page = yield from looked_at(request, expects_rows=number <= paged.counted)
        goes_on = paged.add(number, page)
        if paged.repeats_page_1 and not paged.counted:
            raise incomplete(
                paged.query, "every page shows the same rows: the server ignores `page`"
            )
        if goes_on and page.shown:
            self._scan.add_page(page, number)
            on_rows([*page.rows, *page.undated])

    def _refused(self, paged: _PagedList, number: int) -> None:
        for window in self._windows:
            if isinstance(window, _PageReader) and (window.paged, window.number) == (paged, number):
                window.refused = True

    def _adapt(self, *, refused: bool) -> None:
        self._unrefused = 0 if refused else self._unrefused + 1
        if refused:
            self._ahead = max(1, self._ahead // 2)
        elif self._unrefused >= PAGES_PER_STEP and self._ahead > 1:
            self._unrefused, self._ahead = 0, min(self._ahead + 1, MAX_PAGES_AHEAD)

    def _finish_pass(self) -> None:
        if self._checks is None and (self._whole or self._at_rest):
            self._end()
        elif self._checks is None and self._scan.provable:
            self._checks = list(self._open_checks())
            self._windows.extend(self._checks)
        elif self._proven or self._scan.settled(self._lists[0]):
            self._end()
        else:
            self._checks = None
            self._recounts, self._last_pages = [], []
            self.unreadable.clear()  # the next pass names them, if it cannot read them either
            self._lists_read = [_PagedList(query) for query in self._lists]
            self._scan.start_pass()
            self._open_pages()

    @property
    def _whole(self) -> bool:
        """Whether each list was one page, which showed it at one moment."""
        one_page = all(paged.filled <= 1 for paged in self._lists_read) and not self._scan.full
        return one_page and self._scan.counted in (None, self._scan.seen)

    @property
    def _at_rest(self) -> bool:
        """Whether the rows show that nothing came or went. Of several lists, one may move."""
        return len(self._lists) == 1 and self._scan.provable

    @property
    def _proven(self) -> bool:
        if self._checks is None or None in self._recounts:
            return False
        recount = sum(count or 0 for count in self._recounts)
        return all(self._scan.proven_by(recount, page) for page in self._last_pages)

    def _open_checks(self) -> Iterator[WindowReader]:
        for paged in self._lists_read:
            for read in (self._recount, self._reread):
                yield self._open_window(partial(read, paged), self._since)

    def _recount(self, paged: _PagedList, window: Window, on_rows: OnRows) -> PageSteps:
        page = yield PageRequest(listing=paged.query, per_page=1, params=self._params)
        self._recounts.append(page.total)

    def _reread(self, paged: _PagedList, window: Window, on_rows: OnRows) -> PageSteps:
        last = max(1, paged.filled)
        page = yield page_request(paged.query, last, self._params, may_be_refused=last > 1)
        self._last_pages.append(page)

    def _end(self) -> None:
        self._done = True
        if self._sort:
            self._sorted = self._sort.chunks(self._lists[0].page_size, self._since)
            self._next_sorted = next(self._sorted, None)

    def close(self) -> None:
        """Delete the temporary file."""
        if self._sort:
            self._sort.close()
