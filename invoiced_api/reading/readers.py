"""How each resource is read."""

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
    """The lists of parents of one run, each read once for all the streams below it."""

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._lists: dict[tuple[str, str | None], ParentList] = {}

    def of(self, parent: Parent) -> ParentList:
        key = (parent.resource, parent.having)
        if key not in self._lists:
            reader: Callable[[Encode], StreamReader] = partial(
                reader_of, BY_NAME[parent.resource], self._page_size, 0
            )
            self._lists[key] = ParentList(reader, parent.having)
        return self._lists[key]


def reader_of(
    resource: Resource,
    page_size: int,
    since: int,
    encode: Encode,
    parse: Parse = exact,
    parents: ParentLists | None = None,
) -> StreamReader:
    """Reads everything of a resource that was updated since a second (UNIX).

    `parents` are shared by the readers of one run.
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
