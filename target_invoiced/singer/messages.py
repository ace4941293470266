"""From lines of stdin to Singer messages. No error repeats the content of a line."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.redact import hide_card_numbers
from target_invoiced import exact_json
from target_invoiced.exact_json import MAX_DEPTH, depth_of
from target_invoiced.singer.sanitize import sanitize

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schema:
    """A SCHEMA message.

    Attributes:
        line: of the input, from 1.
        stream: its name.
        schema: the JSON Schema.
        key_properties: names of the properties that identify a record.
    """

    line: int
    stream: str
    schema: dict[str, Any]
    key_properties: list[str]


@dataclass(frozen=True, slots=True)
class Record:
    """A RECORD message.

    Attributes:
        line: of the input, from 1.
        stream: its name.
        record: its content; if there is a `problem`, the part of it that can be kept.
        version: of the table that it belongs to; None if the tap counts no versions.
        problem: why it cannot be kept or sent as it came; None if it can.
        reject_id: of the reject that it corrects; None if it corrects none.
    """

    line: int
    stream: str
    record: dict[str, Any]
    version: int | None = None
    problem: str | None = None
    reject_id: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A BATCH message: records in files.

    Attributes:
        line: of the input, from 1.
        stream: its name.
        format: of the files, such as `jsonl`.
        compression: of the files, such as `gzip`; empty for none.
        manifest: URLs of the files.
    """

    line: int
    stream: str
    format: str
    compression: str
    manifest: list[str]


@dataclass(frozen=True, slots=True)
class State:
    """A STATE message.

    Attributes:
        line: of the input, from 1.
        value: of the STATE.
    """

    line: int
    value: Any


@dataclass(frozen=True, slots=True)
class ActivateVersion:
    """An ACTIVATE_VERSION message: all records of this version have come.

    Attributes:
        line: of the input, from 1.
        stream: its name.
        version: of the table; None where it is missing or cannot be one.
    """

    line: int
    stream: str
    version: int | None


Message = Schema | Record | Batch | State | ActivateVersion

REJECT_ID = re.compile("[0-9a-f]{32}")
# Where a line that cannot be read shows its stream.
STREAM = re.compile(rb'"stream"\s*:\s*"([^"\\]+)"')
# A message shows the name of a stream up to this length.
MAX_SHOWN_STREAM = 100
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Databases keep a version in 64 bits.
MAX_VERSION = 2**63 - 1
# A message with one of these carries data, or announces some.
CARRIERS = ("stream", "record", "records", "manifest")


class Reader:
    """Makes messages of lines, and counts the lines from 1."""

    def __init__(self) -> None:
        self._number = 0
        self._unknown_types: set[str] = set()

    def message(self, line: bytes) -> Message | None:
        """The message of a line; None for a blank line and for an unknown type without data.

        Raises:
            InvalidInputError: names the line by its number.
        """
        self._number += 1
        if self._number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line.strip():
            return None
        content, clean = _object(line, self._number)
        kind = str(content["type"]).upper()
        if kind == "RECORD":
            fields = _Fields(content, kind, self._number)
            stream, record = fields.text("stream"), fields.object("record")
            version = content.get("version")
            found = record_of(record, stream, self._number, version=version, clean=clean)
            reject_id = _reject_id(content.get("reject"))
            return replace(found, reject_id=reject_id) if reject_id else found
        if not clean and sanitize(content)[1]:
            raise _bad(self._number, "is not JSON", content.get("stream"))
        if kind in READERS:
            return READERS[kind](_Fields(content, kind, self._number), self._number)
        if any(name in content for name in CARRIERS):
            place = f"line {self._number} of the input{_shown(content.get('stream'))}"
            raise InvalidInputError(
                f"{place} is a message of an unknown type that carries data. Nothing after it was "
                "written. Configure the tap to send RECORD or BATCH messages."
            )
        if kind not in self._unknown_types:
            self._unknown_types.add(kind)
            LOGGER.warning("line %d: skipped a message of an unknown type", self._number)
        return None


def _reject_id(reject: Any) -> str | None:
    """The id that the file of rejects gave to the record."""
    id = reject.get("id") if isinstance(reject, dict) else None
    return id if isinstance(id, str) and REJECT_ID.fullmatch(id) else None


