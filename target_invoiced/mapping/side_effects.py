"""Refuses what reaches a customer or a card, unless the user allows it."""

from invoiced_api.calls import SIDE_EFFECT_WORDS
from invoiced_api.definitions import SideEffect
from target_invoiced.exceptions import InvalidRecordError


def refuse_unless_allowed(effect: SideEffect, what: str, allowed: frozenset[SideEffect]) -> None:
    """Raise InvalidRecordError, which names the setting, if the effect is not allowed.

    Args:
        effect: of the write.
        what: the write, for the message.
        allowed: the setting `allow_side_effects`.
    """
    if effect not in allowed:
        raise InvalidRecordError(
            f"{what} reaches a customer or a card: it is only sent if the setting "
            f'`allow_side_effects` holds "{effect.value}"'
        )


def refuse_call_unless_allowed(path: str, allowed: frozenset[SideEffect]) -> None:
    """Raise InvalidRecordError for a path with the word of a side effect that is not allowed."""
    for word in path.split("/"):
        if word in SIDE_EFFECT_WORDS:
            refuse_unless_allowed(SIDE_EFFECT_WORDS[word], f"a call to {word}", allowed)
