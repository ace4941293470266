"""Numbers as Invoiced writes them: whole ones as JSON integers, money with two decimals."""

from typing import Any

Number = int | float


def whole(value: Number) -> Number:
    """`45.0` as `45`; `0.035` stays."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def money(value: Number) -> Number:
    """An amount of money: a double rounded to two decimals, whole amounts as integers."""
    return whole(round(value, 2))


def plain(value: Any) -> Any:
    """A copy of a JSON value in which every whole float became an integer.

    Sharing no dictionary or list with the original, it is safe to keep.
    """
    if isinstance(value, float):
        return whole(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
