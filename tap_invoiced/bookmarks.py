"""Bookmarks in a state that `state_file` has checked. Pure: each function returns a new state."""

from collections.abc import Mapping
from typing import Any

from singer import get_bookmark

from invoiced_api.timestamps import to_rfc_3339, to_seconds

State = dict[str, Any]


def bookmark(state: State, stream: str, replication_key: str) -> int | None:
    """The bookmark of a stream in UNIX seconds; None if it has none."""
    written = get_bookmark(state, stream, replication_key)
    return None if written is None else to_seconds(written)


def with_bookmark(state: State, stream: str, replication_key: str, second: int) -> State:
    """The state with the bookmark of a stream at `second` (UNIX seconds)."""
    bookmarks: Mapping[str, Any] = state.get("bookmarks") or {}
    entry = {**bookmarks.get(stream, {}), replication_key: to_rfc_3339(second)}
    return {**state, "bookmarks": {**bookmarks, stream: entry}}


def with_current_stream(state: State, stream: str) -> State:
    """The state while a stream is read, which it names as `currently_syncing`."""
    return {**state, "currently_syncing": stream}


def finished(state: State) -> State:
    """The state when no stream is read any more."""
    return {key: value for key, value in state.items() if key != "currently_syncing"}
