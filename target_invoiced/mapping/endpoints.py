"""Record -> the write it stands for. Pure: no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import invoiced_schemas
from invoiced_api.bodies import Body, Ref
from invoiced_api.resources import DeleteBehaviour, SideEffect
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.card_numbers import refuse_card_numbers
from target_invoiced.mapping.coercion import coerce, refuse_inexact
from target_invoiced.mapping.identity import body_objects
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, ObjectId, ObjectRef
from target_invoiced.mapping.operations import (
    ENDED_STATUSES,
    Create,
    NoOp,
    Operation,
    Path,
    Remove,
    Update,
)
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.mapping.paths import id_of, path_of, placeholders
from target_invoiced.mapping.payloads import body_of, unknown_attributes
from target_invoiced.mapping.side_effects import refuse_unless_allowed
from target_invoiced.settings import EndpointStream, Ids, OperationKind


@dataclass(slots=True)
class EndpointMapper:
    """Plans the records of one stream that goes to an endpoint."""

    settings: EndpointStream
    allow_card_like: frozenset[str]
    allowed: frozenset[SideEffect]
    own: frozenset[str] = frozenset()
    _known: frozenset[str] = field(init=False)
    _aliases: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        resource, writes = self.settings.resource, self.settings.writes
        columns = invoiced_schemas.load(resource.name)["properties"]
        placed = placeholders(self._create_path + self._each_path)
        references = [name for name, kind in writes.create.items() if isinstance(kind, Ref)]
        names = [name for name in references if name.endswith("_id")]
        self._aliases = {name: name.removesuffix("_id") for name in names}
        aliases = self._aliases.values()
        known = {*columns, *writes.create, *(writes.update or {}), *placed, *aliases, *self.own}
        self._known = frozenset(known)

    @property
    def _create_path(self) -> str:
        return self.settings.writes.path or self.settings.resource.path

    @property
    def _each_path(self) -> str:
        writes = self.settings.writes
        return writes.each or self._create_path + ("" if writes.sole else "/{id}")

    def parent(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What the path of the object needs of the record besides its id, as the record names it."""
        needed = placeholders(self._each_path)
        return {name: record[name] for name in needed if name != "id" and name in record}

    def unknown_attributes(self, record: Mapping[str, Any]) -> list[str]:
        """Attributes that Invoiced does not have and that are not left out on purpose."""
        return unknown_attributes(record, self._known)

    def operation(self, record: Mapping[str, Any], known: int | str | None) -> Operation:
        """What the record asks for, less what is excluded. Raises Unwritable.

        `known` is the id of the object that the ledger has for its key, None for none.
        """
        operation = self._operation(record, known)
        if operation not in self.settings.operations:
            return NoOp(Kind.SKIPPED)
        record = self._named(record)
        match operation:
            case OperationKind.DELETE:
                return self._remove(record, known)
            case OperationKind.UPDATE:
                return self._update(record, known)
            case OperationKind.CREATE:
                return self._create(record)

    def _operation(self, record: Mapping[str, Any], known: int | str | None) -> OperationKind:
        if record.get("_sdc_deleted_at"):
            return OperationKind.DELETE
        if self.settings.ids is Ids.INVOICED and not self.settings.writes.sole:
            return OperationKind.CREATE if record.get("id") in (None, "") else OperationKind.UPDATE
        return OperationKind.CREATE if known is None else OperationKind.UPDATE

    def _named(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record with its attributes named as the write names them."""
        named, writes = dict(record), self.settings.writes
        for name, alias in self._aliases.items():
            if named.get(name) is None and named.get(alias) is not None:
                named[name] = named[alias]
        told = [name for name in writes.either if named.get(name) is not None]
        for name in told[1:]:
            del named[name]
        return named

    def _create(self, record: dict[str, Any]) -> Operation:
        resource, writes, external = self.settings.resource, self.settings.writes, self._external
        then = self._ended(record) if external else None
        if then is DeleteBehaviour.CANCEL:
            return NoOp(Kind.SKIPPED)
        accepted = writes.create
        body = self._body(record, accepted, keep_nulls=False)
        if writes.side_effect:
            self._refuse_unless_allowed(writes.side_effect, f"a write to {resource.name}")
        if body.get("autopay"):
            self._refuse_unless_allowed(SideEffect.AUTOPAY, "turning `autopay` on")
        return Create(
            path=self._path(self._create_path, record, None),
            body=body,
            natural=self.natural_key(record) if external else None,
            then=then,
            sole=writes.sole,
        )

    def _update(self, record: dict[str, Any], known: int | str | None) -> Operation:
        writes = self.settings.writes
        ended = self._ended(record)
        if self._external and ended:
            if record.get("status") == "finished":
                return NoOp(Kind.SKIPPED)  # it ends here by itself
            return self._remove(record, known)
        path = self._path(self._each_path, record, known)
        if writes.sole:
            body = self._body(record, writes.create, keep_nulls=False)
            return Create(path=path, body=body, sole=True)
        if writes.update is None:
            raise InvalidRecordError(
                f"Invoiced has no call that updates {self.settings.resource.name}"
            )
        body = self._body(record, writes.update, keep_nulls=True)
        autopay = bool(body.get("autopay")) and SideEffect.AUTOPAY not in self.allowed
        return Update(path, body, maybe_void=ended is not None, autopay=autopay)

    def _remove(self, record: dict[str, Any], known: int | str | None) -> Operation:
        if self._external and known is None:
            return NoOp(Kind.UNCHANGED)  # it never came, or is gone already
        removal = self.settings.writes.removal
        if removal is None:
            raise InvalidRecordError(
                f"Invoiced has no call that deletes {self.settings.resource.name}"
            )
        return Remove(self._path(self._each_path, record, known), removal)

    @property
    def _external(self) -> bool:
        return self.settings.ids is Ids.EXTERNAL

    def _ended(self, record: Mapping[str, Any]) -> DeleteBehaviour | None:
        """How the object left the books where the record comes from; None if it did not."""
        removal, status = self.settings.writes.removal, record.get("status")
        match removal:
            case DeleteBehaviour.VOID_ONCE_ISSUED if status == "voided":
                return removal
            case DeleteBehaviour.VOID if coerce(record.get("voided")) in (True, 1):
                return removal
            case DeleteBehaviour.CANCEL if status in ENDED_STATUSES and self._external:
                return removal
        return None

    def _body(self, record: Mapping[str, Any], accepted: Body, keep_nulls: bool) -> dict[str, Any]:
        placed = placeholders(self._create_path)
        accepted = {name: kind for name, kind in accepted.items() if name not in placed}
        body = body_of(record, accepted, ids=self.settings.ids, keep_nulls=keep_nulls)
        refuse_inexact(body)
        refuse_card_numbers(body, self.allow_card_like)
        return body

    def _path(self, template: str, record: Mapping[str, Any], known: int | str | None) -> Path:
        own = known if self._external else record.get("id")
        if "{id}" in template and not self._external:
            own = id_of(record, text=self.settings.resource.natural_key == "id")
        return path_of(template, {**record, "id": own}, self.settings.ids)

    def natural_key(self, record: Mapping[str, Any]) -> NaturalKey | None:
        """The caller's own reference that the record already_matches, if it does."""
        resource = self.settings.resource
        value = record.get(resource.natural_key) if resource.natural_key else None
        if not isinstance(value, str) or not value or not resource.natural_key:
            return None
        return NaturalKey(resource.name, resource.natural_key, value)

    def objects(self, record: Mapping[str, Any], key: ExternalKey | None) -> set[ObjectRef]:
        """What names the object that the record stands for: writes to it are kept in order."""
        found: set[ObjectRef] = set()
        if key:
            found.add(key)
        elif not self._external and isinstance(record.get("id"), (int, str)):
            found.add(ObjectId(self.settings.resource.name, str(record["id"])))
        natural = self.natural_key(record)
        return found | {natural} if natural else found

    def refers_to(self, record: Mapping[str, Any]) -> set[ObjectRef]:
        """What names the objects that the record mentions, also where no call has to know them."""
        return body_objects(self._named(record), self.settings.writes.create, self.settings.ids)

    def _refuse_unless_allowed(self, effect: SideEffect, what: str) -> None:
        refuse_unless_allowed(effect, what, self.allowed)
