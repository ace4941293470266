"""The steps that every way of reading shares: page 1 of a list, and whether the server sorts.

A way of reading is a generator: it yields the page it needs, is sent that page, and calls `on_rows`
with rows. The caller decides when to request it, and over which connection.

No server is trusted. A page that contradicts itself is requested again; then the list fails with
`IncompleteReadError`, which names the contradiction.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from invoiced_api.exceptions import IncompleteReadError
from invoiced_api.reading.pages import (
    INCREMENTAL,
    LATEST_FIRST,
    ListQuery,
    Page,
    PageRequest,
    Row,
    changed_since,
    mostly_outside,
)

OnRows = Callable[[list[Row]], None]
PageSteps = Generator[PageRequest, Page, None]

# How often to look whether the server sorts, while the first row keeps changing.
MAX_PROBES = 5
# So many rows are not all deleted between two requests.
LONG_PAGE = 20
# A server queries a list at most so long before it stamps the response with `Date`.
MAX_RESPONSE_S = 600
# How often to request a page that contradicts itself or the page before.
MAX_LOOKS = 4


@dataclass(slots=True)
class Window:
    """A stretch of time to be read: `since <= updated_at < until`.

    Attributes:
        since: UNIX second. It moves to the right while the window is read: what was updated before
            it has come out.
        until: UNIX second; None for no end. It moves to the left if another window takes the rest
            over.
    """

    since: int
    until: int | None = None


@dataclass(slots=True)
class SortProbe:
    """Whether the server was asked if it honours `sort`.

    Attributes:
        begun: whether a probe has begun; if it fails, the windows are read again in another way.
    """

    begun: bool = False


def first_request(
    listing: ListQuery, since: int, sort: str = INCREMENTAL, per_page: int = 0
) -> PageRequest:
    """The request for page 1 of what was updated since a second; a whole page by default."""
    return PageRequest(
        listing=listing,
        per_page=per_page or listing.page_size,
        params=changed_since(since, sort),
    )


def first_page(
    listing: ListQuery, since: int, sort: str = INCREMENTAL, per_page: int = 0
) -> Generator[PageRequest, Page, Page]:
    """Page 1 of what was updated since a second, which shows the rows that it counts.

    Raises:
        IncompleteReadError: if each attempt contradicts itself.
    """
    trouble = ""
    for _ in range(MAX_LOOKS):
        page = yield first_request(listing, since, sort, per_page)
        if not page.shown and page.total:
            trouble = f"page 1 shows no rows, and `X-Total-Count` says {page.total}"
        elif mostly_outside(page.outside, page.shown):
            trouble = "rows are older than `updated_after`: the server ignores that parameter"
        else:
            return page
    raise incomplete(listing, trouble)


def incomplete(listing: ListQuery, trouble: str) -> IncompleteReadError:
    """The exception of a list that cannot be read completely."""
    return IncompleteReadError(
        f"GET {listing.path}: {trouble}. The list cannot be read completely, so the stream keeps "
        "its bookmark. Run again, and check any proxy between this machine and Invoiced."
    )


def head(listing: ListQuery, since: int) -> Generator[PageRequest, Page, Page]:
    """The first row of a list, for its count and the clock."""
    return (yield from first_page(listing, since, per_page=1))


def sorts(
    listing: ListQuery, since: int, shown: Sequence[Any] = ()
) -> Generator[PageRequest, Page, bool]:
    """Whether the server honours `sort`: the latest change is another row than the earliest.

    The earliest row is requested before and after, so that a row that moves or goes in the meantime
    is not taken for an answer. If all rows share one second, the two may be the same row, and any
    order is right. Only for lists of more than a page.

    Args:
        listing: the list.
        since: UNIX second from which on it is looked at.
        shown: the ids of page 1, if it was just received. If it is long and lacks the latest
            change, that proves enough: the same order would have shown one of these rows.
    """
    earliest = shown[0] if shown else _first_id((yield from head(listing, since)))
    for _ in range(MAX_PROBES):
        latest = yield from first_page(listing, since, LATEST_FIRST, per_page=1)
        if latest.shown and len(shown) >= LONG_PAGE and _first_id(latest) not in shown:
            return True
        first = yield from head(listing, since)
        before, earliest = earliest, _first_id(first)
        if before == earliest:
            if _first_id(latest) != earliest:
                return True
            return (yield from _share_a_second(listing, since, first))
    return False


def _share_a_second(
    listing: ListQuery, since: int, first: Page
) -> Generator[PageRequest, Page, bool]:
    """Whether all rows since a second were updated in the second of the first one, by counts."""
    if not first.moments or not first.total:
        return False
    second = first.moments[0]
    later = yield from first_page(listing, second + 1, per_page=1)
    here = yield from first_page(listing, second, per_page=1)
    return later.total == 0 and here.total is not None and here.total >= first.total


def _first_id(page: Page) -> Any:
    return page.ids[0] if page.ids else None
