"""Buffered changes to the ledger, written in one commit."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from target_invoiced.ledger import Ledger
from target_invoiced.ledger.journal import SentBatch
from target_invoiced.ledger.replay import Entry, Stage
from target_invoiced.records.key_cache import KeyCache
from target_invoiced.records.parked_buffer import ParkedBuffer
from target_invoiced.records.record import PendingRecord


@dataclass(slots=True)
class UnitOfWork:
    """The ledger as it will be after the next `flush`.

    More than 12 fields, since each table of the ledger that it changes has a buffer.

    Attributes:
        ledger: of the account.
        now: UNIX time, in seconds.
        pipeline: the setting `pipeline`.
        run: names this run among those of its pipeline.
        keys: which object a key identifies.
        parked: records that wait for an object.
        journal_in_use: whether the journal had entries, or has some now.
        ended_batches: how batches that this run sent again have ended.
    """

    ledger: Ledger
    now: Callable[[], float]
    pipeline: str = "default"
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    keys: KeyCache = field(init=False)
    parked: ParkedBuffer = field(init=False)
    # Whether this run has any entry that a STATE may cover.
    journal_in_use: bool = False
    ended_batches: dict[str, Stage] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _entries: dict[str, Entry] = field(default_factory=dict)
    _removed: list[str] = field(default_factory=list)
    _batches: list[SentBatch] = field(default_factory=list)
    _ending: dict[str, Stage] = field(default_factory=dict)
    _corrected: list[str] = field(default_factory=list)
    _responses: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = KeyCache(self.ledger.keys)
        self.parked = ParkedBuffer(self.ledger.parked, self.ledger.durable)

    def flush(self) -> None:
        """Make everything durable that was buffered since the last time."""
        with self.keys.write_back(self.ledger.transaction()):
            self._flush_journal()
            self.parked.write()
            self.ledger.outbox.add(self._responses)
        self.parked.written()
        self._entries, self._removed, self._batches = {}, [], []
        self._ending, self._corrected, self._responses = {}, [], []

    def _flush_journal(self) -> None:
        journal = self.ledger.journal
        journal.keep_batches(self._batches)
        for batch, stage in self._ending.items():
            journal.end_batch(batch, stage)
        if self._entries or self._removed:
            journal.enter(self._entries.values(), self._removed)
        if self._corrected:
            journal.settle_rejects(self._corrected)

    @property
    def entries_changed(self) -> bool:
        """Whether the next flush changes the journal."""
        return bool(self._entries or self._ending or self._corrected)

    def journal(self, pending: PendingRecord, stage: Stage, **values: Any) -> None:
        """Note how far a record without a key has come. `values` are of its entry."""
        self.journal_in_use = True
        entry = pending.entry or Entry(
            id=f"{self.run}-{next(self._numbers):09}",
            pipeline=self.pipeline,
            stream=pending.stream.name,
            digest=pending.digest,
            line=pending.line,
            stage=stage,
            announced_at=int(self.now()),
            run=self.run,
            segment=pending.segment,
            reject_id=pending.message.reject_id,
            corrected=pending.message.reject_id is not None,
        )
        pending.entry = replace(entry, stage=stage, **values)
        self._entries[entry.id] = pending.entry

    def unjournal(self, pending: PendingRecord) -> None:
        """Remove the entry of a record that was not sent after all."""
        if pending.entry is None:
            return
        if pending.entry.reject_id:
            self.journal(pending, Stage.REJECTED)
            return
        self._entries.pop(pending.entry.id, None)
        self._removed.append(pending.entry.id)
        pending.entry = None

    def keep_batch(self, batch: SentBatch) -> None:
        """Keep a batch as it is about to be sent."""
        self._batches.append(batch)

    def end_batch(self, id: str, stage: Stage) -> None:
        """Note the outcome of a batch, also for its records that have not come again."""
        self.ended_batches[id] = self._ending[id] = stage

    def settle_reject(self, reject_id: str) -> None:
        """Note that a reject was corrected and written: the rejected record needs nothing more."""
        self._corrected.append(reject_id)

    def enqueue_response(self, response: bytes) -> None:
        """Add a response that the webhook is to receive."""
        self._responses.append(response)

    def on_key_rotated(self, pending: PendingRecord) -> Callable[[str], None]:
        """A callback that notes, durably and from any thread, the new key of a create."""

        def rotated(idempotency_key: str) -> None:
            now = int(self.now())
            if pending.pinned and pending.key:
                self.keys.rotate(pending.key, idempotency_key, now)
            elif pending.parked is not None and pending.parked.number is not None:
                self.ledger.parked.amend(
                    pending.parked.number, idempotency_key=idempotency_key, announced_at=now
                )
            elif pending.entry is not None:
                self.ledger.journal.rotate(pending.entry, idempotency_key, now)

        return rotated
