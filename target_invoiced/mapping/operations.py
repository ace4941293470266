"""The writes that records stand for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from invoiced_api.definitions import DeleteBehaviour
from target_invoiced.mapping.keys import NaturalKey, ObjectRef
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.settings import DoubtPolicy

# A subscription in one of these has nothing left to cancel, and would bill if it were created.
ENDED_STATUSES = ("canceled", "finished")
# The pieces of a path: text, and ids or references to be resolve_references in.
Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Create:
    """`natural` is the caller's own reference, by which the object may be there already.

    `then` is what takes it out of the unit again: it was, where it comes from. A sole object is
    set, by PUT.
    """

    path: Path
    body: dict[str, Any]
    natural: NaturalKey | None = None
    then: DeleteBehaviour | None = None
    singleton: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """A change of an object.

    `fixed` are the record's attributes that can only be set at creation, `external` says whether
    the record is of another system, so that a difference is a reject. `ended`: the record shows
    an object that has ended in this way, such as a void document, which cannot be edited.
    `autopay`: it must be on already, since turning it on is not allowed.
    """

    path: Path
    body: dict[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    external: bool = False
    ended: DeleteBehaviour | None = None
    autopay: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    path: Path
    removal: DeleteBehaviour


@dataclass(frozen=True, slots=True)
class CustomCall:
    """A call of the user's own. Of a batch, the bodies of all its records go out as one list.

    It `changes` these objects besides those in its path. With `includes_referrers` it also changes
    objects that refer to them.
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
    """No request is needed, or none is allowed."""

    kind: Kind


Operation = Create | Update | Remove | CustomCall | NoOp


def path_and_body(operation: Operation) -> tuple[Path, Any]:
    """Where an operation goes, and with what; no body for one that needs none."""
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
    """One write, with everything it needs to be sent. Only natural keys are left to look up.

    `bodies` are those of a batch, `references` the natural keys in its path and bodies. `by_key`:
    the ledger knows the object by a key. A create goes out under the `idempotency_key`, not before
    `not_before` (by the monotonic clock, seconds); `on_key_rotated` is told durably of a new key before
    that is used. `since` is when it was first sent, in UNIX seconds, and `doubt` the policy where
    it is not known whether it was carried out. If it goes out `again`, after an earlier run, the answer may be of another body
    under that key: of a `keyed` record that is mended.
    """

    operation: Operation
    references: tuple[NaturalKey, ...] = ()
    resource: str | None = None
    natural: NaturalKey | None = None
    by_key: bool = False
    bodies: Sequence[dict[str, Any]] = ()
    idempotency_key: str | None = None
    not_before: float = 0.0
    again: bool = False
    since: int | None = None
    doubt: DoubtPolicy = DoubtPolicy.REJECT
    keyed: bool = False
    on_key_rotated: Callable[[str], None] = field(default=_keep)
