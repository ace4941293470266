"""From the query of a list to its page.

A page of `updated_after`, `updated_before` and `sort=updated_at` costs O(log n + page), total
included; other filters and sorts look at every object.
"""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.resources.definition import Key, ResourceDefinition, Row
from invoiced_emulator.store.account import Account, Event
from invoiced_emulator.store.computed import MergedSequence
from invoiced_emulator.store.tables import ListIndex, Table

MAX_PER_PAGE = 100
# The size of the only page of a list that ignores paging.
_EVERYTHING = 1_000_000
# How long a page that was read helps its successor, and a total is not counted again.
MEMORY_S = 300
# From here on, pages in natural order are only served right after their predecessor.
FAR_OFFSET = 10_000
_REMEMBERED_QUERIES = 20_000

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The parameters of a list that the emulator knows; it ignores unknown ones.

    Attributes:
        page: number of the page, from 1.
        per_page: rows per page.
        counted: whether the total is asked for.
        sort: the column to sort by; None for the order of ids.
        descending: whether the order is reversed.
        list_name: which list of the resource: its plain one, or the one that a flag shows.
        updated_after: UNIX seconds, exclusive; None for no bound.
        updated_before: UNIX seconds, exclusive; None for no bound.
        start_date: UNIX seconds of the first `date`, inclusive; None for no bound.
        end_date: UNIX seconds of the last `date`, inclusive; None for no bound.
        filters: pairs of attribute and value, of which all must match.
        metadata: pairs of metadata key and value, of which all must match.
        hidden: attributes that are not shown.
        expands_customer: whether the customer is shown in place of its id.
        within: attribute that names the parent, and the parent's id; None at the top.
    """

    page: int = 1
    per_page: int = MAX_PER_PAGE
    counted: bool = True
    sort: str | None = None
    descending: bool = False
    list_name: str = "all"
    updated_after: int | None = None
    updated_before: int | None = None
    start_date: int | None = None
    end_date: int | None = None
    filters: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    hidden: frozenset[str] = frozenset()
    expands_customer: bool = False
    # The attribute that names the parent of a child, and the id it has on this list.
    within: tuple[str, Key] | None = None

    @property
    def offset(self) -> int:
        """How many rows precede the page."""
        return (self.page - 1) * self.per_page

    @property
    def scans(self) -> bool:
        """Whether single objects have to be looked at, since no index answers the query."""
        dated = self.start_date is not None or self.end_date is not None
        return dated or bool(self.filters or self.metadata) or self.within is not None


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list.

    Attributes:
        rows: the objects as JSON.
        number: number of the page, from 1.
        per_page: rows per page.
        total: how many objects the whole list has; None if they were not counted.
    """

    rows: list[bytes]
    number: int
    per_page: int
    total: int | None

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-(self.total or 0) // self.per_page))

    def body(self) -> bytes:
        """The page as a JSON list."""
        return b"[" + b",".join(self.rows) + b"]"


def parsed(
    resource: ResourceDefinition, params: Params, hidden: frozenset[str], parent: Key | None = None
) -> Query:
    """The query that the parameters of a list ask for.

    Raises:
        ApiError: if a number is none.
    """
    known = dict(params)
    column, _, direction = known.get("sort", "").partition(" ")
    sortable = not isinstance(resource.template.get(column, ()), list | dict | tuple)
    flags = (
        list_name
        for names, list_name in resource.flags.items()
        if all(_true(known.get(name)) for name in names.split("&"))
    )
    return Query(
        **_paging(known),
        sort=column if sortable else None,
        descending=direction.strip().lower() == "desc",
        list_name=next(flags, resource.default_list),
        updated_after=_integer(known, "updated_after") if resource.incremental else None,
        updated_before=_integer(known, "updated_before") if resource.incremental else None,
        start_date=_integer(known, "start_date") if resource.dated else None,
        end_date=_integer(known, "end_date") if resource.dated else None,
        filters=_bracketed(params, "filter"),
        metadata=_bracketed(params, "metadata"),
        hidden=hidden,
        expands_customer="customer" in known.get("expand", "").split(","),
        within=None if parent is None else (resource.owner, parent),
    )


def _paging(known: Mapping[str, str]) -> dict[str, Any]:
    per_page = _integer(known, "per_page")
    return {
        "page": max(1, _integer(known, "page") or 1),
        "per_page": max(1, min(MAX_PER_PAGE, MAX_PER_PAGE if per_page is None else per_page)),
        "counted": known.get("paginate") != "none",
    }


_KNOWN = frozenset(("page", "per_page", "paginate", "sort", "include", "expand"))


