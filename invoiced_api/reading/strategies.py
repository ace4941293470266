"""How to read a list completely while it changes: decisions only, no network.

An offset page is unsafe here: a row that is edited moves to the end of the list, its followers
shift one place to the left, and the next page starts one row too late. So no page is turned.
Sorted by `updated_at`, each request asks for page 1 of what is not older than the last row seen.
Rows only ever move to the right, so none is skipped, and one answer that is not full shows
everything that is left at one moment.

Three things may stand in the way, and each has its answer below: more rows in one second than fit
a page (`_crowded_second`), a server that ignores `sort` (`sorts`, `by_id`), and a resource whose
objects are spread over several lists (`merged`).

Each way of reading is a generator: it yields what it asks for, is sent the page, and calls
`on_rows` with rows, oldest change first. Whoever drives it decides when, and over which connection.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from invoiced_api.reading.pages import (
    BY_ID,
    INCREMENTAL,
    LATEST_FIRST,
    ListQuery,
    Page,
    PageRequest,
    Params,
    Row,
    changed_since,
    updated_at,
)

OnRows = Callable[[list[Row]], None]

# How often to look whether the server sorts, while the first row keeps changing.
PROBES = 5
# How often to turn all pages of a list that never comes to rest: to be hidden, a row would have to
# be shifted over the edge of a page in each pass.
MOST_PASSES = 6


PageSteps = Generator[PageRequest, Page, None]


@dataclass(slots=True)
class Window:
    """A stretch of time to be read: `since <= updated_at < until`, in UNIX seconds.

    While it is read, `since` moves to the right: what was updated before it has been emitted.
    `until` may be moved to the left by whoever takes over the rest; None is without an end.
    """

    since: int
    until: int | None = None


def _asking(
    listing: ListQuery, since: int, number: int = 1, sort: str = INCREMENTAL, per_page: int = 0
) -> Generator[PageRequest, Page, Page]:
    page = yield PageRequest(
        listing=listing,
        number=number,
        per_page=per_page or listing.page_size,
        params=changed_since(since, sort),
    )
    return page


def head(listing: ListQuery, since: int) -> Generator[PageRequest, Page, Page]:
    """The first row of a list, for the number of all and the clock."""
    return (yield from _asking(listing, since, per_page=1))


def sorts(listing: ListQuery, since: int) -> Generator[PageRequest, Page, bool]:
    """Whether the server honours `sort`: the latest change is another row than the earliest.

    The earliest is asked for before and after, so that a row that moves or goes meanwhile is not
    mistaken for an answer. If all rows share one second the two may be the same row; then the
    answer is no, and reading by id is right as well. To be asked of lists of more than a page.
    """
    earliest = _first_id((yield from head(listing, since)))
    for _ in range(PROBES):
        latest = _first_id((yield from _asking(listing, since, sort=LATEST_FIRST, per_page=1)))
        before, earliest = earliest, _first_id((yield from head(listing, since)))
        if before == earliest:
            return bool(latest != earliest)
    return False


def _first_id(page: Page) -> Any:
    return page.rows[0]["id"] if page.rows else None


def ascending(listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
    """The rows of a window of one list, if the server sorts."""
    seen: set[Any] = set()  # ids already emitted of the second `window.since`
    while window.until is None or window.since < window.until:
        since = window.since
        page = yield from _asking(listing, since)
        if page.is_last:
            _emit(sorted(page.rows, key=updated_at), window, seen, on_rows)
            return
        if not page.ascending:
            yield from by_id([listing], window, on_rows, changed_since(since, BY_ID))
            return
        newest = updated_at(page.rows[-1])
        if updated_at(page.rows[0]) == newest:
            if window.until is not None and newest >= window.until:
                return
            known = seen if newest == since else set()
            window.since = newest
            yield from _crowded_second(listing, newest, known, on_rows)
            window.since, seen = newest + 1, set()
        else:
            ids = {row["id"] for row in _of(newest, reversed(page.rows))}
            _emit(page.rows, window, seen, on_rows)
            window.since, seen = newest, ids
        del page  # else its rows live on, and the next ones get memory that is in no cache


def _emit(rows: list[Row], window: Window, seen: set[Any], on_rows: OnRows) -> None:
    """Emits sorted rows, but for those of the window's first second that were seen."""
    if seen:
        first = list(_of(window.since, rows))
        rows = [row for row in first if row["id"] not in seen] + rows[len(first) :]
    rows = before(window.until, rows)
    if rows:
        on_rows(rows)


