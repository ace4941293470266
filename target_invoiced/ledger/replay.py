"""Which records without a key an earlier run sent. Pure.

Records without a key may be equal and all be meant: two payments of the same amount. The ledger
therefore keeps an entry for each record that was sent, and an input that comes again is compared
with those entries as a multiset: by pipeline, stream, content and count. Order and the records of
other streams do not matter. An entry belongs to the run that sent it or matched it last. A STATE
covers the entries of its own run that came before it, once it is echoed; it never touches those of
another run or pipeline. An entry that no STATE covers is pending: its record comes again. An entry
that a STATE covers may come again only if that STATE was lost downstream, so that the input has to
show it: the same STATE follows, or the input is the same line by line from its first one.

Entries that this run sent or matched are never matched again, so equal records count. In the table,
"it" is a record of equal content. "In doubt, or equal": unchanged if the input is equal so far.

| earlier run's entry      | event                    | the record is      | entry then           |
| ------------------------ | ------------------------ | ------------------ | -------------------- |
| none                     | it comes                 | new: sent          | pending, of this run |
| pending, outcome known   | it comes                 | unchanged          | pending, of this run |
| pending, outcome unknown | it comes within 23 h     | repeated, same key | pending, of this run |
| pending, outcome unknown | it comes later           | in doubt           | stays                |
| pending, rejected        | it comes                 | sent again         | the same reject      |
| pending, outcome known   | 23 h have passed         | -                  | dropped, WARNING     |
| covered                  | it comes                 | held back          | stays                |
| covered by S, one held   | S follows                | unchanged          | covered, of this run |
| both, one held           | another STATE follows    | as for pending     | pending, of this run |
| covered only, one held   | another STATE follows    | new: sent          | stays                |
| covered, one held        | the input ends           | in doubt, or equal | stays                |
| covered                  | 23 h have passed         | -                  | dropped              |
| of this run              | a later STATE is written | -                  | covered by it        |
| of a corrected reject    | its reject id comes      | as for pending     | of this run          |

An entry whose outcome is unknown is never covered, since STATE waits for outcomes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

# Invoiced remembers an idempotency key for 24 hours; an hour is left for clocks that differ.
ENTRY_LIVES_S = 23 * 3600


class Stage(Enum):
    """How far a record had come when the journal last heard of it."""

    ANNOUNCED = "announced"  # sent, or about to be: its outcome is unknown
    SETTLED = "settled"
    PARKED = "parked"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record without a key that was sent: a row of the journal.

    More than 12 fields, since it is a row of the ledger.

    Attributes:
        id: of the entry.
        pipeline: the setting `pipeline` of the run.
        stream: of the record.
        digest: of its content, or of its reject id if it is a corrected reject.
        line: digest of the whole input up to it.
        stage: how far it had come.
        idempotency_key: under which it was sent.
        batch: the request that it was sent in with others; None if it was alone.
        announced_at: UNIX second at which it was first sent.
        run: that sent it, or matched it last.
        segment: number of the STATE after it, in that run.
        state: digest of the STATE that covers it; None if none does.
        path: of its object.
        reject_id: under which it is in the rejects file.
        corrected: whether it is found by its reject id alone, and does not expire.
    """

    id: str
    pipeline: str = ""
    stream: str
    digest: bytes
    line: bytes = b""
    stage: Stage
    idempotency_key: str = ""
    batch: str | None = None
    announced_at: int = 0
    run: str = ""
    segment: int = 0
    state: bytes | None = None
    path: str | None = None
    reject_id: str | None = None
    corrected: bool = False

    @property
    def pending(self) -> bool:
        """Whether no STATE covers it."""
        return self.state is None


@dataclass(frozen=True, slots=True)
class New:
    """The record was not sent before."""


@dataclass(frozen=True, slots=True)
class Match:
    """The record is the one of an entry.

    Attributes:
        entry: of the record.
    """

    entry: Entry


@dataclass(frozen=True, slots=True)
class Hold:
    """The next STATE, or the end of the input, shows which record it is."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nothing shows whether the record is the one of an entry.

    Attributes:
        entry: that it may be.
    """

    entry: Entry


Decision = New | Match | Hold | Doubt


def on_arrival(equal: Sequence[Entry], line: bytes, *, may_hold: bool = True) -> Decision:
    """The decision when a record comes.

    Args:
        equal: the unmatched entries with its content.
        line: digest of the input up to the record.
        may_hold: whether records may still be held back.
    """
    covered = [entry for entry in equal if not entry.pending]
    if covered and may_hold:
        return Hold()
    if covered:
        same = _same_line(covered, line)
        return Match(same) if same else at_end(equal, line)
    return Match(equal[0]) if equal else New()


def at_state(equal: Sequence[Entry], state: bytes) -> Decision:
    """The decision when a STATE follows a record that was held back."""
    covered = [entry for entry in equal if entry.state == state]
    pending = [entry for entry in equal if entry.pending]
    found = [*covered, *pending]
    return Match(found[0]) if found else New()


def at_end(equal: Sequence[Entry], line: bytes) -> Decision:
    """The decision when no STATE follows a record that was held back."""
    pending = [entry for entry in equal if entry.pending]
    if pending:
        return Match(pending[0])
    same = _same_line(equal, line)
    if same:
        return Match(same)
    return Doubt(equal[-1]) if equal else New()


def _same_line(entries: Sequence[Entry], line: bytes) -> Entry | None:
    return next((entry for entry in entries if entry.line and entry.line == line), None)


@dataclass(slots=True)
class Candidates:
    """Unmatched entries by content. Each is matched once."""

    _equal: dict[bytes, list[Entry]] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Candidates":
        """Sort entries by content."""
        found: dict[bytes, list[Entry]] = {}
        for entry in entries:
            found.setdefault(entry.digest, []).append(entry)
        return cls(found)

    def equal(self, digest: bytes) -> Sequence[Entry]:
        """The unmatched entries of this content."""
        return self._equal.get(digest, ())

    def take(self, entry: Entry) -> None:
        """Match an entry, which no other record can match from now on."""
        self._equal[entry.digest].remove(entry)
