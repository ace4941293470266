"""Streams whose lists are below each object of another resource."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from invoiced_api.definitions import Parent
from invoiced_api.exceptions import NotFoundError
from invoiced_api.reading.pages import ListQuery, Page, Row, StandInId
from invoiced_api.reading.scans import by_id
from invoiced_api.reading.steps import OnRows, PageSteps, Window
from invoiced_api.reading.streams import StreamReader
from invoiced_api.reading.windows import Encode, WindowReader

LOGGER = logging.getLogger(__name__)

# How many lists of children are in flight at once.
MAX_CHILD_LISTS = 64


class ParentList:
    """The ids of all objects of a resource, read once for all streams below it.

    Attributes:
        ids: those read so far; it only grows.
        without_id: how many parents have no usable id, so that nothing below them can be read.
        reader: reads the parents. Whichever child needs a page of it requests that page.
    """

    def __init__(self, reader_of: Callable[[Encode], StreamReader], parent: Parent) -> None:
        """Prepare the list.

        Args:
            reader_of: makes the reader of the parents, with what takes their rows.
            parent: which resource, and which of its objects have children.
        """
        self.ids: list[Any] = []
        self.without_id = 0
        self._parent = parent
        self._seen: set[Any] = set()
        self.reader = reader_of(self._collect)

    def advance(self) -> None:
        """Take in the parents that have arrived."""
        self.reader.advance()
        while self.reader.encode_one() or self.reader.next_chunk():
            self.reader.advance()

    def _collect(self, rows: list[Row]) -> bytes:
        having = self._parent.having
        for row in rows:
            wanted = having is None or row.get(having) is not None
            if wanted and row["id"] not in self._seen:
                self._seen.add(row["id"])
                self._open(row["id"])
        return b""

    def _open(self, key: Any) -> None:
        if not isinstance(key, StandInId):
            self.ids.append(key)
        elif not key.shared:
            self.without_id += 1
            LOGGER.warning(
                "%s: one has no usable `id`, so what is below it is not read. The streams below "
                "keep their bookmarks",
                self._parent.resource,
            )


class ChildReader(StreamReader):
    """Reads the lists below each parent, several at once.

    Rows come parent by parent, so no chunk moves a bookmark.
    """

    def __init__(
        self,
        parents: ParentList,
        parent: Parent,
        below: Callable[[Any], Sequence[ListQuery]],
        since: int,
        encode: Encode,
    ) -> None:
        """Prepare the reader.

        Args:
            parents: the ids of the parents, shared by all streams below them.
            parent: the relation; its `attribute` of each row is set to the parent's id.
            below: gives the lists below a parent, by its id.
            since: UNIX second of the bookmark.
            encode: makes a chunk's content of rows.
        """
        super().__init__((), since, encode)
        self._absent: list[NotFoundError] = []
        self._found = False
        self._parents = parents
        self._parent = parent
        self._below = below
        self._opened = 0  # of the parents' ids

    @property
    def total(self) -> int:
        """How many parents the server counted."""
        return self._parents.reader.total

    @property
    def clock(self) -> int:
        """The server's clock when the parents began to be read, in UNIX seconds."""
        return self._parents.reader.clock

    @property
    def finished(self) -> bool:
        """Whether the lists of all parents are out."""
        return self._parents.reader.finished and not self._pending_parents and not self._windows

    @property
    def complete(self) -> bool:
        """Whether the lists of all parents can be read."""
        return not self._parents.without_id and not self._absent

    @property
    def _pending_parents(self) -> int:
        return len(self._parents.ids) - self._opened

    def advance(self) -> None:
        """Take in parents, and open lists below them, until one of the lists fails."""
        self._parents.advance()
        self._cut_short = self._cut_short or self._parents.reader.failure
        super().advance()
        if self._cut_short:
            return
        if self.finished and self._absent and not self._found:
            self.failure = self._absent[0]
        while self._pending_parents and len(self._windows) < MAX_CHILD_LISTS:
            read = partial(self._children, self._parents.ids[self._opened])
            self._opened += 1
            self._windows.append(WindowReader(read, Window(self._since)))

    def wanted(self) -> Iterator[WindowReader]:
        """Windows of the lists of children, then those of the parents while few ids are left."""
        yield from super().wanted()
        if self._pending_parents < MAX_CHILD_LISTS:
            yield from self._parents.reader.wanted()

    def holds_up_output(self, window: WindowReader) -> bool:
        """Whether nothing can come out before this window continues."""
        return not self._windows or super().holds_up_output(window)

    def receive(self, window: WindowReader, page: Page) -> None:
        """Take in a page, of a list of children or of the parents."""
        if not self.shares(window):
            self._found = True
            super().receive(window, page)
            return
        try:
            self._parents.reader.receive(window, page)
        except Exception as failure:  # noqa: BLE001  # raised where the chunks are read
            self.fail(window, failure)

    def fail(self, window: WindowReader, failure: Exception) -> None:
        """Note a failure; without the list of parents, every stream below it fails.

        A parent may claim children that Invoiced does not have. If no parent has any, it is the
        list that is missing.
        """
        if self.shares(window):
            self._parents.reader.fail(window, failure)
        elif isinstance(failure, NotFoundError) and self._parent.having:
            self._absent.append(failure)
            window.request, window.in_flight = None, False
            LOGGER.warning("%s. The stream keeps its bookmark", failure)
        else:
            super().fail(window, failure)

    def shares(self, window: WindowReader) -> bool:
        """Whether the window is of the parents' list."""
        return window not in self._windows

    def _newest(self, rows: list[Row]) -> int:
        return self._since

    def _children(self, parent: Any, window: Window, on_rows: OnRows) -> PageSteps:
        def with_parent(rows: list[Row]) -> None:
            for row in rows:
                row[self._parent.attribute] = parent
            on_rows(rows)

        return by_id(self._below(parent), window, with_parent)