def parse(line: bytes) -> tuple[Any, bool]:
    """The value of a line, and whether all of it can be kept; None for a line without JSON.

    NaN and halves of characters, which only Python writes, are read, so that a message can name the
    record.
    """
    try:
        content = exact_json.loads(line)
        brackets = line.count(b"{") + line.count(b"[")
        return content, brackets <= MAX_DEPTH or depth_of(content) <= MAX_DEPTH
    except (ValueError, RecursionError):
        pass
    try:
        return exact_json.loads_leniently(line), False
    except ValueError:
        return None, False
    except RecursionError:
        return _too_deep(line), False


def _too_deep(line: bytes) -> Any:
    """The RECORD whose `record` is nested too deep to be read; None if its stream is not shown."""
    stream = STREAM.search(line)
    if not stream or not re.search(rb'"type"\s*:\s*"RECORD"', line, re.IGNORECASE):
        return None
    nested: Any = {}
    for _ in range(MAX_DEPTH + 1):
        nested = {"...": nested}
    return {"type": "RECORD", "stream": stream[1].decode(errors="replace"), "record": nested}


def _object(line: bytes, number: int) -> tuple[dict[str, Any], bool]:
    content, clean = parse(line)
    if content is None and line.strip() != b"null":
        found = STREAM.search(line)
        stream = found[1].decode(errors="replace") if found else None
        if not line.endswith(b"\n"):
            raise InvalidInputError(
                f"input ends in the middle of line {number}{_shown(stream)}: the command before "
                "this one was cut off. Run it again from its last state; nothing of that line was "
                "written."
            )
        raise _bad(number, "is not JSON", stream)
    if not isinstance(content, dict):
        raise _bad(number, "is not a JSON object")
    if not isinstance(content.get("type"), str):
        raise _bad(number, 'has no "type"', content.get("stream"))
    return content, clean


def _bad(number: int, what: str, stream: Any = None) -> InvalidInputError:
    return InvalidInputError(
        f"line {number} of the input{_shown(stream)} {what}. Only Singer messages are accepted: "
        "look for output that the command before this one should have sent to stderr."
    )


def _shown(stream: Any) -> str:
    """The stream of a message, for an error about it; empty where it is not known."""
    if not isinstance(stream, str) or not stream.isprintable() or not stream:
        return ""
    name = stream if len(stream) <= MAX_SHOWN_STREAM else f"{stream[:MAX_SHOWN_STREAM]}…"
    return f" (stream `{hide_card_numbers(name)}`)"


def record_of(
    record: dict[str, Any], stream: str, line: int, *, version: Any = None, clean: bool
) -> Record:
    """The record; if it cannot be kept as it is, the part that can, and the reason."""
    problem = None
    if not clean:
        record, problem = sanitize(record)
    if version is not None and not _is_version(version):
        version, problem = None, problem or "its `version` is not a whole number of 64 bits"
    return Record(line, stream, record, version, problem)


def _is_version(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_VERSION


class _Fields:
    """The fields of one message, taken with a check of their type."""

    def __init__(self, content: dict[str, Any], kind: str, number: int) -> None:
        self._content, self._kind, self._number = content, kind, number

    def _bad(self, what: str) -> InvalidInputError:
        return _bad(self._number, f"is a {self._kind} {what}", self._content.get("stream"))

    def text(self, name: str) -> str:
        value = self._content.get(name)
        if not isinstance(value, str) or not value:
            raise self._bad(f'without "{name}"')
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = self._content.get(name)
        if not isinstance(value, dict):
            raise self._bad(f'whose "{name}" is not an object')
        return value

    def names(self, name: str) -> list[str]:
        value = self._content.get(name) or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._bad(f'whose "{name}" is not a list of names')
        return value

    def version(self) -> int | None:
        value = self._content.get("version")
        return value if _is_version(value) else None

    def batch(self, line: int) -> Batch:
        encoding, manifest = self.object("encoding"), self.names("manifest")
        format, compression = encoding.get("format"), encoding.get("compression")
        return Batch(line, self.text("stream"), str(format), str(compression or "none"), manifest)

    def any(self, name: str) -> Any:
        if name not in self._content:
            raise self._bad(f'without "{name}"')
        return self._content[name]


READERS: dict[str, Callable[[_Fields, int], Message]] = {
    "SCHEMA": lambda fields, line: Schema(
        line, fields.text("stream"), fields.object("schema"), fields.names("key_properties")
    ),
    "STATE": lambda fields, line: State(line, fields.any("value")),
    "ACTIVATE_VERSION": lambda fields, line: ActivateVersion(
        line, fields.text("stream"), fields.version()
    ),
    "BATCH": lambda fields, line: fields.batch(line),
}
