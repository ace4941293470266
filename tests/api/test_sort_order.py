"""A server that may ignore `sort`, or show a stamp that is not true: no row is lost by it."""

from collections.abc import Callable

import pytest

from invoiced_api.exceptions import UnsortedError
from invoiced_api.reading.pages import LATEST_FIRST, ListQuery, Page, PageRequest
from invoiced_api.reading.steps import SortProbe, Window
from invoiced_api.reading.strategies import ascending

SECOND = 1_000
CUSTOMERS = ListQuery(path="/customers", page_size=2)


def page_of(request: PageRequest, found: list[tuple[int, int]]) -> Page:
    """A page of ids and the moments that they show, in the order of the list."""
    start = request.per_page * (request.number - 1)
    shown = found[start : start + request.per_page]
    return Page(
        rows=[{"id": key, "updated_at": at} for key, at in shown],
        moments=[at for _, at in shown],
        total=len(found),
        clock=SECOND + 50,
        asked=request.per_page,
    )


def read_until_unsorted(
    list_of: Callable[[PageRequest], list[tuple[int, int]]], **how: bool
) -> None:
    steps = ascending(CUSTOMERS, SortProbe(), Window(0), lambda rows: None, **how)
    request = next(steps)
    with pytest.raises(UnsortedError):
        for _ in range(50):
            request = steps.send(page_of(request, list_of(request)))


@pytest.mark.parametrize("alone", [True, False])
def test_a_list_that_grows_beyond_a_page_is_probed(alone: bool) -> None:
    """In the order of ids, both rows of page 1 are of one second, and row 3 is older."""
    moments = [SECOND, SECOND, SECOND - 3]

    def list_of(request: PageRequest) -> list[tuple[int, int]]:
        since = int(request.params["updated_after"])
        return [(key, at) for key, at in enumerate(moments, start=1) if at > since]

    read_until_unsorted(list_of, alone=alone)


def test_rows_before_a_stamp_that_is_not_true_are_not_hidden_by_it() -> None:
    """Row 2 shows the moment of row 5, so the next page would begin there. The server sorts."""
    true = {key: SECOND + key for key in range(1, 7)}

    def list_of(request: PageRequest) -> list[tuple[int, int]]:
        since = int(request.params["updated_after"])
        found = [(key, SECOND + 5 if key == 2 else at) for key, at in true.items() if at > since]
        return found[::-1] if request.params["sort"] == LATEST_FIRST else found

    read_until_unsorted(list_of)
