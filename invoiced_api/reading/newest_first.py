"""A stream whose list comes newest first and whose rows never change."""

from functools import partial
from itertools import pairwise

from invoiced_api.exceptions import UnfilteredError
from invoiced_api.reading.full_scan import FullScanReader
from invoiced_api.reading.incremental import IncrementalReader
from invoiced_api.reading.pages import ListQuery, Page
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

    def receive(self, window: WindowReader, page: Page) -> None:
        """Take in a page. It may show that a window is too full, or that dates are ignored."""
        request = window.request
        try:
            super().receive(window, page)
        except UnfilteredError:
            self._trusts_sort = False
            return
        if request and request.number == 1 and page.total is not None and window in self._windows:
            self._split(window, page)

    def _split(self, window: WindowReader, page: Page) -> None:
        """Replace a window that holds too many rows by smaller ones."""
        since, until = window.window.since, window.window.until
        most = MAX_PAGES_PER_WINDOW * self._lists[0].page_size
        rows = page.total or 0
        if until is None or rows <= most or until - since < 2 or self._fallback:
            return
        place = self._windows.index(window)
        self._abandon(window)
        self._undated.difference_update(row["id"] for row in page.undated)
        del self._windows[place]
        edges = cut(since, until, rows, self._rows_per_window(rows))
        for offset, (start, end) in enumerate(pairwise(edges)):
            self._windows.insert(place + offset, self._window(Window(start, end)))

    def _open(self, listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
        request = page_request(listing, 1, {"start_date": window.since})
        self._keep(request, (yield from looked_at(request, expects_rows=None)))

    def _rows_per_window(self, rows: int) -> int:
        most = MAX_PAGES_PER_WINDOW * self._lists[0].page_size
        return min(most, super()._rows_per_window(rows))

    def _earliest(self) -> int:
        return self._since

    def _full_scan(self) -> FullScanReader:
        return FullScanReader(self._lists, self._since, self._encode, in_order=True)

    def _window(self, window: Window) -> WindowReader:
        return WindowReader(partial(newest_first, self._lists[0]), window)
