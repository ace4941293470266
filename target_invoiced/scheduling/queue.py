"""The records whose writes are to come: queued, ready to be sent, finished."""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from target_invoiced.mapping.keys import ExternalKey, NaturalKey, ObjectId, Reference
from target_invoiced.mapping.outcomes import Done, Kind, Outcome
from target_invoiced.records.record import NUMBERED, PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.recorder import OutcomeRecorder
from target_invoiced.scheduling.dependencies import DependencyGraph

# How many writes may be pending: enough to find work for every connection.
MAX_PENDING = 1_000
# The same for the records of batches, a hundred of which may be one write.
MAX_BATCHED = 5_000


@dataclass(slots=True)
class WriteQueue:
    """Keeps records in the order that their objects need.

    Attributes:
        unit: the ledger.
        recorder: of outcomes.
        mixed: whether some streams name objects by keys of another system, and some by ids.
        ready: records that wait for nothing.
        newly_available: objects that were written since it was last emptied; parked records may
            wait for them.
    """

    unit: UnitOfWork
    recorder: OutcomeRecorder
    mixed: bool = True
    ready: deque[PendingRecord] = field(default_factory=deque)
    newly_available: set[Reference] = field(default_factory=set)
    _graph: DependencyGraph[PendingRecord] = field(default_factory=DependencyGraph)
    # How many records each batch has beside its first one.
    _rests: dict[PendingRecord, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many writes are yet to finish."""
        return len(self._graph)

    @property
    def has_room(self) -> bool:
        """Whether further records may be taken: it bounds the memory, however long the input."""
        return len(self._graph) < MAX_PENDING and sum(self._rests.values()) < MAX_BATCHED

    def writing(self, key: ExternalKey) -> bool:
        """Whether a write for this key has not finished."""
        return self._graph.writing(key)

    def enqueue(self, pending: PendingRecord) -> None:
        """Add a record behind the writes that it depends on."""
        needs = pending.depends()
        writes, reads, moves = set(needs.writes), set(needs.reads), set(needs.moves)
        if self.mixed:
            writes |= self._by_id(writes)
            reads |= self._by_id(reads)
        if pending.key and pending.key.resource in NUMBERED and self.writing(pending.key):
            moves.add(pending.key.resource)  # it is not its first write, as it seems by now
        if pending.batch_rest:
            self._rests[pending] = len(pending.batch_rest)
        if self._graph.add(
            pending,
            writes=writes,
            reads=reads,
            removes=needs.removes,
            moves=moves,
            finds=needs.finds,
        ):
            self.ready.append(pending)

    def _by_id(self, names: Iterable[Hashable]) -> set[ObjectId]:
        """The ids of objects that are named by keys, since others may be named by ids."""
        keys = {one for one in names if isinstance(one, ExternalKey)}
        ids = self.unit.keys.ids(keys) if keys else {}
        return {ObjectId(key.resource, str(id)) for key, id in ids.items()}

    def requeue(self, pending: PendingRecord) -> None:
        """Make a record ready again."""
        self.ready.appendleft(pending)

    def defer(self, pending: PendingRecord, *, earlier_only: bool) -> bool:
        """Let the record wait for all others that do not wait for it; False if there are none."""
        return self._graph.postpone(pending, earlier_only=earlier_only)

    def finish(self, pending: PendingRecord, outcome: Outcome) -> None:
        """Record the outcome, and release the records that waited for this one."""
        if isinstance(outcome, Done) and outcome.kind is not Kind.SKIPPED and not pending.deletes:
            self.newly_available |= {
                one
                for one in pending.identity.objects
                if isinstance(one, (ExternalKey, NaturalKey))
            }
        self.recorder.record_outcome(pending, outcome)
        self._release(pending)

    def park(self, pending: PendingRecord, missing: Reference) -> None:
        """Park a record; no other record waits for it.

        STATE does not wait for it either, if the ledger keeps it.

        Raises:
            InvalidInputError: if too many are parked without a ledger.
        """
        for one in (pending, *pending.batch_rest):
            self.unit.parked.park(one, missing)
            self.recorder.record_parked(one)
        pending.batch_rest = []  # each waits for itself
        self._release(pending)

    def _release(self, pending: PendingRecord) -> None:
        self._rests.pop(pending, None)
        self.ready.extend(self._graph.finish(pending))