def _refuse_unknown(resource: ResourceDefinition, params: Params) -> None:
    known = {*_KNOWN, *(name for names in resource.flags for name in names.split("&"))}
    known |= {"updated_after", "updated_before"} if resource.incremental else set()
    known |= {"start_date", "end_date"} if resource.dated else set()
    for name, _ in params:
        if name not in known and name.partition("[")[0] not in ("filter", "metadata"):
            raise ApiError(f"The parameter {name} is not known here", name)


def _true(value: str | None) -> bool:
    return value is not None and value.lower() in ("1", "true")


def _integer(known: Mapping[str, str], name: str) -> int | None:
    value = known.get(name, "")
    if value == "":
        return None
    try:
        return int(value)
    except ValueError:
        raise ApiError(f"{name} must be an integer", name) from None


def _bracketed(params: Params, word: str) -> tuple[tuple[str, str], ...]:
    start = len(word) + 1
    return tuple(
        (name[start:-1], value)
        for name, value in params
        if name.startswith(f"{word}[") and name.endswith("]")
    )


def scalar(value: object) -> str | None:
    """A JSON scalar as a filter would write it; None for null, lists and objects."""
    if value is None or isinstance(value, list | dict):
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@dataclass(slots=True)
class Lists:
    """The lists of one account.

    It keeps the end of each page and each total for a while: Invoiced pages on from the last row of
    the page before, and counts a list only now and then.

    Attributes:
        account: whose lists they are.
    """

    account: Account
    _ends: dict[tuple[object, ...], tuple[Key | None, float]] = field(default_factory=dict)
    _totals: dict[tuple[object, ...], tuple[int, float]] = field(default_factory=dict)

    def page(
        self, resource: ResourceDefinition, params: Params, parent: Key | None = None
    ) -> ListPage:
        """One page of a resource, or of the children of one `parent`.

        Raises:
            ApiError: if a parameter makes no sense, or if the page is far into the list and was not
                reached page by page.
        """
        if resource.name in self.account.strict_lists:
            _refuse_unknown(resource, params)
        query = parsed(resource, params, self.hidden(resource, params), parent)
        if resource.name in self.account.ignores_paging:
            query = replace(query, page=1, per_page=_EVERYTHING)
        table = self.account.tables[resource.name]
        identity = (resource.name, parent, *(pair for pair in params if pair[0] != "page"))
        if self.account.ignores_sort or not query.sort:
            keys, total = self._natural(table, query, identity)
        else:
            keys, total = self._sorted(table, query)
        if query.expands_customer:
            rows = [self.expanded(table.rows[key], query.hidden) for key in keys]
        else:
            rows = table.raws(keys, query.hidden)
        counted = self._total(identity, query.page, total) if query.counted else None
        return ListPage(rows, query.page, query.per_page, counted)

    def hidden(self, resource: ResourceDefinition, params: Params) -> frozenset[str]:
        """The attributes that are only shown if the query has them in `include`."""
        names = {*resource.on_request}
        if resource.name in self.account.hides_updated_at:
            names.add("updated_at")
        if names:
            names -= {word for k, v in params if k == "include" for word in v.split(",")}
        return frozenset(names)

    def events(self, params: Params) -> ListPage:
        """A page of events, newest first; parameters narrow it to an object, a type or a time."""
        known = dict(params)
        found = list(filter(_wanted(known), reversed(self.account.event_log)))
        query = Query(**_paging(known))
        rows = [
            self.account.event_raw(event)
            for event in found[query.offset : query.offset + query.per_page]
        ]
        return ListPage(rows, query.page, query.per_page, len(found) if query.counted else None)

    def _natural(
        self, table: Table, query: Query, identity: tuple[object, ...]
    ) -> tuple[Sequence[Key], int]:
        """A page in the order of ids. It continues after the page before, if that was just read."""
        keys = self._matching_ids(table, query)
        now = self.account.now()
        ended = self._ends.get((identity, query.page - 1))
        recent = ended is not None and now - ended[1] <= MEMORY_S
        start = query.offset
        if query.page > 1 and recent and ended is not None:
            start = len(keys) if ended[0] is None else _after(keys, ended[0])
        elif start >= FAR_OFFSET:
            raise ApiError("Pages must be read in order, each after the one before it", "page")
        page = keys[start : start + query.per_page]
        _remember(self._ends, (identity, query.page), (page[-1] if page else None, now))
        return page, len(keys)

    def _matching_ids(self, table: Table, query: Query) -> Sequence[Key]:
        index = table.list_index(query.list_name)
        before = self._updated_before(query)
        if query.updated_after is None and before is None:
            ids: Sequence[Key] = index.ids
        else:
            first, last = _bounds(index, query.updated_after, before)
            ids = sorted(key for _, key in index.oldest[first:last])
        return self._scanned(table, query, ids) if query.scans else ids

    def _sorted(self, table: Table, query: Query) -> tuple[Sequence[Key], int]:
        """A page by offset: rows that move in the meantime shift their neighbours."""
        start, end = query.offset, query.offset + query.per_page
        if query.sort == "updated_at" and not query.scans:
            index = table.list_index(query.list_name)
            first, last = _bounds(index, query.updated_after, self._updated_before(query))
            total = max(0, last - first)
            if query.descending:
                # `newest` is `oldest` backwards, but for the ids within one second.
                size = len(index.newest)
                first, last = size - last, size - first
            window = index.newest if query.descending else index.oldest
            stop = max(first, min(first + end, last))
            return [key for _, key in window[min(first + start, stop) : stop]], total
        column = str(query.sort)
        ids = list(self._matching_ids(table, query))
        ids.sort(key=lambda key: _order(table.rows[key].get(column)), reverse=query.descending)
        return ids[start:end], len(ids)

    def _updated_before(self, query: Query) -> int | None:
        return None if self.account.ignores_updated_before else query.updated_before

    def _scanned(self, table: Table, query: Query, ids: Sequence[Key]) -> Sequence[Key]:
        """The ids of objects that match, in the order of `ids`."""
        if query.within is not None:
            ids = [key for key in sorted(table.where(*query.within)) if _holds(ids, key)]
        for name, value in query.filters:
            # What a bulk holds is in no index.
            if name in table.resource.indexed and table.bulk is None:
                exact = {v for v in (value, _maybe_integer(value)) if v is not None}
                among = set[Key]().union(*(table.where(name, v) for v in exact))
                ids = [key for key in sorted(among) if _holds(ids, key)]
                break
        return [key for key in ids if _matches(table.rows[key], query)]

    def _total(self, identity: tuple[object, ...], number: int, total: int) -> int:
        """The exact total on page 1; on later pages, what it was up to five minutes ago."""
        now = self.account.now()
        known = self._totals.get(identity)
        if number > 1 and known is not None and now - known[1] <= MEMORY_S:
            return known[0]
        _remember(self._totals, identity, (total, now))
        return total

    def expanded(self, row: Row, hidden: frozenset[str]) -> bytes:
        """The object as JSON with its customer in place of the customer's id."""
        customer = self.account.row("customers", row["customer"]) if "customer" in row else None
        shown = {k: v for k, v in row.items() if k not in hidden}
        return orjson.dumps({**shown, "customer": customer} if customer else shown)


