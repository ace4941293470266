"""From a record to a call of the user's own. Pure: no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoiced_api.bodies import Ref
from invoiced_api.calls import ObjectCall, call_at
from invoiced_api.definitions import SideEffect
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.card_numbers import refuse_card_numbers
from target_invoiced.mapping.coercion import refuse_inexact
from target_invoiced.mapping.identity import object_ref
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, ObjectRef
from target_invoiced.mapping.operations import CustomCall, Operation
from target_invoiced.mapping.paths import path_of, placeholders
from target_invoiced.mapping.references import reference
from target_invoiced.mapping.side_effects import (
    refuse_call_unless_allowed,
    refuse_unless_allowed,
)
from target_invoiced.stream_settings import CustomCallStream


@dataclass(slots=True)
class CustomCallMapper:
    """Maps the records of one stream to a call of the user's own.

    Attributes:
        settings: of the stream.
        allow_card_like: attributes that may hold numbers like card numbers.
        allowed: side effects that the user allows.
    """

    settings: CustomCallStream
    allow_card_like: frozenset[str]
    allowed: frozenset[SideEffect]

    def parent(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing: only objects with a key are removed later."""
        return {}

    def unknown_attributes(self, record: Mapping[str, Any]) -> list[str]:
        """None: the user knows what the call accepts."""
        return []

    def objects(self, record: Mapping[str, Any], key: ExternalKey | None) -> set[ObjectRef]:
        """None: nothing is known about what the call does."""
        return set()

    def natural_key(self, record: Mapping[str, Any]) -> NaturalKey | None:
        """None: nothing is known about what the call does."""
        return None

    def refers_to(self, record: Mapping[str, Any]) -> set[ObjectRef]:
        """None but those in path and body, which are references of the operation."""
        return set()

    def operation(self, record: Mapping[str, Any], known: int | str | None) -> Operation:
        """The call that a record asks for. Raises InvalidRecordError."""
        call = call_at(self.settings.method, self.settings.path)
        path = path_of(
            self.settings.path, record, self.settings.ids, resource=call.resource if call else None
        )
        refuse_call_unless_allowed("".join(map(str, path)), self.allowed)
        placed = placeholders(self.settings.path)
        body = {name: value for name, value in record.items() if name not in placed}
        if body.get("autopay"):
            refuse_unless_allowed(SideEffect.AUTOPAY, "turning `autopay` on", self.allowed)
        refuse_inexact(body)
        refuse_card_numbers(body, self.allow_card_like)
        named = self._named(call, body) if call else {}
        return CustomCall(
            method=self.settings.method,
            path=path,
            body={**body, **named},
            headers=self.settings.headers,
            batched=self.settings.batch_size > 1,
            changes=frozenset(
                one
                for name, value in named.items()
                if call and (one := object_ref(value, _resource(call, name)))
            ),
            includes_referrers=call is not None and call.includes_referrers,
        )

    def _named(self, call: ObjectCall, body: Mapping[str, Any]) -> dict[str, Any]:
        """The other objects that a call of the table names. Raises InvalidRecordError."""
        missing = [name for name in call.references if body.get(name) in (None, "")]
        if missing:
            raise InvalidRecordError(
                f"`{missing[0]}` is missing, but the call needs it. Add it to the record"
            )
        return {
            name: reference(body[name], _resource(call, name), self.settings.ids, name)
            for name in call.references
        }


def _resource(call: ObjectCall, name: str) -> str:
    kind = call.references[name]
    assert isinstance(kind, Ref), name
    return kind.resource
