"""Records without a key: which of them an earlier run sent, by the entries of the ledger."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from target_invoiced.ledger.replay import (
    Candidates,
    Doubt,
    Entry,
    Hold,
    Match,
    New,
    at_end,
    at_state,
    on_arrival,
)
from target_invoiced.mapping.keys import digest
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.stream_settings import DoubtPolicy

LOGGER = logging.getLogger(__name__)

# Records that wait for the next STATE to show whether they were sent before.
MAX_HELD = 10_000
# Entries, and records in doubt, that are named in the log; of the others it has the number.
MAX_NAMED = 20

Resolve = Callable[[PendingRecord, Entry | None], None]


@dataclass(slots=True)
class KeylessMatcher:
    """Compares records without a key with those that earlier runs sent: see `ledger.replay`.

    Attributes:
        unit: the ledger.
        resolve: takes a record and its entry; None for a new one.
        skip: drops a record.
        segment: how many STATEs have come.
        doubts: describes records that may have been sent before.
        doubtful: how many there are.
    """

    unit: UnitOfWork
    resolve: Resolve
    skip: Callable[[PendingRecord], None]
    segment: int = 0
    # What is said of each record in doubt.
    doubts: list[str] = field(default_factory=list)
    doubtful: int = 0
    _held: list[PendingRecord] = field(default_factory=list)
    _corrected: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        named, dropped = self.unit.ledger.journal.expire(int(self.unit.now()), MAX_NAMED)
        for entry in named:
            LOGGER.warning(
                "%s: forgot a record that was sent at %s%s: no STATE covered it within 23 hours. "
                "If it comes again, it is sent again",
                entry.stream or "a stream",
                moment(entry.announced_at),
                said_of(entry),
            )
        if dropped > len(named):
            LOGGER.warning("forgot %d more records that no STATE covered", dropped - len(named))

    def candidates(self, records: Iterable[PendingRecord]) -> Candidates:
        """The entries that may be those of the records."""
        wanted: Counter[bytes] = Counter()
        corrected: set[bytes] = set()
        for pending in records:
            if pending.message.reject_id:
                corrected.add(pending.digest)
            else:
                wanted[pending.digest] += 1
        # What was matched and is not in the ledger yet would be found again.
        if self.unit.entries_changed and (wanted or corrected):
            self.unit.flush()
        journal, unit = self.unit.ledger.journal, self.unit
        found: list[Entry] = []
        if wanted:
            found = journal.equal(unit.pipeline, wanted, run=unit.run, now=int(unit.now()))
        if corrected:
            found += journal.of_rejects(corrected)
        return Candidates.of(found)

    def accept(self, pending: PendingRecord, candidates: Candidates) -> None:
        """Take a record: resolve it, or hold it back until the next STATE."""
        pending.segment = self.segment
        if pending.message.reject_id:
            self._accept_corrected(pending, candidates)
            return
        equal = candidates.equal(pending.digest)
        decision = on_arrival(equal, pending.line, may_hold=len(self._held) < MAX_HELD)
        match decision:
            case New():
                self.resolve(pending, None)
            case Match(entry):
                self._match(pending, entry, candidates)
            case Hold():
                self._held.append(pending)
            case Doubt(entry):
                self._doubt(pending, entry)

    def _accept_corrected(self, pending: PendingRecord, candidates: Candidates) -> None:
        """A corrected reject is sent once, however often it comes."""
        equal = candidates.equal(pending.digest)
        if pending.digest in self._corrected:
            self.skip(pending)
            return
        self._corrected.add(pending.digest)
        self.resolve(pending, replace(equal[0], run=self.unit.run) if equal else None)

    def add_state(self, state: bytes) -> None:
        """Take a STATE: it shows what the records held back are."""
        held, self._held = self._held, []
        if held:
            found = self.candidates(held)
            covered = Candidates.of(
                self.unit.ledger.journal.covered_by(
                    self.unit.pipeline,
                    {pending.digest for pending in held},
                    state,
                    run=self.unit.run,
                    now=int(self.unit.now()),
                )
            )
            for pending in held:
                equal = [*covered.equal(pending.digest), *_pending(found.equal(pending.digest))]
                decision = at_state(equal, state)
                if isinstance(decision, Match):
                    entry = decision.entry
                    self._match(pending, entry, found if entry.pending else covered)
                else:
                    self.resolve(pending, None)
        self.segment += 1

    def finish(self) -> None:
        """Take the end of the input: no STATE follows."""
        held, self._held = self._held, []
        found = self.candidates(held)
        for pending in held:
            match at_end(found.equal(pending.digest), pending.line):
                case Match(entry) if entry.pending:
                    self._match(pending, entry, found)
                case Match(entry):
                    # The entry is left as it is: since no STATE follows, the record comes again.
                    found.take(entry)
                    self.skip(pending)
                case Doubt(entry):
                    self._doubt(pending, entry)
                case _:
                    self.resolve(pending, None)

    def _match(self, pending: PendingRecord, entry: Entry, candidates: Candidates) -> None:
        candidates.take(entry)
        # A covered one stays so: should this run die before its STATE, the STATE decides again.
        self.resolve(pending, replace(entry, run=self.unit.run, segment=pending.segment))

    def _doubt(self, pending: PendingRecord, entry: Entry) -> None:
        """Nothing shows whether the record is one that was sent; a later input may."""
        match pending.stream.settings.doubt:
            case DoubtPolicy.SEND:
                self.resolve(pending, None)
            case DoubtPolicy.SKIP:
                self.skip(pending)
            case DoubtPolicy.REJECT:
                self.doubtful += 1
                if len(self.doubts) < MAX_NAMED:
                    name = (pending.stream.resource or "record").removesuffix("s")
                    self.doubts.append(
                        f"{pending.place}: an equal {name} was "
                        f"sent at {moment(entry.announced_at)}{said_of(entry)}, and no STATE shows "
                        "whether this is the same one"
                    )


def _pending(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.pending]


def moment(seconds: int) -> str:
    """UNIX seconds as RFC 3339."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def said_of(entry: Entry) -> str:
    """Names the object of an entry, if that is known."""
    return f": object {entry.path.rsplit('/', 1)[-1]}" if entry.path else ""


def state_digest(value: object) -> bytes:
    """The digest of a STATE that entries have."""
    return digest(value)
