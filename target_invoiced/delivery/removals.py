"""Deletes, voids or cancels an object, as its resource and state require."""

from invoiced_api.definitions import DeleteBehaviour
from invoiced_api.exceptions import NotFoundError, RecordRejectedError
from invoiced_api.request import Request
from target_invoiced.delivery.comparison import has_ended
from target_invoiced.delivery.senders import Sender, fetch
from target_invoiced.mapping.outcomes import Done, Kind, done_of


def remove(sender: Sender, removal: DeleteBehaviour, path: str) -> Done:
    """Remove the object at a path. One that is gone already counts as deleted.

    Raises:
        RecordRejectedError: if Invoiced refuses to.
    """
    try:
        return _remove_existing(sender, removal, path)
    except NotFoundError as gone:
        return Done(Kind.DELETED, status=gone.status)


def _remove_existing(sender: Sender, removal: DeleteBehaviour, path: str) -> Done:
    """What a removal means may depend on what the object is by now, so it is read first."""
    if removal is not DeleteBehaviour.DELETE:
        current = fetch(sender, path)
        if has_ended(removal, current):
            return Done(Kind.UNCHANGED, current.get("id"))
        if removal is DeleteBehaviour.VOID_ONCE_ISSUED and not current.get("draft"):
            call = Request(method="POST", path=f"{path}/void")
            return _send_removal(sender, Kind.VOIDED, call, removal, path)
    kind = Kind.VOIDED if removal is DeleteBehaviour.VOID else Kind.DELETED
    return _send_removal(sender, kind, Request(method="DELETE", path=path), removal, path)


def _send_removal(
    sender: Sender, kind: Kind, call: Request, removal: DeleteBehaviour, path: str
) -> Done:
    try:
        return done_of(kind, sender.send(call, kind.value))
    except NotFoundError:
        raise
    except RecordRejectedError:
        # What was done already, and whose answer was lost, is refused when asked for again.
        if removal is not DeleteBehaviour.DELETE and has_ended(removal, fetch(sender, path)):
            return Done(kind)
        raise
