"""What became of a record."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from target_invoiced.mapping.keys import NaturalKey


class Kind(Enum):
    """How a record was settled without a complaint; the value is its column in the report."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    VOIDED = "voided"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Done:
    """Settled. `id` is the object's, where it is known; `answer` what Invoiced returned.

    `warning` says which part of the record was not written.
    """

    kind: Kind
    id: int | str | None = None
    status: int | None = None
    answer: Any = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused, by Invoiced (`status`, and `param` if one attribute is at fault) or before it.

    `id` is the object's that was created all the same, before a later step was refused. `waits`:
    the ledger keeps the record until the object that it refers to is there. `doubt`: whether it was
    carried out before is not known.
    """

    reason: str
    status: int | None = None
    param: str | None = None
    id: int | str | None = None
    waits: bool = False
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Nothing was created: the object is there already, under the record's natural key."""

    id: int | str


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was sent: no object has the natural key that the record refers to."""

    reference: NaturalKey


Outcome = Done | Rejected

COLUMNS = (*(kind.value for kind in Kind), "rejected")


def column(outcome: Outcome) -> str:
    return outcome.kind.value if isinstance(outcome, Done) else "rejected"
