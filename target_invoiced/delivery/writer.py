"""From a write request to HTTP requests, and to its outcome. Runs in several threads, stateless."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from invoiced_api.definitions import DeleteBehaviour
from invoiced_api.exceptions import NotFoundError, RecordRejectedError
from invoiced_api.request import Request
from invoiced_api.resources import ENDPOINTS
from invoiced_api.retry import wait_until
from target_invoiced.delivery.call_sender import send_call
from target_invoiced.delivery.comparison import differs, has_ended
from target_invoiced.delivery.lookup import References
from target_invoiced.delivery.recovery import CreatedObjects, Recovery, moves_money
from target_invoiced.delivery.removals import remove
from target_invoiced.delivery.senders import Sender, fetch
from target_invoiced.exceptions import (
    AlreadyCreatedError,
    InDoubtError,
    InvalidRecordError,
    UndecidableError,
)
from target_invoiced.mapping.identity import path_objects
from target_invoiced.mapping.keys import NaturalKey
from target_invoiced.mapping.operations import (
    Create,
    CustomCall,
    NoOp,
    Path,
    Remove,
    Update,
    WriteRequest,
)
from target_invoiced.mapping.outcomes import (
    Done,
    Found,
    Kind,
    Missing,
    Outcome,
    Rejected,
    done_of,
)
from target_invoiced.mapping.payloads import already_matches
from target_invoiced.mapping.references import resolve_references
from target_invoiced.stream_settings import DoubtPolicy


class Writer:
    """Carries out write requests.

    Args:
        sender: sends the requests.
        verify: raises InvalidInputError if another run may write to the account by now.
        holder: the digest of the record that has an object in the ledger, by resource and id of
            the object; empty for one with a key, None if the ledger does not have the object.
    """

    def __init__(
        self,
        sender: Sender,
        verify: Callable[[], None] = lambda: None,
        holder: Callable[[str, Any], bytes | None] = lambda resource, id: None,
    ) -> None:
        self._sender = sender
        self._verify = verify
        self._created = CreatedObjects()
        self._holder = holder
        self._references = References(sender)

    def write(self, request: WriteRequest) -> Outcome | Found | Missing:
        """Carry out a write request and return its outcome.

        Raises:
            FatalError: if no request can succeed.
            RetryableError: if Invoiced kept failing.
        """
        self._verify()
        self._sender.begin()
        try:
            ids: dict[Any, Any] = {}
            for reference in request.references:
                ids[reference] = self._references.find(reference)
                if ids[reference] is None:
                    return Missing(reference)
            return self._write(request, ids)
        except InvalidRecordError as problem:
            return Rejected(str(problem), doubt=isinstance(problem, InDoubtError))
        except RecordRejectedError as refusal:
            return _rejected(refusal)

    def _write(self, request: WriteRequest, ids: Mapping[Any, Any]) -> Outcome | Found:
        match request.operation:
            case Create(path, body):
                body = resolve_references(body, ids) if ids else body
                return self._create(request, request.operation, _text(path, ids), body)
            case Update(path, body):
                body = resolve_references(body, ids) if ids else body
                return self._change(request, request.operation, _text(path, ids), body)
            case Remove(path, removal):
                done = remove(self._sender, removal, _text(path, ids))
                self._forget(request, done)
                return done
            case CustomCall(_, path, body):
                call = replace(request.operation, body=resolve_references(body, ids))
                done = send_call(self._sender, request, call, _text(path, ids))
                for one in path_objects(path):
                    self._references.forget_all(one.resource)
                return done
            case NoOp(kind):
                return Done(kind)

    def _change(
        self, request: WriteRequest, update: Update, path: str, body: dict[str, Any]
    ) -> Outcome | Found:
        try:
            done = self._update(update, path, body)
        except NotFoundError:
            found = self._found_again(request, path)
            if found is None:
                raise
            return found
        except RecordRejectedError as refusal:
            return self._explained(request, path, refusal)
        self._forget(request, done)
        return self._unless_fixed_differ(update, path, done)

    def _explained(
        self, request: WriteRequest, path: str, refusal: RecordRejectedError
    ) -> Rejected:
        """The refusal of an update, with what to do if the object was voided in Invoiced."""
        removal = ENDPOINTS[request.resource].removal if request.resource else None
        voids = removal in (DeleteBehaviour.VOID_ONCE_ISSUED, DeleteBehaviour.VOID)
        if not voids or not has_ended(removal, fetch(self._sender, path)):
            return _rejected(refusal)
        natural = request.natural
        number = f", and with another {natural.attribute} or none" if natural else ""
        again = "with `_sdc_deleted_at` and then without" if request.by_key else "without its `id`"
        said = (
            f"{refusal}. {natural or 'The object'} was voided in Invoiced, and stays void. If that "
            f"is right, set the `status` of the record to voided. To create it again, send the "
            f"record {again}{number}"
        )
        return Rejected(said, refusal.status, refusal.param)

    def _forget(self, request: WriteRequest, done: Done) -> None:
        if request.resource and done.id is None:  # as of a deletion
            self._references.forget_all(request.resource)
        elif request.resource:
            self._references.forget(request.resource, done.id, request.natural)

    def _create(
        self, request: WriteRequest, create: Create, path: str, body: dict[str, Any]
    ) -> Outcome | Found:
        wait_until(request.not_before)
        if create.singleton:
            answer = self._sender.send(Request(method="PUT", path=path, body=body), "set")
            return done_of(Kind.CREATED, answer)
        # What has ended in the other system is never another's: what was sent before is repeated.
        taken = None
        if create.natural and not (create.then and request.again):
            taken = self._references.object(create.natural)
            if taken is not None and not self._takes_its_number(request, create, taken):
                return Found(taken["id"])
        key = request.idempotency_key
        call = Request(
            method="POST",
            path=path,
            body=body,
            idempotency_key=key,
            on_key_rotated=request.on_key_rotated,
        )
        try:
            created = self._send_create(request, call)
            if isinstance(created, Done) and created.kind is Kind.SKIPPED:
                return created
            done = created
        except RecordRejectedError as refusal:
            if taken is not None and create.natural and refusal.param == create.natural.attribute:
                raise InvalidRecordError(f"{refusal}. {_ended_twin(create.natural)}") from None
            raise
        if create.then is None:
            stale = request.again and request.keyed and not already_matches(done.answer, body)
            return Found(done.id) if stale and done.id is not None else done
        try:
            gone = remove(self._sender, create.then, f"{path}/{quote(str(done.id), safe='')}")
        except RecordRejectedError as refusal:
            return _rejected(refusal, done.id)
        return Done(Kind.VOIDED, done.id, gone.status, gone.answer)

    def _send_create(self, request: WriteRequest, call: Request) -> Done:
        """The response to the create, or what an earlier attempt of it created.

        Raises InDoubtError where that is not known and `doubt` is to reject.
        """
        protected = self._sender.honours_idempotency_keys
        if protected and not moves_money(call.path):
            return self._with_id(done_of(Kind.CREATED, self._sender.send(call, "create")), call)
        recovery = self._recovery(request, call)
        with self._created.one_at_a_time(call.path, call.body):
            try:
                if request.again and not protected:
                    recovery.look_up()
                call = replace(call, before_repeat=recovery)
                done = self._with_id(done_of(Kind.CREATED, self._sender.send(call, "create")), call)
                if self._is_anothers(request, call, done.id):
                    call = _under_new_key(call)
                    answer = self._sender.send(call, "create")
                    done = self._with_id(done_of(Kind.CREATED, answer), call)
            except AlreadyCreatedError as found:
                done = Done(Kind.CREATED, found.row.get("id"), answer=found.row)
            except UndecidableError as unknown:
                if request.doubt is DoubtPolicy.SKIP:
                    return Done(Kind.SKIPPED)
                if request.doubt is DoubtPolicy.REJECT:
                    raise InDoubtError(str(unknown)) from None
                call = replace(call, before_repeat=None, idempotency_key=None)
                done = self._with_id(done_of(Kind.CREATED, self._sender.send(call, "create")), call)
            self._created.add(call.path, done.id, call.body)
        return done

    def _is_anothers(self, request: WriteRequest, call: Request, id: Any) -> bool:
        """Whether the object of the response is counted as that of an equal record.

        An earlier run sent both. The object was found when the other one was looked up, and was the
        response to this one. Raises InDoubtError if the other record is not equal.
        """
        equal = self._created.equal(call.path, id, call.body)
        if equal is None and request.again and request.resource:
            holder = self._holder(request.resource, id)
            equal = None if holder is None else bool(holder) and holder == request.digest
        if equal is False:
            raise InDoubtError(
                f"its object {id} was taken for that of another record, whose create had no usable "
                "response either. Look at both in Invoiced, and send the record that is missing"
            )
        return bool(equal)

    def _recovery(self, request: WriteRequest, call: Request) -> Recovery:
        natural = request.natural
        if natural is None or natural.attribute not in (call.body or {}):
            natural = None
        return Recovery(
            sender=self._sender,
            created=self._created,
            known=lambda resource, id: self._holder(resource, id) is not None,
            resource=request.resource,
            path=call.path,
            body=call.body if isinstance(call.body, dict) else {},
            natural=natural,
            since=time.time() if request.since is None else request.since,
            protected=self._sender.honours_idempotency_keys,
        )

    def _with_id(self, done: Done, call: Request) -> Done:
        """Raises InvalidRecordError for a response without the id of the object that it created."""
        if done.id is None:
            raise InvalidRecordError(
                f"{call}: the response {done.status} holds no `id`, so the object that it created "
                "is not known. Look for it in Invoiced before you send the record again"
            )
        return done

    def _takes_its_number(
        self, request: WriteRequest, create: Create, taken: dict[str, Any]
    ) -> bool:
        """Whether a new object is created although one has its natural key: an ended one.

        Raises InvalidRecordError if the record has ended and the object has not.
        """
        removal = ENDPOINTS[request.resource].removal if request.resource else None
        ended = removal is not None and has_ended(removal, taken)
        if create.then is not None and not ended:
            raise InvalidRecordError(
                f"it has ended at its source, but the account has live {create.natural}, which "
                "the ledger does not know. Nothing was changed. If both are the same object, void "
                "it in Invoiced"
            )
        return ended and create.then is None

    def _found_again(self, request: WriteRequest, gone: str) -> Found | None:
        """The object at this path that has the natural key of a removed one; None without it."""
        natural = request.natural if request.by_key else None
        if natural is None or natural.attribute == "id":
            return None
        self._references.forget(natural.resource, None, natural)
        row = self._references.object(natural)
        return Found(row["id"]) if row and not gone.endswith(f"/{row['id']}") else None

    def _unless_fixed_differ(self, update: Update, path: str, done: Done) -> Outcome:
        """Names the attributes that can only be set at creation and differ from the object.

        A record of another system is a reject; one of this account has a warning.
        """
        if not update.fixed or done.kind not in (Kind.UPDATED, Kind.UNCHANGED):
            return done
        current = done.answer if isinstance(done.answer, dict) else fetch(self._sender, path)
        fixed = {
            name: self._references.find(value) if isinstance(value, NaturalKey) else value
            for name, value in update.fixed.items()
        }
        differing = [name for name, value in fixed.items() if differs(current, name, value)]
        if not differing:
            return done
        names = ", ".join(f"`{name}`" for name in differing)
        said = (
            f"{names} can only be set when the object is created, and the object has another "
            "value. The other attributes were updated. Correct the record or the object, or name "
            "the attribute in `exclude` of the stream"
        )
        if update.external:
            return Rejected(said, done.status, differing[0])
        return replace(done, warning=said)

    def _update(self, update: Update, path: str, body: dict[str, Any]) -> Done:
        if not body:
            return Done(Kind.UNCHANGED)
        if update.ended or update.autopay:
            current = fetch(self._sender, path)
            if update.ended and not has_ended(update.ended, current):
                raise InvalidRecordError(
                    "the record is void, but the object in the account is not. Send "
                    "`_sdc_deleted_at` with the record to void the object"
                )
            # Sending what a void document already shows would only be refused.
            if update.ended and already_matches(current, body):
                return Done(Kind.UNCHANGED, current.get("id"), answer=current)
            if update.autopay and not current.get("autopay"):
                raise InvalidRecordError(
                    "turning `autopay` on reaches a card: it is only sent if the setting "
                    '`allow_side_effects` holds "autopay"'
                )
        call = Request(method="PATCH", path=path, body=body)
        return done_of(Kind.UPDATED, self._sender.send(call, "update"))


def _under_new_key(call: Request) -> Request:
    """The create of a record whose first object counts as another's. Journaled first."""
    key = uuid.uuid4().hex
    if call.on_key_rotated:
        call.on_key_rotated(key)
    return replace(call, idempotency_key=key)


def _ended_twin(natural: NaturalKey) -> str:
    return (
        f"An ended {natural} has it and cannot be edited. Give the record another "
        f"{natural.attribute}, or none"
    )


def _text(path: Path, ids: Mapping[Any, Any]) -> str:
    """Pieces stand in turn for text of the template and for what fills it in."""
    return "".join(
        quote(str(piece), safe="") if number % 2 else piece
        for number, piece in enumerate(resolve_references(path, ids))
    )


def _rejected(refusal: RecordRejectedError, made: int | str | None = None) -> Rejected:
    return Rejected(str(refusal), refusal.status, refusal.param, made)
