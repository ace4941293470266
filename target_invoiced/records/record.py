"""One stream of the input, and one record of it on its way."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from invoiced_api.resources import RESOURCES
from target_invoiced import exact_json
from target_invoiced.ledger.parked import Parked
from target_invoiced.ledger.replay import Entry
from target_invoiced.mapping.card_numbers import without_card_numbers
from target_invoiced.mapping.custom_calls import CustomCallMapper
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.mapping.identity import path_objects
from target_invoiced.mapping.keys import (
    ExternalKey,
    NaturalKey,
    ObjectRef,
    Reference,
    digest,
    external_key,
)
from target_invoiced.mapping.operations import (
    Create,
    CustomCall,
    NoOp,
    Operation,
    Path,
    Remove,
    path_and_body,
)
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.mapping.references import references
from target_invoiced.settings import TargetSettings
from target_invoiced.singer.messages import Record, Schema
from target_invoiced.singer.validation import Validator
from target_invoiced.stream_settings import CustomCallStream, EndpointStream, Ids

# Taps and loaders add columns of their own, which differ from run to run; one of them counts.
SDC_PREFIX = "_sdc_"
DELETED_AT = "_sdc_deleted_at"
# Of a longer key a message shows the beginning.
MAX_SHOWN_KEY = 100
# Resources whose objects are found by a number, which may move from one object to another.
NUMBERED = frozenset(one.name for one in RESOURCES if one.natural_key not in (None, "id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What one write needs of the order of writes.

    Attributes:
        writes: objects that it changes.
        reads: objects that it refers to.
        removes: whether its object is gone afterwards, or those that refer to it change, too.
        moves: resources in which it may change the object of a number.
        finds: resources in which it looks for objects by number.
    """

    writes: Collection[Hashable] = ()
    reads: Collection[Hashable] = ()
    removes: bool = False
    moves: Collection[Hashable] = ()
    finds: Collection[Hashable] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """What is needed to write the records of one SCHEMA.

    Attributes:
        schema: the SCHEMA message.
        settings: where its records go.
        validator: of the records.
        mapper: from records to operations.
    """

    schema: Schema
    settings: EndpointStream | CustomCallStream
    validator: Validator
    mapper: EndpointMapper | CustomCallMapper

    @classmethod
    def of(
        cls, schema: Schema, to: EndpointStream | CustomCallStream, settings: TargetSettings
    ) -> "Stream":
        """The stream of a SCHEMA. Raises ValueError if it holds no JSON Schema."""
        cards, effects = settings.allow_card_like, settings.allow_side_effects
        mapper: EndpointMapper | CustomCallMapper
        if isinstance(to, EndpointStream):
            columns = schema.schema.get("properties")
            mapper = EndpointMapper(
                to,
                cards,
                effects,
                frozenset(schema.key_properties),
                tuple(columns) if isinstance(columns, dict) else (),
            )
        else:
            mapper = CustomCallMapper(to, cards, effects)
        return cls(schema, to, Validator(schema.schema), mapper)

    @property
    def name(self) -> str:
        """The name of the stream."""
        return self.schema.stream

    @property
    def resource(self) -> str | None:
        """The resource that it writes to; None for a custom call."""
        return self.settings.resource.name if isinstance(self.settings, EndpointStream) else None

    @property
    def natural_key(self) -> str | None:
        """The attribute with a reference of the caller's own; None if there is none."""
        settings = self.settings
        return settings.resource.natural_key if isinstance(settings, EndpointStream) else None

    @property
    def mirrors(self) -> bool:
        """Whether a new version removes what it lacks."""
        return isinstance(self.settings, EndpointStream) and self.settings.mirror

    def key(self, record: Mapping[str, Any]) -> ExternalKey | None:
        """The key of a record in the other system, or None. Raises InvalidRecordError."""
        if self.resource is None or self.settings.ids is not Ids.EXTERNAL:
            return None
        return external_key(self.resource, record, self.schema.key_properties)

    def keyless(self, record: Mapping[str, Any], key: ExternalKey | None) -> bool:
        """Whether only the journal shows that the record was sent before."""
        if isinstance(self.settings, CustomCallStream):
            return True
        if self.settings.ids is Ids.EXTERNAL:
            return key is None
        fresh = record.get("id") in (None, "") and not self.settings.writes.singleton
        return fresh and not record.get("_sdc_deleted_at")


