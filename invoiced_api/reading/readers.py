"""Chooses the reader of each resource."""

from collections.abc import Callable, Mapping
from functools import partial

from invoiced_api.definitions import Parent, ReadStrategy, Resource
from invoiced_api.exact_json import parse as exact
from invoiced_api.reading.children import ChildReader, ParentList
from invoiced_api.reading.full_scan import FullScanReader
from invoiced_api.reading.incremental import IncrementalReader, RecountReader
from invoiced_api.reading.newest_first import NewestFirstReader
from invoiced_api.reading.pages import Parse, listings
from invoiced_api.reading.streams import StreamReader
from invoiced_api.reading.windows import Encode
from invoiced_api.resources import BY_NAME

__all__ = ["ParentLists", "RecountReader", "StreamReader", "reader_of"]

READERS: Mapping[ReadStrategy, type[IncrementalReader] | type[FullScanReader]] = {
    ReadStrategy.INCREMENTAL: IncrementalReader,
    ReadStrategy.FULL_SCAN: FullScanReader,
    ReadStrategy.NEWEST_FIRST: NewestFirstReader,
}


class ParentLists:
    """The lists of parents of one run, each read once for all streams below it.

    Args:
        page_size: rows per page, 1 to 100.
        parse: makes rows of a response's body, each with its own `id`.
    """

    def __init__(self, page_size: int, parse: Parse = exact) -> None:
        self._page_size = page_size
        self._parse = parse
        self._lists: dict[tuple[str, str | None], ParentList] = {}

    def of(self, parent: Parent) -> ParentList:
        """The list of a parent resource; the same one for each call."""
        key = (parent.resource, parent.having)
        if key not in self._lists:
            reader: Callable[[Encode], StreamReader] = partial(
                reader_of, BY_NAME[parent.resource], self._page_size, 0, parse=self._parse
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
        return ChildReader(
            (parents or ParentLists(page_size)).of(resource.parent),
            resource.parent,
            partial(listings, resource, page_size, parse=parse),
            since,
            encode,
        )
    lists = listings(resource, page_size, parse=parse)
    return READERS[resource.strategy](lists, since, encode)
