"""A list query of an account, and the pages that it is answered with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
import orjson

from invoiced_api.client import Request, Response
from invoiced_api.exceptions import RetryableError, UnexpectedResponseError
from invoiced_api.resources import BY_NAME, Resource


class TypedRow(msgspec.Struct, gc=False):
    """A row that was decoded into the types of its attributes, by a parser of the reader's.

    That has shown that it has an `id` and tells in UNIX seconds when it came to be as it is.
    """

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def get(self, name: str) -> Any:
        value = getattr(self, name, None)
        return None if value is msgspec.UNSET else value


Row = dict[str, Any] | TypedRow
# The rows of an answer's body, or whatever else it is. Raises json.JSONDecodeError.
Parse = Callable[[bytes], Any]
Params = Mapping[str, str | int]

updated_at = itemgetter("updated_at")

INCREMENTAL = "updated_at asc"
LATEST_FIRST = "updated_at desc"
BY_ID = "id asc"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """One list query of an account. `page_size` is 1 to 100 rows.

    `stamp` is the attribute that tells when a row came to be as it is, in UNIX seconds. A list may
    be one of children: then 404 means that it is empty, if the object at `parent_path` has gone, or
    has nothing in `parent_having`. `parse` makes rows of an answer's body.
    """

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    page_size: int
    stamp: str = "updated_at"
    parent_path: str = ""
    parent_having: str | None = None
    parse: Parse = orjson.loads


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One page of a list. `params` are those of the list and of the way it is read."""

    listing: ListQuery
    number: int = 1
    per_page: int
    params: Params = field(default_factory=dict)

    def call(self) -> Request:
        params = {**self.params, **self.listing.params}
        included = (self.params.get("include"), self.listing.params.get("include"))
        if all(included):
            params["include"] = ",".join(dict.fromkeys(map(str, included)))
        params |= {"per_page": self.per_page, "page": self.number}
        return Request(method="GET", path=self.listing.path, params=params)


def changed_since(second: int, sort: str) -> dict[str, str | int]:
    """Parameters that ask for the rows with `updated_at >= second` (UNIX seconds)."""
    # Invoiced compares strictly, hence the minus one. Some accounts send `updated_at` only when
    # asked for it.
    return {"sort": sort, "updated_after": max(second - 1, 0), "include": "updated_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one answer showed. `clock` is the server's, in UNIX seconds.

    `is_last` tells that nothing follows. A full page never is, whatever the server counts.
    """

    rows: list[Row]
    total: int | None
    clock: int
    is_last: bool

    @property
    def ascending(self) -> bool:
        moments = list(map(updated_at, self.rows))
        return moments == sorted(moments)


def listings(
    resource: Resource, page_size: int, parent: Any = None, parse: Parse = orjson.loads
) -> list[ListQuery]:
    """The lists that together hold every object of a resource (that stands below a parent's id)."""
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


def page_of(ask: PageRequest, answer: Response) -> Page:
    """Raises RetryableError if the answer is not JSON, UnexpectedResponseError if it is no list
    of objects.
    """
    try:
        body = ask.listing.parse(answer.body) if isinstance(answer.body, bytes) else answer.body
    except json.JSONDecodeError:
        raise RetryableError(f"GET {ask.listing.path}: the answer is not JSON") from None
    single = isinstance(body, dict)
    rows = [body] if single else body
    stamp = ask.listing.stamp
    dated = stamp if "updated_after" in ask.params or stamp != "updated_at" else None
    if not isinstance(rows, list) or not _all_fit(rows, dated):
        needed = f"`id` and `{dated}`" if dated else "`id`"
        raise UnexpectedResponseError(
            f"GET {ask.listing.path}: the answer is not a list of objects with {needed}. "
            "Check `base_url`."
        )
    shown, total = (ask.number - 1) * ask.per_page + len(rows), answer.total
    more_counted = total is not None and total > shown
    return Page(
        rows=rows,
        total=total,
        clock=answer.clock,
        is_last=single or not rows or (len(rows) < ask.per_page and not more_counted),
    )


def _all_fit(rows: list[Any], stamp: str | None) -> bool:
    """Whether all are objects with an `id` and, if named, their `stamp` in UNIX seconds."""
    if rows and isinstance(rows[0], TypedRow):  # all are, then
        return True
    return all(
        type(row) is dict and "id" in row and (stamp is None or type(row.get(stamp)) is int)
        for row in rows
    )
