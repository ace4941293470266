"""A second with more rows than a page: what proves that all of them were read."""

from typing import Any

from invoiced_api.reading.pages import ListQuery, Page
from invoiced_api.reading.seconds import crowded_second

SECOND = 1_000
CUSTOMERS = ListQuery(path="/customers", page_size=2)


def test_changes_that_cancel_out_in_the_counts_hide_no_row() -> None:
    """A later row is deleted as the counting begins, and row 1 moves to a later second."""
    rows = dict.fromkeys(range(1, 7), SECOND) | {90: SECOND + 5, 91: SECOND + 5}
    read: list[Any] = []
    steps = crowded_second(CUSTOMERS, SECOND, set(), read.extend)
    request = next(steps)
    try:
        for number in range(50):
            since = int(request.params["updated_after"])
            found = sorted((at, key) for key, at in rows.items() if at > since)
            start = request.per_page * (request.number - 1)
            shown = found[start : start + request.per_page]
            page = Page(
                rows=[{"id": key, "updated_at": at} for at, key in shown],
                moments=[at for at, _ in shown],
                total=len(found),
                clock=SECOND + 50 + number,
                asked=request.per_page,
            )
            if request.per_page == 2 and request.number == 1 and rows[1] == SECOND:
                rows[1] = page.clock
            rows.pop(91, None)
            request = steps.send(page)
    except StopIteration:
        pass
    assert {row["id"] for row in read} >= {2, 3, 4, 5, 6}


def test_a_second_that_is_not_over_is_read_again_until_nothing_is_new() -> None:
    """One row comes in before the page that is read, and one that was read goes: counts agree.

    When the last pages were read, two more come in. Reading those pages again would miss row 1.
    """
    ids = [10, 11, 12, 13, 14, 15]
    read: list[Any] = []
    pages: list[int] = []
    steps = crowded_second(CUSTOMERS, SECOND, set(), read.extend)
    request = next(steps)
    try:
        while True:
            later = int(request.params["updated_after"]) >= SECOND
            shown = [] if later else ids[2 * (request.number - 1) :][: request.per_page]
            page = Page(
                rows=[{"id": key, "updated_at": SECOND} for key in shown],
                moments=[SECOND] * len(shown),
                total=0 if later else len(ids),
                clock=SECOND,
                asked=request.per_page,
            )
            if not later and request.per_page == 2 and 10 in ids:
                ids = [1, 11, 12, 13, 14, 15]
            if request.per_page == 2:
                pages.append(request.number)
                if pages[-2:] == [3, 2]:
                    ids = [-1, 0, *ids]
            request = steps.send(page)
    except StopIteration:
        pass
    assert {row["id"] for row in read} >= {1, 11, 12, 13, 14, 15}


def test_a_row_that_shifts_in_each_pass_is_found() -> None:
    """Rows come in an order of their own. Row 1 would be first on a page, and shifts before it."""
    ids = [9, 8, 7, 6, 1, 5, 4, 3]
    read: list[Any] = []
    served: list[int] = []
    steps = crowded_second(CUSTOMERS, SECOND, set(), read.extend)
    request = next(steps)
    try:
        while len(served) < 50:
            later = int(request.params["updated_after"]) >= SECOND
            is_page = not later and request.per_page == 2
            if is_page and request.number == 1 and served and 8 in ids:
                ids.remove(8)
            shown = [] if later else ids[2 * (request.number - 1) :][: request.per_page]
            if is_page:
                served.append(request.number)
                if served == [1, 2]:
                    ids.remove(9)
                if served.count(1) == 2 and 7 in ids:
                    ids.remove(7)
            request = steps.send(
                Page(
                    rows=[{"id": key, "updated_at": SECOND} for key in shown],
                    moments=[SECOND] * len(shown),
                    total=0 if later else len(ids),
                    clock=SECOND + 50,
                    asked=request.per_page,
                )
            )
    except StopIteration:
        pass
    assert {row["id"] for row in read} >= {1, 3, 4, 5, 6}
