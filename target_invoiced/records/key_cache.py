"""The ledger's keys, cached, and written back with the next flush."""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from target_invoiced.ledger.keys import Keys, ObjectMapping
from target_invoiced.mapping.keys import ExternalKey

# Mappings that stay cached although no record uses them and nothing of them is to be written.
MAX_CACHED = 10_000


@dataclass(slots=True)
class KeyCache:
    """A write-back cache of the keys of one account. Several threads may share it.

    A key that a record in flight uses is pinned and stays cached, and so does a changed one until
    it is flushed. Of the others, the least recently used ones are dropped first.

    Attributes:
        keys: the ledger's.
    """

    keys: Keys
    _rows: "OrderedDict[ExternalKey, ObjectMapping]" = field(default_factory=OrderedDict)
    _pins: dict[ExternalKey, int] = field(default_factory=dict)
    _changed: dict[ExternalKey, None] = field(default_factory=dict)
    # A worker that rotates an idempotency key writes it to the ledger at once. The lock keeps a
    # flush of the older one from landing behind it.
    _lock: RLock = field(default_factory=RLock)

    def look_up(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, ObjectMapping]:
        """The current mapping of each key; unknown keys are left out."""
        cached = {key: self._rows[key] for key in keys if key in self._rows}
        return self.keys.known([key for key in keys if key not in cached]) | cached

    def pin(self, known: ObjectMapping) -> None:
        """Keep the key cached until it is unpinned as often."""
        self._rows.setdefault(known.key, known)
        self._pins[known.key] = self._pins.get(known.key, 0) + 1

    def unpin(self, key: ExternalKey) -> None:
        """Undo one `pin` of the key."""
        self._pins[key] -= 1
        if not self._pins[key]:
            del self._pins[key]

    def get(self, key: ExternalKey) -> ObjectMapping:
        """The mapping of a pinned key."""
        return self._rows[key]

    def set(self, known: ObjectMapping) -> None:
        """Replace the mapping of a key."""
        with self._lock:
            self._rows[known.key] = known
            self._changed[known.key] = None

    def mark_seen(self, known: ObjectMapping, version: int) -> ObjectMapping:
        """Note that this version of its table contains the key; returns the new mapping."""
        with self._lock:
            seen = replace(self._rows.get(known.key, known), version=version)
            self.set(seen)
        return seen

    def ids(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, Any]:
        """Invoiced's ids of the objects of these keys; keys without an object are left out."""
        rows = {key: self._rows[key] for key in keys if key in self._rows}
        unknown = [key for key in keys if key not in rows]
        fetched = self.keys.known(unknown) if unknown else {}
        for key in rows:
            self._rows.move_to_end(key)
        self._rows.update(fetched)
        self._evict()
        return {key: row.alive for key, row in (rows | fetched).items() if row.alive is not None}

    def key_of_object(self, resource: str, id: int | str) -> ExternalKey | None:
        """The key that already identifies the object; None if none does."""
        for key in (*self._changed, *self._pins):
            if key.resource == resource and self._rows[key].alive == id:
                return key
        owner = self.keys.owner(resource, id)
        # A cached mapping is newer than the ledger's.
        stale = owner in self._rows and self._rows[owner].alive != id if owner else False
        return None if stale else owner

    @contextmanager
    def write_back(self, transaction: AbstractContextManager[Any]) -> Iterator[None]:
        """Within the transaction, write what changed and then what the caller adds."""
        with self._lock:
            with transaction:
                self.keys.keep(self._rows[key] for key in self._changed)
                yield
            self._changed.clear()
            self._evict()

    def rotate(self, key: ExternalKey, idempotency_key: str, now: int) -> None:
        """Note, durably and from any thread, that a create has another idempotency key."""
        with self._lock:
            row = replace(self._rows[key], idempotency_key=idempotency_key, announced_at=now)
            self._rows[key] = row
            self.keys.keep([row])

    def _evict(self) -> None:
        spare = len(self._rows) - MAX_CACHED
        if spare <= 0:
            return
        unused = (key for key in self._rows if key not in self._pins and key not in self._changed)
        for key in [key for key, _ in zip(unused, range(spare), strict=False)]:
            del self._rows[key]