@dataclass(frozen=True, slots=True)
class Identity:
    """The objects that a record names, by whatever reference.

    Attributes:
        objects: names of its object.
        natural_key: that it shows; None if it shows none.
        refers_to: names of the objects that it mentions.
        parent: attributes that the path of its object needs besides the id.
    """

    # What names the object of the record, its natural key among them.
    objects: frozenset[ObjectRef]
    natural_key: NaturalKey | None
    # What names the objects that the record mentions, also where no request has to know them.
    refers_to: frozenset[ObjectRef]
    parent: Mapping[str, Any] = field(default_factory=dict)


UNIDENTIFIED = Identity(frozenset(), None, frozenset())


@dataclass(slots=True, eq=False)
class PendingRecord:
    """One record, from its arrival until its outcome is recorded.

    More than 12 fields, since each stage adds what the next ones need.

    Attributes:
        stream: of the record.
        message: as it came.
        record: its content, which may be merged with an older one's.
        began: when it arrived, by the monotonic clock in seconds.
        key: of the other system; None if it has none.
        position: in the input, for STATE; None once STATE need not wait for it.
        journaled: whether the journal has it.
        entry: of the journal; None if it has none.
        line: digest of the input up to it.
        segment: how many STATEs came before it.
        sent_bodies: of a batch that an earlier run sent; None for a new one.
        parked: its row in the ledger, if it was parked.
        operation: what it asks for.
        path: of the request.
        body: of the request.
        references: in path and body, to be looked up.
        planned: whether `operation` is known.
        planned_for: id of the object for which it was planned.
        batch_rest: the other records that are sent in its request.
        deletes: whether it asks for a removal.
        digest: of the record as its stream selects it, or of its reject id if it has no key.
        identity: the objects that it names.
        pinned: whether the mapping of its key is cached.
        deferrals: how often it had to wait for others after all.
        retries: how many requests were repeated for it.
    """

    stream: Stream
    message: Record
    # The attributes that the stream selects.
    record: dict[str, Any]
    # When it came, in seconds of the monotonic clock.
    began: float
    key: ExternalKey | None = None
    # Its place in the input; None if it was parked by an earlier run.
    position: int | None = None
    # Whether an entry of the journal is kept for it, since it has no key; that entry, the digest
    # of the input up to the record, and how many STATEs came before it.
    journaled: bool = False
    entry: Entry | None = None
    line: bytes = b""
    segment: int = 0
    # The bodies of a batch that an earlier run sent, if the record is resent with it.
    sent_bodies: list[Any] | None = None
    # What the ledger keeps of it if it waits, or waited, for another object.
    parked: Parked | None = None
    # What it asks for of the object with the id `planned_for`, and what has to be known before.
    operation: Operation = field(default_factory=lambda: NoOp(Kind.UNCHANGED))
    path: Path = ()
    body: Any = None
    references: frozenset[Reference] = frozenset()
    planned: bool = False
    planned_for: int | str | None = None
    # The other records that are sent in the same request, and share its outcome.
    batch_rest: list["PendingRecord"] = field(default_factory=list)
    # Whether the mapping of its key stays cached.
    pinned: bool = False
    # How often it was refused and then waited for other records.
    deferrals: int = 0
    retries: int = 0
    # Computed once, of the record as it came: what is added to it later does not count.
    digest: bytes = field(init=False)
    deletes: bool = field(init=False)
    # Computed whenever it is planned.
    identity: Identity = UNIDENTIFIED

    def __post_init__(self) -> None:
        self.deletes = bool(self.record.get(DELETED_AT))
        if self.message.reject_id and not self.key:
            self.digest = digest("reject", self.message.reject_id)
            return
        record = self.record
        if any(name.startswith(SDC_PREFIX) for name in record):
            record = {
                name: value
                for name, value in record.items()
                if name == DELETED_AT or not name.startswith(SDC_PREFIX)
            }
        self.digest = digest(record, *(() if self.key else (self.stream.name,)))

    def identify(self) -> None:
        """Find the objects that it names."""
        mapper, record = self.stream.mapper, self.record
        self.identity = Identity(
            objects=frozenset(mapper.objects(record, self.key)),
            natural_key=mapper.natural_key(record),
            parent=mapper.parent(record),
            refers_to=frozenset(mapper.refers_to(record)),
        )

    @property
    def named_key(self) -> dict[str, Any]:
        """The record's key by the names of its columns, to be shown; empty if it has none.

        A record without `key_properties` is named by its `id`. Full card numbers are hidden.
        """
        record = self.message.record
        names = self.stream.schema.key_properties or ("id",)
        key = {name: record[name] for name in names if record.get(name) not in (None, "")}
        shown: dict[str, Any] = without_card_numbers(key)
        return shown

    @property
    def place(self) -> str:
        """Where the record stands, for messages: `line 4, customers (id: c-7)`."""
        where = f"line {self.message.line}, {self.stream.name}"
        key = ", ".join(f"{name}: {_brief(value)}" for name, value in self.named_key.items())
        return f"{where} ({key})" if key else where

    def merge_into(self, older: Mapping[str, Any]) -> None:
        """Add the attributes that the record lacks from an older one of its key."""
        self.record = {**older, **self.record}
        self.message = replace(self.message, record=self.record)
        self.deletes, self.planned = bool(self.record.get(DELETED_AT)), False

    def add_parent(self, parent: str | None) -> None:
        """Add the parent from the ledger (JSON) to a record that deletes, if it names none."""
        if parent and self.deletes:
            missing = {**exact_json.loads(parent.encode()), **self.record}
            if missing.keys() != self.record.keys():
                self.merge_into(missing)

    def plan(self, known: int | str | None) -> Operation:
        """The operation on the object with this id, or None. Raises InvalidRecordError."""
        self.planned = False
        self.identify()
        self.operation, self.planned_for = self.stream.mapper.operation(self.record, known), known
        self.path, self.body = path_and_body(self.operation)
        self.references = frozenset(references((self.path, self.body)))
        self.planned = True
        return self.operation

    @property
    def _called(self) -> set[Hashable]:
        """Calls to one path keep order, whatever they change."""
        changes = isinstance(self.operation, CustomCall) and self.operation.method != "POST"
        return {self.path} if changes else set()

    def depends(self) -> Dependencies:
        """What decides its order: the objects that it changes, and those it refers to."""
        in_path = path_objects(self.path)
        operation, resource = self.operation, self.stream.resource
        singleton = isinstance(operation, Create) and operation.singleton
        if isinstance(operation, CustomCall) or singleton:
            changed = (
                in_path  # a call, or the payment plan of an invoice, changes what it is sent to
            )
        else:
            changed = {one for one in in_path if one.resource == resource}
        if isinstance(operation, CustomCall):
            changed = changed | operation.changes
        writes = self.identity.objects | changed
        batch = [one.references | one.identity.refers_to for one in (self, *self.batch_rest)]
        reads = frozenset[Hashable]().union(in_path, *batch)
        fresh = isinstance(operation, Create) and not singleton and not self.deletes
        numbered = {one.resource for one in writes if one.resource in NUMBERED}
        named = [one for one in (*reads, *changed) if isinstance(one, NaturalKey)]
        return Dependencies(
            writes=writes | self._called,
            reads=reads,
            # The object that it removes may be yet to be created, or be created to be voided.
            removes=self.deletes
            or isinstance(operation, Remove)
            or (isinstance(operation, CustomCall) and operation.includes_referrers)
            or (isinstance(operation, Create) and operation.then is not None),
            moves={*numbered, *self._freed} if not fresh else (),
            finds={
                *(one.resource for one in named if one.resource in NUMBERED),
                *([(resource, DELETED_AT)] if fresh and self.identity.natural_key else []),
            },
        )

    @property
    def _freed(self) -> set[Hashable]:
        """A removal frees its object's number for a new one, also where it does not name it.

        So does a call that removes an object, such as a merge.
        """
        if isinstance(self.operation, CustomCall):
            return {(one.resource, DELETED_AT) for one in self.operation.changes}
        unnamed = self.deletes and self.identity.natural_key is None
        return {(self.stream.resource, DELETED_AT)} if unnamed else set()


def _brief(value: Any) -> str:
    """A value as one short line."""
    text = value if isinstance(value, str) else exact_json.dumps(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN_KEY else f"{text[:MAX_SHOWN_KEY]}…"
