"""Numbers as Invoiced writes them: whole ones as JSON integers, money with two decimals."""

from typing import Any

Number = int | float


def whole(value: Number) -> Number:
    """An integer in place of a whole float: `45.0` becomes `45`, and `0.035` stays."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def money(value: Number) -> Number:
    """An amount rounded to two decimals, and an integer if it is whole."""
    return whole(round(value, 2))


def plain(value: Any) -> Any:
    """A copy of a JSON value in which every whole float is an integer.

    The copy shares no dictionary and no list with the original.
    """
    if isinstance(value, float):
        return whole(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
