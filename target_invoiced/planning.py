"""Record -> the call it stands for. Pure: no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import invoiced_schemas
from invoiced_api.redact import has_card_number
from invoiced_api.resources import Removal, Resource
from target_invoiced.bodies import Unwritable, body_of, refuse_card_numbers, unknown_attributes
from target_invoiced.settings import Operation, StreamSettings


@dataclass(frozen=True, slots=True)
class Create:
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """`maybe_void`: the record shows a void document, which cannot be edited."""

    path: str
    body: dict[str, Any]
    maybe_void: bool


@dataclass(frozen=True, slots=True)
class Remove:
    path: str


@dataclass(frozen=True, slots=True)
class Skip:
    """The stream's settings do not allow the operation that the record stands for."""

    operation: Operation


Intent = Create | Update | Remove | Skip


@dataclass(slots=True)
class Planner:
    """Plans the records of one stream."""

    settings: StreamSettings
    allow_card_like: frozenset[str]
    _known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        columns = invoiced_schemas.load(self.settings.resource.name)["properties"]
        writes = self.settings.writes
        self._known = frozenset({*columns, *writes.create, *writes.update})

    def unknown_attributes(self, record: Mapping[str, Any]) -> list[str]:
        """Attributes that Invoiced does not have and that are not left out on purpose."""
        return unknown_attributes(record, self._known | self.settings.exclude)

    def intent(self, record: Mapping[str, Any]) -> Intent:
        """What the record asks for. Raises Unwritable."""
        operation = _operation(record)
        if operation not in self.settings.operations:
            return Skip(operation)
        resource, writes = self.settings.resource, self.settings.writes
        wanted = {key: value for key, value in record.items() if key not in self.settings.exclude}
        match operation:
            case Operation.DELETE:
                return Remove(_object_path(resource, record))
            case Operation.UPDATE:
                body = body_of(wanted, writes.update, keep_nulls=True)
                refuse_card_numbers(body, self.allow_card_like)
                voidable = writes.removal is Removal.VOID_ONCE_ISSUED
                maybe_void = voidable and record.get("status") == "voided"
                return Update(_object_path(resource, record), body, maybe_void)
            case Operation.CREATE:
                body = body_of(wanted, writes.create, keep_nulls=False)
                refuse_card_numbers(body, self.allow_card_like)
                return Create(body)


def _operation(record: Mapping[str, Any]) -> Operation:
    if record.get("_sdc_deleted_at"):
        return Operation.DELETE
    return Operation.CREATE if record.get("id") in (None, "") else Operation.UPDATE


def _object_path(resource: Resource, record: Mapping[str, Any]) -> str:
    """Raises Unwritable if the record's id cannot be one of Invoiced's."""
    written = record.get("id")
    if isinstance(written, bool) or not isinstance(written, (int, str)) or written == "":
        raise Unwritable("`id` is missing: which object is meant?")
    if has_card_number(str(written)):
        raise Unwritable("`id` looks like a full card number")
    if not str(written).isdecimal():
        raise Unwritable("`id` is not a whole number, as Invoiced's ids are")
    return f"{resource.path}/{quote(str(written), safe='')}"
