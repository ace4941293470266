"""The streams of children in one run: each is read below all parents, or below changed ones."""

from dataclasses import dataclass, field

from invoiced_api.reading.pages import Parse
from invoiced_api.reading.readers import ChildReader, ParentLists, child_reader_of
from invoiced_api.reading.windows import Encode
from tap_invoiced.bookmarks import State, bookmark, with_bookmark
from tap_invoiced.changed_parents import ChangedParents, is_sweep_due
from tap_invoiced.row_identity import parse_with_ids
from tap_invoiced.selection import SelectedStream
from tap_invoiced.state_file import SWEPT_AT


@dataclass(slots=True)
class ChildStreams:
    """Makes the readers of children, and chooses the parents of each.

    A sweep that is known to be due begins at once. The other readers wait for the events, which
    `changed_parents` collects, and for `start`.

    Attributes:
        state: of the earlier run.
        page_size: rows per page.
        sweep_days: how many days pass between sweeps; 0 if each run is to be one.
    """

    state: State
    page_size: int
    sweep_days: int
    _lists: ParentLists = field(init=False)
    _waiting: list[tuple[SelectedStream, ChildReader, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare the lists of parents."""
        self._lists = ParentLists(self.page_size, parse_with_ids)

    def reader_of(
        self, stream: SelectedStream, since: int, encode: Encode, parse: Parse
    ) -> ChildReader:
        """The reader of a stream of children; `since` is the UNIX second of its bookmark."""
        reading = child_reader_of(stream.resource, self.page_size, since, encode, parse)
        if is_sweep_due(stream, self.state, self.sweep_days):
            self._sweep(stream, reading, since)
        else:
            self._waiting.append((stream, reading, since))
        return reading

    @property
    def since(self) -> int | None:
        """The UNIX second from which events are needed; None if no reader waits for them."""
        return min((since for _, _, since in self._waiting), default=None)

    def changed_parents(self) -> ChangedParents:
        """What collects the events that the waiting readers need."""
        return ChangedParents(stream.resource for stream, _, _ in self._waiting)

    def start(self, changed: ChangedParents) -> None:
        """Let the waiting readers begin, below changed parents or, if in doubt, below all."""
        earliest = self.since or 0
        for stream, reading, since in self._waiting:
            named = changed.of(stream.resource)
            due = is_sweep_due(stream, self.state, self.sweep_days, changed.until or 0)
            if due or named is None or stream.resource.parent is None:
                self._sweep(stream, reading, since)
            else:
                # Their own stamps say nothing: children keep them when customers are merged.
                parents = self._lists.of(stream.resource.parent, earliest)
                reading.read_below(parents, rows_since=0, named=named)
        self._waiting.clear()

    def _sweep(self, stream: SelectedStream, reading: ChildReader, since: int) -> None:
        """Read the children of all parents: those that changed since the last sweep."""
        if stream.resource.parent is None:
            return
        swept_at = bookmark(self.state, stream.name, SWEPT_AT)
        rows_since = since if swept_at is None else min(since, swept_at)
        reading.read_below(self._lists.of(stream.resource.parent), rows_since)


def with_sweep(state: State, stream: SelectedStream, second: int) -> State:
    """The state after the children of all parents were read, up to a UNIX second."""
    parent = stream.resource.parent
    if parent is None or not parent.reported_by:
        return state
    return with_bookmark(state, stream.name, SWEPT_AT, second)
