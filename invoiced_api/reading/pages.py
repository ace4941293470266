"""List queries, and the pages that the server returns."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
import orjson

from invoiced_api.definitions import Resource
from invoiced_api.exceptions import UnreadablePageError
from invoiced_api.request import Request
from invoiced_api.resources import BY_NAME
from invoiced_api.response import Response, clock_of, total_count


class ReadableRows(list[Any]):
    """The rows of a page that were read one by one.

    Attributes:
        unreadable: names the rows that could not be read.
    """

    unreadable: tuple[str, ...] = ()


class StandInId:
    """Takes the place of an id, so that the row still counts as one of its page.

    Attributes:
        sent: what Invoiced sent.
        shared: whether it is an id, which another object of the page has too.
    """

    sent: Any = None
    shared = False


class StandInNumber(StandInId, int):
    """Where ids are numbers: a negative one. It is pickled without what was sent."""

    def __reduce__(self) -> Any:
        return StandInNumber, (int(self),)


class StandInText(StandInId, str):
    """Where ids are texts. It is pickled without what was sent."""

    def __reduce__(self) -> Any:
        return StandInText, (str(self),)


class TypedRow(msgspec.Struct, gc=False):
    """A row that a reader's parser decoded into the types of its attributes.

    Decoding has shown that it has an `id` and the UNIX second of its last change.
    """

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def get(self, name: str) -> Any:
        """The value of an attribute; None if the row lacks it."""
        value = getattr(self, name, None)
        return None if value is msgspec.UNSET else value


Row = dict[str, Any] | TypedRow
# The rows of an answer's body, or whatever else it is. Raises json.JSONDecodeError.
Parse = Callable[[bytes], Any]
Params = Mapping[str, str | int]

updated_at = itemgetter("updated_at")

INCREMENTAL = "updated_at asc"
# A stamp that is further ahead of the clock is not when a row was updated.
MAX_AHEAD_S = 86_400

LATEST_FIRST = "updated_at desc"
BY_ID = "id asc"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """One list query of an account.

    Attributes:
        path: of the list.
        params: of the query.
        page_size: rows per page, 1 to 100.
        stamp: attribute with the UNIX second of a row's last change.
        parent_path: of the parent's object, for a list of children. 404 then means that the list is
            empty, if the parent does not exist either.
        parent_having: attribute of parents that have children; without it, 404 means an empty list.
        flag: column that shows whether a row came from the list with that parameter.
        parse: makes rows of a response's body.
    """

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    page_size: int
    stamp: str = "updated_at"
    parent_path: str = ""
    parent_having: str | None = None
    flag: str | None = None
    parse: Parse = orjson.loads


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One page of a list.

    Attributes:
        listing: the list.
        number: of the page, from 1.
        per_page: rows per page.
        params: of the way the list is read, beside the list's own.
        may_be_refused: whether a 400 is an answer: the page that comes back is `refused`, and the
            list is read in another way.
    """

    listing: ListQuery
    number: int = 1
    per_page: int
    params: Params = field(default_factory=dict)
    may_be_refused: bool = False

    def call(self) -> Request:
        """The request for the page."""
        params = {**self.params, **self.listing.params}
        included = (self.params.get("include"), self.listing.params.get("include"))
        if all(included):
            params["include"] = ",".join(dict.fromkeys(map(str, included)))
        params |= {"per_page": self.per_page, "page": self.number}
        return Request(method="GET", path=self.listing.path, params=params)


def changed_since(second: int, sort: str) -> dict[str, str | int]:
    """Parameters for the rows with `updated_at >= second` (UNIX seconds), in this order."""
    # Invoiced compares strictly, hence the minus one. Some accounts send `updated_at` only when
    # asked for it.
    return {"sort": sort, "updated_after": max(second - 1, 0), "include": "updated_at"}


@dataclass(slots=True, kw_only=True)
class Page:
    """What one response showed. Nothing changes it.

    Attributes:
        rows: the rows that show when they were updated, if that was asked; else all.
        undated: the other rows: their stamp is no number, or cannot be true.
        moments: when `rows` were updated, in UNIX seconds; empty where that was not asked.
        total: `X-Total-Count`; None without it, or if it is less than what the page shows.
        clock: the earlier of the server's clock and ours, in UNIX seconds.
        asked: how many rows were requested.
        outside: how many of `undated` claim to be older than what was requested, or to be newer
            than the end of the window.
        single: the response was one object in place of a list.
        refused: the server does not serve this page (see `PageRequest.may_be_refused`).
        unreadable: names each row that cannot be read.
        ids: of `rows`, then of `undated`.
        shown: how many rows the page showed.
        is_last: whether nothing follows page 1. A full page is never the last, whatever the count.
        ascending: whether the rows are in the order of their changes.
    """

    rows: list[Row]
    undated: list[Row] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    total: int | None
    clock: int
    asked: int
    outside: int = 0
    single: bool = False
    refused: bool = False
    unreadable: tuple[str, ...] = ()
    ids: list[Any] = field(init=False)
    shown: int = field(init=False)
    is_last: bool = field(init=False)
    ascending: bool = field(init=False)

    def __post_init__(self) -> None:
        get_id: Callable[[Row], Any] = attrgetter("id")
        if dict in map(type, self.rows):  # some rows are not typed
            get_id = itemgetter("id")
        self.ids = list(map(get_id, self.rows)) + [row["id"] for row in self.undated]
        self.shown = len(self.ids) + len(self.unreadable)
        counted = self.total is not None and self.asked > self.shown >= self.total
        self.is_last = counted or self.single or not self.shown
        self.ascending = self.moments == sorted(self.moments)

    def dated(self) -> Iterator[tuple[int, Row]]:
        """The rows with the moments at which they were updated."""
        return zip(self.moments, self.rows, strict=True)


