"""The request of a record: under which idempotency key, and after which wait. Journaled first."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, TypedDict

import orjson

from invoiced_api.client import IN_FLIGHT_GRACE_S
from target_invoiced import exact_json
from target_invoiced.exceptions import InDoubtError
from target_invoiced.ledger.journal import SentBatch
from target_invoiced.ledger.parked import Parked
from target_invoiced.ledger.replay import Stage
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, Reference
from target_invoiced.mapping.operations import (
    Create,
    CustomCall,
    Operation,
    Remove,
    Update,
    WriteRequest,
)
from target_invoiced.mapping.references import resolve_references
from target_invoiced.records.batched_calls import encode_path
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.stream_settings import DoubtPolicy

# Invoiced remembers an idempotency key for 24 hours; an hour is left for clocks that differ.
KEY_LIVES_S = 23 * 3600


class Announcement(TypedDict, total=False):
    """What the ledger knows of a request before it is sent; see `WriteRequest`."""

    idempotency_key: str
    not_before: float
    again: bool
    since: int
    keyed: bool
    on_key_rotated: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RequestBuilder:
    """Builds the requests of records, and journals them.

    Attributes:
        unit: the ledger.
        now: UNIX time, in seconds.
        clock: monotonic, in seconds.
    """

    unit: UnitOfWork
    now: Callable[[], float]
    clock: Callable[[], float]

    def build(self, pending: PendingRecord, ids: dict[Reference, Any]) -> WriteRequest:
        """The request of a record, with ids in place of the references that are known.

        Journals it; the caller must flush the journal before sending it. Raises InvalidRecordError.
        """
        operation = self._resolved(pending, ids)
        bodies = self._bodies(pending, operation, ids)
        announcement = self._announce(pending, operation, bodies)
        unresolved = {ids.get(one, one) for one in pending.references}
        return WriteRequest(
            operation=operation,
            references=tuple(one for one in unresolved if isinstance(one, NaturalKey)),
            resource=pending.stream.resource,
            natural=pending.identity.natural_key,
            by_key=pending.key is not None,
            bodies=bodies,
            doubt=pending.stream.settings.doubt,
            digest=pending.digest,
            **announcement,
        )

    def _announce(
        self, pending: PendingRecord, operation: Operation, bodies: Sequence[dict[str, Any]]
    ) -> Announcement:
        """Journal a write, as far as it must not happen twice."""
        journaled = isinstance(operation, (Create, CustomCall))
        if pending.key is None and pending.parked is not None and journaled:
            return self._parked(pending, pending.parked)
        if pending.journaled:
            return self._keyless(pending, operation, bodies)
        if pending.key is None:
            return {}  # to do it twice is to do it once
        if isinstance(operation, Create) and not operation.singleton:
            return self._keyed(pending, pending.key)
        known = self.unit.keys.get(pending.key)
        if isinstance(operation, Remove):
            since = self._since(known.announced_at)
            self.unit.keys.set(replace(known, digest=None, announced_at=since))
            return {"again": known.removal_in_doubt}
        if known.digest is not None:
            self.unit.keys.set(replace(known, digest=None))
        return {}

    @staticmethod
    def _bodies(
        pending: PendingRecord, operation: Operation, ids: dict[Reference, Any]
    ) -> Sequence[dict[str, Any]]:
        """The bodies of a batch, one per record; none for another request."""
        if not isinstance(operation, CustomCall) or not operation.batched:
            return ()
        if pending.sent_bodies is not None:
            return pending.sent_bodies
        return [resolve_references(one.body, ids) for one in (pending, *pending.batch_rest)]

    @staticmethod
    def _resolved(pending: PendingRecord, ids: dict[Reference, Any]) -> Operation:
        operation = pending.operation
        if pending.references:
            path = resolve_references(pending.path, ids)
            body = {} if pending.body is None else {"body": resolve_references(pending.body, ids)}
            operation = replace(operation, path=path, **body)
        if isinstance(operation, Update) and operation.fixed:
            operation = replace(operation, fixed=resolve_references(operation.fixed, ids))
        if pending.key is None and isinstance(operation, Create):
            # Nothing would remember which record it is if the object were there already.
            operation = replace(operation, natural=None)
        return operation

    def _keyed(self, pending: PendingRecord, own: ExternalKey) -> Announcement:
        known = self.unit.keys.get(own)
        again = known.idempotency_key is not None
        if again and known.announced_at is not None and self._expired(known.announced_at):
            self._refuse_doubt(pending)
            again = False
            known = replace(known, idempotency_key=None, generation=known.generation + 1)
        key = known.idempotency_key or stable_key(own, pending.path, pending.body, known.generation)
        since = self._since(known.announced_at if again else None)
        self.unit.keys.set(replace(known, digest=None, idempotency_key=key, announced_at=since))
        return {**self._under(pending, key, again=again, since=since), "keyed": True}

    def _keyless(
        self, pending: PendingRecord, operation: Operation, bodies: Sequence[dict[str, Any]]
    ) -> Announcement:
        entry, key, since = pending.entry, uuid.uuid4().hex, int(self.now())
        again = entry is not None and entry.stage is Stage.ANNOUNCED
        if entry and again:
            lost = entry.batch is not None and pending.sent_bodies is None
            if lost or self._expired(entry.announced_at):
                self._refuse_doubt(pending)
                again = False
            else:
                key, since = entry.idempotency_key, entry.announced_at
        if pending.sent_bodies is not None and again:
            return self._under(pending, key, again=again, since=since)
        batch = self._batch(operation, bodies, key)
        for one in (pending, *pending.batch_rest):
            self.unit.journal(
                one, Stage.ANNOUNCED, idempotency_key=key, announced_at=since, batch=batch
            )
        return self._under(pending, key, again=again, since=since)

    def _batch(
        self, operation: Operation, bodies: Sequence[dict[str, Any]], key: str
    ) -> str | None:
        """Keep a batch as it is sent; None for another request."""
        if not isinstance(operation, CustomCall) or not operation.batched:
            return None
        path, sent = encode_path(operation.path), exact_json.dumps(list(bodies))
        self.unit.keep_batch(SentBatch(id=key, method=operation.method, path=path, bodies=sent))
        return key

    def _under(self, pending: PendingRecord, key: str, *, again: bool, since: int) -> Announcement:
        """What is known of a request under an idempotency key.

        Args:
            pending: its record.
            key: the idempotency key.
            again: whether an earlier run has sent it.
            since: when it was first sent, in UNIX seconds.
        """
        return {
            "idempotency_key": key,
            "since": since,
            "not_before": self._not_before(again),
            "again": again,
            "on_key_rotated": self.unit.on_key_rotated(pending),
        }

    @staticmethod
    def _refuse_doubt(pending: PendingRecord) -> None:
        """Raises InDoubtError unless the stream sends a record whose outcome is unknown."""
        if pending.stream.settings.doubt is not DoubtPolicy.SEND:
            raise InDoubtError(UNKNOWN_OUTCOME)

    def withdraw(self, pending: PendingRecord, request: WriteRequest) -> None:
        """Note that a request was not sent, so that the next run need not find out its outcome."""
        if request.again:
            return
        marked = request.keyed or isinstance(request.operation, Remove)
        if pending.key and pending.pinned and marked:
            known = self.unit.keys.get(pending.key)
            self.unit.keys.set(replace(known, idempotency_key=None, announced_at=None))
        elif pending.parked is not None and pending.parked.number is not None:
            self.unit.ledger.parked.amend(pending.parked.number, announced_at=None)
        elif pending.journaled:
            for one in (pending, *pending.batch_rest):
                self.unit.unjournal(one)

    def give_up_key(self, pending: PendingRecord) -> None:
        """Use another idempotency key: Invoiced has stored the refusal under this one."""
        if pending.key and pending.pinned:
            known = self.unit.keys.get(pending.key)
            self.unit.keys.set(
                replace(
                    known,
                    idempotency_key=None,
                    announced_at=None,
                    generation=known.generation + 1,
                )
            )
        elif pending.entry is not None:
            self.unit.journal(pending, Stage.REJECTED)

    def _parked(self, pending: PendingRecord, parked: Parked) -> Announcement:
        """A record without a key that was parked has its idempotency key from then."""
        key, since = parked.idempotency_key, parked.announced_at
        if since is not None and self._expired(since):
            self._refuse_doubt(pending)
            key, since = uuid.uuid4().hex, None
        first = self._since(since)
        if parked.number is not None:
            self.unit.ledger.parked.amend(parked.number, idempotency_key=key, announced_at=first)
        return self._under(pending, key, again=since is not None, since=first)

    def _expired(self, announced_at: int) -> bool:
        return self.now() - announced_at > KEY_LIVES_S

    def _since(self, first: int | None) -> int:
        """When a record was first sent: Invoiced remembers its key from then on."""
        return int(self.now()) if first is None else first

    def _not_before(self, again: bool) -> float:
        return self.clock() + IN_FLIGHT_GRACE_S if again else 0.0


UNKNOWN_OUTCOME = (
    "a run that died a day or more ago sent it, and it is not known whether Invoiced created it. "
    "Look for it in Invoiced, and send the record again if it is missing"
)


def stable_key(key: ExternalKey | None, path: Any, body: Any, generation: int) -> str:
    """The idempotency key of the create of a keyed record: the same whenever it is sent again."""
    content = orjson.dumps(
        [key and [key.resource, key.value], _plain(path), _plain(body), generation],
        option=orjson.OPT_SORT_KEYS,
    )
    return blake2b(content, digest_size=24).hexdigest()


def _plain(template: Any) -> Any:
    if isinstance(template, dict):
        return {name: _plain(value) for name, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [_plain(value) for value in template]
    return str(template) if isinstance(template, (ExternalKey, NaturalKey)) else template
