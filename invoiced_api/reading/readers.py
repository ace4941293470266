"""Chooses the reader of each resource."""

from collections.abc import Callable, Mapping
from functools import partial

from invoiced_api.definitions import Parent, ReadStrategy, Resource
from invoiced_api.exact_json import parse as exact
from invoiced_api.reading.children import ChildReader, NamedParents, ParentList
from invoiced_api.reading.full_scan import FullScanReader
from invoiced_api.reading.incremental import IncrementalReader, RecountReader
from invoiced_api.reading.newest_first import NewestFirstReader
from invoiced_api.reading.pages import Parse, listings
from invoiced_api.reading.streams import StreamReader
from invoiced_api.reading.windows import Encode
from invoiced_api.resources import BY_NAME

__all__ = [
    "ChildReader",
    "NamedParents",
    "ParentLists",
    "RecountReader",
    "StreamReader",
    "child_reader_of",
    "reader_of",
]

READERS: Mapping[ReadStrategy, type[IncrementalReader] | type[FullScanReader]] = {
    ReadStrategy.INCREMENTAL: IncrementalReader,
    ReadStrategy.FULL_SCAN: FullScanReader,
    ReadStrategy.NEWEST_FIRST: NewestFirstReader,
}


class ParentLists:
    """The lists of parents of one run, each read once for the streams below it.

    Args:
        page_size: rows per page, 1 to 100.
        parse: makes rows of a response's body, each with its own `id`.
    """

    def __init__(self, page_size: int, parse: Parse = exact) -> None:
        self._page_size = page_size
        self._parse = parse
        self._lists: dict[tuple[str, str | None, int], ParentList] = {}

    def of(self, parent: Parent, since: int = 0) -> ParentList:
        """The list of the parents that changed since a UNIX second; the same one for each call."""
        key = (parent.resource, parent.having, since)
        if key not in self._lists:
            reader: Callable[[Encode], StreamReader] = partial(
                reader_of, BY_NAME[parent.resource], self._page_size, since, parse=self._parse
            )
            self._lists[key] = ParentList(reader, parent)
        return self._lists[key]


def reader_of(
    resource: Resource,
    page_size: int,
    since: int,
    encode: Encode,
    parse: Parse = exact,
    parents: ParentLists | None = None,
) -> StreamReader:
    """The reader of everything of a resource that was updated since a second.

    Args:
        resource: to be read.
        page_size: rows per page, 1 to 100.
        since: UNIX second of the bookmark.
        encode: makes a chunk's content of rows.
        parse: makes rows of a response's body.
        parents: the lists of parents, shared by the readers of one run.
    """
    if resource.parent:
        children = child_reader_of(resource, page_size, since, encode, parse)
        children.read_below((parents or ParentLists(page_size)).of(resource.parent), since)
        return children
    lists = listings(resource, page_size, parse=parse)
    return READERS[resource.strategy](lists, since, encode)


def child_reader_of(
    resource: Resource, page_size: int, since: int, encode: Encode, parse: Parse = exact
) -> ChildReader:
    """The reader of a resource below parents that are not chosen yet.

    The arguments are those of `reader_of`.
    """
    if resource.parent is None:
        raise ValueError(f"{resource.name} has no parent")
    below = partial(listings, resource, page_size, parse=parse)
    return ChildReader(resource.parent, below, since, encode)
