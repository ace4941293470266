"""Which parents' children a run has to read: all of them, or those that may have changed.

Decisions only. A run reads the children of

- the parents that changed since the bookmark, and
- the parents that an event names since then: of a child, or of a merge of customers.

Events may be incomplete. So from time to time a run reads the children of all parents: a sweep.
It also does if an event reports a child and does not name its parent.
"""

import logging
from collections.abc import Iterable
from typing import Any, cast

from invoiced_api.definitions import Parent, Resource
from invoiced_api.reading.pages import Row
from invoiced_api.reading.readers import NamedParents
from tap_invoiced.bookmarks import State, bookmark
from tap_invoiced.deletions import MERGED
from tap_invoiced.event_store import Object
from tap_invoiced.row_identity import number_of
from tap_invoiced.selection import SelectedStream
from tap_invoiced.state_file import SWEPT_AT

LOGGER = logging.getLogger(__name__)

DAY_S = 86_400


def is_sweep_due(stream: SelectedStream, state: State, sweep_days: int, now: int = 0) -> bool:
    """Whether a run has to read the children of all parents.

    Args:
        stream: of children.
        state: of the earlier run.
        sweep_days: how many days pass between sweeps; 0 if each run is to be one.
        now: UNIX seconds; 0 as long as no response has shown the clock. The bookmark's second is
            over in any case.
    """
    resource = stream.resource
    if stream.full_table or resource.parent is None or not resource.parent.reported_by:
        return True
    since = bookmark(state, stream.name, resource.replication_key)
    swept_at = bookmark(state, stream.name, SWEPT_AT)
    if since is None or swept_at is None:
        return True
    return max(now, since) - swept_at >= sweep_days * DAY_S


class ChangedParents:
    """Collects the parents that events name, for some streams of children.

    Attributes:
        until: UNIX second before which no further event will come; None until all are collected.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = list(resources)
        self._ids: dict[str, set[int]] = {one.name: set() for one in self._resources}
        self._unnamed: set[str] = set()
        self.until: int | None = None

    def collect(self, events: list[Row]) -> None:
        """Note the parents that a page of events names."""
        for event in cast(list[Object], events):
            for resource in self._resources:
                if resource.parent and _concerns(event.get("type"), resource.parent):
                    self._note(resource, resource.parent, event)

    def _note(self, resource: Resource, parent: Parent, event: Object) -> None:
        named = _parent_in(event, parent)
        if named is not None:
            self._ids[resource.name].add(named)
        elif resource.name not in self._unnamed:
            self._unnamed.add(resource.name)
            LOGGER.info(
                "%s: event %s (%s) does not name the %s, so the children of all are read",
                resource.name,
                event.get("id"),
                event.get("type"),
                parent.attribute,
            )

    def of(self, resource: Resource) -> NamedParents | None:
        """The parents that events name; None if that is not known, so that all have to be read."""
        if self.until is None or resource.name in self._unnamed:
            return None
        return NamedParents(frozenset(self._ids[resource.name]), self.until)


def _concerns(kind: Any, parent: Parent) -> bool:
    """Whether an event of this type may report that children changed; unknown ones may."""
    if not isinstance(kind, str):
        return True
    if kind == MERGED and parent.resource == "customers":
        return True
    return kind.rpartition(".")[0] in parent.reported_by


def _parent_in(event: Object, parent: Parent) -> int | None:
    """The id of the parent that an event names; None if it does not."""
    data = event.get("data")
    shown = data.get("object") if isinstance(data, dict) else None
    if not isinstance(shown, dict):
        return None
    reference = shown if event.get("type") == MERGED else shown.get(parent.attribute)
    key = reference.get("id") if isinstance(reference, dict) else reference
    return None if key is None else number_of(key)
