"""Task -> order: under which idempotency key, after which wait, announced in the ledger before."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import orjson

from invoiced_api.client import STILL_UNDER_WAY_S
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.ledger.parked import Parked
from target_invoiced.ledger.replay import Stage
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, Reference
from target_invoiced.mapping.operations import Create, Send, WriteRequest, path_and_body
from target_invoiced.mapping.references import filled
from target_invoiced.records.record import Task
from target_invoiced.records.unit_of_work import UnitOfWork

# Invoiced remembers an idempotency key for 24 hours; an hour is left for clocks that differ.
KEY_LIVES_S = 23 * 3600


@dataclass(frozen=True, slots=True)
class RequestBuilder:
    """Makes orders of tasks. `now` is in UNIX seconds, `clock` the monotonic one, in seconds."""

    books: UnitOfWork
    now: Callable[[], float]
    clock: Callable[[], float]

    def order(self, task: Task, ids: dict[Reference, Any]) -> WriteRequest:
        """The order of a task, with ids in place of the references that are known.

        What is about to be sent is put down, to be flushed before it is. Raises Unwritable.
        """
        intent = task.intent
        path, body = path_and_body(intent)
        if task.references:
            intent = replace(intent, path=filled(path, ids), **_body(filled(body, ids)))
        if task.key is None and isinstance(intent, Create):
            # Nothing would remember which record it is if the object were there already.
            intent = replace(intent, natural=None)
        stream = task.stream
        objects = stream.planner.objects(task.record, None)
        natural = next((one for one in objects if isinstance(one, NaturalKey)), None)
        order = WriteRequest(intent=intent, resource=stream.resource, natural=natural)
        if isinstance(intent, Send) and intent.batched:
            bodies = [filled(path_and_body(one.intent)[1], ids) for one in task.batch]
            order = replace(order, bodies=bodies)
        if task.key is None and task.parked is not None and isinstance(intent, (Create, Send)):
            return self._waited(task, task.parked, order)
        if task.ordinal is not None:
            return self._keyless(task, order)
        if task.key is None:
            return order  # to do it twice is to do it once
        if isinstance(intent, Create) and not intent.sole:
            return self._keyed(task, order, path, body)
        known = self.books.of(task)
        if known.digest is not None:
            self.books.put(replace(known, digest=None))
        return order

    def _keyed(self, task: Task, order: WriteRequest, path: Any, body: Any) -> WriteRequest:
        known = self.books.of(task)
        again = known.idempotency_key is not None
        if again and known.announced_at is not None and self._expired(known.announced_at):
            raise InvalidRecordError(_DOUBT)
        key = known.idempotency_key or stable_key(task.key, path, body, known.generation)
        first = known.announced_at if again else None
        self.books.put(
            replace(known, digest=None, idempotency_key=key, announced_at=self._since(first))
        )
        renewed = self.books.renewal(task)
        return replace(
            order,
            idempotency_key=key,
            not_before=self._not_before(again),
            again=again,
            keyed=True,
            renewed=renewed,
        )

    def _keyless(self, task: Task, order: WriteRequest) -> WriteRequest:
        entry = task.entry
        again = entry is not None and entry.stage is Stage.ANNOUNCED
        if entry and again and self._expired(entry.announced_at):
            raise InvalidRecordError(_DOUBT)
        key = entry.idempotency_key if entry and again else uuid.uuid4().hex
        since = self._since(entry.announced_at if entry and again else None)
        for one in task.batch:
            self.books.enter(one, Stage.ANNOUNCED, key, since)
        return replace(
            order,
            idempotency_key=key,
            not_before=self._not_before(again),
            again=again,
            renewed=self.books.renewal(task),
        )

    def withdraw(self, task: Task, order: WriteRequest) -> None:
        """The order was not sent, so that the next run need not find out what came of it."""
        if order.again:
            return
        if task.key and task.held and order.keyed:
            known = self.books.of(task)
            self.books.put(replace(known, idempotency_key=None, announced_at=None))
        elif task.parked is not None and task.parked.number is not None:
            self.books.ledger.parked.amend(task.parked.number, announced_at=None)
        elif task.ordinal is not None:
            for one in task.batch:
                self.books.strike(one)

    def give_up_key(self, task: Task) -> None:
        """Invoiced remembers the refusal under the idempotency key: another is to be used."""
        if task.key and task.held:
            known = self.books.of(task)
            self.books.put(
                replace(
                    known,
                    idempotency_key=None,
                    announced_at=None,
                    generation=known.generation + 1,
                )
            )
        elif task.entry is not None:
            entry = task.entry
            self.books.enter(task, Stage.REJECTED, entry.idempotency_key, entry.announced_at)

    def _waited(self, task: Task, parked: Parked, order: WriteRequest) -> WriteRequest:
        """A record without a key that was parked has its idempotency key from then."""
        if parked.announced_at is not None and self._expired(parked.announced_at):
            raise InvalidRecordError(_DOUBT)
        again = parked.announced_at is not None
        if parked.number is not None:
            since = self._since(parked.announced_at)
            self.books.ledger.parked.amend(parked.number, announced_at=since)
        return replace(
            order,
            idempotency_key=parked.idempotency_key,
            again=again,
            not_before=self._not_before(again),
            renewed=self.books.renewal(task),
        )

    def _expired(self, announced_at: int) -> bool:
        return self.now() - announced_at > KEY_LIVES_S

    def _since(self, first: int | None) -> int:
        """When a record was first sent: Invoiced remembers its key from then on."""
        return int(self.now()) if first is None else first

    def _not_before(self, again: bool) -> float:
        return self.clock() + STILL_UNDER_WAY_S if again else 0.0


_DOUBT = (
    "it was sent before, by a run that died a day or more ago, and whether Invoiced created it "
    "then cannot be found out any more. Look for it there; if it is missing, send the record again"
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


def _body(body: Any) -> dict[str, Any]:
    return {} if body is None else {"body": body}
