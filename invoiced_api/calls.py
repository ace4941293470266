"""The table of calls on one object that are no endpoint of a stream, one row each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from invoiced_api.bodies import Body, Ref
from invoiced_api.definitions import SideEffect
from invoiced_api.resources import BY_NAME, RESOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCall:
    """`POST /RESOURCE/ID/WORD`: what it writes to, and what it does.

    `references` are the attributes of its body that name other objects, all of them required,
    which the call changes as well. With `includes_referrers` it also changes objects that refer to
    those: it has to come after their earlier writes.
    """

    resource: str
    word: str
    does: str
    references: Body = field(default_factory=dict)
    includes_referrers: bool = False
    side_effect: SideEffect | None = None

    @property
    def path(self) -> str:
        """The path, with a name for the object in braces that its body does not need."""
        resource = BY_NAME[self.resource]
        name = "kept" if resource.singular in self.references else resource.singular
        return f"{resource.path}/{{{name}}}/{self.word}"


CALLS: tuple[ObjectCall, ...] = (
    ObjectCall(
        resource="customers",
        word="merge",
        does="merges the customer that `customer` names into this one and removes it",
        references={"customer": Ref("customers")},
        includes_referrers=True,
    ),
    ObjectCall(
        resource="customers",
        word="consolidate_invoices",
        does="replaces the open invoices up to `cutoff_date` with one invoice and voids them",
        includes_referrers=True,
    ),
    ObjectCall(
        resource="invoices",
        word="pay",
        does="charges the customer's payment source for the balance",
        side_effect=SideEffect.CHARGES,
    ),
    ObjectCall(
        resource="invoices",
        word="emails",
        does="emails the invoice to the recipients in `to`, or to its customer",
        side_effect=SideEffect.EMAILS,
    ),
    ObjectCall(
        resource="invoices",
        word="bad_debt",
        does="writes the balance off and closes the invoice",
    ),
    ObjectCall(
        resource="estimates",
        word="invoice",
        does="creates an invoice from the estimate and closes the estimate",
    ),
    ObjectCall(
        resource="subscriptions",
        word="pause",
        does="stops billing until the subscription is resumed",
    ),
    ObjectCall(
        resource="subscriptions",
        word="resume",
        does="resumes billing of a paused subscription",
    ),
)

# The last words of calls that reach a customer or a card, wherever they stand in a path.
SIDE_EFFECT_WORDS: Mapping[str, SideEffect] = {
    "text_messages": SideEffect.EMAILS,
    "letters": SideEffect.EMAILS,
    **{one.word: one.side_effect for one in CALLS if one.side_effect},
    **{
        (one.writes.path or one.path).rpartition("/")[2]: one.writes.side_effect
        for one in RESOURCES
        if one.writes and one.writes.side_effect
    },
}


def call_at(method: str, path: str) -> ObjectCall | None:
    """The call of the table that a path leads to, whatever its braces name; None for no such."""
    if method != "POST":
        return None
    shape = re.sub(r"\{\w+\}", "{}", path)
    return next(
        (one for one in CALLS if shape == f"{BY_NAME[one.resource].path}/{{}}/{one.word}"), None
    )
