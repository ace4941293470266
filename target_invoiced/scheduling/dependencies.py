"""Which writes may be sent now, and which wait for others. Pure: no clock, no network."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


@dataclass(slots=True, eq=False)
class _Entry(Generic[Item]):
    item: Item
    writes: frozenset[Hashable]
    reads: frozenset[Hashable]
    moves: frozenset[Hashable] = frozenset()
    finds: frozenset[Hashable] = frozenset()
    waits_for: int = 0
    holds_up: list["_Entry[Item]"] = field(default_factory=list)


class DependencyGraph(Generic[Item]):
    """Items in their order of arrival, each released once all that it depends on has finished.

    An item that writes an object waits for the earlier writes to it. One that refers to (`reads`)
    an object waits for the earlier writes to that. One that removes an object also waits for those
    that refer to it. A number may move to another object: an item that looks for numbers in a group
    (`finds`) waits for earlier ones that may move some of it (`moves`), and the other way round.
    Nothing else waits. Objects and groups are any hashable tokens.
    """

    def __init__(self) -> None:
        self._entries: dict[Item, _Entry[Item]] = {}
        self._writer: dict[Hashable, _Entry[Item]] = {}
        self._readers: dict[Hashable, set[_Entry[Item]]] = {}
        self._movers: dict[Hashable, set[_Entry[Item]]] = {}
        self._finders: dict[Hashable, set[_Entry[Item]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def writing(self, token: Hashable) -> bool:
        """Whether a write to the object has not finished."""
        return token in self._writer

    def add(
        self,
        item: Item,
        *,
        writes: Iterable[Hashable] = (),
        reads: Iterable[Hashable] = (),
        removes: bool = False,
        moves: Iterable[Hashable] = (),
        finds: Iterable[Hashable] = (),
    ) -> bool:
        """Add an item. Returns whether it may be sent at once; if not, a `finish` releases it."""
        entry = _Entry(
            item,
            frozenset(writes),
            frozenset(reads) - frozenset(writes),
            frozenset(moves),
            frozenset(finds),
        )
        tokens = entry.writes | entry.reads
        before = {self._writer[token] for token in tokens if token in self._writer}
        if removes:
            before |= {reader for token in entry.writes for reader in self._readers.get(token, ())}
        before.update(*(self._finders.get(group, ()) for group in entry.moves))
        before.update(*(self._movers.get(group, ()) for group in entry.finds))
        for other in before:
            other.holds_up.append(entry)
        entry.waits_for = len(before)
        self._entries[item] = entry
        self._writer.update(dict.fromkeys(entry.writes, entry))
        for index, tokens in self._indexes(entry):
            for token in tokens:
                index.setdefault(token, set()).add(entry)
        return not before

    def _indexes(
        self, entry: _Entry[Item]
    ) -> tuple[tuple[dict[Hashable, set[_Entry[Item]]], frozenset[Hashable]], ...]:
        """Where the entry is found by the tokens that others may wait for."""
        return (
            (self._readers, entry.reads),
            (self._movers, entry.moves),
            (self._finders, entry.finds),
        )

    def postpone(self, item: Item, *, earlier_only: bool = False) -> bool:
        """Let a released item wait for all others that do not wait for it; False if there are none.

        `earlier_only` leaves out those that arrived after it.
        """
        entry = self._entries[item]
        behind = {entry}
        found = [entry]
        while found:
            found = [other for one in found for other in one.holds_up if other not in behind]
            behind.update(found)
        arrived = self._entries.values()
        others = takewhile(lambda other: other is not entry, arrived) if earlier_only else arrived
        before = [other for other in others if other not in behind]
        for other in before:
            other.holds_up.append(entry)
        entry.waits_for = len(before)
        return bool(before)

    def finish(self, item: Item) -> list[Item]:
        """Note that an item has finished; returns those that it releases, in order of arrival."""
        entry = self._entries.pop(item)
        for token in entry.writes:
            if self._writer.get(token) is entry:
                del self._writer[token]
        for index, tokens in self._indexes(entry):
            for token in tokens:
                index[token].discard(entry)
                if not index[token]:
                    del index[token]
        for other in entry.holds_up:
            other.waits_for -= 1
        return [other.item for other in entry.holds_up if not other.waits_for]
