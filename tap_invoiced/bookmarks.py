"""What has been read, as it stands in the state.

A stream's bookmark says: everything updated before this second has been emitted.
"""

import difflib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from singer import get_bookmark

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import BY_NAME
from invoiced_api.timestamps import to_rfc_3339, to_seconds

SHAPE = '{"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}'
# What a state of ours holds, and one of earlier taps.
OWN_KEYS = ("bookmarks", "currently_syncing")

State = dict[str, Any]

LOGGER = logging.getLogger(__name__)


def checked_state(state: Any) -> State:
    """The state, which may stand in the STATE message that it came in.

    Raises InvalidInputError if it is of another shape than ours: what is not understood is never taken for
    a first run, which would read little where all was read, or all again.
    """
    if isinstance(state, dict) and state.get("type") == "STATE":
        state = state.get("value")
    bookmarks = _bookmarks(state)
    if bookmarks is None:
        raise InvalidInputError(
            f"state: must look like {SHAPE}. Give the last STATE's value that reached the target, "
            "or leave --state out to read from `start_date`."
        )
    _warn_of_unknown(bookmarks)
    return dict(state)


def _bookmarks(state: Any) -> Mapping[str, Any] | None:
    """None if they have another shape. An empty state has none, nor has one of a start alone."""
    if not isinstance(state, dict) or (state and state.keys().isdisjoint(OWN_KEYS)):
        return None
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        return None
    return bookmarks if all(isinstance(mark, dict) for mark in bookmarks.values()) else None


def _warn_of_unknown(bookmarks: Iterable[str]) -> None:
    for stream in sorted(set(bookmarks) - BY_NAME.keys()):
        near = difflib.get_close_matches(stream, BY_NAME, n=1, cutoff=0.75)
        hint = f". Is `{near[0]}` meant?" if near else ""
        LOGGER.warning("state: there is no stream `%s`: its bookmark is not used%s", stream, hint)


def bookmark(state: State, stream: str, replication_key: str) -> int | None:
    """A stream's bookmark in UNIX seconds, None if it has none.

    Earlier taps for Invoiced kept the integer itself. Raises InvalidInputError for anything else.
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
    raise InvalidInputError(
        f"state: the bookmark of `{stream}` must be an RFC 3339 date-time or UNIX seconds. "
        "Correct it, or remove it to read that stream from `start_date`."
    )


def with_bookmark(state: State, stream: str, replication_key: str, second: int) -> State:
    """The state with a stream's bookmark at `second` (UNIX seconds)."""
    bookmarks: Mapping[str, Any] = state.get("bookmarks") or {}
    mark = {**bookmarks.get(stream, {}), replication_key: to_rfc_3339(second)}
    return {**state, "bookmarks": {**bookmarks, stream: mark}}


def with_current_stream(state: State, stream: str) -> State:
    return {**state, "currently_syncing": stream}


def finished(state: State) -> State:
    """The state with no stream under way."""
    return {key: value for key, value in state.items() if key != "currently_syncing"}
