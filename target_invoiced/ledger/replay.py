"""Which records of a replayed input were sent before, where no key tells. Pure.

Two records without a key may be equal and both be meant: two payments of the same amount. So what
was sent is kept as a sequence, and when input comes again it is laid beside that.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Stage(Enum):
    """How far a record had come when it was last heard of."""

    ANNOUNCED = "announced"
    SETTLED = "settled"
    PARKED = "parked"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record without a key, in its order of arrival.

    `digest` is of its content, `idempotency_key` the one it is sent under, `announced_at` when
    that was made known, in UNIX seconds. `segment` counts the STATEs that came before it.
    """

    segment: int = 0
    ordinal: int
    digest: bytes
    stage: Stage
    idempotency_key: str
    announced_at: int


@dataclass(frozen=True, slots=True)
class JournalHistory:
    """What earlier runs left: two STATEs, what came between them, and what came after.

    The next input begins behind one of the two, since the second may have been echoed without
    being stored. States are told apart by digests, None before the first.
    """

    began_at: bytes | None = None
    covered: Sequence[Entry] = ()
    covered_by: bytes | None = None
    uncovered: Sequence[Entry] = ()


class ReplayMatcher(Generic[Item]):
    """Lays the records of an input beside the past: which of them were there already?

    It has to be found out where the input begins. While what comes is what came between the two
    STATEs, in the same order, it is held back: the second STATE in its place tells that the input
    begins at the first one, anything else that it begins at the second. Records that are in
    neither part, such as those that were never sent, decide nothing.
    """

    def __init__(self, past: JournalHistory) -> None:
        self._past = past
        self._met = {entry.digest for entry in (*past.covered, *past.uncovered)}
        self._held: list[tuple[Item, bytes]] = []
        self._came = self._came_again = False
        self._over = 0
        self._rest: defaultdict[bytes, deque[Entry]] | None = None
        if not past.covered:
            self._follow(past.uncovered)

    def record(self, item: Item, digest: bytes) -> list[tuple[Item, Entry | None]]:
        """The items that are decided by now, each with its entry if it was there before."""
        self._came = True
        if self._rest is not None:
            return [(item, self._taken(digest))]
        if digest not in self._met:
            return [(item, None)]
        position = len(self._held)
        covered = self._past.covered
        if position < len(covered) and covered[position].digest == digest:
            self._held.append((item, digest))
            return []
        return [*self._decide(from_the_earlier=False), (item, self._taken(digest))]

    def state(self, digest: bytes) -> list[tuple[Item, Entry | None]]:
        """The same, when a STATE comes."""
        if self._rest is not None:
            return []
        return self._decide(self._is_earlier(digest) or self._is_later(digest))

    def segments_back(self, digest: bytes) -> int:
        """How many segments before the first one that is new the first STATE of the input ends.

        The later of the two STATEs ends the last one before, also when the input begins with it.
        """
        if self._is_later(digest):
            return 1
        if self._is_earlier(digest):
            return 2
        return int(not self._held and digest == self._past.covered_by)

    def ends(self, segment: int) -> bool:
        """Whether, at the STATE that ends the segment, nothing of its past will come any more.

        STATEs may stand elsewhere than they did, so that what did not come yet may come still: as
        long as something else does. Where records came and all were new, the input is past it.
        """
        over = self._came and not self._came_again
        if over:
            self._over = segment
        self._came = self._came_again = False
        return over

    def _is_earlier(self, digest: bytes) -> bool:
        """Whether a STATE is the earlier one, and the input begins with it."""
        return not self._held and digest == self._past.began_at

    def _is_later(self, digest: bytes) -> bool:
        """Whether a STATE is the later one, in its place."""
        return len(self._held) == len(self._past.covered) and digest == self._past.covered_by

    def end(self) -> list[tuple[Item, Entry]]:
        """The items still held back when the input ends, each with the entry that it looks like.

        What was written then is to be left alone: since no STATE covers it, it comes again.
        """
        held, self._held = self._held, []
        return [(item, entry) for (item, _), entry in zip(held, self._past.covered, strict=False)]

    def _decide(self, from_the_earlier: bool) -> list[tuple[Item, Entry | None]]:
        covered = self._past.covered if from_the_earlier else ()
        self._follow([*covered, *self._past.uncovered])
        held, self._held = self._held, []
        return [(item, self._taken(digest)) for item, digest in held]

    def _follow(self, entries: Sequence[Entry]) -> None:
        """From here on each entry is met once. Writes overtake each other: order says nothing."""
        self._rest = defaultdict(deque)
        for entry in entries:
            self._rest[entry.digest].append(entry)

    def _taken(self, digest: bytes) -> Entry | None:
        assert self._rest is not None
        entries = self._rest.get(digest)
        while entries:
            entry = entries.popleft()
            if entry.segment > self._over:
                self._came_again = True
                return entry
        return None
