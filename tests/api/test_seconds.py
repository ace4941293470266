"""A second with more rows than a page: what proves that all of them were read."""

from typing import Any

from invoiced_api.reading.pages import ListQuery, Page
from invoiced_api.reading.seconds import crowded_second

SECOND = 1_000
CUSTOMERS = ListQuery(path="/customers", page_size=2)


def test_a_second_that_is_not_over_is_read_again_until_nothing_is_new() -> None:
    """One row comes in before the page that is read, and one that was read goes: counts agree."""
    ids = [10, 11, 12, 13, 14, 15]
    read: list[Any] = []
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
            request = steps.send(page)
    except StopIteration:
        pass
    assert {row["id"] for row in read} >= set(ids)
