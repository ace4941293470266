"""From the `status` of a record in the other system to its standing there. Pure."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from target_invoiced.exceptions import InvalidRecordError


class Standing(Enum):
    """What a status means for the object of a record."""

    LIVE = "live"
    DRAFT = "draft"
    VOIDED = "voided"
    CANCELED = "canceled"
    FINISHED = "finished"


# Other spellings of Invoiced's words.
SPELLINGS = {"void": "voided", "cancelled": "canceled"}


def _live(words: str) -> dict[str, Standing]:
    return dict.fromkeys(words.split(), Standing.LIVE)


ENDED = {"canceled": Standing.CANCELED, "finished": Standing.FINISHED}
DOCUMENT = {"draft": Standing.DRAFT, "voided": Standing.VOIDED}
# The statuses that a stream of each resource may show. Those that Invoiced gives, and words of
# other systems that can mean nothing else.
STATUSES: Mapping[str, Mapping[str, Standing]] = {
    "invoices": {
        **DOCUMENT,
        **_live("not_sent sent viewed past_due pending paid bad_debt"),
        **_live("open issued unpaid overdue partially_paid closed"),
    },
    "estimates": {
        **DOCUMENT,
        **_live("not_sent sent viewed approved invoiced declined expired"),
        **_live("open issued accepted closed"),
    },
    "credit_notes": {**DOCUMENT, **_live("not_sent sent viewed open paid closed issued applied")},
    "subscriptions": {
        **_live("not_started active past_due trialing paused pending_renewal"),
        **ENDED,
    },
    "payment_plans": {**_live("pending_signup active"), **ENDED},
    "transactions": _live("succeeded pending failed"),
    "charges": _live("succeeded pending"),
    "refunds": _live("succeeded pending"),
}
# Attributes that are true of what has ended, where Invoiced accepts no status.
TRUE_ONCE_ENDED = {"tasks": "complete"}
# Invoiced's payments have no status; those of other systems may. Unknown words are left alone.
PAYMENT_ENDED = frozenset(
    "canceled failed refunded reversed declined deleted bounced rejected returned expired".split()
)


def standing(resource: str, status: Any) -> tuple[Standing, str | None]:
    """The meaning of a status, and Invoiced's word for it; None for the word if it is absent.

    Raises:
        InvalidRecordError: if the meaning is unclear. An object that has ended in the other system
            must not be created live.
    """
    if status is None or status == "":
        return Standing.LIVE, None
    word = _word(status)
    if resource == "payments":
        return _of_payment(status, word)
    known = STATUSES.get(resource)
    if known is None:
        return Standing.LIVE, None
    if word not in known:
        raise InvalidRecordError(
            f"`status` is not one of {', '.join(known)}: it is not clear whether the object is "
            "still live. Map it to one of these, or name it in `exclude` of the stream"
        )
    return known[word], word


def _of_payment(status: Any, word: str) -> tuple[Standing, str | None]:
    if word in PAYMENT_ENDED:
        raise InvalidRecordError(
            f"`status` says that the payment is {word}: it would be created as money received. "
            "Leave it out, send it with `voided` true, or name `status` in `exclude` of the stream"
        )
    return (Standing.VOIDED if word == "voided" else Standing.LIVE), None


def _word(status: Any) -> str:
    word = str(status).strip().lower().replace("-", "_").replace(" ", "_")
    return SPELLINGS.get(word, word)
