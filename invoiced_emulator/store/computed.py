"""Objects by the million that are computed when they are read, for benchmarks.

Ids, `updated_at` and everything that differs from object to object follow from an object's
position; the rest comes from a handful of templates. The objects need no memory, are listed among
the stored ones in every order, and cannot be changed.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from invoiced_emulator.resources.definition import Key, Row

Values = tuple[int, ...]
# From an id and its `updated_at` to what differs from object to object.
Compute = Callable[[int, int], Values]


class Computed(Sequence[Any]):
    """A sorted sequence of which every element is computed from its position."""

    def __init__(
        self,
        size: int,
        among: Callable[[range], list[Any]],
        rank: Callable[[Any], int] | None = None,
    ) -> None:
        """Describe the sequence.

        Args:
            size: how many elements it has.
            among: computes the elements at the positions of a range.
            rank: counts the elements below a value; found by bisection if it is not given.
        """
        self._positions = range(size)
        self._among = among
        self.rank = rank or partial(bisect_left, self)

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._among(self._positions))

    def __getitem__(self, wanted: Any) -> Any:
        if isinstance(wanted, slice):
            return self._among(self._positions[wanted])
        position = self._positions[wanted]
        return self._among(range(position, position + 1))[0]


class MergedSequence(Sequence[Any]):
    """A `SortedList` and a computed sequence as one sorted sequence; additions are stored."""

    def __init__(self, stored: Any, computed: Computed) -> None:
        self._stored = stored
        self._computed = computed
        self.add = stored.add
        self.discard = stored.discard

    def __len__(self) -> int:
        return len(self._stored) + len(self._computed)

    def __iter__(self) -> Iterator[Any]:
        return heapq.merge(self._stored, self._computed)

    def __getitem__(self, wanted: Any) -> Any:
        if not isinstance(wanted, slice):
            position = wanted if wanted >= 0 else wanted + len(self)
            if not 0 <= position < len(self):
                raise IndexError(wanted)
            return self[position : position + 1][0]
        start, stop, _ = wanted.indices(len(self))
        count = max(0, stop - start)
        first = self._stored_among(start)
        stored = list(self._stored[first : first + count])
        computed: list[Any] = self._computed[start - first : start - first + count]
        if stored and (len(computed) < count or stored[0] < computed[-1]):
            return sorted(stored + computed)[:count]
        return computed

    def bisect_left(self, element: Any) -> int:
        """How many elements are smaller."""
        return int(self._stored.bisect_left(element)) + self._computed.rank(element)

    def bisect_right(self, element: Any) -> int:
        """How many elements are smaller or equal."""
        stored = int(self._stored.bisect_right(element))
        return stored + bisect_right(self._computed, element)

    def _stored_among(self, count: int) -> int:
        """How many of the first `count` elements are stored ones."""
        low = max(0, count - len(self._computed))
        high = min(count, len(self._stored))
        while low < high:
            middle = (low + high) // 2
            if self._stored[middle] < self._computed[count - middle - 1]:
                low = middle + 1
            else:
                high = middle
        return low


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Objects of one resource, updated evenly over a span of time.

    Attributes:
        first_id: the id of the first one; the others follow it.
        count: how many there are.
        first_updated_at: `updated_at` of the first one, in UNIX seconds.
        span_s: seconds over which their `updated_at` are spread.
        templates: JSON with `%d` in place of computed values, and what picks the values of each.
        values: the computed values of an object, from its id and `updated_at`.
    """

    first_id: int
    count: int
    first_updated_at: int
    span_s: int
    templates: Sequence[tuple[bytes, Callable[[Values], Values]]]
    values: Compute

    def has(self, key: Key) -> bool:
        """Whether an object is of the bulk."""
        return isinstance(key, int) and self.first_id <= key < self.first_id + self.count

    def raw(self, key: Key) -> bytes:
        """An object as JSON."""
        position = int(key) - self.first_id
        template, choice = self.templates[position % len(self.templates)]
        return template % choice(self.values(int(key), self._updated_at(position)))

    def raws(self, keys: Iterable[Any], stored: Callable[[Key], bytes]) -> list[bytes]:
        """The JSON of the objects of a page; `stored` gives that of an object not of the bulk.

        One loop without calls of methods: it bounds how many pages are served in a second.
        """
        first_id, end = self.first_id, self.first_id + self.count
        first, span, count = self.first_updated_at, self.span_s, self.count
        templates, values = self.templates, self.values
        kinds = len(templates)
        found = []
        for key in keys:
            if not first_id <= key < end:
                found.append(stored(key))
                continue
            position = key - first_id
            template, choice = templates[position % kinds]
            found.append(template % choice(values(key, first + position * span // count)))
        return found

    def row(self, key: Key) -> Row:
        """An object."""
        row: Row = orjson.loads(self.raw(key))
        return row

    def _updated_at(self, position: int) -> int:
        return self.first_updated_at + position * self.span_s // self.count

    def _reached(self, second: int) -> int:
        """The first position that is updated at `second` or later."""
        return -((self.first_updated_at - second) * self.count // self.span_s)

    def ids(self) -> Computed:
        """The ids, upwards."""
        return Computed(self.count, lambda among: [self.first_id + i for i in among])

    def oldest(self) -> Computed:
        """Pairs of `updated_at` and id, upwards. Only searched for seconds."""
        first, span, count = self.first_updated_at, self.span_s, self.count
        first_id = self.first_id

        def rank(bound: tuple[int, ...]) -> int:
            """How many come before the UNIX second of a bound without an id."""
            return min(max(self._reached(bound[0]), 0), count)

        return Computed(
            count, lambda among: [(first + i * span // count, first_id + i) for i in among], rank
        )

    def newest(self) -> Computed:
        """Pairs of negative `updated_at` and id: latest second first, then by id upwards."""

        def at(i: int) -> tuple[int, int]:
            mirrored = self.count - 1 - i
            second = self._updated_at(mirrored)
            low = self._reached(second)
            high = min(self._reached(second + 1), self.count)
            return -second, self.first_id + low + high - 1 - mirrored

        return Computed(self.count, lambda among: [at(i) for i in among])
