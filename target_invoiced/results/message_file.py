"""A file of Singer messages to which runs append."""

import os
from pathlib import Path
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError
from target_invoiced import exact_json


class MessageFile:
    """Appends messages to a file. Its earlier content stays, byte by byte.

    Args:
        path: of the file.
        setting: that gave the path, for messages.

    Raises:
        InvalidInputError: from every method, if the file cannot be written.
    """

    def __init__(self, path: str, setting: str) -> None:
        self._path, self._setting = path, setting
        self._heads: dict[str, Any] = {}
        try:
            self._lacks_end = _lacks_end(Path(path))
            # What is refused or answered is nobody else's business than the user's.
            self._file = open(path, "ab", opener=_private)  # noqa: SIM115  # until close()
        except OSError as error:
            raise self._problem(error) from None

    def fileno(self) -> int:
        """The number of the open file."""
        return self._file.fileno()

    def add(self, stream: str, schema: Any, key_properties: list[str], record: Any) -> None:
        """Add a RECORD, after a SCHEMA unless that is the last one of the stream.

        Args:
            stream: of the message.
            schema: JSON Schema of the record.
            key_properties: of the SCHEMA.
            record: the content of the message beside its type and stream.
        """
        head = {"schema": schema, "key_properties": key_properties}
        if self._heads.get(stream) != head:
            self._heads[stream] = head
            self._write({"type": "SCHEMA", "stream": stream, **head})
        self._write({"type": "RECORD", "stream": stream, **record})

    def flush(self, *, durable: bool = False) -> None:
        """Make additions outlive the run; with `durable`, also a power cut."""
        try:
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._problem(error) from None

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            raise self._problem(error) from None

    def _write(self, message: dict[str, Any]) -> None:
        line = exact_json.dumps(message, orjson.OPT_APPEND_NEWLINE)
        try:
            self._file.write(b"\n" + line if self._lacks_end else line)
            self._lacks_end = False
        except OSError as error:
            raise self._problem(error) from None

    def _problem(self, error: OSError) -> InvalidInputError:
        return InvalidInputError(
            f"setting `{self._setting}`: {self._path} cannot be written: {error.strerror}."
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _lacks_end(path: Path) -> bool:
    """Whether the last line has no end: a run died in the middle of it, or an editor left it so."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
