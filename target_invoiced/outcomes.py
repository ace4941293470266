"""What became of a record."""

from dataclasses import dataclass
from enum import Enum


class Done(Enum):
    """Settled without a complaint; the value is its column in the report."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    VOIDED = "voided"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused, by Invoiced (`status`, and `param` if one attribute is at fault) or before it."""

    reason: str
    status: int | None = None
    param: str | None = None


Outcome = Done | Rejected

COLUMNS = (*(done.value for done in Done), "rejected")


def column(outcome: Outcome) -> str:
    return outcome.value if isinstance(outcome, Done) else "rejected"
