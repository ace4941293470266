"""Sends a call of the user's own, which nothing shows to be carried out afterwards."""

from dataclasses import replace

from invoiced_api.exceptions import RetryableError
from invoiced_api.request import Request
from invoiced_api.retry import wait_until
from target_invoiced.delivery.recovery import moves_money
from target_invoiced.delivery.senders import Sender
from target_invoiced.exceptions import InDoubtError, UndecidableError
from target_invoiced.mapping.operations import CustomCall, WriteRequest
from target_invoiced.mapping.outcomes import Done, Kind, done_of
from target_invoiced.stream_settings import DoubtPolicy

UNKNOWN_CALL = (
    "it was sent before without a usable response, and nothing shows whether it was carried out. "
    "Look at its object in Invoiced, and send the record again if it was not"
)


def send_call(sender: Sender, request: WriteRequest, call: CustomCall, path: str) -> Done:
    """Send the call of a write request.

    Raises:
        InDoubtError: if it may have been carried out before, and `doubt` is to reject.
        RecordRejectedError: if Invoiced refuses it.
    """
    sent = Request(
        method=call.method,
        path=path,
        body=list(request.bodies) if call.batched else call.body,
        headers=call.headers,
        idempotency_key=request.idempotency_key if call.method in ("POST", "PATCH") else None,
        on_key_rotated=request.on_key_rotated,
    )
    wait_until(request.not_before)
    kind = {"POST": Kind.CREATED, "DELETE": Kind.DELETED}.get(call.method, Kind.UPDATED)
    try:
        return done_of(kind, sender.send(_guarded(sender, request, sent), "call"))
    except UndecidableError as unknown:
        if request.doubt is DoubtPolicy.SKIP:
            return Done(Kind.SKIPPED)
        raise InDoubtError(str(unknown)) from None


def _guarded(sender: Sender, request: WriteRequest, call: Request) -> Request:
    """A call that must not be carried out twice, and that nothing shows to be carried out."""
    protected = sender.honours_idempotency_keys
    if call.method != "POST" or request.doubt is DoubtPolicy.SEND:
        return call
    if request.again and not protected:
        raise UndecidableError(UNKNOWN_CALL)

    def refuse(failure: RetryableError) -> None:
        done = failure.answered and moves_money(call.path)
        if not failure.unsent and (done or not protected):
            raise UndecidableError(UNKNOWN_CALL)

    return replace(call, before_repeat=refuse)