def _bounds(index: ListIndex, after: int | None, before: int | None) -> tuple[int, int]:
    """Positions in `oldest` of what was updated strictly between two UNIX seconds."""
    first = 0 if after is None else index.oldest.bisect_left((after + 1,))
    last = len(index.oldest) if before is None else index.oldest.bisect_left((before,))
    return first, max(first, last)


def _matches(row: Row, query: Query) -> bool:
    date = row.get("date")
    return (
        (query.start_date is None or (date is not None and date >= query.start_date))
        and (query.end_date is None or (date is not None and date <= query.end_date))
        and all(scalar(row.get(name)) == value for name, value in query.filters)
        and all(
            scalar(row.get("metadata", {}).get(name)) == value for name, value in query.metadata
        )
    )


def _wanted(known: Mapping[str, str]) -> Callable[[Event], bool]:
    first, last = _integer(known, "start_date"), _integer(known, "end_date")
    kind, related = known.get("type"), known.get("related_to")
    about = None
    if related:
        noun, _, key = related.partition(",")
        about = (noun.strip(), key.strip())

    def wanted(event: Event) -> bool:
        return (
            (first is None or event.timestamp >= first)
            and (last is None or event.timestamp <= last)
            and (not kind or event.type.rpartition(".")[0] == kind)
            and (about is None or event.is_about(*about))
        )

    return wanted


def _after(ids: Sequence[Any], key: Key) -> int:
    """The position behind `key`."""
    return (
        ids.bisect_right(key) if isinstance(ids, MergedSequence) else bisect.bisect_right(ids, key)
    )


def _holds(ids: Sequence[Any], key: Key) -> bool:
    position = bisect.bisect_left(ids, key)
    return position < len(ids) and ids[position] == key


def _maybe_integer(value: str) -> int | None:
    return int(value) if value.isdecimal() and value.isascii() else None


def _order(value: Any) -> tuple[int, Any]:
    """Sorts nulls first, then whatever the column holds."""
    return (0, 0) if value is None else (1, value)


def _remember(memory: dict[Any, Any], key: object, value: object) -> None:
    """Keep `value`, and forget the oldest entry when there are too many. Changes `memory`."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > _REMEMBERED_QUERIES:
        del memory[next(iter(memory))]
