"""Deletions and merges: the events that report them, and each stream's bookmark of them."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from invoiced_api.definitions import Resource
from invoiced_api.reading.pages import Row
from invoiced_api.resources import BY_NAME
from invoiced_api.timestamps import to_rfc_3339
from tap_invoiced.bookmarks import State, bookmark, with_bookmark
from tap_invoiced.conversion import free_form
from tap_invoiced.event_store import EventStore, Object
from tap_invoiced.row_identity import number_of
from tap_invoiced.selection import SelectedStream

LOGGER = logging.getLogger(__name__)

EVENTS = BY_NAME["events"]
COLUMN = "_sdc_deleted_at"
COLUMN_SCHEMA = {"type": ["null", "string"], "format": "date-time"}
MERGED = "customer.merged"
# How long the bookmark waits for an event to show its object.
HOLD_S = 86_400
# So many deleted objects are emitted at a time.
OBJECTS_PER_BATCH = 100

# The object at a path, None if there is none.
Fetch = Callable[[str], Object | None]


@dataclass(slots=True)
class Deletions:
    """The deletions and merges that some streams need.

    Call `collect` with events, then `complete`, which requests what they do not show. After that
    `deleted` and `merged_into` give what a stream has to emit.

    Attributes:
        streams: those that need deletions or merges.
        state: of the earlier run.
        start_date: UNIX second from which a stream without a bookmark needs them.
        until: UNIX second before which no further deletion will come.
    """

    streams: Iterable[SelectedStream]
    state: State
    start_date: int
    until: int = 0
    _events: EventStore = field(default_factory=EventStore)
    _incomplete: EventStore = field(default_factory=EventStore)
    _undated: list[tuple[str, Object]] = field(default_factory=list)
    _held: dict[str, int] = field(default_factory=dict)

    @property
    def since(self) -> int:
        """The earliest second from which a stream still needs its deletions."""
        return min((self.since_of(stream.resource) for stream in self.streams), default=0)

    def collect(self, events: list[Row]) -> bytes:
        """Keep the events of a page that concern a stream; few of all do."""
        wanted = {kind for stream in self.streams for kind in _kinds(stream.resource)}
        for event in cast(list[Object], events):
            kind = event.get("type")
            if not isinstance(kind, str):
                LOGGER.warning("event %s is skipped: it has no type", event.get("id"))
            elif kind in wanted:
                self._collect_one(event, kind)
        return b""

    def _collect_one(self, event: Object, kind: str) -> None:
        data = event.get("data")
        about = data.get("object") if isinstance(data, dict) else None
        if about is None:
            LOGGER.warning("event %s (%s) is skipped: it has no object", event["id"], kind)
        elif type(event.get("timestamp")) is int:
            self._keep(kind, event)
        else:
            self._undated.append((kind, event))

    def _keep(self, kind: str, event: Object) -> None:
        whole = _object(event) and kind != MERGED
        store = self._events if whole else self._incomplete
        try:
            store.add(kind, event)
        except RecursionError:
            LOGGER.warning("event %s (%s): values nested too deeply are lost", event["id"], kind)
            store.add(kind, free_form(event, _no_report))

    def _date(self) -> None:
        """Events that do not show when they came count as if they came last."""
        for kind, event in self._undated:
            LOGGER.warning(
                "event %s (%s) has no usable `timestamp`; using %s instead",
                event["id"],
                kind,
                to_rfc_3339(self.until),
            )
            self._keep(kind, {**event, "timestamp": self.until})

    def hold(self, state: State) -> State:
        """The state in which the deletions of each stream continue where they were left.

        Otherwise a stream whose bookmark moves before its deletions are emitted would lose the
        deletions in between.
        """
        for stream in self.streams:
            if bookmark(state, stream.name, "deleted_at") is None:
                second = self.since_of(stream.resource)
                state = with_bookmark(state, stream.name, "deleted_at", second)
        return state

    def complete(self, fetch: Fetch) -> None:
        """Request the objects that events do not show; note those that stay unknown.

        An event without its object holds the bookmark of its streams for a day. A merge that does
        not name the merged customer counts only if Invoiced no longer has the customer that it
        shows.
        """
        self._date()
        kinds = {kind for stream in self.streams for kind in _kinds(stream.resource)}
        for event in self._incomplete.events(kinds):
            known = self._complete_one(event, event["type"], fetch)
            if known is not None:
                self._events.add(event["type"], known)

    def _complete_one(self, event: Object, kind: str, fetch: Fetch) -> Object | None:
        if not _object(event):
            again = fetch(f"{EVENTS.path}/{event['id']}")
            if again is None or not _object(again):
                self._give_up(event, kind)
                return None
            event = {**event, "data": again["data"]}
        if kind != MERGED:
            return event
        shown = event["data"]["object"]
        gone = shown.get("original_customer")
        if gone is None:
            key = number_of(shown.get("id"))
            if key is None or fetch(f"/customers/{key}") is not None:
                return event
            gone = shown
        return {**event, "gone": gone if isinstance(gone, dict) else {"id": gone}}

    def _give_up(self, event: Object, kind: str) -> None:
        name = f"event {event['id']} ({kind} at {to_rfc_3339(event['timestamp'])})"
        if event["timestamp"] <= self.until - HOLD_S:
            LOGGER.warning("%s is skipped, because Invoiced does not show its object", name)
            return
        LOGGER.warning("%s does not show its object. The next run requests it again", name)
        self._held[kind] = min(event["timestamp"], self._held.get(kind, event["timestamp"]))

    def deleted(self, stream: SelectedStream) -> Iterator[list[Object]]:
        """The deleted objects of a stream that have not been emitted, in order of deletion."""
        rows: list[Object] = []
        without_key = 0
        for event in self._fresh(stream, stream.resource.deleted_by):
            if event["type"] == MERGED and not _gone(event):
                continue
            row = deleted_record(event)
            if all(number_of(row.get(key)) is not None for key in stream.resource.key):
                rows.append(row)
            else:
                without_key += 1
            if len(rows) == OBJECTS_PER_BATCH:
                yield rows
                rows = []
        yield rows
        if without_key:
            LOGGER.warning(
                "%s: skipped %d deletions, because their events do not name the %s",
                stream.name,
                without_key,
                " or ".join(stream.resource.key),
            )

    def merged_into(self, stream: SelectedStream) -> list[int]:
        """The ids of the customers that got objects of this stream by a merge, oldest merge first.

        Empty in a first run, which reads every object where it is now.
        """
        if not _moves(stream.resource) or self.is_first(stream):
            return []
        kept = (number_of(_object(event).get("id")) for event in self._fresh(stream, (MERGED,)))
        return list(dict.fromkeys(key for key in kept if key is not None))

    def is_first(self, stream: SelectedStream) -> bool:
        """Whether no earlier run read this stream."""
        return bookmark(self.state, stream.name, stream.resource.replication_key) is None

    def is_emitted(self, stream: SelectedStream, token: str) -> bool:
        """Whether an earlier run emitted the row with this `token`."""
        return token in self._emitted(stream.name)

    def with_bookmark(
        self, state: State, stream: SelectedStream, tokens: Iterable[str] = ()
    ) -> State:
        """The state in which every deletion before `until`, and all emitted later ones, are out.

        Args:
            state: before.
            stream: whose deletions were emitted.
            tokens: name further rows that were emitted from `until` on.
        """
        second = self.until_of(stream.resource)
        later = self._events.ids(_kinds(stream.resource), second)
        state = with_bookmark(state, stream.name, "deleted_at", second)
        mark = state["bookmarks"][stream.name]
        mark = {**mark, "deleted_events": ",".join([*later, *tokens])}
        return {**state, "bookmarks": {**state["bookmarks"], stream.name: mark}}

    def until_of(self, resource: Resource) -> int:
        """The UNIX second that a stream's deletions have reached in this run."""
        held = [self._held[kind] for kind in _kinds(resource) if kind in self._held]
        return min([self.until, *held])

    def since_of(self, resource: Resource) -> int:
        """The UNIX second at which a stream's deletions were left, else its records."""
        for key in ("deleted_at", resource.replication_key):
            second = bookmark(self.state, resource.name, key)
            if second is not None:
                return second
        return self.start_date

    def _fresh(self, stream: SelectedStream, kinds: Iterable[str]) -> Iterator[Object]:
        """The events of some kinds that a stream has not emitted, the oldest first."""
        since, emitted = self.since_of(stream.resource), self._emitted(stream.name)
        return self._events.events({*kinds}, since, emitted)

    def _emitted(self, name: str) -> set[str]:
        mark: Mapping[str, Any] = self.state.get("bookmarks", {}).get(name, {})
        return set(str(mark.get("deleted_events", "")).split(","))


def deleted_record(event: Object) -> Object:
    """The object of an event, with the moment of its deletion."""
    return {**(_gone(event) or _object(event)), COLUMN: to_rfc_3339(event["timestamp"])}


def concerned(resource: Resource) -> bool:
    """Whether deletions or merges change rows of a stream behind its bookmark."""
    return bool(_kinds(resource))


def _kinds(resource: Resource) -> set[str]:
    return {*resource.deleted_by, *([MERGED] if _moves(resource) else [])}


def _moves(resource: Resource) -> bool:
    """Whether objects of a stream belong to a customer, and so to another one after a merge."""
    below = resource.parent is not None and resource.parent.resource == "customers"
    return below or resource.customer_column is not None


def _no_report(value: Any, emitted: str) -> None:
    """The event is named as a whole."""


def _object(event: Object) -> Object:
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    return about if isinstance(about, dict) else {}


def _gone(event: Object) -> Object | None:
    gone: Object | None = event.get("gone")
    return gone
