"""Record -> a call of the user's own. Pure: no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoiced_api.resources import SideEffect
from target_invoiced.mapping.card_numbers import refuse_card_numbers
from target_invoiced.mapping.coercion import refuse_inexact
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, ObjectRef
from target_invoiced.mapping.operations import CustomCall, Operation
from target_invoiced.mapping.paths import path_of, placeholders
from target_invoiced.mapping.side_effects import SIDE_EFFECT_CALLS, refuse_unless_allowed
from target_invoiced.settings import CustomCallStream


@dataclass(slots=True)
class CustomCallMapper:
    """Plans the records of one stream that goes to a call of the user's own."""

    settings: CustomCallStream
    allow_card_like: frozenset[str]
    allowed: frozenset[SideEffect]

    def parent(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing: only objects with a key are removed later."""
        return {}

    def unknown_attributes(self, record: Mapping[str, Any]) -> list[str]:
        """None: what a call takes is the user's own affair."""
        return []

    def objects(self, record: Mapping[str, Any], key: ExternalKey | None) -> set[ObjectRef]:
        """None: what a call does is not known."""
        return set()

    def natural_key(self, record: Mapping[str, Any]) -> NaturalKey | None:
        """None: what a call does is not known."""
        return None

    def refers_to(self, record: Mapping[str, Any]) -> set[ObjectRef]:
        """None but what the path names, which is a reference of the intent."""
        return set()

    def operation(self, record: Mapping[str, Any], known: int | str | None) -> Operation:
        """Raises Unwritable."""
        path = path_of(self.settings.path, record, self.settings.ids)
        for word in "".join(map(str, path)).split("/"):
            if word in SIDE_EFFECT_CALLS:
                refuse_unless_allowed(SIDE_EFFECT_CALLS[word], f"a call to {word}", self.allowed)
        placed = placeholders(self.settings.path)
        body = {name: value for name, value in record.items() if name not in placed}
        if body.get("autopay"):
            refuse_unless_allowed(SideEffect.AUTOPAY, "turning `autopay` on", self.allowed)
        refuse_inexact(body)
        refuse_card_numbers(body, self.allow_card_like)
        return CustomCall(
            method=self.settings.method,
            path=path,
            body=body,
            headers=self.settings.headers,
            batched=self.settings.batch_size > 1,
        )
