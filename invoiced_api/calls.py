"""The table of calls on one object that are no endpoint of a stream, one row each.

Source: the reference of the API, https://developer.invoiced.com/api.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from invoiced_api.bodies import Body, Ref
from invoiced_api.definitions import SideEffect
from invoiced_api.resources import BY_NAME, RESOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCall:
    """`POST /RESOURCE/ID/WORD`.

    Attributes:
        resource: name of the resource that the object is of.
        word: the last word of the path.
        does: what the call does, for the documentation.
        references: attributes of the body that name other objects; all are required, and the call
            changes these objects, too.
        includes_referrers: whether it also changes objects that refer to those. It then has to come
            after their earlier writes.
        side_effect: how it reaches a customer or a card; None if it does not.
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
    """The call of the table at a path with names in braces; None if the table has none there."""
    if method != "POST":
        return None
    shape = re.sub(r"\{\w+\}", "{}", path)
    return next(
        (one for one in CALLS if shape == f"{BY_NAME[one.resource].path}/{{}}/{one.word}"), None
    )
