"""Refused records, kept as Singer messages that can be mended and piped in again."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from invoiced_api.failures import BadInput
from invoiced_api.redact import hide_card_numbers
from target_invoiced.bodies import without_card_numbers
from target_invoiced.messages import Record, Schema
from target_invoiced.outcomes import Rejected


class Rejects:
    """Adds to a file; what earlier runs left there stays. Raises BadInput if it cannot."""

    def __init__(self, path: str, allow_card_like: Collection[str]) -> None:
        try:
            self._file = Path(path).open("ab")  # noqa: SIM115  # until close()
        except OSError as error:
            raise BadInput(
                f"setting `rejects`: {path} cannot be written: {error.strerror}."
            ) from None
        self._allow_card_like = allow_card_like
        self._streams: dict[str, Schema] = {}

    def refuse_as_input(self, lines: BinaryIO) -> None:
        """Raises BadInput if the input is this very file, which would grow while it is read."""
        if os.path.sameopenfile(lines.fileno(), self._file.fileno()):
            raise BadInput(
                "input is the file that the setting `rejects` names, and would be read while it "
                "grows. Move it to another name first, and read it from there."
            )

    def close(self) -> None:
        self._file.close()

    def add(self, schema: Schema, record: Record, rejected: Rejected) -> None:
        """Durable when it returns: the state may pass the record then."""
        if self._streams.get(schema.stream) != schema:
            self._streams[schema.stream] = schema
            self._write(
                {
                    "type": "SCHEMA",
                    "stream": schema.stream,
                    "schema": schema.schema,
                    "key_properties": schema.key_properties,
                }
            )
        reason = {"line": record.line, "reason": hide_card_numbers(rejected.reason)}
        if rejected.status is not None:
            reason |= {"status": rejected.status, "param": rejected.param}
        self._write(
            {
                "type": "RECORD",
                "stream": record.stream,
                "record": without_card_numbers(record.record, self._allow_card_like),
                "reject": reason,
            }
        )
        self._file.flush()
        os.fsync(self._file.fileno())

    def _write(self, message: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
