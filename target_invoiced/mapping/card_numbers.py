"""Full card numbers: refused in a request, hidden where a record is kept. Pure."""

import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from invoiced_api.redact import HIDDEN, has_card_number, hide_card_numbers
from target_invoiced import exact_json
from target_invoiced.exact_json import MAX_DEPTH, depth_of, number_text
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.keys import ExternalKey, NaturalKey

# JSON that can show a card number begins with one of these.
BEGINNINGS = re.compile(r"\s*[\[{\"\d-]")


def refuse_card_numbers(body: Any, allowed: Collection[str]) -> None:
    """Raise InvalidRecordError, which names the attribute, if a value shows a full card number.

    Args:
        body: of a request.
        allowed: attributes that may hold such numbers (the setting `allow_card_like`).
    """
    for name, value in iter_scalars(body):
        text = str(value)
        if HIDDEN in text:
            raise InvalidRecordError(
                f"`{without_card_numbers(name)}` was hidden in the rejects file. Restore its value"
            )
        if name not in allowed and has_card_number(text):
            raise InvalidRecordError(
                f"`{without_card_numbers(name)}` looks like a full card number. Send a token "
                "instead. If it is not a card number, name the attribute in `allow_card_like`"
            )


def iter_scalars(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The scalars of a value with the attribute that holds each, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from iter_scalars(key, key)
            yield from iter_scalars(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from iter_scalars(inner, name)
    elif isinstance(value, (NaturalKey, ExternalKey)):
        yield name, value.value
    elif isinstance(value, str):
        yield name, value
        yield from iter_scalars(_decoded(value), name)
    elif digits := _digits(value):
        yield name, digits


def _decoded(text: str) -> Any:
    """What JSON in a string says, whose escapes or exponents may hide digits; None if none."""
    if not BEGINNINGS.match(text):
        return None
    try:
        said = exact_json.loads(text)
    except ValueError:
        return None
    return said if depth_of(said) <= MAX_DEPTH else _flat(said)


def _flat(value: Any) -> list[Any]:
    """The names and values in a value that is nested too deep to be gone through by recursion."""
    found, left = [], [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
        else:
            found.append(one)
    return found


def _digits(value: Any) -> str | None:
    """A number as it is written out; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return number_text(value) if isinstance(value, (float, Decimal)) else str(value)


def shows_card_number(value: Any) -> bool:
    """Whether a value shows a full card number, also behind the escapes of JSON in a string."""
    return bool(without_card_numbers(value) != value)


def without_card_numbers(value: Any, allowed: Collection[str] = (), name: str = "") -> Any:
    """The value with each full card number hidden, so that a file may keep it."""
    if isinstance(value, dict):
        return {
            without_card_numbers(key): without_card_numbers(inner, allowed, key)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [without_card_numbers(inner, allowed, name) for inner in value]
    if name in allowed:
        return value
    if isinstance(value, str):
        said = _decoded(value)
        shows_one = without_card_numbers(said, allowed, name) != said
        return HIDDEN if shows_one else hide_card_numbers(value)
    digits = _digits(value)
    return hide_card_numbers(digits) if digits and has_card_number(digits) else value
