"""What has been read, as it stands in the state.

A stream's bookmark says: everything updated before this second has been emitted.
"""

from collections.abc import Mapping
from typing import Any

from singer import get_bookmark

from invoiced_api.failures import BadInput
from invoiced_api.timestamps import to_rfc_3339, to_seconds

SHAPE = '{"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}'

State = dict[str, Any]


def checked_state(state: Any) -> State:
    """The state, or BadInput if it is of another shape than ours."""
    bookmarks = state.get("bookmarks", {}) if isinstance(state, dict) else None
    if not isinstance(bookmarks, dict) or not all(
        isinstance(mark, dict) for mark in bookmarks.values()
    ):
        raise BadInput(
            f"state: must look like {SHAPE}. Give the last STATE's value that reached the target, "
            "or leave --state out to read from `start_date`."
        )
    return dict(state)


def bookmark(state: State, stream: str, replication_key: str) -> int | None:
    """A stream's bookmark in UNIX seconds, None if it has none.

    Earlier taps for Invoiced kept the integer itself. Raises BadInput for anything else.
    """
    written = get_bookmark(state, stream, replication_key)
    if written is None:
        return None
    try:
        if isinstance(written, str) and not written.isdecimal():
            return to_seconds(written)
        if not isinstance(written, bool):
            return int(written)
    except (TypeError, ValueError):
        pass
    raise BadInput(
        f"state: the bookmark of `{stream}` must be an RFC 3339 date-time or UNIX seconds. "
        "Correct it, or remove it to read that stream from `start_date`."
    )


def with_bookmark(state: State, stream: str, replication_key: str, second: int) -> State:
    """The state with a stream's bookmark at `second` (UNIX seconds)."""
    bookmarks: Mapping[str, Any] = state.get("bookmarks") or {}
    mark = {**bookmarks.get(stream, {}), replication_key: to_rfc_3339(second)}
    return {**state, "bookmarks": {**bookmarks, stream: mark}}


def under_way(state: State, stream: str) -> State:
    return {**state, "currently_syncing": stream}


def finished(state: State) -> State:
    """The state with no stream under way."""
    return {key: value for key, value in state.items() if key != "currently_syncing"}
