"""A stream whose list comes newest first and whose rows never change."""

from functools import partial
from itertools import pairwise

from invoiced_api.reading.full_scan import FullScanReader
from invoiced_api.reading.incremental import IncrementalReader
from invoiced_api.reading.pages import Head, ListQuery, PageRequest
from invoiced_api.reading.scans import looked_at, newest_first, page_request
from invoiced_api.reading.steps import OnRows, PageSteps, Window
from invoiced_api.reading.windows import WindowReader, cut

# A window is in memory until it has ended, so one of more pages is cut.
MAX_PAGES_PER_WINDOW = 10


class NewestFirstReader(IncrementalReader):
    """Reads such a list oldest first, by windows of dates.

    A window that counts too many rows is replaced by smaller ones, so that no window keeps much in
    memory. If the server ignores dates, the whole list is read.
    """

    def _note_count(
        self, request: PageRequest, window: WindowReader, total: int | None, shown: int
    ) -> None:
        """A window may hold too many rows: then smaller ones replace it."""
        if request.number == 1 and total is not None and window in self._windows:
            self._split(window, total)

    def _split(self, window: WindowReader, rows: int) -> None:
        since, until = window.window.since, window.window.until
        most = MAX_PAGES_PER_WINDOW * self._lists[0].page_size
        if until is None or rows <= most or until - since < 2:
            return
        place = self._windows.index(window)
        self._abandon(window)
        self._undated = {key: one for key, one in self._undated.items() if one is not window}
        del self._windows[place]
        edges = cut(since, until, rows, self._rows_per_window(rows))
        for offset, (start, end) in enumerate(pairwise(edges)):
            self._windows.insert(place + offset, self._window(start, end))

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        request = page_request(listing, 1, {"start_date": window.since})
        page = yield from looked_at(request, expects_rows=None)
        self._pages.append((request, page))
        self._heads.append(Head(page.total, page.clock))

    def _rows_per_window(self, rows: int) -> int:
        most = MAX_PAGES_PER_WINDOW * self._lists[0].page_size
        return min(most, super()._rows_per_window(rows))

    def _earliest(self) -> int:
        return self._since

    def _full_scan(self) -> FullScanReader:
        return FullScanReader(self._lists, self._since, self._encode, in_order=True)

    def _window(self, since: int, until: int | None = None) -> WindowReader:
        return self._open_window(partial(newest_first, self._lists[0]), since, until)
