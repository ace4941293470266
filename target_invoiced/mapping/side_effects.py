"""What reaches a customer or a card is only sent if the user allows it."""

from invoiced_api.calls import SIDE_EFFECT_WORDS
from invoiced_api.definitions import SideEffect
from target_invoiced.exceptions import InvalidRecordError


def refuse_unless_allowed(effect: SideEffect, what: str, allowed: frozenset[SideEffect]) -> None:
    """Raises InvalidRecordError, which names the setting."""
    if effect not in allowed:
        raise InvalidRecordError(
            f"{what} reaches a customer or a card: it is only sent if the setting "
            f'`allow_side_effects` holds "{effect.value}"'
        )


def refuse_call_unless_allowed(path: str, allowed: frozenset[SideEffect]) -> None:
    """Refuse a call whose path has a word of a side effect. Raises InvalidRecordError."""
    for word in path.split("/"):
        if word in SIDE_EFFECT_WORDS:
            refuse_unless_allowed(SIDE_EFFECT_WORDS[word], f"a call to {word}", allowed)
