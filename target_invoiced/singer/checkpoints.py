"""Which STATE may be written: one that no unfinished record precedes."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordReceived:
    """A record came.

    Attributes:
        position: counts records from 1.
    """

    position: int


@dataclass(frozen=True, slots=True)
class RecordDone:
    """A record was written, kept as a reject, or durably parked.

    Attributes:
        position: counts records from 1.
    """

    position: int


@dataclass(frozen=True, slots=True)
class StateReceived:
    """A STATE came.

    Attributes:
        value: of the STATE.
    """

    value: Any


Step = RecordReceived | RecordDone | StateReceived


def last_safe(history: Iterable[Step]) -> Any:
    """The value of the last STATE that no unfinished record precedes; None if there is none."""
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
    """`last_safe` step by step; keeps only what is unfinished in memory."""

    _unsettled: set[int] = field(default_factory=set)
    _waiting: deque[tuple[Any, int]] = field(default_factory=deque)
    _last: int = 0

    def came(self) -> int:
        """Note a record; returns its position."""
        self._last += 1
        self._unsettled.add(self._last)
        return self._last

    def settled(self, position: int) -> None:
        """Note that a record is done."""
        self._unsettled.discard(position)

    def add_state(self, value: Any) -> None:
        """Note a STATE."""
        self._waiting.append((value, self._last))

    def ready(self) -> list[Any]:
        """The STATEs that may be written now and were not yet, in order."""
        if not self._waiting:
            return []
        first = min(self._unsettled, default=self._last + 1)
        found = []
        while self._waiting and self._waiting[0][1] < first:
            found.append(self._waiting.popleft()[0])
        return found
