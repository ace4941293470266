"""Records of custom calls that are sent as one list, also those of an earlier run."""

from collections.abc import Callable
from dataclasses import dataclass, field

from target_invoiced import exact_json
from target_invoiced.ledger.journal import SentBatch
from target_invoiced.ledger.replay import Entry, Stage
from target_invoiced.mapping.keys import NaturalKey
from target_invoiced.mapping.operations import CustomCall, Path
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.stream_settings import CustomCallStream


@dataclass(slots=True)
class Batches:
    """Collects records into batches, in their order of arrival.

    A batch of an earlier run, whose outcome is unknown, is sent again as it was: whole, in its
    order and under its key, once the first of its records comes. The others share its outcome.

    Attributes:
        unit: the ledger.
        enqueue: takes a record with the rest of its batch.
    """

    unit: UnitOfWork
    enqueue: Callable[[PendingRecord], None]
    _open: dict[str, list[PendingRecord]] = field(default_factory=dict)
    _resent: dict[str, PendingRecord] = field(default_factory=dict)

    def add(self, pending: PendingRecord) -> None:
        """Send a record, together with others if its stream does so."""
        settings = pending.stream.settings
        if not isinstance(settings, CustomCallStream) or settings.batch_size == 1:
            self.enqueue(pending)
            return
        name = pending.stream.name
        batch = self._open.get(name)
        if batch and batch[0].path != pending.path:
            self.send(name)
        batch = self._open.setdefault(name, [])
        batch.append(pending)
        if len(batch) == settings.batch_size:
            self.send(name)

    def send(self, stream: str) -> None:
        """Send what was collected of a stream."""
        batch = self._open.pop(stream, None)
        if batch:
            batch[0].batch_rest = batch[1:]
            self.enqueue(batch[0])

    def send_all(self) -> None:
        """Send what was collected of all streams."""
        for stream in list(self._open):
            self.send(stream)

    def resend(self, pending: PendingRecord, entry: Entry) -> Stage | None:
        """Send the batch of the entry again; the record is one of it.

        Returns how the batch ended, if it was sent again before and has ended.
        """
        assert entry.batch
        head = self._resent.get(entry.batch)
        if head is None:
            sent = self.unit.ledger.journal.batch(entry.batch)
            self._resent[entry.batch] = pending
            if sent:
                pending.operation, pending.references = resent_call(pending, sent)
                pending.path, pending.body = pending.operation.path, None
                pending.sent_bodies = exact_json.loads(sent.bodies)
            self.enqueue(pending)
        elif (stage := self.unit.ended_batches.get(entry.batch)) is not None:
            return stage
        else:
            head.batch_rest.append(pending)
        return None


def resent_call(
    pending: PendingRecord, sent: SentBatch
) -> tuple[CustomCall, frozenset[NaturalKey]]:
    """The call that was sent, and the natural keys in its path. Headers are today's."""
    settings = pending.stream.settings
    path = decode_path(sent.path)
    headers = settings.headers if isinstance(settings, CustomCallStream) else {}
    call = CustomCall(method=sent.method, path=path, body={}, headers=headers, batched=True)
    return call, frozenset(piece for piece in path if isinstance(piece, NaturalKey))


def encode_path(path: Path) -> bytes:
    """A path for the ledger, to be read by `decode_path`."""
    return exact_json.dumps(
        [
            [piece.resource, piece.attribute, piece.value]
            if isinstance(piece, NaturalKey)
            else piece
            for piece in path
        ]
    )


def decode_path(content: bytes) -> Path:
    """A path from the ledger."""
    return tuple(
        NaturalKey(*piece) if isinstance(piece, list) else piece
        for piece in exact_json.loads(content)
    )
