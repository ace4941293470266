"""Singer messages to stdout, in blocks of whole lines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

BLOCK_BYTES = 64 * 1024

ENCODER = msgspec.json.Encoder()


class Messages:
    """Writes messages in the order of the calls. `write` takes whole lines.

    A STATE is written through at once, with all that was before it.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._size = 0

    def schema(self, stream: str, schema: Mapping[str, Any], key: list[str], bookmark: str) -> None:
        self._add(
            {
                "type": "SCHEMA",
                "stream": stream,
                "schema": schema,
                "key_properties": key,
                "bookmark_properties": [bookmark],
            }
        )

    def block(self, lines: bytes) -> None:
        """Lines that are made already, with `record_lines`."""
        self._lines.append(lines)
        self._size += len(lines)
        if self._size >= BLOCK_BYTES:
            self.flush()

    def state(self, value: Mapping[str, Any]) -> None:
        self._add({"type": "STATE", "value": value})
        self.flush()

    def flush(self) -> None:
        """Writes what has gathered. Told to stop meanwhile, it may write some lines again."""
        if self._lines:
            self._write(b"".join(self._lines))
            self._lines, self._size = [], 0

    def _add(self, message: Mapping[str, Any]) -> None:
        self.block(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))


def record_lines(stream: str, records: Sequence[Any], time_extracted: str) -> bytes:
    """A RECORD message per record, each a mapping or a msgspec.Struct.

    Put together from parts, since only the record varies. A line break ends a record and stands
    nowhere else, since JSON writes those of a text as `\\n`.
    """
    if not records:
        return b""
    before = b'{"type":"RECORD","stream":%b,"record":' % orjson.dumps(stream)
    after = b',"time_extracted":%b}\n' % orjson.dumps(time_extracted)
    lines = ENCODER.encode_lines(records)
    return before + lines[:-1].replace(b"\n", after + before) + after
