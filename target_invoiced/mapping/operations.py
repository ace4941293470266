"""The writes that records stand for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from invoiced_api.resources import DeleteBehaviour
from target_invoiced.mapping.keys import NaturalKey, Reference
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.mapping.payloads import references

# The pieces of a path: text, and ids or references to be filled in.
Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Create:
    """`natural` is the caller's own reference, by which the object may be there already.

    `then` is what takes it out of the books again: it was, where it comes from. A sole object is
    set, by PUT.
    """

    path: Path
    body: dict[str, Any]
    natural: NaturalKey | None = None
    then: DeleteBehaviour | None = None
    sole: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """`maybe_void`: the record shows a void document, which cannot be edited.

    `autopay`: it must be on already, since turning it on is not allowed.
    """

    path: Path
    body: dict[str, Any]
    maybe_void: bool = False
    autopay: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    path: Path
    removal: DeleteBehaviour


@dataclass(frozen=True, slots=True)
class Send:
    """A call of the user's own. Of a batch, the bodies of all its records go out as one list."""

    method: str
    path: Path
    body: dict[str, Any]
    headers: Mapping[str, str]
    batched: bool


@dataclass(frozen=True, slots=True)
class NoOp:
    """No request is needed, or none is allowed."""

    kind: Kind


Operation = Create | Update | Remove | Send | NoOp


def path_and_body(intent: Operation) -> tuple[Path, Any]:
    """Where an intent goes, and with what; no body for one that needs none."""
    match intent:
        case Create(path, body) | Update(path, body) | Send(_, path, body):
            return path, body
        case Remove(path):
            return path, None
        case NoOp():
            return (), None


def references_of(intent: Operation) -> Iterator[Reference]:
    """What has to be known before the intent can be sent."""
    yield from references(path_and_body(intent))
