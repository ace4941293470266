"""From the lines of the input to messages, one at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from invoiced_api.exceptions import InvalidInputError
from target_invoiced.singer.batches import records_of
from target_invoiced.singer.messages import Batch, Message, Reader, Record


@dataclass(slots=True)
class MessageReader:
    """Gives the messages of the lines that have come.

    The records in the files of a BATCH come in its place.

    Attributes:
        more: asks for further lines.
        sample: whether only the first record of each stream is given.
    """

    more: Callable[[], None]
    sample: bool = False
    _reader: Reader = field(default_factory=Reader)
    _lines: deque[bytes] = field(default_factory=deque)
    _left_of_parts: deque[int] = field(default_factory=deque)
    _batch: Iterator[Record] | None = None
    _back: Message | None = None
    _broken: InvalidInputError | None = None
    _sampled: set[str] = field(default_factory=set)
    _input: "blake2b" = field(default_factory=lambda: blake2b(digest_size=16))

    def __bool__(self) -> bool:
        begun = (self._back, self._broken, self._batch)
        return bool(self._lines) or any(one is not None for one in begun)

    def add(self, lines: list[bytes]) -> None:
        """Add a chunk of lines. Once all of it was given, the next one is asked for."""
        self._lines.extend(lines)
        self._left_of_parts.append(len(lines))

    def discard(self) -> None:
        """Drop the lines that have come."""
        self._lines.clear()
        self._back = self._broken = self._batch = None

    def input_digest(self) -> bytes:
        """A digest of all lines up to the one whose message was given last."""
        return self._input.digest()

    def unread(self, message: Message) -> None:
        """Return this message again, as the next one."""
        self._back = message

    def next(self) -> Message | None:
        """The next message; None if no whole line has come.

        Raises:
            InvalidInputError: for a line that is no message.
        """
        if self._broken is not None:
            raise self._broken
        if self._back is not None:
            message, self._back = self._back, None
            return message
        while self._lines or self._batch is not None:
            if self._batch is not None:
                record = next(self._batch, None)
                if record is not None:
                    return record
                self._batch = None
                continue
            line = self._lines.popleft()
            self._input.update(line)
            self._left_of_parts[0] -= 1
            if not self._left_of_parts[0]:
                self._left_of_parts.popleft()
                self.more()
            found = self._reader.message(line)
            if isinstance(found, Batch):
                self._batch = records_of(found)
            elif found is not None:
                return found
        return None

    def records(self, first: Record, most: int) -> Iterator[Record]:
        """The record and those after it that have come, up to a message of another type."""
        yield from self._sampled_of(first)
        for _ in range(most - 1):
            try:
                other = self.next()
            except InvalidInputError as problem:
                self._broken = problem  # raised when the records before it were taken in
                return
            if not isinstance(other, Record):
                self._back = other
                return
            yield from self._sampled_of(other)

    def _sampled_of(self, record: Record) -> Iterator[Record]:
        if not self.sample or record.stream not in self._sampled:
            self._sampled.add(record.stream)
            yield record