def _of(second: int, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows that come first, as long as they are of a second."""
    return takewhile(lambda row: updated_at(row) == second, rows)


def before(until: int | None, rows: list[Row]) -> list[Row]:
    """The sorted rows that are older than `until`."""
    if until is None or not rows or updated_at(rows[-1]) < until:
        return rows
    return [row for row in rows if updated_at(row) < until]


def _crowded_second(listing: ListQuery, second: int, seen: set[Any], on_rows: OnRows) -> PageSteps:
    """The rows of one second that holds more than a page; `seen` holds ids already emitted.

    Within the second there is nothing to ask by but pages. Rows can only leave it, which shifts
    the rest to the left: turning pages forward may then skip some, but going back from the last
    page to the first cannot, as what shifts is still ahead. It takes that the rows of a second
    keep an order (by id, checked here), and that the second was over, so that none came in.
    Where that cannot be shown, passes are repeated until one brings nothing new.
    """
    proven = False
    while not proven:
        page = yield from _asking(listing, second)
        began, found, number = page.clock, list(page.rows), 1
        while not page.is_last and updated_at(page.rows[-1]) == second:
            number += 1
            page = yield from _asking(listing, second, number)
            found += page.rows
        ids = [row["id"] for row in found if updated_at(row) == second]
        proven = ids == sorted(set(ids)) and began > second
        for earlier in range(number - 1, 0, -1):
            found += (yield from _asking(listing, second, earlier)).rows
        new = {row["id"]: row for row in found if updated_at(row) == second}
        fresh = [row for key, row in new.items() if key not in seen]
        if not fresh:
            return
        seen.update(new)
        _emit_chunks(fresh, listing.page_size, on_rows)


def by_id(
    lists: Sequence[ListQuery],
    window: Window,
    on_rows: OnRows,
    params: Params = MappingProxyType({}),
) -> PageSteps:
    """The rows of a window of lists that are not sorted by change; all in memory.

    Pages in id order, forward and backward in turn: a deletion shifts rows to the left, an old
    object that enters by a change shifts them to the right, and each direction is safe from one of
    the two. Ends when two passes in a row saw the same rows, but for those that changed since they
    began, or after MOST_PASSES; a single page was seen whole at one moment. Rows that do not tell
    when they were updated always belong to the window.
    """
    known: dict[Any, Row] = {}
    before_last: set[Any] | None = None
    for number in range(MOST_PASSES):
        taking = _Pass(known)
        if number % 2 == 0:
            counts = []
            for listing in lists:
                counts.append((yield from _turn_forward(listing, params, taking)))
        else:
            for listing, count in zip(lists, counts, strict=True):
                yield from _turn_backward(listing, params, count, taking)
        if counts == [1] or taking.quiet == before_last:
            break
        before_last = taking.quiet
    rows = [row for row in known.values() if _within(row, window)]
    _emit_chunks(sorted(rows, key=_update), lists[0].page_size, on_rows)


def _update(row: Row) -> int:
    """When a row was updated, 0 if it does not tell."""
    moment = row.get("updated_at")
    return moment if isinstance(moment, int) else 0


def _within(row: Row, window: Window) -> bool:
    moment = _update(row)
    return not moment or (
        moment >= window.since and (window.until is None or moment < window.until)
    )


def _emit_chunks(rows: list[Row], size: int, on_rows: OnRows) -> None:
    for start in range(0, len(rows), size):
        on_rows(rows[start : start + size])


class _Pass:
    """Once through all pages. Adds to `known` the newest version of each row.

    `quiet` are the ids of the rows that were seen and had not changed since the pass began.
    """

    def __init__(self, known: dict[Any, Row]) -> None:
        self._known = known
        self._began: int | None = None
        self.quiet: set[Any] = set()

    def take(self, page: Page) -> None:
        if self._began is None:
            self._began = page.clock
        for row in page.rows:
            older = self._known.get(row["id"])
            if older is None or _update(older) <= _update(row):
                self._known[row["id"]] = row
            if _update(row) < self._began:
                self.quiet.add(row["id"])


def _turn_forward(
    listing: ListQuery, params: Params, taking: _Pass
) -> Generator[PageRequest, Page, int]:
    """How many pages there were."""
    number, page = 0, None
    while page is None or not page.is_last:
        number += 1
        page = yield _page(listing, number, params)
        taking.take(page)
    return number


def _turn_backward(listing: ListQuery, params: Params, last: int, taking: _Pass) -> PageSteps:
    for number in range(last, 0, -1):
        taking.take((yield _page(listing, number, params)))


def _page(listing: ListQuery, number: int, params: Params) -> PageRequest:
    return PageRequest(listing=listing, number=number, per_page=listing.page_size, params=params)


def newest_first(listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
    """The rows of a window of a list that comes newest first and whose rows never change.

    New rows come in before the first page, which shifts the others to the right: turning pages
    meets some twice and loses none. The server may narrow the list down to the window; if it does
    not, the pages before the window are turned as well.
    """
    stamp = itemgetter(listing.stamp)
    params: dict[str, str | int] = {"start_date": window.since}
    if window.until is not None:
        params["end_date"] = window.until - 1
    known: dict[Any, Row] = {}
    number, page = 0, None
    while page is None or not (page.is_last or stamp(page.rows[-1]) < window.since):
        number += 1
        page = yield _page(listing, number, params)
        for row in page.rows:
            newer = window.until is not None and stamp(row) >= window.until
            if not newer and stamp(row) >= window.since:
                known[row["id"]] = row
    _emit_chunks(sorted(known.values(), key=stamp), listing.page_size, on_rows)


def merged(lists: Sequence[ListQuery], window: Window, on_rows: OnRows) -> PageSteps:
    """The rows of a window that has an end, from several lists.

    Until the window's end is reached by the clock, what changes leaves the window to the right,
    whichever list it goes to. So each list may be read at its own pace.
    """
    feeds = [_Feed(listing, window) for listing in lists]
    while True:
        for feed in feeds:
            yield from feed.fill()
        if not any(feed.rows for feed in feeds):
            return
        # What is older than the last row of every list under way is complete.
        limit = min((updated_at(feed.rows[-1]) for feed in feeds if not feed.ended), default=None)
        on_rows(sorted((row for feed in feeds for row in feed.up_to(limit)), key=updated_at))


class _Feed:
    """One list of several, read as its rows are needed."""

    def __init__(self, listing: ListQuery, window: Window) -> None:
        self.rows: deque[Row] = deque()
        self.ended = False
        own_window = Window(window.since, window.until)
        self._steps = ascending(listing, own_window, self.rows.extend)
        self._ask: PageRequest | None = None

    def fill(self) -> PageSteps:
        """Until there is a row, or none is to come."""
        while not self.rows and not self.ended:
            try:
                if self._ask is None:
                    self._ask = next(self._steps)
                self._ask = self._steps.send((yield self._ask))
            except StopIteration:
                self.ended = True

    def up_to(self, second: int | None) -> Iterator[Row]:
        while self.rows and (second is None or updated_at(self.rows[0]) <= second):
            yield self.rows.popleft()


def recent(lists: Sequence[ListQuery], window: Window, on_rows: OnRows) -> PageSteps:
    """What changed since a moment shortly ago, from several lists, to the end.

    An object may leave one list for a later one while we read. Asking in that order meets it in
    at least one of them. All in memory: it is what changed since the stream began to be read.
    """
    rows: list[Row] = []
    for listing in lists:
        yield from ascending(listing, Window(window.since), rows.extend)
    if rows:
        on_rows(sorted(rows, key=updated_at))
