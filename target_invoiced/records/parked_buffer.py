"""Parked records: those in the ledger, and those that the next flush parks or unparks."""

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from invoiced_api.exceptions import InvalidInputError
from target_invoiced import exact_json
from target_invoiced.ledger.parked import Parked, ParkedRecords
from target_invoiced.mapping.card_numbers import without_card_numbers
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, Reference
from target_invoiced.records.record import PendingRecord

# How many records wait where nothing keeps them from run to run.
MAX_PARKED_IN_MEMORY = 10_000
PARKED_PER_PAGE = 200


def encode_reference(reference: Reference) -> str:
    """A reference for the ledger, to be read by `decode_reference`."""
    if isinstance(reference, ExternalKey):
        return orjson.dumps([reference.resource, reference.value]).decode()
    return orjson.dumps([reference.resource, reference.attribute, reference.value]).decode()


def decode_reference(missing: str) -> Reference:
    """A reference from the ledger."""
    words = orjson.loads(missing)
    return ExternalKey(*words) if len(words) == 2 else NaturalKey(*words)


# A record that Invoiced rejected waits for a newer record of its key. This reference is never
# found, so that the rejected one is not sent again as it is.
AWAITING_CORRECTION = ExternalKey("", "")


@dataclass(slots=True)
class ParkedBuffer:
    """The parked records of the account.

    Attributes:
        records: the ledger's.
        durable: whether they outlive the run, so that STATE may pass them.
        count: how many are parked.
    """

    records: ParkedRecords
    durable: bool
    count: int = 0
    _parking: list[Parked] = field(default_factory=list)
    _unparking: list[int] = field(default_factory=list)
    _claimed: set[int] = field(default_factory=set)
    _rejected: set[int] = field(default_factory=set)
    # Line -> position of the records for which STATE waits, since the ledger will not outlive us.
    _positions: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.count = self.records.count()

    def write(self) -> None:
        """Write what changed. Call it within a transaction, and `written` after that."""
        if self._unparking:
            self.records.remove(self._unparking)
        if self._parking:
            self.records.add(self._parking)

    def written(self) -> None:
        """Note that the transaction of `write` was committed."""
        self._claimed.difference_update(self._unparking)
        self._rejected.difference_update(self._unparking)
        self._parking, self._unparking = [], []

    def park(self, pending: PendingRecord, missing: Reference) -> None:
        """Keep a record until the object that it refers to exists.

        Raises:
            InvalidInputError: if too many are parked without a ledger.
        """
        self.unpark(pending)
        self.count += 1
        if not self.durable and self.count > MAX_PARKED_IN_MEMORY:
            raise InvalidInputError(
                f"more than {MAX_PARKED_IN_MEMORY} records wait for objects that they refer to. "
                "Give a `ledger` to keep them in, or send the objects first."
            )
        if not self.durable and pending.position is not None:
            self._positions[pending.message.line] = pending.position
        schema, allowed = pending.stream.schema, pending.stream.mapper.allow_card_like
        self._parking.append(
            Parked(
                key=pending.key,
                resource=pending.stream.resource or "",
                missing=encode_reference(missing),
                idempotency_key=uuid.uuid4().hex,
                line=pending.message.line,
                stream=pending.stream.name,
                # Attributes that are not sent may show what is not to be kept.
                record=exact_json.dumps(without_card_numbers(pending.record, allowed)),
                schema=exact_json.dumps([schema.schema, schema.key_properties]),
            )
        )

    def position_of(self, parked: Parked) -> int | None:
        """The position in the input for which STATE still waits; None if it does not."""
        return self._positions.get(parked.line)

    def unpark(self, pending: PendingRecord) -> None:
        """Note that the record no longer waits."""
        if pending.parked is not None and pending.parked.number is not None:
            self._unparking.append(pending.parked.number)
            self._positions.pop(pending.parked.line, None)
            self.count -= 1
            pending.parked = None

    def keep_parked(self, pending: PendingRecord, *, rejected: bool = False) -> None:
        """Leave the record parked, and count it as a reject.

        It still waits for the object that it refers to. If Invoiced rejected it, it waits for a
        newer record of its key, into which it is merged.
        """
        if pending.parked is not None and pending.parked.number is not None:
            missing = {"missing": encode_reference(AWAITING_CORRECTION)} if rejected else {}
            self.records.amend(pending.parked.number, reported=True, **missing)
            if rejected:
                self._claimed.discard(pending.parked.number)
                self._rejected.add(pending.parked.number)
            pending.parked = None

    def pages(self, references: Iterable[Reference] | None = None) -> Iterator[list[Parked]]:
        """Records that wait for one of these objects, in pages; without `references`, all.

        Request each page after a flush. A record that is parked in the meantime is left out: it may
        be one of them again.
        """
        missing = None if references is None else [encode_reference(one) for one in references]
        upto, beyond = self.records.newest(), 0
        while rows := self.records.page(beyond, upto, PARKED_PER_PAGE, missing):
            beyond = rows[-1].number or upto
            yield rows

    def by_key(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, Parked]:
        """Parked records of these keys. Call it after a flush."""
        return self.records.under(keys) if self.count and keys else {}

    def resume(self, parked: Parked) -> bool:
        """Whether the record continues unchanged; False if it did so before in this run."""
        return parked.number not in self._rejected and self.claim(parked)

    def claim(self, parked: Parked) -> bool:
        """Whether the record is handled from now on; False if that was begun before."""
        if parked.number is None or parked.number in self._claimed:
            return False
        self._claimed.add(parked.number)
        return True
