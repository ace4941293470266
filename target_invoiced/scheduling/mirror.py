"""Removes what a new version of a table lacks."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from invoiced_api.exceptions import InvalidInputError
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.records.record import PendingRecord, Stream
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.messages import ActivateVersion, Record
from target_invoiced.stream_settings import EndpointStream

LOGGER = logging.getLogger(__name__)

# Objects are taken out so many at a time.
AT_ONCE = 200
# Of a stream with fewer objects, a version may remove any number.
FEWEST_LIMITED = 10


@dataclass(frozen=True, slots=True)
class Mirror:
    """Removes what a new version of a table lacks.

    Attributes:
        unit: the ledger.
        queue: takes the removals.
        states: which STATE may be written.
        clock: monotonic, in seconds.
    """

    unit: UnitOfWork
    queue: WriteQueue
    states: StateTracker
    clock: Callable[[], float]

    def remove_left_behind(
        self, stream: Stream, message: ActivateVersion, *, seen: bool
    ) -> Iterator[None]:
        """Enqueue the removals, some at each step; none for a version that was not `seen`.

        The records of the version must be recorded and flushed. An object is removed if an earlier
        version contained it.

        Raises:
            InvalidInputError: if those are more than `mirror_limit` allows.
        """
        name, resource, version = stream.name, stream.resource or "", message.version
        if version is None:
            LOGGER.warning("%s: ACTIVATE_VERSION has no version: nothing is removed", name)
            return
        if not seen:
            LOGGER.info(
                "%s: ACTIVATE_VERSION %d came before any record of it: it removes nothing",
                name,
                version,
            )
            return
        objects, left, newest = self.unit.ledger.keys.count(name, resource, version)
        if newest is not None and newest > version:
            LOGGER.warning(
                "%s: ACTIVATE_VERSION %d is older than version %d, which came before: nothing is "
                "removed",
                name,
                version,
                newest,
            )
            return
        _refuse_too_many(stream, message, objects, left)
        last = ""
        while rows := self.unit.ledger.keys.left_behind(name, resource, version, last, AT_ONCE):
            last = rows[-1].key.value
            for known in rows:
                self._remove(stream, message, known)
            yield

    def _remove(self, stream: Stream, message: ActivateVersion, known: ObjectMapping) -> None:
        names, value = stream.schema.key_properties, known.key.value
        keys = orjson.loads(value) if value.startswith("[") and len(names) > 1 else [value]
        if len(keys) != len(names):
            raise InvalidInputError(
                f"line {message.line}: the SCHEMA of `{stream.name}` has different key properties "
                "than when its records were written: a mirror always needs the same ones."
            )
        record = {**dict(zip(names, keys, strict=True)), "_sdc_deleted_at": True}
        pending = PendingRecord(
            stream=stream,
            message=Record(message.line, stream.name, record),
            record=record,
            began=self.clock(),
            key=known.key,
            position=self.states.came(),
        )
        if known.parent:
            pending.add_parent(known.parent)
        pending.identify()
        pending.pinned = True
        self.unit.keys.pin(known)
        self.queue.enqueue(pending)


def _refuse_too_many(stream: Stream, message: ActivateVersion, objects: int, left: int) -> None:
    """Raises InvalidInputError if a version would remove more than `mirror_limit` allows."""
    assert isinstance(stream.settings, EndpointStream)
    limit = stream.settings.mirror_limit
    if objects >= FEWEST_LIMITED and left * 100 > limit * objects:
        raise InvalidInputError(
            f"line {message.line}: version {message.version} of `{stream.name}` would remove "
            f"{left} of its {objects} objects, more than `mirror_limit` allows ({limit} %). "
            "Nothing was removed. Check that the tap sent the whole table; if it did, raise "
            "`mirror_limit` for this run."
        )
