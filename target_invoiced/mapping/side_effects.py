"""What reaches a customer or a card is only sent if the user allows it."""

from collections.abc import Mapping

from invoiced_api.resources import SideEffect
from target_invoiced.exceptions import InvalidRecordError

# The last words of calls that reach a customer or a card.
SIDE_EFFECT_CALLS: Mapping[str, SideEffect] = {
    "emails": SideEffect.EMAILS,
    "text_messages": SideEffect.EMAILS,
    "letters": SideEffect.EMAILS,
    "pay": SideEffect.CHARGES,
    "charges": SideEffect.CHARGES,
    "refunds": SideEffect.CHARGES,
    "payment_sources": SideEffect.PAYMENT_SOURCES,
}


def refuse_unless_allowed(effect: SideEffect, what: str, allowed: frozenset[SideEffect]) -> None:
    """Raises Unwritable, which names the setting."""
    if effect not in allowed:
        raise InvalidRecordError(
            f"{what} reaches a customer or a card: it is only sent if the setting "
            f'`allow_side_effects` holds "{effect.value}"'
        )
