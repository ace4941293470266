"""A list that can only be read whole: pages forward, in the order in which the server lists them.

A deletion shifts rows to the left, and the next page starts one row too late. So one pass over the
pages proves little. A scan is complete when

- each list was one page, which shows it at one moment; or
- one pass over one list saw as many rows as page 1 counted, in the order of their ids, and each
  shows that it was there before: then no row came in place of one that shifted; or
- one pass over several lists, which may exchange rows, was the same, and they count as many after
  it, and each last page still shows no other row; or
- two passes saw the same rows, and no fewer than were counted; or
- three passes or more together saw the rows that each of them counted, and no others.
"""

from collections.abc import Generator, Sequence
from types import MappingProxyType
from typing import Any

from invoiced_api.exceptions import IncompleteReadError, UnfilteredError
from invoiced_api.reading.known_rows import KnownRows
from invoiced_api.reading.pages import (
    ListQuery,
    Page,
    PageRequest,
    Params,
    Row,
    mostly_outside,
)
from invoiced_api.reading.steps import MAX_LOOKS, OnRows, PageSteps, Window, incomplete

# How often to read a list that never comes to rest: to be hidden, a row would have to be shifted
# over the edge of a page in each pass.
MAX_PASSES = 6
# The same while fewer rows were listed than are counted: rows that come in another order on each
# page take many passes.
MAX_SHORT_PASSES = 20
# A row that was updated less than so long before a pass may be new since then.
FRESH_S = 60
# No object of Invoiced is older: 2010-01-01, in UNIX seconds.
FIRST_UPDATE = 1_262_304_000


