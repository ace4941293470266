"""Streams whose lists are below each object of another resource.

The list of parents is read like any other list, and each parent that comes out of it opens a list
of children:

    events ──parents that they name──┐
                                     v
    list of parents ──ids──> lists of children, many at once ──> rows, parent by parent

A sweep reads the children of all parents. Otherwise the list of parents holds those that changed
since the bookmark, and events name others.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from invoiced_api.definitions import Parent
from invoiced_api.exceptions import NotFoundError
from invoiced_api.reading.pages import ListQuery, PageRequest, Row, StandInId
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
                "%s: one has no usable `id`, so its children are not read. Their streams keep "
                "their bookmarks",
                self._parent.resource,
            )


@dataclass(frozen=True, slots=True)
class NamedParents:
    """The parents that events name.

    Attributes:
        ids: of the parents.
        until: UNIX second before which no further event will come.
    """

    ids: Collection[Any]
    until: int


class ChildReader(StreamReader):
    """Reads the lists below some parents, or all of them, several at once.

    It requests nothing before `read_below`, so its chunks must not be awaited before. Rows come
    parent by parent, so no chunk moves a bookmark.
    """

    _encodes_in_order = False

    def __init__(
        self,
        parent: Parent,
        below: Callable[[Any], Sequence[ListQuery]],
        since: int,
        encode: Encode,
    ) -> None:
        """Prepare the reader.

        Args:
            parent: the relation; its `attribute` of each row is set to the parent's id.
            below: gives the lists below a parent, by its id.
            since: UNIX second of the bookmark.
            encode: makes a chunk's content of rows.
        """
        super().__init__((), since, encode)
        self._absent: list[NotFoundError] = []
        self._found = False
        self._parent = parent
        self._below = below
        self._parents: ParentList | None = None
        self._rows_since = since
        self._named: NamedParents | None = None
        self._known: set[Any] = set()  # ids that events name
        self._pending: deque[Any] = deque()
        self._taken = 0  # of the list's ids

    def read_below(
        self, parents: ParentList, rows_since: int, named: NamedParents | None = None
    ) -> None:
        """Choose the parents. The lists below them are read from now on.

        Args:
            parents: the list of parents, shared by all streams below them.
            rows_since: UNIX second; children that were updated earlier are left out.
            named: further parents; None if the list holds all parents.
        """
        self._parents, self._rows_since, self._named = parents, rows_since, named
        if named:
            self._pending.extend(named.ids)
            self._known.update(named.ids)

    @property
    def is_sweep(self) -> bool:
        """Whether the children of all parents are read."""
        return self._named is None

    @property
    def total(self) -> int:
        """How many parents there are to read, as far as the server counted them."""
        return (self._parents.reader.total if self._parents else 0) + len(self._known)

    @property
    def clock(self) -> int:
        """The server's clock before the first parent became known, in UNIX seconds."""
        clocks = [self._named.until] if self._named else []
        if self._parents and self._parents.reader.knows_clock:
            clocks.append(self._parents.reader.clock)
        return min(clocks)

    @property
    def finished(self) -> bool:
        """Whether the lists of all chosen parents are out."""
        if not self._parents or not self._parents.reader.finished:
            return False
        return not self._pending_parents and not self._windows

    @property
    def complete(self) -> bool:
        """Whether the lists of all parents can be read."""
        return not self._absent and not (self._parents and self._parents.without_id)

    @property
    def _pending_parents(self) -> int:
        listed = len(self._parents.ids) if self._parents else 0
        return len(self._pending) + listed - self._taken

    def _move_on(self) -> None:
        """Take in parents, and open lists below them, until one of the lists fails."""
        if not self._parents:
            return
        self._parents.advance()
        self._cut_short = self._cut_short or self._parents.reader.failure
        super()._move_on()
        if self._cut_short:
            return
        if self.is_sweep and self.finished and self._absent and not self._found:
            self.failure = self._absent[0]
        while len(self._windows) < MAX_CHILD_LISTS and self._take_parents(self._parents):
            read = partial(self._children, self._pending.popleft())
            self._windows.append(self._open_window(read, self._rows_since))

    def _take_parents(self, parents: ParentList) -> bool:
        """Whether a parent is left, whose children were not requested."""
        while not self._pending and self._taken < len(parents.ids):
            listed = parents.ids[self._taken]
            self._taken += 1
            if listed not in self._known:
                self._pending.append(listed)
        return bool(self._pending)

    def wanted(self) -> Iterator[WindowReader]:
        """Windows of the lists of children, then those of the parents while few ids are left."""
        yield from super().wanted()
        if self._parents and self._pending_parents < MAX_CHILD_LISTS:
            yield from self._parents.reader.wanted()

    def holds_up_output(self, window: WindowReader) -> bool:
        """Whether nothing can come out before this window continues."""
        return not self._windows or super().holds_up_output(window)

    def _note_count(
        self, request: PageRequest, window: WindowReader, total: int | None, shown: int
    ) -> None:
        """The list exists."""
        self._found = True

    def _note_failure(self, window: WindowReader, failure: Exception) -> None:
        """A parent may claim children that Invoiced does not have.

        If no parent has any, it is the list that is missing.
        """
        if isinstance(failure, NotFoundError) and self._parent.having:
            self._absent.append(failure)
            window.request = None
            LOGGER.warning("%s. The stream keeps its bookmark", failure)
        else:
            super()._note_failure(window, failure)

    def _children(self, parent: Any, window: Window, on_rows: OnRows) -> PageSteps:
        def with_parent(rows: list[Row]) -> None:
            for row in rows:
                row[self._parent.attribute] = parent
            on_rows(rows)

        return by_id(self._below(parent), window, with_parent)
