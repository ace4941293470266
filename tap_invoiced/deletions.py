"""What left the account: read from its events, emitted as the object was.

The bookmark of a stream gets two more entries: `deleted_at`, before which every deletion has been
emitted, and `deleted_events`, the ids of the events from then on that have been emitted as well.
An event never changes, so with both a deletion comes once, however late it was committed.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from invoiced_api.reading.pages import Row
from invoiced_api.resources import BY_NAME, Resource
from invoiced_api.timestamps import to_rfc_3339
from tap_invoiced.bookmarks import State, bookmark, with_bookmark
from tap_invoiced.selection import Stream

LOGGER = logging.getLogger(__name__)

EVENTS = BY_NAME["events"]
COLUMN = "_sdc_deleted_at"
COLUMN_SCHEMA = {"type": ["null", "string"], "format": "date-time"}


@dataclass(slots=True)
class Deletions:
    """The deletions of some streams. `collect` is given events, `of` gives a stream's objects.

    `until` is the second before which no deletion is to come any more.
    """

    streams: Iterable[Stream]
    state: State
    start_date: int
    until: int = 0
    _events: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def since(self) -> int:
        """The earliest second from which a stream still needs its deletions."""
        return min((self._since(stream.resource) for stream in self.streams), default=0)

    def collect(self, events: list[Row]) -> bytes:
        """Keeps the events that tell of a deletion, which are few among all. Makes no block."""
        for event in events:
            self._events.setdefault(event["type"], []).append(event)
        wanted = {kind for stream in self.streams for kind in stream.resource.deleted_by}
        for kind in self._events.keys() - wanted:
            del self._events[kind]
        return b""

    def hold(self, state: State) -> State:
        """The state in which each stream's deletions continue where they were left.

        Without it, a stream whose records move its bookmark before its deletions are emitted
        would lose the deletions in between.
        """
        for stream in self.streams:
            if bookmark(state, stream.name, "deleted_at") is None:
                second = self._since(stream.resource)
                state = with_bookmark(state, stream.name, "deleted_at", second)
        return state

    def of(self, stream: Stream) -> list[Row]:
        """The deleted objects of a stream that have not been emitted, in order of deletion."""
        since, emitted = self._since(stream.resource), self._emitted(stream.name)
        fresh = [
            event
            for event in self._of(stream.resource)
            if event["timestamp"] >= since and str(event["id"]) not in emitted
        ]
        rows = [deleted_record(event) for event in fresh]
        whole = [row for row in rows if all(row.get(key) for key in stream.resource.key)]
        if len(whole) < len(rows):
            LOGGER.warning(
                "%s: %d deletions are not told, since their events do not name the %s",
                stream.name,
                len(rows) - len(whole),
                " or ".join(stream.resource.key),
            )
        return whole

    def with_bookmark(self, state: State, stream: Stream) -> State:
        """The state in which every deletion before `until`, and all that came later, is out."""
        second = self.until
        later = [e["id"] for e in self._of(stream.resource) if e["timestamp"] >= second]
        state = with_bookmark(state, stream.name, "deleted_at", second)
        mark = state["bookmarks"][stream.name]
        mark = {**mark, "deleted_events": ",".join(map(str, later))}
        return {**state, "bookmarks": {**state["bookmarks"], stream.name: mark}}

    def _of(self, resource: Resource) -> list[Row]:
        events = [event for kind in resource.deleted_by for event in self._events.get(kind, [])]
        return sorted(events, key=lambda event: (event["timestamp"], event["id"]))

    def _since(self, resource: Resource) -> int:
        """Where a stream's deletions were left, else where its records were."""
        for key in ("deleted_at", resource.replication_key):
            second = bookmark(self.state, resource.name, key)
            if second is not None:
                return second
        return self.start_date

    def _emitted(self, name: str) -> set[str]:
        mark: Mapping[str, Any] = self.state.get("bookmarks", {}).get(name, {})
        return set(str(mark.get("deleted_events", "")).split(","))


def deleted_record(event: Row) -> Row:
    """The object of an event, with the moment of its deletion."""
    return {**event["data"]["object"], COLUMN: to_rfc_3339(event["timestamp"])}
