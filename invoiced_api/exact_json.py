"""JSON with every digit and every character that was sent.

It reads what a PHP server, a proxy or a broken character set may produce, and marks the numbers
and texts that a plain parser would change or refuse.
"""

import json
import re
from typing import Any

import msgspec
import orjson

MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1

# Only a text with such a run of digits can hold an integer beyond 64 bits.
MANY_DIGITS = b"0" * 19
DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
MAX_DIGITS = 20  # with the sign
# Parts of a value that are nested deeper are not read: parsers and their users call themselves.
MAX_NESTING = 250
# A text, or a bracket outside of texts.
TEXT_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
# An escaped half of a surrogate pair; whole pairs are checked later.
SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class NumberText(str):
    """The text of a number that neither a float nor a 64-bit integer holds exactly, or NaN."""

    __slots__ = ()


class BrokenText(str):
    """A text that is not Unicode: it holds half of a surrogate pair, or bytes of no character."""

    __slots__ = ()

    @property
    def repaired(self) -> str:
        """The text with U+FFFD in place of each broken character."""
        return "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in self)


def parse(body: bytes) -> Any:
    """The value of a JSON text. A number that a double or 64 bits would change is a NumberText.

    Bytes that are not UTF-8 are accepted: the text that holds them is a BrokenText. What is nested
    too deeply is a NumberText that is no number.

    Example:
        >>> parse(b'{"total": 0.1000000000000000055, "id": 7}')
        {'total': '0.1000000000000000055', 'id': 7}

    Raises:
        json.JSONDecodeError: if the body is not JSON.
    """
    # A search like this takes a tenth of the time of a regular expression.
    if MANY_DIGITS not in body.translate(DIGITS_TO_ZERO):
        try:
            return DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # what is unusual is left to the parser of the standard library
    text = body.decode("utf-8-sig", "surrogateescape")
    suspicious = bool(SURROGATE_ESCAPE.search(body)) or not _is_unicode(text)
    try:
        return _parsed(text, suspicious=suspicious)
    except RecursionError:
        return _parsed(_without_deep_parts(text), suspicious=suspicious)


def parse_fast(body: bytes) -> Any:
    """The value of a JSON text, if its last digits do not matter. Falls back to `parse`.

    Raises:
        json.JSONDecodeError: if the body is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return parse(body)


def _parsed(text: str, *, suspicious: bool) -> Any:
    value = LENIENT_DECODER.decode(text)
    return _marked(value) if suspicious else value


def _without_deep_parts(text: str) -> str:
    """The JSON text with NaN in place of each part that is nested too deeply."""
    kept: list[str] = []
    depth = start = 0
    for token in TEXT_OR_BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == MAX_NESTING + 1:
                kept += [text[start : token.start()], "NaN"]
        elif token[0] in "]}":
            depth -= 1
            if depth == MAX_NESTING:
                start = token.end()
    if depth <= MAX_NESTING:
        kept.append(text[start:])
    return "".join(kept)


def _integer(text: str) -> Any:
    if len(text) <= MAX_DIGITS and MIN_INT64 <= (number := int(text)) <= MAX_INT64:
        return number
    return NumberText(text)


def _fraction(text: str) -> float | NumberText:
    number = float(text)
    return number if repr(number) == text else NumberText(text)


DECODER = msgspec.json.Decoder(float_hook=_fraction)
LENIENT_DECODER = json.JSONDecoder(
    parse_float=_fraction,
    parse_int=_integer,
    parse_constant=NumberText,
    strict=False,  # a control character in a text does no harm
)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _marked(value: Any) -> Any:
    """The value with BrokenText in place of each text that is not Unicode."""
    if type(value) is str:
        return value if _is_unicode(value) else BrokenText(value)
    if isinstance(value, list):
        return [_marked(one) for one in value]
    if isinstance(value, dict):
        return {_marked(name): _marked(one) for name, one in value.items()}
    return value
