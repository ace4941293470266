"""A second that holds more rows than a page: there is nothing to read it by but page numbers.

Rows of a second that is over can only leave it, which shifts the rest to the left. Turning pages
forward may then skip some. The order of rows within a second is not promised either. So one pass
proves nothing by itself; each pass is compared with the number of rows in the second, which is
the difference of two counts: of what was updated since that second, and since the next one. Such
a difference is exact if nothing changes meanwhile: no row was updated since well before the pass
began, and the count of all is the same after it.

    pass ──> nothing changed meanwhile; as many rows in this pass as counted ──> complete
      │
      ├──> fewer rows seen than counted ──────────────────────────────> another pass
      │ at least as many
      ├──> second over: back from the last page to the first, where what shifts is still
      │    ahead; rows in id order ──────────────────────────────────────────────> complete
      └──> nothing new in either direction ─────────────────────────────────────> complete
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from invoiced_api.reading.pages import (
    INCREMENTAL,
    ListQuery,
    Page,
    PageRequest,
    Row,
    changed_since,
    updated_at,
)
from invoiced_api.reading.steps import (
    MAX_RESPONSE_S,
    OnRows,
    PageSteps,
    first_page,
    incomplete,
)

# Each pass over rows that come in another order each time finds most of what is left.
MAX_PASSES = 20


@dataclass(slots=True)
class _Pass:
    """Once through the pages of a second. `ids` are those of the rows of the second, as they came.

    `began` is the server's clock, `counted` how many rows page 1 counted from the second on.
    """

    began: int
    counted: int | None
    pages: int = 1
    repeats_page_1: bool = True
    ids: list[Any] = field(default_factory=list)

    @property
    def in_id_order(self) -> bool:
        return len(set(self.ids)) == len(self.ids) and self.ids == sorted(self.ids)


def crowded_second(listing: ListQuery, second: int, seen: set[Any], on_rows: OnRows) -> PageSteps:
    """The rows of one second that holds more than a page; `seen` holds ids already emitted."""
    for _ in range(MAX_PASSES):
        known = len(seen)
        one = yield from _forward(listing, second, seen, on_rows)
        counted = yield from _count(listing, second)
        later = yield from _count(listing, second + 1)
        after = None if counted is None or later is None else counted - later
        over, found = one.began > second, len(set(one.ids))
        agrees = over and counted == one.counted and found == after
        # Edited rows would be counted here; without any, an equal count means no deletion.
        if agrees and (yield from _count(listing, one.began - MAX_RESPONSE_S)) == 0:
            return
        if after is not None and len(seen) < after:
            if one.pages > 1 and one.repeats_page_1:
                raise incomplete(
                    listing, "every page shows the same rows: the server ignores `page`"
                )
            continue
        if over and (yield from _backward(listing, second, one, seen, on_rows)) and one.in_id_order:
            return
        if len(seen) == known:
            return
    raise incomplete(
        listing,
        f"{after} rows are counted in second {second}, and {len(seen)} were listed in "
        f"{MAX_PASSES} passes",
    )


def _count(listing: ListQuery, since: int) -> Generator[PageRequest, Page, int | None]:
    """How many rows were updated since a second; None without a count."""
    return (yield from first_page(listing, since, per_page=1)).total


def _forward(
    listing: ListQuery, second: int, seen: set[Any], on_rows: OnRows
) -> Generator[PageRequest, Page, _Pass]:
    """One pass over the pages; emits the rows that were not seen, page by page."""
    page = yield from first_page(listing, second)
    one = _Pass(page.clock, page.total)
    shown, size, first = page.shown, max(1, page.shown), [row["id"] for row in page.rows]
    _take(page, second, one, seen, on_rows)
    while _goes_on(page, second, shown, one.counted):
        # A server that shows the same page for every number is left after one pass.
        if one.counted is not None and one.pages * size > one.counted + size:
            break
        known = len(set(one.ids))
        page = yield _page(listing, second, one.pages + 1)
        one.pages += 1
        shown += page.shown
        one.repeats_page_1 &= [row["id"] for row in page.rows] == first
        _take(page, second, one, seen, on_rows)
        if one.counted is None and len(set(one.ids)) == known:
            break
    return one


def _goes_on(page: Page, second: int, shown: int, counted: int | None) -> bool:
    """Whether more rows of the second may follow."""
    if page.rows and updated_at(page.rows[-1]) > second:
        return False
    if page.shown < page.asked and (counted is None or shown >= counted):
        return page.total is None and page.shown > 0
    return page.shown > 0


def _take(page: Page, second: int, one: _Pass, seen: set[Any], on_rows: OnRows) -> None:
    rows: dict[Any, Row] = {row["id"]: row for row in page.rows if updated_at(row) == second}
    one.ids += rows
    new = [row for key, row in rows.items() if key not in seen]
    seen.update(rows)
    if new:
        on_rows(new)


def _backward(
    listing: ListQuery, second: int, one: _Pass, seen: set[Any], on_rows: OnRows
) -> Generator[PageRequest, Page, bool]:
    """From the last page to the first. False if the server refuses pages in that order."""
    back = _Pass(one.began, None)
    for number in range(one.pages - 1, 0, -1):
        page = yield _page(listing, second, number, may_be_refused=True)
        if page.refused:
            return False
        _take(page, second, back, seen, on_rows)
    return True


def _page(
    listing: ListQuery, second: int, number: int, *, may_be_refused: bool = False
) -> PageRequest:
    return PageRequest(
        listing=listing,
        number=number,
        per_page=listing.page_size,
        params=changed_since(second, INCREMENTAL),
        may_be_refused=may_be_refused,
    )
