"""From the state that a run is given to the state as this tap writes it."""

import difflib
import logging
import re
from collections.abc import Mapping
from typing import Any

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import BY_NAME
from invoiced_api.timestamps import to_rfc_3339, to_seconds
from tap_invoiced.bookmarks import State

LOGGER = logging.getLogger(__name__)

SHAPE = '{"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}'
# What a state of ours holds, and one of earlier taps.
OWN_KEYS = ("bookmarks", "currently_syncing")
# What a bookmark of ours holds beside the replication key.
DELETED_AT, DELETED_EVENTS = "deleted_at", "deleted_events"
# In the bookmark of children: until when the last run that read those of all parents is complete.
SWEPT_AT = "swept_at"
# What Meltano wraps a state in when it exports or stores it.
WRAPPERS = ("singer_state", "completed")
# Numbers from here on are milliseconds: as seconds they would be of the year 5138.
FIRST_MILLISECONDS = 10**11
# Numbers below are no moment of an account: as seconds they are of before March 1973.
FIRST_SECONDS = 10**8
# How far a bookmark may be ahead of this machine's clock, which may be slow.
MAX_AHEAD_S = 3_600


def checked_state(state: Any, now: int) -> State:
    """The state with each bookmark as RFC 3339 under its replication key.

    Accepts a STATE message, a state as Meltano exports it, the bookmarks of Meltano's SDK
    (`replication_key_value`), UNIX seconds, milliseconds, and keys in another case.

    Args:
        state: the content of the state file.
        now: this machine's clock, in UNIX seconds; a bookmark ahead of it is set back to it.

    Raises:
        InvalidInputError: if a bookmark is not understood, or lies in the future.
    """
    state = _unwrapped(state)
    bookmarks = _bookmarks(state)
    if bookmarks is None:
        raise InvalidInputError(
            f"state: must look like {SHAPE}. Pass the value of the last STATE that the target "
            "wrote, or omit --state to read from `start_date`."
        )
    checked = {}
    for written, entry in bookmarks.items():
        stream = _stream_of(written, entry, bookmarks)
        checked[stream or written] = _checked(stream, entry, now) if stream else entry
    return {**state, "bookmarks": checked} if checked else dict(state)


def _unwrapped(state: Any) -> Any:
    if isinstance(state, dict) and state.get("type") == "STATE":
        state = state.get("value")
    for wrapper in reversed(WRAPPERS):
        if isinstance(state, dict) and set(state) >= {wrapper} and "bookmarks" not in state:
            state = state[wrapper]
    return state


def _bookmarks(state: Any) -> Mapping[str, Any] | None:
    """None if they have another shape. An empty state has none, nor has one of a start alone."""
    if not isinstance(state, dict) or (state and state.keys().isdisjoint(OWN_KEYS)):
        return None
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        return None
    return bookmarks if all(isinstance(one, dict) for one in bookmarks.values()) else None


def _stream_of(written: str, entry: Mapping[str, Any], others: Mapping[str, Any]) -> str | None:
    """The stream that a bookmark is of; None if there is none of that name."""
    if written in BY_NAME:
        return written
    same = next((name for name in BY_NAME if _letters(name) == _letters(written)), None)
    if same and same not in others:
        return same
    near = next(iter(difflib.get_close_matches(written, BY_NAME, n=1, cutoff=0.75)), None)
    if near and near not in others and entry:
        raise InvalidInputError(
            f"state: there is no stream `{written}`. Did you mean `{near}`? Rename the bookmark, "
            f"or remove it to read `{near}` from `start_date`."
        )
    hint = f". Did you mean `{near}`?" if near else ""
    LOGGER.warning("state: ignoring the bookmark of unknown stream `%s`%s", written, hint)
    return None


def _checked(stream: str, entry: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The bookmark of a stream in our own format, with whatever else stands beside it."""
    key = BY_NAME[stream].replication_key
    found = {**entry}
    moments = {}
    if "replication_key_value" in entry or "replication_key" in entry:
        sdk_key = entry.get("replication_key", key)
        if sdk_key != key:
            raise _error(stream, f"is of `{sdk_key}`, but the stream's replication key is `{key}`")
        moments[key] = entry.get("replication_key_value")
        for name in [name for name in found if name.startswith(("replication_key", "starting_"))]:
            del found[name]
    for name in (key, DELETED_AT, SWEPT_AT):
        written = next((one for one in entry if _letters(one) == _letters(name)), None)
        if written is not None:
            moments[name] = found.pop(written)
    if not moments.keys() - {DELETED_AT, SWEPT_AT} and set(found) - {DELETED_EVENTS}:
        names = ", ".join(f"`{name}`" for name in found)
        raise _error(stream, f"has {names} but not `{key}`")
    for name, moment in moments.items():
        if moment is not None:
            found[name] = to_rfc_3339(_seconds(stream, moment, now))
    return found


def _seconds(stream: str, written: Any, now: int) -> int:
    try:
        seconds = _moment(written)
    except (TypeError, ValueError, OverflowError):
        raise _error(stream, "must be an RFC 3339 date-time or UNIX seconds") from None
    if seconds > now + MAX_AHEAD_S:
        clock = f"this machine's clock shows {to_rfc_3339(now)}"
        raise _error(stream, f"lies in the future ({to_rfc_3339(seconds)}; {clock})")
    return min(seconds, now)


def _moment(written: Any) -> int:
    """UNIX seconds of a date-time, of seconds or of milliseconds. Raises ValueError."""
    if isinstance(written, bool):
        raise ValueError("a boolean is no moment")
    if isinstance(written, str):
        if not re.fullmatch(r"\d+(\.\d+)?", written.strip()):
            return to_seconds(written.strip())
        written = float(written)
    number = int(written)
    if number >= FIRST_MILLISECONDS:
        number //= 1_000
    if number < FIRST_SECONDS and number != 0:
        raise ValueError("no UNIX seconds of an account's lifetime")
    to_rfc_3339(number)
    return number


def _letters(name: str) -> str:
    """What is left of `updatedAt` and `UPDATED_AT`: the same."""
    return re.sub(r"[\W_]", "", name).lower()


def _error(stream: str, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"state: the bookmark of `{stream}` {problem}. Correct it, or remove it to read that "
        "stream from `start_date`."
    )
