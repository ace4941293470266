"""From ready records to requests. Some need none, and some have to wait after all."""

from dataclasses import dataclass, replace

from target_invoiced.exceptions import InDoubtError, InvalidRecordError
from target_invoiced.ledger.parked import Parked
from target_invoiced.mapping.keys import ExternalKey, Reference, by_own_id
from target_invoiced.mapping.operations import NoOp, Remove, Update, WriteRequest
from target_invoiced.mapping.outcomes import Done, Kind, Rejected
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.scheduling.parking import ParkedQueue
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.scheduling.requests import RequestBuilder
from target_invoiced.stream_settings import DoubtPolicy

Job = tuple[PendingRecord, WriteRequest]

UNKNOWN_CREATE = (
    "it is to be deleted, but it is not known whether an earlier run created it. Look for "
    "it in Invoiced, and delete it there"
)
# Once after earlier records, once after all others.
MAX_DEFERRALS = 2
# A 404 for an object that the ledger knows.
BAD_REQUEST, NOT_FOUND = 400, 404
NOT_FOUND_HINT = (
    "The ledger still contains it: either it was deleted or merged in Invoiced since, or the "
    "ledger is of another account. If it is gone, send its record with `_sdc_deleted_at`, and then "
    "without, to create it again. If it was merged, send it with the number of the kept object"
)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Decides what is sent for each record, by the facts that are known at its turn.

    Attributes:
        unit: the ledger.
        queue: gives the records.
        parking: takes records whose references are unknown.
        requests: builds the requests.
    """

    unit: UnitOfWork
    queue: WriteQueue
    parking: ParkedQueue
    requests: RequestBuilder

    def next_jobs(self, limit: int) -> list[Job]:
        """Up to `limit` ready records with their requests, to be journaled with the next flush."""
        ready = self.queue.ready
        records = [ready.popleft() for _ in range(min(limit, len(ready)))]
        keys = [pending.key for pending in records if pending.key]
        if self.unit.parked.count and keys:
            self.unit.flush()
        parked = self.unit.parked.by_key(keys)
        records = [pending for pending in records if self._plan(pending, parked)]
        ids = self._ids(records)
        return [
            (pending, request) for pending in records if (request := self._request(pending, ids))
        ]

    def found(self, pending: PendingRecord, id: int | str) -> None:
        """Update an object that exists already to the record."""
        assert pending.key
        owner = self.unit.keys.key_of_object(pending.key.resource, id)
        if owner is not None and owner != pending.key:
            if self._deferred(pending):
                return  # its owner may give the natural key up
            said = f"it is the same object as {owner}: remove one of the two records"
            self.queue.finish(pending, Rejected(said))
            return
        known = self.unit.keys.get(pending.key)
        self.unit.keys.set(
            replace(known, id=id, gone=False, digest=None, idempotency_key=None, announced_at=None)
        )
        self.queue.requeue(pending)

    def refused(self, pending: PendingRecord, rejected: Rejected) -> None:
        """Take a refusal by Invoiced: final, unless other writes may free the natural key.

        A number that is taken may be free once earlier writes have finished.
        """
        natural = pending.stream.natural_key
        taken = natural is not None and rejected.param == natural and rejected.id is None
        if taken and not pending.batch_rest and self._deferred(pending):
            self.requests.give_up_key(pending)
        elif not self._forgets_object(pending, rejected):
            if rejected.status == NOT_FOUND and pending.planned_for is not None and pending.key:
                rejected = replace(rejected, reason=f"{rejected.reason}. {NOT_FOUND_HINT}")
            elif (reference := _refused_reference(pending, rejected)) is not None:
                hint = (
                    f"If {reference} was deleted or merged in Invoiced, send its record again: the "
                    "target looks for it by its number, or states what to do"
                )
                rejected = replace(rejected, reason=f"{rejected.reason}. {hint}")
            self.queue.finish(pending, rejected)

    def _forgets_object(self, pending: PendingRecord, rejected: Rejected) -> bool:
        """Whether an object is gone because a run died while it removed it.

        A record from before that removal has come again. It is created, as after a removal whose
        outcome is known, and the removal comes again, too.
        """
        if rejected.status != NOT_FOUND or pending.key is None:
            return False
        known = self.unit.keys.get(pending.key)
        if known.alive is None or pending.planned_for != known.alive or not known.removal_in_doubt:
            return False
        again = known.generation + 1
        self.unit.keys.set(replace(known, gone=True, announced_at=None, generation=again))
        self.queue.requeue(pending)
        return True

    def _deferred(self, pending: PendingRecord) -> bool:
        """Whether the record is tried again.

        It is tried once after the records that came before it, which may free its number. If
        that fails, it is tried a last time after all others.
        """
        if pending.deferrals == MAX_DEFERRALS:
            return False
        pending.deferrals += 1
        if not self.queue.defer(pending, earlier_only=pending.deferrals < MAX_DEFERRALS):
            self.queue.requeue(pending)  # they have finished meanwhile
        return True

    def _plan(self, pending: PendingRecord, parked: dict[ExternalKey, Parked]) -> bool:
        """Whether a request is needed; if not, the outcome is recorded."""
        known = self.unit.keys.get(pending.key) if pending.key else None
        if pending.key in parked and pending.parked is None:
            self.parking.merge(pending, parked[pending.key])
        if known and known.digest == pending.digest and pending.parked is None:
            self.queue.finish(pending, Done(Kind.UNCHANGED, known.id))
            return False
        alive = known.alive if known else None
        if pending.parked is not None or not pending.planned or pending.planned_for != alive:
            if known and known.parent and pending.deletes:
                pending.add_parent(known.parent)
            try:
                pending.plan(alive)
            except InvalidRecordError as problem:
                self.queue.finish(pending, Rejected(str(problem)))
                return False
        operation = pending.operation
        if pending.deletes and alive is None and known and known.idempotency_key:
            self.queue.finish(pending, Rejected(UNKNOWN_CREATE))
            return False
        if isinstance(operation, NoOp):
            self.queue.finish(pending, Done(operation.kind, known.id if known else None))
            return False
        return True

    def _park(self, pending: PendingRecord, missing: ExternalKey) -> None:
        """A removal is done if the parent is gone; any other record waits for its object."""
        parent = self.unit.keys.look_up([missing]).get(missing)
        if isinstance(pending.operation, Remove) and parent is not None and parent.gone:
            self.queue.finish(pending, Done(Kind.DELETED))
        else:
            self.parking.park(pending, missing)

    def _ids(self, records: list[PendingRecord]) -> dict[Reference, object]:
        """Ids of the objects referred to, or a natural key where the id may be that itself."""
        wanted = [
            reference
            for pending in records
            for one in (pending, *pending.batch_rest)
            for reference in one.references
            if isinstance(reference, ExternalKey)
        ]
        # An update does not wait for the objects that it cannot change its own object to.
        compared = {
            reference
            for pending in records
            if isinstance(pending.operation, Update)
            for reference in pending.operation.fixed.values()
            if isinstance(reference, ExternalKey)
        }
        known = self.unit.keys.ids({*wanted, *compared})
        ids: dict[Reference, object] = {reference: known[reference] for reference in known}
        for reference in (*wanted, *compared):
            natural = None if reference in ids else by_own_id(reference)
            if natural:
                ids[reference] = natural
        return ids

    def _request(self, pending: PendingRecord, ids: dict[Reference, object]) -> WriteRequest | None:
        """None for a record that has to wait, or cannot be sent."""
        for one in (pending, *pending.batch_rest):
            for reference in one.references:
                if isinstance(reference, ExternalKey) and reference not in ids:
                    self._park(pending, reference)
                    return None
        try:
            return self.requests.build(pending, ids)
        except InDoubtError as doubt:
            skips = pending.stream.settings.doubt is DoubtPolicy.SKIP
            outcome = Done(Kind.SKIPPED) if skips else Rejected(str(doubt), doubt=True)
            self.queue.finish(pending, outcome)
            return None
        except InvalidRecordError as problem:
            self.queue.finish(pending, Rejected(str(problem)))
            return None


def _refused_reference(pending: PendingRecord, rejected: Rejected) -> ExternalKey | None:
    """The key that Invoiced does not find, or refuses, the object of."""
    if rejected.status not in (BAD_REQUEST, NOT_FOUND):
        return None
    body = pending.body if isinstance(pending.body, dict) else {}
    named = body.get(rejected.param) if rejected.param else None
    if isinstance(named, ExternalKey):
        return named
    in_path = [piece for piece in pending.path if isinstance(piece, ExternalKey)]
    return in_path[0] if in_path and rejected.status == NOT_FOUND else None
