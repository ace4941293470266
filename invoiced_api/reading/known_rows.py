"""Which rows passes over a list have seen, in little memory."""

from array import array
from bisect import bisect_left
from typing import Any

PASS_BITS = 5
# More than any row can have been updated, in UNIX seconds, and little enough for an array.
MAX_MOMENT = 2**50


class KnownRows:
    """When each row was updated, and the number of the last pass that saw it.

    Rows that come in the order of their ids take 16 bytes each, others about 200.
    """

    def __init__(self) -> None:
        self._ids, self._states = array("q"), array("q")
        self._others: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._ids) + len(self._others)

    def __contains__(self, key: Any) -> bool:
        return self.get(key) is not None

    def get(self, key: Any) -> tuple[int, int] | None:
        """Moment (UNIX seconds) and pass; None if no pass saw the row."""
        place = self._place(key)
        state = self._others.get(key) if place is None else self._states[place]
        return None if state is None else (state >> PASS_BITS, state & ((1 << PASS_BITS) - 1))

    def put(self, key: Any, moment: int, number: int) -> None:
        """Replaces what is known of a row. `number` is that of the pass."""
        state = (min(moment, MAX_MOMENT) << PASS_BITS) + number
        place = self._place(key)
        if place is not None:
            self._states[place] = state
        elif type(key) is int and key not in self._others and self._follows(key):
            self._ids.append(key)
            self._states.append(state)
        else:
            self._others[key] = state

    def _follows(self, key: int) -> bool:
        return not self._ids or key > self._ids[-1]

    def _place(self, key: Any) -> int | None:
        if type(key) is not int or self._follows(key):
            return None
        place = bisect_left(self._ids, key)
        return place if self._ids[place] == key else None
