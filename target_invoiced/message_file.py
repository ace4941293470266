"""A file of Singer messages that runs add to."""

import os
from pathlib import Path
from typing import Any

import orjson

from invoiced_api.failures import BadInput


class MessageFile:
    """What earlier runs left in the file stays, but for a line that a run died in the middle of.

    `setting` names the setting that gave the path. Everything here raises BadInput if the file
    cannot be written.
    """

    def __init__(self, path: str, setting: str) -> None:
        self._path, self._setting = path, setting
        self._heads: dict[str, Any] = {}
        try:
            if Path(path).is_file():
                _mend_last_line(Path(path))
            self._file = Path(path).open("ab")  # noqa: SIM115  # until close()
        except OSError as error:
            raise self._problem(error) from None

    def fileno(self) -> int:
        return self._file.fileno()

    def add(self, stream: str, schema: Any, key_properties: list[str], record: Any) -> None:
        """Add a RECORD, and a SCHEMA before it where that is another than the stream's last one.

        `record` is what stands in the message beside its type and stream.
        """
        head = {"schema": schema, "key_properties": key_properties}
        if self._heads.get(stream) != head:
            self._heads[stream] = head
            self._write({"type": "SCHEMA", "stream": stream, **head})
        self._write({"type": "RECORD", "stream": stream, **record})

    def flush(self, *, durable: bool = False) -> None:
        """What was added outlives the run; a `durable` one also a power cut."""
        try:
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._problem(error) from None

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._problem(error) from None

    def _write(self, message: dict[str, Any]) -> None:
        try:
            self._file.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise self._problem(error) from None

    def _problem(self, error: OSError) -> BadInput:
        return BadInput(
            f"setting `{self._setting}`: {self._path} cannot be written: {error.strerror}."
        )


def _mend_last_line(path: Path) -> None:
    """End a last line that has no end; leave out one that is no message, and was never whole."""
    with path.open("r+b") as file:
        if not file.seek(0, os.SEEK_END):
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        begin, last = 0, b""
        for line in file:
            begin, last = begin + len(last), line
        try:
            orjson.loads(last)
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
        except orjson.JSONDecodeError:
            file.truncate(begin)