class Scan:
    """What passes over the same lists have seen. Rows are to be taken in the order of the pages.

    It has more fields than a class should have: most of them are counters that every row or page
    raises, and `settled` and `proven_by` weigh all of them.

    Attributes:
        number: of the pass, from 1.
        counted: what page 1 of each list counted in this pass, together; None without a count.
        seen: how many rows this pass saw, each counted once.
        in_id_order: whether they came in the order of their ids, which are numbers.
        fresh: whether some may be new since the pass began.
        dated: whether each showed when it was updated.
        full: whether page 1 of a list was full, so that a row may have shifted onto it.
        pages: how many pages it was.
        repeats: whether every page showed the rows of page 1.
    """

    def __init__(self, stamp: str = "updated_at", flag: str | None = None) -> None:
        self._stamp = stamp
        self._flag = flag
        self._known = KnownRows()
        self.number = 0
        self.seen = 0
        self.counted: int | None = 0
        self._counts: set[int | None] = set()  # of the passes before
        self.start_pass()

    def start_pass(self) -> None:
        """Begin another pass over the lists."""
        self._seen_before = self.seen
        if self.number:
            self._counts.add(self.counted)
        self.number += 1
        self.counted = 0
        self.seen = self._later = self._again = self._new = self.pages = 0
        self.in_id_order = True
        self.fresh = False
        self.dated = True
        self.full = False
        self.repeats = True
        self._began: int | None = None
        self._first_ids: list[Any] = []
        self._last_id: Any = None

    def start_list(self, page: Page) -> None:
        """Page 1 of the next list has come."""
        if self._began is None:
            self._began = page.clock
        self._last_id = None
        self.full |= page.shown == page.asked
        self._first_ids = [row["id"] for row in page.rows]
        known = self.counted is not None and page.total is not None
        self.counted = (self.counted or 0) + (page.total or 0) if known else None

    def add_page(self, page: Page, number: int) -> None:
        """The next page has come. One without rows only shows that the list has ended."""
        self.pages += bool(page.shown)
        if number > 1:
            self.repeats &= self.repeats_page_1(page)

    def repeats_page_1(self, page: Page) -> bool:
        """Whether a page shows the rows of page 1 of its list."""
        return bool(page.rows) and self._first_ids == [row["id"] for row in page.rows]

    def take(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are new, or newer than any version before."""
        fresh_from = (self._began or 0) - FRESH_S
        taken = []
        for row in rows:
            key, moment = self._key(row), self.moment(row)
            known = self._known.get(key)
            self._check_order(row["id"])
            self.fresh |= moment >= fresh_from
            self.dated &= moment > 0
            if known is None:
                self._new += moment < (self._began or 0)
                self._later += moment >= (self._began or 0)
                self.seen += 1
                if not self._is_replaced(row):
                    taken.append(row)
            else:
                known_moment, last_pass = known
                self.seen += last_pass != self.number
                self._again += last_pass == self.number - 1
                if moment > known_moment and not self._is_replaced(row):
                    taken.append(row)
                moment = max(moment, known_moment)
            self._known.put(key, moment, self.number)
        return taken

    def _key(self, row: Row) -> Any:
        """An archived object and the one that reuses its id are two."""
        return (row["id"],) if self._flag and row.get(self._flag) else row["id"]

    def _is_replaced(self, row: Row) -> bool:
        """Whether a row is of an archived object, and this pass saw a live one of its id."""
        if not self._flag or not row.get(self._flag):
            return False
        live = self._known.get(row["id"])
        return live is not None and live[1] == self.number

    def moment(self, row: Row) -> int:
        """When a row was updated, 0 if it does not show that."""
        moment = row.get(self._stamp)
        return moment if type(moment) is int and moment > 0 else 0

    def belongs_to(self, row: Row, window: Window) -> bool:
        """Whether a row belongs to a window; one whose stamp cannot be true always does."""
        moment = self.moment(row)
        if within(moment, window):
            return True
        created = row.get("created_at") if moment < window.since else None
        return moment < FIRST_UPDATE or (type(created) is int and created > moment)

    def knows(self, rows: Sequence[Row]) -> bool:
        """Whether every row was seen before."""
        return all(self._key(row) in self._known for row in rows)

    def proven_by(self, recount: int | None, last_page: Page | None) -> bool:
        """Whether this pass alone is complete, by what was counted and listed after it."""
        if recount is None or last_page is None or last_page.refused:
            return False
        return self.provable and recount == self.seen and self.knows(last_page.rows)

    @property
    def provable(self) -> bool:
        """Whether nothing came to a list that is the only one: each row was there before."""
        old = self.dated and not self.fresh
        return self.in_id_order and old and self.counted == self.seen

    def settled(self, listing: ListQuery) -> bool:
        """Whether passes agree.

        Raises:
            IncompleteReadError: if they do on fewer rows than are counted, or if nothing new can
                be expected of another one.
        """
        if self.pages > 1 and self.repeats and self._short and len(self._first_ids) > 1:
            raise incomplete(listing, "every page shows the same rows: the server ignores `page`")
        agree = self.number > 1 and not self._new and self._again == self._seen_before
        last = self.number >= MAX_PASSES
        if self._short and (agree or self.number >= MAX_SHORT_PASSES):
            raise self._incomplete(listing, len(self._known))
        if last and agree and not self._saw_all:
            raise self._incomplete(listing, self.seen)
        return (agree and self._saw_all) or self._all_known or (last and not self._short)

    def _incomplete(self, listing: ListQuery, listed: int) -> IncompleteReadError:
        return incomplete(
            listing,
            f"{self.counted} rows are counted, and {listed} were listed in {self.number} passes",
        )

    @property
    def _saw_all(self) -> bool:
        """Whether this pass saw as many rows as were counted, without those that came later."""
        return self.counted is None or self.seen - self._later >= self.counted

    @property
    def _all_known(self) -> bool:
        """Whether all passes together saw the rows that each of them counted, and no others.

        Where rows come in another order on each page, no pass sees them all. A row that is gone
        must not make up for one that was never seen, so the count may not have changed.
        """
        steady = self._counts == {self.counted}
        return self.number > 2 and not self._new and steady and len(self._known) == self.counted

    @property
    def _short(self) -> bool:
        return self.counted is not None and len(self._known) < self.counted

    def _check_order(self, key: Any) -> None:
        last = self._last_id
        self.in_id_order &= type(key) is int and (last is None or last < key)
        self._last_id = key


def goes_on(page: Page, first: Page, shown: int) -> bool:
    """Whether a list has another page, after so many rows of it were shown."""
    if page.single or not page.shown:
        return False
    if first.shown > first.asked and (first.total is None or shown >= first.total):
        return False  # a list that ignores paging, and came whole
    if first.total is None:
        return True
    return shown < first.total or page.shown >= page.asked


def page_request(
    listing: ListQuery, number: int, params: Params, *, may_be_refused: bool = False
) -> PageRequest:
    """The request for a page of a list."""
    return PageRequest(
        listing=listing,
        number=number,
        per_page=listing.page_size,
        params=params,
        may_be_refused=may_be_refused,
    )


def by_id(
    lists: Sequence[ListQuery],
    window: Window,
    on_rows: OnRows,
    params: Params = MappingProxyType({}),
) -> PageSteps:
    """The rows of a window of lists that are read whole, one page after the other; all in memory.

    Rows that do not show when they were updated always belong to the window.
    """
    scan, newest = Scan(lists[0].stamp), dict[Any, Row]()
    while True:
        for listing in lists:
            yield from _forward(listing, params, scan, newest)
        # A page without rows is not counted, and shows an empty list at one moment, too.
        one_page = scan.pages == len(lists) or (len(lists) == 1 and not scan.pages)
        whole = one_page and not scan.full and scan.counted in (None, scan.seen)
        if whole or scan.settled(lists[0]):
            break
        scan.start_pass()
    rows = [row for row in newest.values() if scan.belongs_to(row, window)]
    rows.sort(key=scan.moment)
    for start in range(0, len(rows), lists[0].page_size):
        on_rows(rows[start : start + lists[0].page_size])


def within(moment: int, window: Window) -> bool:
    """Whether a moment (UNIX seconds) belongs to a window; 0, for unknown, always does."""
    return not moment or (
        moment >= window.since and (window.until is None or moment < window.until)
    )


def _forward(
    listing: ListQuery, params: Params, scan: Scan, newest: dict[Any, Row]
) -> Generator[PageRequest, Page, None]:
    first = page = yield from looked_at(page_request(listing, 1, params), expects_rows=None)
    scan.start_list(page)
    number = shown = 0
    while True:
        number += 1
        if number > 1 and ignores_paging(listing, first, page, scan):
            break
        shown += page.shown
        scan.add_page(page, number)
        rows = [*page.rows, *page.undated]
        newest.update((row["id"], row) for row in scan.take(rows))
        if not goes_on(page, first, shown) or number >= max_pages(first):
            break
        request = page_request(listing, number + 1, params)
        expects_rows = first.total is not None and shown < first.total
        page = yield from looked_at(request, expects_rows=expects_rows)


def ignores_paging(listing: ListQuery, first: Page, page: Page, scan: Scan) -> bool:
    """Whether a list without a count shows page 1 again, which was all of it.

    Raises:
        IncompleteReadError: if page 1 was full, so that it need not be all.
    """
    if first.total is not None or not scan.repeats_page_1(page):
        return False
    if first.shown == first.asked:
        raise incomplete(listing, "every page shows the same rows: the server ignores `page`")
    return True


def max_pages(first: Page) -> float:
    """So many pages hold every row that page 1 counts, and show that none follows."""
    if first.total is None:
        return float("inf")
    return -(-first.total // max(1, first.shown)) + 1


def looked_at(
    request: PageRequest, *, expects_rows: bool | None
) -> Generator[PageRequest, Page, Page]:
    """A page, requested again if it shows no rows though some are counted.

    `expects_rows` is None where the page itself shows the count.
    """
    page = yield request
    for _ in range(MAX_LOOKS - 1):
        expected = bool(page.total) if expects_rows is None else expects_rows
        if page.shown or page.refused or not expected:
            break
        page = yield request
    return page


def newest_first(listing: ListQuery, window: Window, on_rows: OnRows) -> PageSteps:
    """The rows of a window of a list that comes newest first and whose rows never change.

    New rows come before the first page and shift the others to the right. Reading the pages in turn
    then meets some rows twice and loses none. So all rows that page 1 counts must be there at the
    end.

    Raises:
        UnfilteredError: if the server shows rows that are not of the window.
    """
    params: dict[str, str | int] = {"start_date": window.since}
    if window.until is not None:
        params["end_date"] = window.until - 1
    # All rows of one second come out as they come in, since a second may hold any number.
    one_second = window.until is not None and window.until - window.since == 1
    known: dict[Any, Row | None] = {}
    for _ in range(MAX_LOOKS):
        first = page = yield from looked_at(page_request(listing, 1, params), expects_rows=None)
        number, shown, outside = 1, 0, 0
        while True:
            shown += page.shown
            outside += page.outside
            if mostly_outside(outside, shown):
                raise UnfilteredError
            new = {row["id"]: row for row in page.rows if row["id"] not in known}
            known |= dict.fromkeys(new) if one_second else new
            if one_second and new:
                on_rows([*new.values()])
            # The reader itself takes these out.
            new |= {row["id"]: row for row in page.undated if row["id"] not in known}
            known |= dict.fromkeys(row["id"] for row in page.undated)
            if not goes_on(page, first, shown) or not new or number > max_pages(first):
                break
            number += 1
            page = yield page_request(listing, number, params)
        if first.total is None or len(known) >= first.total:
            break
    else:
        raise incomplete(listing, f"{first.total} rows are counted, and {len(known)} were listed")
    rows = [row for row in known.values() if row is not None]
    rows.sort(key=lambda row: (row[listing.stamp], row["id"]))
    for start in range(0, len(rows), listing.page_size):
        on_rows(rows[start : start + listing.page_size])
