"""Lists that do not show what they count, or ignore a parameter: complete, or a named failure."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Request, Response

NOW = 1_772_366_400
SECOND = NOW - 5_000


class OddList:
    """One list over HTTP. `change(rows, query)` makes of a page's rows what the server shows."""

    def __init__(
        self,
        rows: list[dict[str, Any]],
        *,
        ignored: str = "",
        most_per_page: int = 100,
        shuffled: str = "",
        empty_page: int = 0,
        shown_as: dict[int, int] | None = None,
        counted: Callable[[int], int] = int,
        beyond: str = "empty",
    ) -> None:
        self.counted, self.beyond = counted, beyond
        self.shown_as = shown_as or {}
        self.rows, self.ignored, self.most_per_page = rows, ignored, most_per_page
        self.shuffled, self.empty_page = shuffled, empty_page
        self.rng = random.Random(1)

    def __call__(self, request: Request) -> Response:
        query = {k: v for k, v in request.args.items() if k != self.ignored}
        rows = [r for r in self.rows if r["updated_at"] > int(query.get("updated_after", 0))]
        rows.sort(key=lambda row: row["id"])
        number = int(query.get("page", 1))
        if self.shuffled == "by page" or (self.shuffled and number == 1):
            random.Random(number).shuffle(rows)
        elif self.shuffled:
            self.rng.shuffle(rows)
        if "updated_at" in query.get("sort", ""):
            rows.sort(key=lambda row: row["updated_at"], reverse="desc" in query["sort"])
        size = min(int(query.get("per_page", 100)), self.most_per_page)
        pages = max(1, -(-len(rows) // size))
        if number > pages and self.beyond.isdecimal():
            error = {"type": "invalid_request", "message": "no such page"}
            return Response(json.dumps(error), status=int(self.beyond))
        if number > pages and self.beyond != "empty":
            number = {"last page": pages, "page 1": 1}[self.beyond]
        page = [] if number == self.empty_page else rows[size * (number - 1) : size * number]
        page = [{**r, "updated_at": self.shown_as.get(r["id"], r["updated_at"])} for r in page]
        return Response(json.dumps(page), headers={"X-Total-Count": str(self.counted(len(rows)))})


def rows_of(count: int, *, one_second: bool = False) -> list[dict[str, Any]]:
    return [
        {"id": n, "name": "A", "updated_at": SECOND if one_second else SECOND + n}
        for n in range(1, count + 1)
    ]


@pytest.fixture
def read(run_tap: Callable[..., Any], catalog_of: Callable[..., Any], httpserver: Any) -> Any:
    """Runs the tap over one odd list."""

    def run(stream: str, odd: OddList) -> Any:
        httpserver.expect_request(f"/{stream}").respond_with_handler(odd)
        catalog = catalog_of(stream)
        catalog["streams"][0]["schema"]["selected"] = True
        return run_tap(None, catalog=catalog, base_url=httpserver.url_for("").rstrip("/"))

    return run


@pytest.mark.parametrize("stream", ["customers", "charges"])
def test_a_server_that_caps_its_pages_is_read_completely(read: Any, stream: str) -> None:
    run = read(stream, OddList(rows_of(400), most_per_page=50))
    assert run.exit_code == 0, run.stderr
    assert set(run.ids(stream)) == set(range(1, 401))


@pytest.mark.parametrize("count", [100, 200, 250])
@pytest.mark.parametrize("beyond", ["empty", "last page", "page 1", "400", "404", "422"])
def test_what_a_server_shows_beyond_the_end_ends_the_list(
    read: Any, count: int, beyond: str
) -> None:
    run = read("charges", OddList(rows_of(count), beyond=beyond))
    assert run.exit_code == 0, run.stderr
    assert sorted(run.ids("charges")) == list(range(1, count + 1))


def test_rows_of_a_second_in_another_order_each_time_are_all_read(read: Any) -> None:
    """Only page 1 always shows the same rows, so the list looks sorted."""
    run = read("customers", OddList(rows_of(300, one_second=True), shuffled="each time"))
    assert run.exit_code == 0, run.stderr
    assert set(run.ids("customers")) == set(range(1, 301))


@pytest.mark.parametrize("one_second", [False, True], ids=["sorted", "one-second"])
@pytest.mark.parametrize("stream", ["customers", "charges"])
@pytest.mark.parametrize(
    "counted",
    [
        pytest.param(lambda rows: 0, id="none"),
        pytest.param(lambda rows: min(rows, 100), id="a-page"),
        pytest.param(lambda rows: min(rows, 200), id="two-pages"),
        pytest.param(lambda rows: rows - 10, id="within-the-last-page"),
        pytest.param(lambda rows: rows + 50, id="too-many"),
    ],
)
def test_a_wrong_count_loses_no_row_silently(
    read: Any, stream: str, one_second: bool, counted: Callable[[int], int]
) -> None:
    run = read(stream, OddList(rows_of(300, one_second=one_second), counted=counted))
    if run.exit_code == 0:
        assert set(run.ids(stream)) == set(range(1, 301))
    else:
        assert "cannot be read completely" in run.stderr


@pytest.mark.parametrize("position", [1, 50, 100, 101, 250])
@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param(5, id="long-ago"),
        pytest.param(2**31 - 1, id="in-the-future"),
        pytest.param(SECOND + 60, id="of-another-row"),
        pytest.param(SECOND - 9_000, id="before-all-others"),
    ],
)
def test_a_stamp_that_is_not_true_hides_no_row(read: Any, position: int, stamp: int) -> None:
    run = read("customers", OddList(rows_of(250), shown_as={position: stamp}))
    assert run.exit_code == 0, run.stderr
    assert set(run.ids("customers")) == set(range(1, 251))


@pytest.mark.parametrize(
    ("stream", "odd", "named"),
    [
        pytest.param(
            "customers",
            OddList(rows_of(300, one_second=True), ignored="page"),
            "`page`",
            id="crowded-second-ignores-page",
        ),
        pytest.param(
            "customers",
            OddList(rows_of(300, one_second=True), shuffled="by page"),
            "300 rows are counted",
            id="crowded-second-hides-rows",
        ),
        pytest.param("charges", OddList(rows_of(300), ignored="page"), "`page`", id="ignores-page"),
        pytest.param(
            "customers",
            OddList(rows_of(900), ignored="updated_after"),
            "`updated_after`",
            id="ignores-updated_after",
        ),
        pytest.param("charges", OddList(rows_of(300), empty_page=2), "counted", id="empty-page"),
        pytest.param("customers", OddList(rows_of(250), empty_page=1), "250", id="empty-page-1"),
    ],
)
def test_an_incomplete_list_fails_its_stream(
    read: Any, stream: str, odd: OddList, named: str
) -> None:
    run = read(stream, odd)
    assert run.exit_code == 1
    assert named in run.stderr
    assert stream not in run.state.get("bookmarks", {}) or (
        run.state["bookmarks"][stream]["updated_at"] < "2026-03-01T10:40"
    )
