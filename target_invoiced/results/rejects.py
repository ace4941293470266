"""Rejected records, kept as Singer messages that can be corrected and sent again."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.redact import hide_card_numbers
from target_invoiced.mapping.card_numbers import without_card_numbers
from target_invoiced.mapping.outcomes import Rejected
from target_invoiced.results.message_file import MessageFile
from target_invoiced.singer.messages import Record, Schema

# An id in the file, before the reason.
ID = re.compile(rb'"reject":\{"id":"([0-9a-f]{32})"')


class Rejects:
    """Appends rejects to a file.

    Args:
        path: of the file.
        allow_card_like: attributes that may hold numbers like card numbers.

    Raises:
        InvalidInputError: from every method, if the file cannot be written.
    """

    def __init__(self, path: str, allow_card_like: Collection[str]) -> None:
        self._ids = _ids_in(path)
        self._file = MessageFile(path, "rejects")
        self._allow_card_like = allow_card_like

    def refuse_as_input(self, lines: BinaryIO) -> None:
        """Raise InvalidInputError if the input is this file, which would grow while it is read."""
        if os.path.sameopenfile(lines.fileno(), self._file.fileno()):
            raise InvalidInputError(
                "input is the file that the setting `rejects` names, and would be read while it "
                "grows. Move it to another name first, and read it from there."
            )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(
        self, schema: Schema, record: Record, rejected: Rejected, id: str, key: Mapping[str, Any]
    ) -> None:
        """Add a reject; it is durable when this returns, so that STATE may pass it.

        `key` names the record among those of its stream; it is empty if nothing does. A reject that
        the file has already, by its id, is not added again.
        """
        if id in self._ids:
            return
        self._ids.add(id)
        reason: dict[str, Any] = {"id": id, "line": record.line}
        if key:
            reason["key"] = dict(key)
        reason["reason"] = hide_card_numbers(rejected.reason)
        if rejected.status is not None:
            reason |= {"status": rejected.status, "param": rejected.param}
        kept = {
            "record": without_card_numbers(record.record, self._allow_card_like),
            "reject": reason,
        }
        self._file.add(schema.stream, schema.schema, schema.key_properties, kept)
        self._file.flush(durable=True)


def _ids_in(path: str) -> set[str]:
    """The ids of the rejects that a file holds. Raises InvalidInputError if it cannot be read.

    Only a regular file holds any: a read of a device or a pipe may never end.
    """
    try:
        if not Path(path).is_file():
            return set()
        with Path(path).open("rb") as file:
            return {id.decode() for line in file for id in ID.findall(line)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise InvalidInputError(
            f"setting `rejects`: {path} cannot be read: {error.strerror}."
        ) from None
