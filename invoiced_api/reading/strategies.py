"""How to read a list completely while it changes: decisions only, no network.

Pages by offset are unsafe here. An edited row moves to the end of the list, its followers shift one
place to the left, and the next page starts one row too late. So each request asks for page 1 of
what is not older than the last row seen, sorted by `updated_at`. Rows only move to the right, so
none is skipped. A page that is not full shows everything that is left at one moment.

Each page is compared with the one before: what `X-Total-Count` counted must be listed, and each
step must bring something new.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from invoiced_api.exceptions import UnsortedError
from invoiced_api.reading.pages import ListQuery, Page, PageRequest, Row, updated_at
from invoiced_api.reading.seconds import crowded_second
from invoiced_api.reading.steps import (
    MAX_LOOKS,
    OnRows,
    PageSteps,
    SortProbe,
    Window,
    first_page,
    sorts,
)


def ascending(
    listing: ListQuery, probe: SortProbe, window: Window, on_rows: OnRows, *, alone: bool = True
) -> PageSteps:
    """The rows of a window of one list, if the server sorts.

    The first page that is not the last begins the probe, unless one has begun: rows of a single
    page may be sorted by chance. A list that is not `alone` is one of several of a resource: an
    edit may move a row to another of them, so that fewer rows than were counted prove nothing.

    Raises:
        UnsortedError: if the server does not sort.
    """
    seen: set[Any] = set()  # ids already emitted of the second `window.since`
    before: tuple[int, int | None] | None = None
    while window.until is None or window.since < window.until:
        since = window.since
        page, agrees = yield from _next_page(listing, since, before)
        alone = alone and agrees  # among so many deletions, counts prove nothing
        if not page.ascending or not (yield from _is_sorted(listing, probe, page, since)):
            raise UnsortedError
        uncounted = page.total is None and page.shown < page.asked
        if page.is_last or (uncounted and seen.issuperset(page.ids[: len(page.rows)])):
            _emit(page, window, seen, on_rows)
            return
        if not page.rows:
            raise UnsortedError  # its rows do not show where the next page begins
        newest = page.moments[-1]
        if page.moments[0] == newest:
            if window.until is not None and newest >= window.until:
                return
            known = seen if newest == since else set()
            window.since, before = newest, None
            yield from crowded_second(listing, newest, known, on_rows)
            window.since, seen = newest + 1, set()
        else:
            _emit(page, window, seen, on_rows)
            before = (since, _left(page, newest)) if alone else None
            seen = set(page.ids[bisect_left(page.moments, newest) : len(page.rows)])
            window.since = newest
        del page  # else its rows live on, and the next ones get memory that is in no cache


def _is_sorted(
    listing: ListQuery, probe: SortProbe, page: Page, since: int
) -> Generator[PageRequest, Page, bool]:
    if page.is_last or probe.begun:
        return True
    probe.begun = True
    return (yield from sorts(listing, since))


def _left(page: Page, second: int) -> int | None:
    """How many rows are left from a second on, by this page; None without a count.

    Rows that do not show when they were updated count as left: the next page may count them, too.
    """
    if page.total is None:
        return None
    return page.total - sum(map(second.__gt__, page.moments)) - len(page.unreadable)


def _least_left(page: Page, second: int) -> int | None:
    """The same, if rows that do not show when they were updated are not left."""
    left = _left(page, second)
    return None if left is None else left - len(page.undated)


def _agrees(page: Page, left: int | None) -> bool:
    """Whether a page from a second on counts what an earlier page left from there on, at least.

    Edits keep that number or raise it. So fewer rows were deleted meanwhile, or are hidden.
    """
    return left is None or page.total is None or page.total >= left


def _next_page(
    listing: ListQuery, since: int, before: tuple[int, int | None] | None
) -> Generator[PageRequest, Page, tuple[Page, bool]]:
    """Page 1 since a second; and whether it agrees with the page before, if need be read again.

    Args:
        listing: the list.
        since: UNIX second.
        before: since when the page before was requested, and how many rows it left from `since` on;
            None if counts prove nothing.

    Raises:
        UnsortedError: if it does not agree, and the server does not sort.
    """
    page = yield from first_page(listing, since)
    if before is None or _agrees(page, before[1]):
        return page, True
    for _ in range(MAX_LOOKS):
        again = yield from first_page(listing, before[0])
        page = yield from first_page(listing, since)
        if _agrees(page, _least_left(again, since)):
            return page, True
    for _ in range(MAX_LOOKS):
        # In the other order, a row that is deleted in between makes them agree; a row that is
        # hidden, since a stamp before it is not true, does not.
        page = yield from first_page(listing, since)
        again = yield from first_page(listing, before[0])
        if _agrees(page, _least_left(again, since)):
            break
    else:
        raise UnsortedError
    if not (yield from sorts(listing, before[0])):
        raise UnsortedError
    return page, False


def _emit(page: Page, window: Window, seen: set[Any], on_rows: OnRows) -> None:
    """Emits the rows of a sorted page that belong to a window, and were not seen.

    Rows of the window's first second may have been.
    """
    moments, rows = page.moments, page.rows
    if window.until is not None:
        rows = rows[: bisect_left(moments, window.until)]
    if seen:
        first = bisect_right(moments, window.since, hi=len(rows))
        new = [row for key, row in zip(page.ids, rows[:first], strict=False) if key not in seen]
        rows = new + rows[first:]
    if rows:
        on_rows(rows)


def merged(
    lists: Sequence[ListQuery],
    probe: SortProbe,
    shown: Mapping[int, Page],
    window: Window,
    on_rows: OnRows,
) -> PageSteps:
    """The rows of a window that has an end, from several lists, in the order of changes.

    Once the clock has passed the window's end, a change moves a row out of the window to the right,
    whichever list the row goes to. So each list may be read at its own pace, or may have been read
    before.

    Args:
        lists: the lists.
        probe: whether the server sorts.
        shown: page 1, sorted, of the lists that it showed whole, by place in `lists`.
        window: what to read; its end may move to the left.
        on_rows: takes the rows.
    """
    feeds = [_Feed(one, probe, window, shown.get(place)) for place, one in enumerate(lists)]
    while True:
        for feed in feeds:
            yield from feed.fill()
        if not any(feed.rows for feed in feeds):
            return
        # What is older than the last row of every unfinished list is complete.
        limit = min((feed.rows[-1][0] for feed in feeds if not feed.ended), default=None)
        dated = sorted((one for feed in feeds for one in feed.up_to(limit)), key=itemgetter(0))
        window.since = max(window.since, dated[-1][0])
        rows = [row for moment, row in dated if window.until is None or moment < window.until]
        if rows:
            on_rows(rows)


class _Feed:
    """One list of several, read as its rows are needed."""

    def __init__(
        self, listing: ListQuery, probe: SortProbe, window: Window, shown: Page | None
    ) -> None:
        # Each with its moment: rows change when they are encoded, and another window may do that.
        self.rows: deque[tuple[int, Row]] = deque()
        self.ended = shown is not None
        if shown:
            self.rows += (one for one in shown.dated() if window.since <= one[0])
        self._whole, self._own = window, Window(window.since, window.until)
        self._steps = ascending(listing, probe, self._own, self._keep, alone=False)
        self._ask: PageRequest | None = None

    def fill(self) -> PageSteps:
        """Until there is a row, or none is to come."""
        while not self.rows and not self.ended:
            self._own.until = self._whole.until
            try:
                if self._ask is None:
                    self._ask = next(self._steps)
                self._ask = self._steps.send((yield self._ask))
            except StopIteration:
                self.ended = True

    def up_to(self, second: int | None) -> Iterator[tuple[int, Row]]:
        while self.rows and (second is None or self.rows[0][0] <= second):
            yield self.rows.popleft()

    def _keep(self, rows: list[Row]) -> None:
        self.rows += ((updated_at(row), row) for row in rows)


def recent(
    lists: Sequence[ListQuery], probe: SortProbe, window: Window, on_rows: OnRows
) -> PageSteps:
    """The rows since a recent moment, from several lists, to the end, in the order of changes.

    An object may move from one list to a later one while they are read. Reading them in that order
    meets it in at least one. All rows are in memory: they changed since the stream began to be
    read.
    """
    rows: list[Row] = []
    for listing in lists:
        yield from ascending(listing, probe, Window(window.since), rows.extend, alone=False)
    if rows:
        on_rows(sorted(rows, key=updated_at))


def no_pages(window: Window, on_rows: OnRows) -> PageSteps:
    """Nothing is left to be read."""
    yield from ()


def shown_at_rest(first: Sequence[Page], second: Sequence[Page]) -> list[Row] | None:
    """The rows of lists that exchange objects, in the order of changes, if they seem at rest.

    Lists that are read at the same time may all miss an object: one list before it came there,
    another after it left. A move is a change. So if a second look at the later lists shows the same
    rows, and none that changed since the first look began, then only an object could be missed that
    moved during both, and no other object changed. It is newer than the clock, so the next run
    reads it.

    Args:
        first: page 1 of every list, which showed all its rows.
        second: page 1 of all lists but the first, requested after all of `first` had come.

    Returns:
        None if something changes: the lists are to be read one after the other.
    """
    began = min(page.clock for page in first)
    known: dict[Any, int] = {}
    for page in (*first, *second):
        if not page.is_last or page.undated or page.unreadable:
            return None
        known.update((row["id"], moment) for moment, row in page.dated())
    rows = [row for page in first for row in page.rows]
    same = len(rows) == len(known) == len({row["id"] for row in rows})
    again = {(row["id"], moment) for page in second for moment, row in page.dated()}
    moved = again - {(row["id"], moment) for page in first for moment, row in page.dated()}
    if not same or moved or any(moment >= began - 1 for moment in known.values()):
        return None
    return sorted(rows, key=updated_at)
