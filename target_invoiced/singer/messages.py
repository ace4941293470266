"""Lines of stdin -> Singer messages. What a line holds is never repeated in an error."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schema:
    line: int
    stream: str
    schema: dict[str, Any]
    key_properties: list[str]


@dataclass(frozen=True, slots=True)
class Record:
    """`version` is that of the table it belongs to, where the tap counts versions."""

    line: int
    stream: str
    record: dict[str, Any]
    version: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    line: int
    value: Any


@dataclass(frozen=True, slots=True)
class ActivateVersion:
    """All records of this version have come: what it did not bring is no more."""

    line: int
    stream: str
    version: int


Message = Schema | Record | State | ActivateVersion


class Reader:
    """Makes messages of lines, and counts those from 1."""

    def __init__(self) -> None:
        self._number = 0
        self._unknown_types: set[str] = set()

    def message(self, line: bytes) -> Message | None:
        """The line's message; None for a blank line and for a type that is not known.

        Raises InvalidInputError, which names the line by its number.
        """
        self._number += 1
        if not line.strip():
            return None
        content = _object(line, self._number)
        kind = str(content["type"]).upper()
        if kind in READERS:
            return READERS[kind](_Fields(content, kind, self._number), self._number)
        if kind not in self._unknown_types:
            self._unknown_types.add(kind)
            LOGGER.warning(
                "line %d: messages of type %s are not known: skipped", self._number, kind
            )
        return None


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError:
        if not line.endswith(b"\n"):
            raise InvalidInputError(
                f"input ends in the middle of line {number}: the command before this one was cut "
                "off. Run it again from its last state; nothing of that line was written."
            ) from None
        raise _bad(number, "is not JSON") from None
    if not isinstance(content, dict):
        raise _bad(number, "is not a JSON object")
    if not isinstance(content.get("type"), str):
        raise _bad(number, 'has no "type"')
    return content


def _bad(number: int, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"line {number} of the input {what}. Only Singer messages may come in: look for output "
        "that the command before this one should have sent to stderr."
    )


class _Fields:
    """The fields of one message, taken with a check of their type."""

    def __init__(self, content: dict[str, Any], kind: str, number: int) -> None:
        self._content, self._kind, self._number = content, kind, number

    def text(self, name: str) -> str:
        value = self._content.get(name)
        if not isinstance(value, str) or not value:
            raise _bad(self._number, f'is a {self._kind} without "{name}"')
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = self._content.get(name)
        if not isinstance(value, dict):
            raise _bad(self._number, f'is a {self._kind} whose "{name}" is not an object')
        return value

    def names(self, name: str) -> list[str]:
        value = self._content.get(name) or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise _bad(self._number, f'is a {self._kind} whose "{name}" is not a list of names')
        return value

    def whole(self, name: str, default: int | None) -> int | None:
        value = self._content.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise _bad(self._number, f'is a {self._kind} whose "{name}" is not a whole number')
        return value

    def any(self, name: str) -> Any:
        if name not in self._content:
            raise _bad(self._number, f'is a {self._kind} without "{name}"')
        return self._content[name]


READERS: dict[str, Callable[[_Fields, int], Message]] = {
    "SCHEMA": lambda fields, line: Schema(
        line, fields.text("stream"), fields.object("schema"), fields.names("key_properties")
    ),
    "RECORD": lambda fields, line: Record(
        line, fields.text("stream"), fields.object("record"), fields.whole("version", None)
    ),
    "STATE": lambda fields, line: State(line, fields.any("value")),
    "ACTIVATE_VERSION": lambda fields, line: ActivateVersion(
        line, fields.text("stream"), fields.whole("version", 0) or 0
    ),
}
