"""What a new version of a table did not bring is removed."""

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

LOGGER = logging.getLogger(__name__)

# Objects are taken out so many at a time.
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Mirror:
    """`clock` is monotonic, in seconds."""

    unit: UnitOfWork
    queue: WriteQueue
    states: StateTracker
    clock: Callable[[], float]

    def remove_left_behind(self, stream: Stream, message: ActivateVersion) -> Iterator[None]:
        """Admits the removals, some at each step.

        The records of the version must have settled, and what became of them been flushed.
        """
        if message.version is None:
            LOGGER.warning("%s: ACTIVATE_VERSION has no version: nothing is removed", stream.name)
            return
        last, resource = "", stream.resource or ""
        while rows := self.unit.ledger.keys.left_behind(
            stream.name, resource, message.version, last, AT_ONCE
        ):
            last = rows[-1].key.value
            for known in rows:
                self._remove(stream, message, known)
            yield

    def _remove(self, stream: Stream, message: ActivateVersion, known: ObjectMapping) -> None:
        names, value = stream.schema.key_properties, known.key.value
        keys = orjson.loads(value) if value.startswith("[") and len(names) > 1 else [value]
        if len(keys) != len(names):
            raise InvalidInputError(
                f"line {message.line}: the SCHEMA of `{stream.name}` has other key properties than "
                "when its records were written: a mirror needs the same ones always."
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
        self.unit.pin(pending, known)
        self.queue.enqueue(pending)
