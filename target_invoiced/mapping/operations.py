"""The writes that records become."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from invoiced_api.definitions import DeleteBehaviour
from target_invoiced.mapping.keys import NaturalKey, ObjectRef
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.stream_settings import DoubtPolicy

# A subscription in one of these has nothing left to cancel, and would bill if it were created.
ENDED_STATUSES = ("canceled", "finished")
# The pieces of a path: text, and ids or references to be resolve_references in.
Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Create:
    """A new object.

    Attributes:
        path: of the request.
        body: of the request; may hold references in place of ids.
        natural: by which the object may exist already; None if it has no such reference.
        then: how it is removed right after its creation, since it has ended in the other system.
        singleton: whether it is the only object of its parent, which is set by PUT.
    """

    path: Path
    body: dict[str, Any]
    natural: NaturalKey | None = None
    then: DeleteBehaviour | None = None
    singleton: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """A change of an object.

    Attributes:
        path: of the object.
        body: the attributes to change.
        fixed: attributes of the record that can only be set by a create.
        external: whether the record is of another system, so that a different `fixed` is a reject.
        ended: how the object has ended by the record, such as a void document, which cannot be
            edited; None if it has not.
        autopay: whether `autopay` must be on already, since turning it on is not allowed.
    """

    path: Path
    body: dict[str, Any]
    fixed: Mapping[str, Any]
    external: bool
    ended: DeleteBehaviour | None
    autopay: bool


@dataclass(frozen=True, slots=True)
class Remove:
    """The deletion of an object.

    Attributes:
        path: of the object.
        removal: what deleting it does.
    """

    path: Path
    removal: DeleteBehaviour


@dataclass(frozen=True, slots=True)
class CustomCall:
    """A call of the user's own.

    Attributes:
        method: of the request.
        path: of the request.
        body: of the request; of a batch, the bodies of all its records are sent as one list.
        headers: further ones.
        batched: whether records are sent together.
        changes: objects that it changes besides those in its path.
        includes_referrers: whether it also changes objects that refer to those.
    """

    method: str
    path: Path
    body: dict[str, Any]
    headers: Mapping[str, str]
    batched: bool
    changes: frozenset[ObjectRef] = frozenset()
    includes_referrers: bool = False


@dataclass(frozen=True, slots=True)
class NoOp:
    """No request is needed, or none is allowed.

    Attributes:
        kind: how the record counts.
    """

    kind: Kind


Operation = Create | Update | Remove | CustomCall | NoOp


def path_and_body(operation: Operation) -> tuple[Path, Any]:
    """The path and the body of an operation; None for the body of one without any."""
    match operation:
        case Create(path, body) | Update(path, body) | CustomCall(_, path, body):
            return path, body
        case Remove(path):
            return path, None
        case NoOp():
            return (), None


def _keep(key: str) -> None:
    """For calls whose key nobody has to remember."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """One write with everything that is needed to send it; only natural keys are to be looked up.

    More than 12 fields, since it carries all facts of one write into another thread.

    Attributes:
        operation: what to do.
        references: natural keys in its path and bodies.
        resource: that it writes to; None for a custom call.
        natural: the natural key of the object.
        by_key: whether the ledger knows the object by a key.
        bodies: of a batch.
        idempotency_key: of a create; None for other operations.
        not_before: when it may be sent, by the monotonic clock in seconds.
        again: whether an earlier run sent it.
        since: UNIX second at which it was first sent; None if it was not.
        doubt: the policy where nothing shows whether it was executed.
        keyed: whether the record has a key. Sent `again` with another body, the stored response may
            then be of the body before.
        digest: of the record.
        on_key_rotated: called with a new idempotency key, durably, before that is used.
    """

    operation: Operation
    references: tuple[NaturalKey, ...]
    resource: str | None
    natural: NaturalKey | None
    by_key: bool
    bodies: Sequence[dict[str, Any]] = ()
    idempotency_key: str | None = None
    not_before: float = 0.0
    again: bool = False
    since: int | None = None
    doubt: DoubtPolicy = DoubtPolicy.REJECT
    keyed: bool = False
    digest: bytes = b""
    on_key_rotated: Callable[[str], None] = field(default=_keep)