@dataclass(frozen=True, slots=True)
class Head:
    """What page 1 showed of its list, beside the rows.

    Attributes:
        total: how many rows it counted; None without a count.
        clock: of the page, in UNIX seconds.
        earliest: UNIX second of its first row; None if that was not asked, or without rows.
    """

    total: int | None
    clock: int
    earliest: int | None = None


def listings(
    resource: Resource, page_size: int, parent: Any = None, parse: Parse = orjson.loads
) -> list[ListQuery]:
    """The list queries that together return every object of a resource.

    Args:
        resource: to be read.
        page_size: rows per page, 1 to 100.
        parent: id of the parent, for a resource with one.
        parse: makes rows of a response's body.
    """
    path, parent_path, having = resource.path, "", None
    if resource.parent:
        path = path.format(**{resource.parent.attribute: parent})
        parent_path = f"{BY_NAME[resource.parent.resource].path}/{parent}"
        having = resource.parent.having
    return [
        ListQuery(
            path=path,
            params=params,
            page_size=page_size,
            stamp=resource.replication_key,
            parent_path=parent_path,
            parent_having=having,
            flag=resource.flag,
            parse=_flagging(parse, resource.flag, params) if resource.flag else parse,
        )
        for params in resource.lists
    ]


def _flagging(parse: Parse, flag: str, params: Mapping[str, str]) -> Parse:
    """Parses rows, each of which then shows whether its list was asked for by a flag."""

    def parse_flagged(body: bytes) -> Any:
        rows = parse(body)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, (dict, TypedRow)):
                row[flag] = flag in params
        return rows

    return parse_flagged


def page_of(request: PageRequest, response: Response) -> Page:
    """The page that a response shows.

    Raises:
        UnreadablePageError: if the response is not JSON, or no list of objects with an `id`.
    """
    path, body = request.listing.path, response.body
    total, clock = total_count(response.headers), clock_of(response.headers, response.sent_at)
    try:
        # A list is never without a body.
        body = request.listing.parse(body or b"null") if isinstance(body, bytes) else body
    except json.JSONDecodeError:
        trouble = f"GET {path}: page {request.number} is not JSON"
        raise UnreadablePageError(trouble, broken=True) from None
    single = isinstance(body, dict)
    rows = [body] if single else body
    typed = isinstance(rows, list) and _are_typed(rows)
    if not typed and not _are_objects(rows):
        trouble = (
            f"GET {path}: the response is not a list of objects with `id`. Check `base_url`, and "
            "any proxy between this machine and Invoiced."
        )
        raise UnreadablePageError(trouble, broken=False)
    stamp = request.listing.stamp
    dated, outside = rows, 0
    moments: list[int] = []
    undated: list[Any] = []
    if stamp != "updated_at" or "updated_after" in request.params:
        least, most = _bounds(request, clock)
        dated, undated, moments = _by_stamp(rows, stamp, least, most, typed=typed)
        end = most if "end_date" in request.params else math.inf
        stamps = [row.get(stamp) for row in undated]
        outside = sum(type(one) is int and not least < one <= end for one in stamps)
    return Page(
        rows=dated,
        undated=undated,
        moments=moments,
        total=None if total is not None and total < len(rows) else total,
        clock=clock,
        asked=request.per_page,
        outside=outside,
        single=single,
        unreadable=rows.unreadable if isinstance(rows, ReadableRows) else (),
    )


def _bounds(request: PageRequest, clock: int) -> tuple[float, float]:
    """The moments between which the rows of a page were requested.

    A row is newer than the first, and not newer than the second. A stamp that says otherwise would
    hide the rows between it and the true one.
    """
    params = request.params
    if "updated_after" in params:
        return int(params["updated_after"]), clock + MAX_AHEAD_S
    if "start_date" in params:
        return int(params["start_date"]) - 1, int(params.get("end_date", clock + MAX_AHEAD_S))
    return -math.inf, math.inf


def _by_stamp(
    rows: list[Any], stamp: str, least: float, most: float, *, typed: bool
) -> tuple[list[Any], list[Any], list[int]]:
    """Rows with a stamp between the bounds, the others, and the stamps."""
    stamps = list(map(attrgetter(stamp), rows)) if typed else [row.get(stamp) for row in rows]
    whole = typed or all(type(one) is int for one in stamps)
    if not rows or (whole and least < min(stamps) and max(stamps) <= most):
        return rows, [], stamps
    dated: list[Any] = []
    undated: list[Any] = []
    for row, one in zip(rows, stamps, strict=True):
        (dated if type(one) is int and least < one <= most else undated).append(row)
    return dated, undated, [row[stamp] for row in dated]


def mostly_outside(outside: int, shown: int) -> bool:
    """Whether a server seems to ignore the dates that it was asked for; one row is no proof.

    Args:
        outside: how many rows claim to be of other dates.
        shown: of so many.
    """
    return outside > 1 and 2 * outside > shown


def refused_page(request: PageRequest) -> Page:
    """The page that replaces a 400."""
    return Page(rows=[], total=None, clock=0, asked=request.per_page, refused=True)


def _are_typed(rows: list[Any]) -> bool:
    """Whether all rows are typed. Those of a page that was read row by row may be mixed."""
    return all(issubclass(kind, TypedRow) for kind in set(map(type, rows)))


def _are_objects(rows: Any) -> bool:
    """Whether something parsed is a list of objects with an `id`, typed or not."""
    return isinstance(rows, list) and all(
        isinstance(row, TypedRow) or (type(row) is dict and "id" in row) for row in rows
    )
