"""From a message of the input to the step that it starts."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from invoiced_api.exceptions import InvalidInputError
from target_invoiced.records.intake import Intake
from target_invoiced.scheduling.mirror import Mirror
from target_invoiced.scheduling.parking import ParkedQueue
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.singer.messages import ActivateVersion, Record, Schema, State
from target_invoiced.singer.reader import MessageReader

LOGGER = logging.getLogger(__name__)

# Records whose keys the ledger is asked for at once. While writes are in flight they are fewer,
# since no worker is given its next write meanwhile.
LOOKUP_BATCH_SIZE = 500
LOOKUP_BATCH_WHILE_SENDING = 50


@dataclass(slots=True)
class MessageHandler:
    """Handles one message at a time, and the end of the input.

    More than 12 fields, since each type of message has a stage of its own.

    Attributes:
        reader: gives the messages.
        intake: takes records.
        mirror: removes what a new version lacks.
        parking: parked records.
        queue: writes.
        commit: makes durable what was recorded.
        sending: whether writes are in flight.
        sample: whether only the first record of each stream is taken (`--test`); then nothing is
            mirrored and no parked record is resumed.
        problem: why the input could not be read to its end.
        finished: whether the end of the input was handled.
    """

    reader: MessageReader
    intake: Intake
    mirror: Mirror
    parking: ParkedQueue
    queue: WriteQueue
    commit: Callable[[], None]
    sending: Callable[[], bool]
    sample: bool
    # What is wrong with the input; raised once everything before it was written.
    problem: InvalidInputError | None = None
    finished: bool = False
    _input_over: bool = False
    _intake_over: bool = False
    _removals: Iterator[None] | None = None

    def add_lines(self, lines: list[bytes]) -> None:
        """Take a chunk of the input."""
        if self.problem is None:
            self.reader.add(lines)

    def end_input(self, problem: InvalidInputError | None) -> None:
        """Note that no more lines come, and why if that is not the regular end."""
        self._input_over = True
        self.problem = self.problem or problem

    def handle_next(self) -> bool:
        """Handle the next message; False if there is none for now. Raises InvalidInputError."""
        try:
            return self._handle_next()
        except InvalidInputError as problem:
            if self._intake_over:
                raise
            self.reader.discard()
            self.end_input(problem)
            return True

    def _handle_next(self) -> bool:
        if self._removals is not None:
            if next(self._removals, self) is self:
                self._removals = None
            return True
        match self.reader.next():
            case Record() as record:
                limit = LOOKUP_BATCH_WHILE_SENDING if self.sending() else LOOKUP_BATCH_SIZE
                self.intake.add_records(self.reader.records(record, limit))
            case Schema() as schema:
                self.intake.add_schema(schema)
            case State(value=value):
                self.intake.add_state(value)
            case ActivateVersion() as version:
                return self._activate(version)
            case None:
                return self._input_over and not self.reader and self._finish()
        return True

    def _activate(self, message: ActivateVersion) -> bool:
        """Remove from a mirror what the version did not bring, once all of it is recorded."""
        stream = self.intake.stream(message.stream, message.line)
        if stream is None or not stream.mirrors:
            LOGGER.info(
                "%s: ACTIVATE_VERSION deletes nothing, because the stream is not a `mirror`",
                message.stream,
            )
            return True
        if self.sample:
            return True  # most of the version was left out
        if message.version is not None and message.stream in self.intake.unversioned:
            raise InvalidInputError(
                f"line {message.line}: ACTIVATE_VERSION of `{message.stream}`, which is a mirror, "
                "but records of it came without a version. Nothing was deleted for it."
            )
        self.intake.send_batches()
        if len(self.queue):
            self.reader.unread(message)
            return False
        self.commit()
        seen = (message.stream, message.version) in self.intake.seen_versions
        self._removals = self.mirror.remove_left_behind(stream, message, seen=seen)
        return True

    def _finish(self) -> bool:
        """The input is over. The last steps, each when no record is in flight any more."""
        if self.finished or len(self.queue):
            return False
        if not self._intake_over:
            self._intake_over = True  # before it may fail: what failed is not tried again
            doubt = self.intake.finish()
            if doubt and self.problem is None:
                self.problem = InvalidInputError(doubt)
            return True
        if self.problem:
            raise self.problem
        self.commit()
        if not self.sample:
            self.parking.resolve_or_reject_remaining()
        self.finished = True
        return True
