"""The outcome of a record."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from invoiced_api.response import Response
from target_invoiced.mapping.keys import NaturalKey


class Kind(Enum):
    """How a record ended without a reject; the value is its column in the report."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    VOIDED = "voided"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Done:
    """The record needs nothing more.

    Attributes:
        kind: what was done.
        id: of the object, if it is known.
        status: the HTTP status; None if no request was sent.
        answer: the body of the response.
        warning: names the part of the record that was not written; None if all of it was.
    """

    kind: Kind
    id: int | str | None = None
    status: int | None = None
    answer: Any = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The record is refused, by Invoiced or before it.

    Attributes:
        reason: for people, without a value.
        status: the HTTP status; None if no request was sent.
        param: the attribute at fault, if Invoiced names one.
        id: of the object that was created before a later step was refused.
        waits: whether the ledger keeps the record until the object that it refers to exists.
        doubt: whether it may have been executed before.
    """

    reason: str
    status: int | None = None
    param: str | None = None
    id: int | str | None = None
    waits: bool = False
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Nothing was created: an object has the natural key of the record already.

    Attributes:
        id: of that object.
    """

    id: int | str


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was sent: no object has the natural key that the record refers to.

    Attributes:
        reference: the natural key.
    """

    reference: NaturalKey


Outcome = Done | Rejected


def done_of(kind: Kind, response: Response) -> Done:
    """The outcome of a write with this response."""
    body = response.body
    made = body.get("id") if isinstance(body, dict) else None
    return Done(kind, made, response.status, body)
