"""What a run is about to put into the ledger: all of it in one commit."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from target_invoiced.ledger import Ledger
from target_invoiced.ledger.journal import Journaled
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.ledger.replay import Entry, Stage
from target_invoiced.records.key_cache import KeyCache
from target_invoiced.records.parked_buffer import ParkedBuffer
from target_invoiced.records.record import PendingRecord


@dataclass(slots=True)
class UnitOfWork:
    """The ledger as of now: what is in it, and what will be with the next `flush`.

    `now` is in UNIX seconds.
    """

    ledger: Ledger
    now: Callable[[], float]
    keys: KeyCache = field(init=False)
    parked: ParkedBuffer = field(init=False)
    journal_in_use: bool = False
    _entries: dict[int, Journaled] = field(default_factory=dict)
    _replaced: list[int] = field(default_factory=list)
    _responses: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = KeyCache(self.ledger.keys)
        self.parked = ParkedBuffer(self.ledger.parked, self.ledger.durable)

    def flush(self) -> None:
        """Everything buffered since the last time is durable when this returns."""
        with self.keys.write_back(self.ledger.transaction()):
            if self._entries or self._replaced:
                self.ledger.journal.enter(self._entries.values(), self._replaced)
            self.parked.write()
            self.ledger.answers.owe(self._responses)
        self.parked.written()
        self._entries, self._replaced, self._responses = {}, [], []

    def pin(self, pending: PendingRecord, known: ObjectMapping) -> None:
        """Keep the mapping of the record's key cached until `unpin`."""
        pending.pinned = True
        self.keys.pin(known)

    def unpin(self, pending: PendingRecord) -> None:
        if pending.pinned and pending.key:
            pending.pinned = False
            self.keys.unpin(pending.key)

    def get(self, pending: PendingRecord) -> ObjectMapping:
        """The mapping of the key of a record that is pinned."""
        assert pending.key
        return self.keys.get(pending.key)

    def journal(
        self,
        pending: PendingRecord,
        stage: Stage,
        idempotency_key: str,
        announced_at: int,
        made: str | None = None,
    ) -> None:
        """Record how far a record without a key has come; `made` is the path of its object."""
        assert pending.ordinal is not None
        self.journal_in_use = True
        entry = Entry(
            segment=pending.segment,
            ordinal=pending.ordinal,
            digest=pending.digest,
            stage=stage,
            idempotency_key=idempotency_key,
            announced_at=announced_at,
        )
        if pending.entry and pending.entry.ordinal != pending.ordinal:
            self._replaced.append(pending.entry.ordinal)
        pending.entry = entry
        self._entries[entry.ordinal] = Journaled(entry, made)

    def unjournal(self, pending: PendingRecord) -> None:
        """The journaled record was not sent after all."""
        assert pending.ordinal is not None
        self._entries.pop(pending.ordinal, None)
        self._replaced.append(pending.ordinal)

    def enqueue_response(self, response: bytes) -> None:
        """The webhook is to have this response."""
        self._responses.append(response)

    def on_key_rotated(self, pending: PendingRecord) -> Callable[[str], None]:
        """A callback that records at once, from any thread, the new key of a create."""

        def rotated(idempotency_key: str) -> None:
            now = int(self.now())
            if pending.pinned and pending.key:
                self.keys.rotate(pending.key, idempotency_key, now)
            elif pending.parked is not None and pending.parked.number is not None:
                self.ledger.parked.amend(
                    pending.parked.number, idempotency_key=idempotency_key, announced_at=now
                )
            elif pending.entry is not None:
                entry = replace(pending.entry, idempotency_key=idempotency_key, announced_at=now)
                self.ledger.journal.enter([Journaled(entry)])

        return rotated
