"""Keeps the last whole STATE that a target printed."""

import logging
from collections.abc import Iterable
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError
from singer_command.exceptions import DatabaseBusyError
from singer_command.states import BUSY_S, StateStore

LOGGER = logging.getLogger(__name__)

# How long a state waits for a locked database while more lines may come: the target must go on.
QUICK_S = 0.01


def state_of(line: bytes) -> dict[str, Any] | None:
    """The state that a line holds, as a target prints it or within a STATE message; else None.

    `{}` is none: it would make the next run begin anew, which only `reset` does.
    """
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if isinstance(found, dict) and found.get("type") == "STATE" and "value" in found:
        found = found["value"]
    return found if isinstance(found, dict) and found else None


class StateSaver:
    """Saves the states of one account and pipeline as the target prints them.

    A database that fails or is locked never stops the target: the newest state is tried again
    with the next line, and after the last one for half a minute.
    """

    def __init__(self, url: str, account: str, pipeline: str) -> None:
        self._account, self._pipeline = account, pipeline
        self._store = StateStore(url, busy_s=QUICK_S)
        self._patient = StateStore(url, busy_s=BUSY_S)
        self._unsaved: dict[str, Any] | None = None
        self._warned = False
        try:  # a URL that leads nowhere is reported before the target has loaded anything
            self._store.get(account, pipeline)
        except DatabaseBusyError:
            LOGGER.debug("the database of states is in use: the state is saved later")

    def save_all(self, lines: Iterable[bytes]) -> None:
        """Save the state of each whole line, in order.

        A last line without its end is of a target that was killed, and does not count.

        Raises:
            InvalidInputError: if the newest state could not be saved until half a minute after
                the last line.
        """
        for line in lines:
            if not line.endswith(b"\n"):
                LOGGER.warning("ignoring the target's last line, because it is incomplete")
            elif (state := state_of(line)) is not None:
                self._unsaved = state
                self._try(self._store)
            elif line.strip() not in (b"", b"{}"):
                LOGGER.warning("ignoring a line of the target that is not a state")
        if self._unsaved is not None:
            self._patient.save(self._account, self._pipeline, self._unsaved)

    def _try(self, store: StateStore) -> None:
        if self._unsaved is None:
            return
        try:
            store.save(self._account, self._pipeline, self._unsaved)
            self._unsaved = None
        except InvalidInputError as error:
            level = logging.DEBUG if isinstance(error, DatabaseBusyError) or self._warned else None
            LOGGER.log(level or logging.WARNING, "the state is saved later: %s", error)
            self._warned = self._warned or level is None
