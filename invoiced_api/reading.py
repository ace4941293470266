"""Reads a list completely while it changes.

An offset page is unsafe here: a row that is edited moves to the end of the list, its followers
shift one place to the left, and the next page starts one row too late. So no page is turned.
Sorted by `updated_at`, each request asks for page 1 of what is not older than the last row seen.
Rows only ever move to the right, so none is skipped, and one answer that is not full shows
everything that is left at one moment.

Three things may stand in the way, and each has its answer below: more rows in one second than fit
a page (`_crowded_second`), a server that ignores `sort` (`_by_id`), and a resource whose objects
are spread over several lists (`changes`).
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from operator import itemgetter
from typing import Any

from invoiced_api.client import Call, Client
from invoiced_api.failures import RunBlocked
from invoiced_api.resources import Resource

Row = dict[str, Any]

updated_at = itemgetter("updated_at")

# How often to look whether the server sorts, while the first row keeps changing.
PROBES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of a list, as one answer showed them. `clock` is the server's, in UNIX seconds."""

    rows: list[Row]
    total: int | None
    clock: int

    @property
    def ascending(self) -> bool:
        return all(updated_at(one) <= updated_at(next_) for one, next_ in pairwise(self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list query of an account. `page_size` is 1 to 100 rows."""

    client: Client
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    page_size: int

    def page(self, since: int, number: int = 1, *, sort: str = "updated_at asc") -> Page:
        """Page `number` of the rows with `updated_at >= since` (UNIX seconds)."""
        return self._ask(since, sort=sort, per_page=self.page_size, page=number)

    def head(self, since: int, *, sort: str = "updated_at asc") -> Page:
        """The first of the rows with `updated_at >= since`, for their number and the clock."""
        return self._ask(since, sort=sort, per_page=1, page=1)

    def is_last(self, page: Page, number: int = 1) -> bool:
        """Whether nothing follows this page. A full one never is, whatever the server counts."""
        shown = (number - 1) * self.page_size + len(page.rows)
        more_counted = page.total is not None and page.total > shown
        return not page.rows or (len(page.rows) < self.page_size and not more_counted)

    def _ask(self, since: int, **params: str | int) -> Page:
        # Invoiced compares strictly, hence the minus one. Some accounts send `updated_at` only
        # when asked for it.
        query = {**self.params, **params, "updated_after": since - 1, "include": "updated_at"}
        answer = self.client.send(Call(method="GET", path=self.path, params=query))
        rows = answer.body
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get("updated_at"), int) and "id" in row
            for row in rows
        ):
            raise RunBlocked(
                f"GET {self.path}: the answer is not a list of objects with `id` and `updated_at`. "
                "Check `base_url`."
            )
        return Page(rows=rows, total=answer.total, clock=answer.clock)


def listings(client: Client, resource: Resource, page_size: int) -> list[Listing]:
    """The lists that together hold every object of a resource."""
    return [
        Listing(client=client, path=resource.path, params=params, page_size=page_size)
        for params in resource.lists
    ]


def changes(lists: Sequence[Listing], since: int, clock: int) -> Iterator[list[Row]]:
    """Every object with `updated_at >= since`, oldest change first, in chunks of rows.

    `clock` is the server's before reading began, in UNIX seconds. An object that changes meanwhile
    may come again, newer. After a row, everything that was updated before that row's second has
    come.
    """
    if len(lists) == 1:
        yield from ascending(lists[0], since)
        return
    # Before `clock` the lists only shrink: what changes there leaves to the right, whichever list
    # it goes to. So they can be merged, each read at its own pace.
    past = (_rows(ascending(listing, since, until=clock)) for listing in lists)
    merged = heapq.merge(*past, key=updated_at)
    while chunk := list(islice(merged, lists[0].page_size)):
        yield chunk
    # From there on an object may leave one list for a later one while we read. Asking in that
    # order meets it in at least one of them.
    recent = [row for listing in lists for row in _rows(ascending(listing, clock))]
    yield sorted(recent, key=updated_at)


def ascending(listing: Listing, since: int, until: int | None = None) -> Iterator[list[Row]]:
    """The rows of one list with `since <= updated_at < until`, oldest change first, in chunks."""
    for rows in _ascending(listing, since, until):
        if until is not None and rows and updated_at(rows[-1]) >= until:
            yield [row for row in rows if updated_at(row) < until]
            return
        yield rows


def _ascending(listing: Listing, since: int, until: int | None) -> Iterator[list[Row]]:
    page = listing.page(since)
    if not listing.is_last(page) and not (page.ascending and _sorts(listing, since)):
        yield from _by_id(listing, since, until)
        return
    seen: set[Any] = set()  # ids already yielded of the second `since`
    while True:
        last_page = listing.is_last(page)
        rows = sorted(page.rows, key=updated_at) if last_page else page.rows
        if last_page:
            yield _unseen(rows, since, seen)
            return
        if not page.ascending:
            yield from _by_id(listing, since, until)
            return
        newest = updated_at(rows[-1])
        if updated_at(rows[0]) == newest:
            yield from _crowded_second(listing, newest, seen if newest == since else set())
            since, seen = newest + 1, set()
        else:
            yield _unseen(rows, since, seen)
            since, seen = newest, {row["id"] for row in rows if updated_at(row) == newest}
        if until is not None and since >= until:
            return
        page = listing.page(since)


def _unseen(rows: list[Row], second: int, seen: set[Any]) -> list[Row]:
    return [row for row in rows if updated_at(row) != second or row["id"] not in seen]


def _rows(chunks: Iterator[list[Row]]) -> Iterator[Row]:
    return (row for chunk in chunks for row in chunk)


def _sorts(listing: Listing, since: int) -> bool:
    """Whether the server honours `sort`: the latest change is another row than the earliest.

    The earliest is asked for before and after, so that a row that moves or goes meanwhile is not
    mistaken for an answer. If all rows share one second the two may be the same row; then the
    answer is no, and reading by id is right as well.
    """
    earliest = _first_id(listing.head(since))
    for _ in range(PROBES):
        latest = _first_id(listing.head(since, sort="updated_at desc"))
        before, earliest = earliest, _first_id(listing.head(since))
        if before == earliest:
            return bool(latest != earliest)
    return False


def _first_id(page: Page) -> Any:
    return page.rows[0]["id"] if page.rows else None


def _crowded_second(listing: Listing, second: int, seen: set[Any]) -> Iterator[list[Row]]:
    """The rows of one second that holds more than a page; `seen` holds ids already yielded.

    Within the second there is nothing to ask by but pages. Rows can only leave it, which shifts
    the rest to the left: turning pages forward may then skip some, but going back from the last
    page to the first cannot, as what shifts is still ahead. It takes that the rows of a second
    keep an order (by id, checked here), and that the second was over, so that none came in.
    Where that cannot be shown, passes are repeated until one brings nothing new.
    """
    proven = False
    while not proven:
        found: list[Row] = []
        numbers = 0
        began = None
        while True:
            numbers += 1
            page = listing.page(second, numbers)
            began = began if began is not None else page.clock
            found += page.rows
            if listing.is_last(page, numbers) or updated_at(page.rows[-1]) > second:
                break
        ids = [row["id"] for row in found if updated_at(row) == second]
        proven = ids == sorted(set(ids)) and began > second
        for number in range(numbers - 1, 0, -1):
            found += listing.page(second, number).rows
        fresh = {row["id"]: row for row in found if updated_at(row) == second}
        new = [row for key, row in fresh.items() if key not in seen]
        if not new:
            return
        seen.update(fresh)
        yield new


def _by_id(listing: Listing, since: int, until: int | None) -> Iterator[list[Row]]:
    """The rows in `updated_at` order although the server does not sort them; all in memory.

    Pages in id order, forward and backward in turn: a deletion shifts rows to the left, an old
    object that enters by a change shifts them to the right, and each direction is safe from one of
    the two. Ends after a pass that brings nothing new of the time before it began.
    """
    known: dict[Any, Row] = {}
    numbers: Sequence[int] = ()
    while True:
        pages = _forward(listing, since) if not numbers else _numbered(listing, since, numbers)
        first, count, fresh = None, 0, False
        for page in pages:
            first = first or page
            count += 1
            for row in page.rows:
                fresh |= row["id"] not in known and updated_at(row) < first.clock
                older = known.get(row["id"])
                if older is None or updated_at(older) <= updated_at(row):
                    known[row["id"]] = row
        if numbers and not fresh:
            break
        # backward after a forward pass, and the other way round
        numbers = range(count, 0, -1) if not numbers else ()
    rows = sorted(known.values(), key=updated_at)
    yield [row for row in rows if until is None or updated_at(row) < until]


def _forward(listing: Listing, since: int) -> Iterator[Page]:
    number = 0
    while True:
        number += 1
        page = listing.page(since, number, sort="id asc")
        yield page
        if listing.is_last(page, number):
            return


def _numbered(listing: Listing, since: int, numbers: Sequence[int]) -> Iterator[Page]:
    return (listing.page(since, number, sort="id asc") for number in numbers)
