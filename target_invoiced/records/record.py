"""One stream of the input, and one record of it on its way."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from target_invoiced.ledger.parked import Parked
from target_invoiced.ledger.replay import Entry
from target_invoiced.mapping.custom_calls import CustomCallMapper
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.mapping.keys import ExternalKey, Reference, digest, external_key
from target_invoiced.mapping.operations import (
    NoOp,
    Operation,
    Remove,
    Send,
    path_and_body,
    references_of,
)
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.settings import CustomCallStream, EndpointStream, Ids, TargetSettings
from target_invoiced.singer.messages import Record, Schema
from target_invoiced.singer.validation import Validator

# Taps and loaders add columns of their own, which differ from run to run; one of them counts.
LOADERS_OWN = "_sdc_"
DELETED_AT = "_sdc_deleted_at"


@dataclass(frozen=True, slots=True)
class Stream:
    """What is needed to write the records of one SCHEMA. Raises ValueError if it is not one."""

    schema: Schema
    settings: EndpointStream | CustomCallStream
    validator: Validator
    planner: EndpointMapper | CustomCallMapper

    @classmethod
    def of(
        cls, schema: Schema, to: EndpointStream | CustomCallStream, settings: TargetSettings
    ) -> "Stream":
        cards, effects = settings.allow_card_like, settings.allow_side_effects
        planner: EndpointMapper | CustomCallMapper
        if isinstance(to, EndpointStream):
            planner = EndpointMapper(to, cards, effects, frozenset(schema.key_properties))
        else:
            planner = CustomCallMapper(to, cards, effects)
        return cls(schema, to, Validator(schema.schema), planner)

    @property
    def name(self) -> str:
        return self.schema.stream

    @property
    def resource(self) -> str | None:
        return self.settings.resource.name if isinstance(self.settings, EndpointStream) else None

    @property
    def natural_key(self) -> str | None:
        """The attribute that is the caller's own reference, if there is one."""
        settings = self.settings
        return settings.resource.natural_key if isinstance(settings, EndpointStream) else None

    @property
    def mirrors(self) -> bool:
        return isinstance(self.settings, EndpointStream) and self.settings.mirror

    def key(self, record: Mapping[str, Any]) -> ExternalKey | None:
        """What another system calls the record; None if nobody does. Raises Unwritable."""
        if self.resource is None or self.settings.ids is not Ids.EXTERNAL:
            return None
        return external_key(self.resource, record, self.schema.key_properties)

    def keyless(self, record: Mapping[str, Any], key: ExternalKey | None) -> bool:
        """Whether only the journal can tell that the record was sent before."""
        if isinstance(self.settings, CustomCallStream):
            return True
        if self.settings.ids is Ids.EXTERNAL:
            return key is None
        fresh = record.get("id") in (None, "") and not self.settings.writes.sole
        return fresh and not record.get("_sdc_deleted_at")


@dataclass(slots=True, eq=False)
class Task:
    """One record, from its arrival until it is settled.

    `position` is its place in the input, None for one that was parked before; `began` is when it
    came, in seconds of the monotonic clock. `ordinal` and `segment` are its place in the journal,
    if it has no key, `entry` what the journal has for it. `planned_for` is the id of the object
    that `intent` is about, `references` what it refers to. `then` are the other records of its
    batch, which share its fate. `held`: the books keep what is known of its key at hand.
    `postponed`: it was refused once, and has waited until others had finished.
    """

    stream: Stream
    message: Record
    record: dict[str, Any]
    began: float
    key: ExternalKey | None = None
    position: int | None = None
    ordinal: int | None = None
    segment: int = 0
    entry: Entry | None = None
    parked: Parked | None = None
    intent: Operation = field(default_factory=lambda: NoOp(Kind.UNCHANGED))
    references: frozenset[Reference] = frozenset()
    planned: bool = False
    planned_for: int | str | None = None
    then: list["Task"] = field(default_factory=list)
    held: bool = False
    postponed: bool = False
    retries: int = 0
    _digest: bytes | None = None

    @property
    def digest(self) -> bytes:
        """Of the record as its stream selects it."""
        if self._digest is None:
            record = self.record
            if any(name.startswith(LOADERS_OWN) for name in record):
                record = {
                    name: value
                    for name, value in record.items()
                    if name == DELETED_AT or not name.startswith(LOADERS_OWN)
                }
            self._digest = digest(record, *(() if self.key else (self.stream.name,)))
        return self._digest

    @property
    def batch(self) -> Iterator["Task"]:
        yield self
        yield from self.then

    @property
    def deletes(self) -> bool:
        return bool(self.record.get(DELETED_AT))

    def plan(self, known: int | str | None) -> Operation:
        """What the record asks for of the object with this id, None for none. Raises Unwritable."""
        self.planned = False
        self.intent, self.planned_for = self.stream.planner.intent(self.record, known), known
        self.references = frozenset(references_of(self.intent))
        self.planned = True
        return self.intent

    @property
    def _called(self) -> set[Hashable]:
        """A call of the user's own may change what it is sent to: those to one path keep order."""
        changes = isinstance(self.intent, Send) and self.intent.method != "POST"
        return {path_and_body(self.intent)[0]} if changes else set()

    def depends(self) -> dict[str, Any]:
        """What the schedule has to know."""
        planner = self.stream.planner
        return {
            "writes": planner.objects(self.record, self.key) | self._called,
            "reads": self.references | planner.refers_to(self.record),
            # What it removes may be yet to be created, so that the intent does not tell.
            "removes": self.deletes or isinstance(self.intent, Remove),
        }
