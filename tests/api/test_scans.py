"""Lists that are read whole, page after page, while they change."""

from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import orjson
import pytest

from invoiced_api.exceptions import IncompleteReadError
from invoiced_api.reading.pages import ListQuery, Page
from invoiced_api.reading.prefetch import Prefetcher
from invoiced_api.reading.readers import reader_of
from invoiced_api.reading.scans import by_id
from invoiced_api.reading.scheduler import InFlight
from invoiced_api.reading.steps import Window
from invoiced_api.resources import BY_NAME
from invoiced_api.response import Response

CHARGES = ListQuery(path="/charges", page_size=2)
BEGAN = 1_000

Row = dict[str, Any]


def read(rows: list[Row], change: Callable[[int], None]) -> list[Row]:
    """Returns what a reader emits of a list. `change(n)` is called before and after each time
    that page 1 is shown; `n` counts these moments, from 1. Rows that are `hidden` only count.
    """
    out: list[Row] = []
    steps = by_id([CHARGES], Window(0), out.extend)
    request = next(steps)
    moments = iter(range(1, 100))
    try:
        while True:
            if request.number == 1:
                change(next(moments))
            start = request.per_page * (request.number - 1)
            shown = [dict(row) for row in rows if not row.get("hidden")]
            page = Page(
                rows=shown[start : start + request.per_page],
                total=len(rows),
                clock=BEGAN,
                asked=request.per_page,
            )
            if request.number == 1:
                change(next(moments))
            request = steps.send(page)
    except StopIteration:
        return out


def charge(key: int, updated_at: int = 500) -> Row:
    return {"id": key, "updated_at": updated_at}


@pytest.mark.parametrize("passes", [2, 3, 4])
def test_a_row_that_some_passes_missed_is_found_by_the_next(passes: int) -> None:
    """Row 3 is first on its page in each pass, and moves to the page before once that is read.

    Rows that are gone by then must not make up for it in the count.
    """
    rows = [charge(key) for key in range(1, 7)]

    def change(moment: int) -> None:
        if moment % 2 == 0 and moment <= 2 * passes:  # page 1 was shown
            rows.pop(0)
        if moment % 2 == 1 and 1 < moment < 2 * passes:  # the next pass begins
            rows.insert(0, charge(-moment, BEGAN))

    assert {row["id"] for row in read(rows, change)} >= {2, 3, 4, 5, 6}


def test_passes_that_agree_on_fewer_rows_than_are_counted_prove_nothing() -> None:
    """A replica lacks row 3 for three passes. Row 6 was seen and is gone: it makes up for it."""
    rows = [charge(key) for key in range(1, 7)]
    rows[2]["hidden"] = True

    def change(moment: int) -> None:
        if moment == 3:  # the second pass begins
            rows.pop()
        if moment == 7:
            rows[2]["hidden"] = False

    assert {row["id"] for row in read(rows, change)} == {1, 2, 3, 4, 5, 6}


def test_a_row_that_is_counted_and_never_shown_is_an_error() -> None:
    rows = [charge(key) for key in range(1, 7)]
    rows[2]["hidden"] = True

    def change(moment: int) -> None:
        if moment == 3:
            rows.pop()

    with pytest.raises(IncompleteReadError, match="5 rows are counted, and 4 were listed"):
        read(rows, change)


def test_an_older_version_that_comes_later_does_not_replace_a_newer_one() -> None:
    """Another replica answers the second request, and has not seen the last change of row 1."""
    rows = [charge(1, 900), charge(2), charge(3), charge(4)]

    def change(moment: int) -> None:
        if moment == 2:  # page 1 was shown
            rows[:1] = [charge(-1, BEGAN), charge(0, BEGAN), charge(1, 100)]

    versions = [row["updated_at"] for row in read(rows, change) if row["id"] == 1]
    assert versions == [900]


class Items:
    """Live and archived items. Number 7 is restored once the live ones are read, without a trace.

    Every request is answered before the next one is sent.
    """

    def __init__(self, row: Callable[[int], Row]) -> None:
        self._row = row
        self.live, self.archived = [1, 2, 3, 4, 5], [6, 7, 8, 9]
        self._in_flight: deque[InFlight] = deque()

    def submit(self, sent: InFlight) -> None:
        self._in_flight.append(sent)

    def result(self, *, wait: bool) -> tuple[InFlight, Response] | None:
        if not self._in_flight:
            return None
        sent = self._in_flight.popleft()
        params = sent.request.call().params
        if params.get("archived") and 7 in self.archived:
            self.archived.remove(7)
            self.live.append(7)
        ids = self.archived if params.get("archived") else self.live
        start = int(params["per_page"]) * (int(params["page"]) - 1)
        rows = [self._row(key) for key in ids[start : start + int(params["per_page"])]]
        headers = {"X-Total-Count": str(len(ids)), "Date": formatdate(BEGAN, usegmt=True)}
        return sent, Response(headers=headers, body=orjson.dumps(rows))

    def close(self) -> None:
        pass


@pytest.mark.parametrize("row", [charge, lambda key: {"id": key}], ids=["dated", "undated"])
def test_a_row_that_moves_between_two_lists_is_found(row: Callable[[int], Row]) -> None:
    read_ids = set()

    def encode(rows: list[Any]) -> bytes:
        read_ids.update(row["id"] for row in rows)
        return b""

    reader = reader_of(BY_NAME["items"], 2, 0, encode)
    with Prefetcher(Items(row), 1, [reader]) as ahead:
        for _ in ahead.chunks(reader):
            pass
    assert read_ids == set(range(1, 10))
