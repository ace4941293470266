"""From a record to the write that it asks for. Pure: no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import invoiced_schemas
from invoiced_api.bodies import Body, Ref, Scalar
from invoiced_api.definitions import DeleteBehaviour, SideEffect
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.card_numbers import refuse_card_numbers
from target_invoiced.mapping.coercion import refuse_inexact, to_boolean, to_integer, to_text
from target_invoiced.mapping.identity import body_objects
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, ObjectId, ObjectRef
from target_invoiced.mapping.lost_columns import LostColumns, lost_columns
from target_invoiced.mapping.operations import (
    Create,
    NoOp,
    Operation,
    Path,
    Remove,
    Update,
)
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.mapping.paths import id_of, path_of, placeholders
from target_invoiced.mapping.payloads import BodyRules, body_of
from target_invoiced.mapping.side_effects import refuse_unless_allowed
from target_invoiced.mapping.statuses import TRUE_ONCE_ENDED, Standing, standing
from target_invoiced.stream_settings import EndpointStream, Ids, OperationKind

# Columns of a tap or a loader, and the tap's column of attributes that have none.
OTHERS_OWN = ("_sdc_", "_extra")


@dataclass(slots=True)
class EndpointMapper:
    """Maps the records of one stream to writes to an endpoint.

    More than 15 methods, since each decides one part of the operation by the same settings.

    Attributes:
        settings: of the stream.
        allow_card_like: attributes that may hold numbers like card numbers.
        allowed: side effects that the user allows.
        own: key properties that only the other system has, and Invoiced has not.
        columns: those of the SCHEMA.
    """

    settings: EndpointStream
    allow_card_like: frozenset[str]
    allowed: frozenset[SideEffect]
    own: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()
    _lost: LostColumns = field(init=False)
    _rules: BodyRules = field(init=False)
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
        self._lost = lost_columns(writes.create, self.columns, self.settings.exclude)
        self._rules = BodyRules(
            self.settings.ids, self.settings.time_zone, self.settings.nulls, writes.required
        )

    @property
    def _create_path(self) -> str:
        return self.settings.writes.path or self.settings.resource.path

    @property
    def _each_path(self) -> str:
        writes = self.settings.writes
        return writes.object_path or self._create_path + ("" if writes.singleton else "/{id}")

    def parent(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that the object's path needs besides its id, as the record names them."""
        needed = placeholders(self._each_path)
        return {name: record[name] for name in needed if name != "id" and name in record}

    def unknown_attributes(self, record: Mapping[str, Any]) -> list[str]:
        """Attributes that Invoiced does not have and that are not excluded."""
        return [
            name for name in record if name not in self._known and not name.startswith(OTHERS_OWN)
        ]

    def operation(self, record: Mapping[str, Any], known: int | str | None) -> Operation:
        """The write that a record asks for, without excluded attributes.

        Args:
            record: from the stream.
            known: id of the object that the ledger has for its key; None for none.

        Raises:
            InvalidRecordError: if the record cannot become a write.
        """
        operation = self._operation(record, known)
        if operation not in self.settings.operations:
            return NoOp(Kind.SKIPPED)
        record = self._named(record)
        if operation is OperationKind.DELETE:
            return self._remove(record, known)
        self._interpret_status(record, operation)
        match operation:
            case OperationKind.UPDATE:
                return self._update(record, known)
            case OperationKind.CREATE:
                return self._create(record)

    def _operation(self, record: Mapping[str, Any], known: int | str | None) -> OperationKind:
        if record.get("_sdc_deleted_at"):
            return OperationKind.DELETE
        if self.settings.ids is Ids.INVOICED and not self.settings.writes.singleton:
            return OperationKind.CREATE if record.get("id") in (None, "") else OperationKind.UPDATE
        return OperationKind.CREATE if known is None else OperationKind.UPDATE

    def _named(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record with its attributes named as the write names them."""
        named, writes = dict(record), self.settings.writes
        for name, alias in self._aliases.items():
            if named.get(name) is None and named.get(alias) is not None:
                named[name] = named[alias]
        given = [name for name in writes.one_of if named.get(name) is not None]
        for name in given[1:]:
            del named[name]
        return named

    def _interpret_status(self, record: dict[str, Any], operation: OperationKind) -> None:
        """Put the meaning of its status into the record. Raises InvalidRecordError if unclear.

        The status of an object that exists in this account is Invoiced's own, and left alone.
        """
        creates = operation is OperationKind.CREATE
        if not (creates or self._external):
            return
        resource, create = self.settings.resource.name, self.settings.writes.create
        means, word = standing(resource, record.get("status"))
        if word and "status" in create:
            record["status"] = word
        if not word or "draft" not in create:
            return
        draft = to_boolean(record.get("draft"))
        if means is Standing.DRAFT and draft is False:
            raise InvalidRecordError(
                "`status` is draft, but `draft` is false: it is not clear whether it was issued"
            )
        if draft in (None, "") and creates is (means is Standing.DRAFT):
            record["draft"] = creates  # a draft that is issued where it comes from is issued

    def _create(self, record: dict[str, Any]) -> Operation:
        resource, writes, external = self.settings.resource, self.settings.writes, self._external
        then = self._ended(record)
        if then is DeleteBehaviour.CANCEL or self._is_over(record):
            return NoOp(Kind.SKIPPED)
        body = self._body(record, writes.create, update=False)
        if writes.side_effect:
            self._refuse_unless_allowed(writes.side_effect, f"a write to {resource.name}")
        if body.get("autopay"):
            self._refuse_unless_allowed(SideEffect.AUTOPAY, "turning `autopay` on")
        return Create(
            path=self._path(self._create_path, record, None),
            body=body,
            natural=self.natural_key(record) if external else None,
            then=then,
            singleton=writes.singleton,
        )

    def _update(self, record: dict[str, Any], known: int | str | None) -> Operation:
        writes = self.settings.writes
        ended = self._ended(record)
        if self._external and ended:
            if self._means(record) is Standing.FINISHED:
                return NoOp(Kind.SKIPPED)  # it ends here by itself
            return self._remove(record, known)
        path = self._path(self._each_path, record, known)
        if writes.singleton:
            if self._is_over(record):
                return NoOp(Kind.SKIPPED)
            body = self._body(record, writes.create, update=False)
            return Create(path=path, body=body, singleton=True)
        if writes.update is None:
            raise InvalidRecordError(
                f"Invoiced has no call that updates {self.settings.resource.name}"
            )
        body = self._body(record, writes.update, update=True)
        autopay = bool(body.get("autopay")) and SideEffect.AUTOPAY not in self.allowed
        return Update(path, body, self._fixed(record), self._external, ended=ended, autopay=autopay)

    def _fixed(self, record: dict[str, Any]) -> dict[str, Any]:
        """The attributes that an update cannot change, to be compared with the object."""
        writes = self.settings.writes
        changing = {"id", *(writes.update or ()), *placeholders(self._create_path)}
        accepted = {
            name: kind
            for name, kind in writes.create.items()
            if name not in changing and isinstance(kind, (Scalar, Ref))
        }
        fixed = body_of(record, accepted, self._rules, update=False)
        # An issued document does not become a draft again.
        drafted = self._external and self._means(record) is Standing.DRAFT
        return {**fixed, "draft": True} if drafted else fixed

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
        """How the object ended at its source; None if it did not end."""
        removal = self.settings.writes.removal
        means = self._means(record)
        match removal:
            case DeleteBehaviour.VOID_ONCE_ISSUED if means is Standing.VOIDED:
                return removal
            case DeleteBehaviour.VOID if means is Standing.VOIDED or (
                to_boolean(record.get("voided")) is True
            ):
                return removal
            case DeleteBehaviour.CANCEL if means in (Standing.CANCELED, Standing.FINISHED):
                # One that this account has is canceled by a deletion only.
                return removal if self._external or record.get("id") in (None, "") else None
        return None

    def _is_over(self, record: Mapping[str, Any]) -> bool:
        """Whether it ended at its source, and every create of it would be live: none can end it."""
        flag = TRUE_ONCE_ENDED.get(self.settings.resource.name)
        if flag:
            return to_boolean(record.get(flag)) is True
        ended = (Standing.CANCELED, Standing.FINISHED)
        return self.settings.writes.singleton and self._means(record) in ended

    def _means(self, record: Mapping[str, Any]) -> Standing:
        try:
            return standing(self.settings.resource.name, record.get("status"))[0]
        except InvalidRecordError:
            return Standing.LIVE  # of an object of this account, which Invoiced knows best

    def _body(self, record: Mapping[str, Any], accepted: Body, *, update: bool) -> dict[str, Any]:
        placed = placeholders(self._create_path)
        accepted = {name: kind for name, kind in accepted.items() if name not in placed}
        body = body_of(record, accepted, self._rules, update=update)
        refuse_inexact(body)
        self._lost.refuse(record, body)
        refuse_card_numbers(body, self.allow_card_like)
        return body

    def _path(self, template: str, record: Mapping[str, Any], known: int | str | None) -> Path:
        if "{" not in template:
            return (template,)
        own = known if self._external else record.get("id")
        if "{id}" in template and not self._external:
            own = id_of(record, text=self.settings.resource.natural_key == "id")
        return path_of(template, {**record, "id": own}, self.settings.ids)

    def natural_key(self, record: Mapping[str, Any]) -> NaturalKey | None:
        """The natural key that the record shows; None if it shows none."""
        resource = self.settings.resource
        value = to_text(record.get(resource.natural_key)) if resource.natural_key else None
        if not isinstance(value, str) or not value or not resource.natural_key:
            return None
        return NaturalKey(resource.name, resource.natural_key, value)

    def objects(self, record: Mapping[str, Any], key: ExternalKey | None) -> set[ObjectRef]:
        """The names of the object of the record: writes to it keep their order."""
        found: set[ObjectRef] = set()
        if key:
            found.add(key)
        elif not self._external and isinstance(own := to_integer(record.get("id")), (int, str)):
            found.add(ObjectId(self.settings.resource.name, str(own)))
        natural = self.natural_key(record)
        return found | {natural} if natural else found

    def refers_to(self, record: Mapping[str, Any]) -> set[ObjectRef]:
        """The names of the objects that the record mentions, also where no request needs them."""
        return body_objects(self._named(record), self.settings.writes.create, self.settings.ids)

    def _refuse_unless_allowed(self, effect: SideEffect, what: str) -> None:
        refuse_unless_allowed(effect, what, self.allowed)
