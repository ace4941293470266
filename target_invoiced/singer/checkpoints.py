"""Which STATE may be told: one that comes after nothing unsettled."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordReceived:
    """A record came in; `position` counts records from 1."""

    position: int


@dataclass(frozen=True, slots=True)
class RecordDone:
    """The record at the position was accepted, kept among the rejects, or durably parked."""

    position: int


@dataclass(frozen=True, slots=True)
class StateReceived:
    """A STATE came in."""

    value: Any


Step = RecordReceived | RecordDone | StateReceived


def last_safe(history: Iterable[Step]) -> Any:
    """The value of the last STATE that no unsettled record precedes; None if there is none."""
    unsettled: set[int] = set()
    states: list[tuple[Any, frozenset[int]]] = []
    for step in history:
        match step:
            case RecordReceived(position):
                unsettled.add(position)
            case RecordDone(position):
                unsettled.discard(position)
            case StateReceived(value):
                states.append((value, frozenset(unsettled)))
    safe = None
    for value, before in states:
        if before & unsettled:
            break
        safe = value
    return safe


@dataclass(slots=True)
class StateTracker:
    """The same, as the history goes on, in memory for what is unsettled only."""

    _unsettled: set[int] = field(default_factory=set)
    _waiting: deque[tuple[Any, int]] = field(default_factory=deque)
    _last: int = 0

    def came(self) -> int:
        """The position of a record that came in now."""
        self._last += 1
        self._unsettled.add(self._last)
        return self._last

    def settled(self, position: int) -> None:
        self._unsettled.discard(position)

    def add_state(self, value: Any) -> None:
        self._waiting.append((value, self._last))

    def ready(self) -> list[Any]:
        """The STATEs that may be echoed by now and were not yet, in order."""
        if not self._waiting:
            return []
        first = min(self._unsettled, default=self._last + 1)
        found = []
        while self._waiting and self._waiting[0][1] < first:
            found.append(self._waiting.popleft()[0])
        return found
