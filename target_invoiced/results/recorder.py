"""Records an outcome everywhere: ledger, rejects, responses, report."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from target_invoiced import exact_json
from target_invoiced.exceptions import TooManyRejectsError
from target_invoiced.ledger.replay import Stage
from target_invoiced.mapping.keys import ExternalKey, digest_of
from target_invoiced.mapping.operations import Create
from target_invoiced.mapping.outcomes import Done, Kind, Outcome, Rejected
from target_invoiced.mapping.paths import object_path
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.rejects import Rejects
from target_invoiced.results.report import Report
from target_invoiced.results.responses import ResponseSink
from target_invoiced.singer.checkpoints import StateTracker

LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class OutcomeRecorder:
    """Records outcomes. STATE may pass them only after `committed` was called.

    Attributes:
        unit: the ledger.
        states: which STATE may be written.
        report: counts.
        rejects: the file; None if there is none.
        responses: file and webhook; None if there are none.
        max_rejects: how many records may be rejected; None for no limit.
        stop: ends the run, once everything before a position is recorded.
        clock: monotonic, in seconds.
        keeps_rejects: a file keeps them; a dry run acts as if it did, and `rejects` is None.
    """

    unit: UnitOfWork
    states: StateTracker
    report: Report
    rejects: Rejects | None
    responses: ResponseSink | None
    max_rejects: int | None
    stop: Callable[[Exception, int | None], None]
    clock: Callable[[], float]
    keeps_rejects: bool = False
    _recorded: list[int] = field(default_factory=list)

    def record_outcome(self, pending: PendingRecord, outcome: Outcome) -> None:
        """Record the outcome of a record, and of all others of its batch."""
        for one in (pending, *pending.batch_rest):
            self._record(one, outcome)

    def record_parked(self, pending: PendingRecord) -> None:
        """Record that a record is parked. STATE waits for it, unless the ledger keeps it."""
        if not self.unit.parked.durable:
            return
        if pending.journaled:
            self.unit.journal(pending, Stage.PARKED)
        self._unpin(pending)
        if pending.position is not None:
            self._recorded.append(pending.position)

    def committed(self) -> None:
        """Note that everything recorded so far is durable: STATE may pass it."""
        for position in self._recorded:
            self.states.settled(position)
        self._recorded.clear()

    def _record(self, pending: PendingRecord, outcome: Outcome) -> None:
        if pending.key and pending.pinned:
            self._put_key(pending, pending.key, outcome)
        elif pending.journaled:
            self._put_entry(pending, outcome)
        reject_id = _reject_id(pending) if isinstance(outcome, Rejected) else ""
        kept = self.unit.parked.durable and not self.keeps_rejects
        if isinstance(outcome, Rejected) and pending.parked is not None and kept:
            # STATE has passed it, and nothing else keeps it.
            self.unit.parked.keep_parked(pending, rejected=True)
        if pending.parked is not None:
            self.unit.parked.unpark(pending)
        self._unpin(pending)
        self.report.add(pending.stream.name, outcome, pending.retries, pending.began, self.clock())
        if self.responses:
            names = pending.stream.schema.key_properties
            key = {name: pending.message.record.get(name) for name in names}
            self.responses.add(pending.stream.name, key, outcome)
        if isinstance(outcome, Rejected) and not self.refuse(pending, outcome, reject_id):
            return
        if isinstance(outcome, Done) and outcome.warning:
            LOGGER.warning("%s: %s", pending.place, outcome.warning)
        if pending.position is not None:
            self._recorded.append(pending.position)

    def _unpin(self, pending: PendingRecord) -> None:
        if pending.pinned and pending.key:
            pending.pinned = False
            self.unit.keys.unpin(pending.key)

    def _put_key(self, pending: PendingRecord, key: ExternalKey, outcome: Outcome) -> None:
        known = self.unit.keys.get(key)
        ended = replace(known, idempotency_key=None, announced_at=None, stream=pending.stream.name)
        version = pending.message.version if pending.stream.mirrors else None
        version = known.version if version is None else version
        match outcome:
            case Done(Kind.SKIPPED):
                return
            case Rejected(doubt=True):
                return  # its outcome stays unknown until `doubt` or a look-up decides
            case Done() if pending.deletes:
                if known.id is None:
                    return  # it never was here
                again = known.generation if known.gone else known.generation + 1
                after = replace(ended, gone=True, digest=pending.digest, generation=again)
            case Done(_, made):
                id = known.alive if known.alive is not None else made
                after = replace(
                    ended,
                    id=id,
                    gone=False,
                    digest=pending.digest,
                    version=version,
                    parent=_parent(pending) or known.parent,
                )
            case Rejected(_, _, _, made):
                creating = isinstance(pending.operation, Create) and known.alive is None
                after = replace(
                    ended,
                    id=known.id if made is None else made,
                    gone=known.gone if made is None else False,
                    generation=known.generation + creating,
                )
                if after == known:
                    return
        self.unit.keys.set(after)

    def _put_entry(self, pending: PendingRecord, outcome: Outcome) -> None:
        entry = pending.entry
        if entry and entry.stage in (Stage.SETTLED, Stage.PARKED):
            return
        if isinstance(outcome, Rejected):
            reject_id = (entry and entry.reject_id) or uuid.uuid4().hex
            stage = Stage.ANNOUNCED if outcome.doubt else Stage.REJECTED
            batch = entry.batch if entry and outcome.doubt else None
            self.unit.journal(pending, stage, reject_id=reject_id, batch=batch)
        elif entry:
            path = object_path(pending.stream.resource, outcome.id)
            settled = outcome.kind is not Kind.SKIPPED
            stage = Stage.SETTLED if settled else entry.stage
            self.unit.journal(pending, stage, path=path, batch=None if settled else entry.batch)
            if settled and entry.corrected and entry.reject_id:
                self.unit.settle_reject(entry.reject_id)
        if entry and entry.batch and pending.entry and pending.entry.batch is None:
            self.unit.end_batch(entry.batch, pending.entry.stage)

    def refuse(self, pending: PendingRecord, rejected: Rejected, reject_id: str) -> bool:
        """Keep a reject; False if it is one too many and ends the run."""
        where = pending.place
        if self.rejects:
            key, message = pending.named_key, pending.message
            self.rejects.add(pending.stream.schema, message, rejected, reject_id, key)
        else:
            LOGGER.error("%s: %s", where, rejected.reason)
        if self.max_rejects is None or self.report.rejected <= self.max_rejects:
            return True
        step = "Send what it refers to" if rejected.waits else "Correct the record"
        self.stop(
            TooManyRejectsError(
                f"stopped at {where}: {rejected.reason} - more rejects than `max_rejects` allows "
                f"({self.max_rejects}). {step}, and run again from the last state: what was "
                "written since is not written again."
            ),
            pending.position,
        )
        return False


def _parent(pending: PendingRecord) -> str | None:
    """What the path of the object needs besides its id: its removal may come without it."""
    parent = pending.identity.parent
    return exact_json.dumps(parent).decode() if parent else None


def _reject_id(pending: PendingRecord) -> str:
    """The id of a reject: the same whenever the same record is rejected again."""
    if pending.entry and pending.entry.reject_id:
        return pending.entry.reject_id
    parked = pending.parked.idempotency_key if pending.parked else ""
    return digest_of(pending.digest + f"{pending.stream.name} {parked}".encode()).hex()
