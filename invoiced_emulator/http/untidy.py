"""A response as an untidy server writes it: PHP over MySQL, with values of unexpected types.

What is changed depends on the id of each object only, so the same object always looks the same:

- an empty map is `[]`, a boolean 0 or 1, a decimal a string,
- a date that is null is `-62169984000`, a zero date (every third id),
- an empty list is null (every fifth id),
- a list is an object with the keys "1", "2" … (every fourth id).

Pure: takes JSON values, returns JSON values.
"""

from typing import Any

ZERO_DATE = -62_169_984_000
_DATES = frozenset(
    (
        *("date", "due_date", "expiration_date", "next_payment_attempt", "canceled_at", "expires"),
        *("period_start", "period_end", "contract_period_start", "contract_period_end"),
        *("completed_date", "proration_date"),
    )
)
# Whole amounts are decimals too, which the database returns as text.
_DECIMALS = frozenset(
    (
        *("amount", "balance", "total", "subtotal", "quantity", "unit_cost", "recurring_total"),
        *("mrr", "deposit", "credit_limit", "amount_refunded"),
    )
)


def untidy(value: Any) -> Any:
    """The body of a response: one object, or a list of objects, which stays a list."""
    if isinstance(value, list):
        return [untidy(entry) for entry in value]
    if isinstance(value, dict) and value:
        return _object(value, _seed(value, 0))
    return value


def _object(row: dict[str, Any], seed: int) -> dict[str, Any]:
    own = _seed(row, seed)
    return {name: _attribute(name, value, own) for name, value in row.items()}


def _seed(row: dict[str, Any], outer: int) -> int:
    key = row.get("id")
    if isinstance(key, str):
        return sum(key.encode())
    return key if isinstance(key, int) else outer


def _attribute(name: str, value: Any, seed: int) -> Any:
    if value is None and name in _DATES:
        return ZERO_DATE if seed % 3 == 0 else None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) or (isinstance(value, int) and name in _DECIMALS):
        return str(value)
    if isinstance(value, dict):
        return _object(value, seed) if value else []
    if isinstance(value, list):
        return _list(name, value, seed)
    return value


def _list(name: str, entries: list[Any], seed: int) -> Any:
    if not entries:
        return None if seed % 5 == 0 else []
    shown = [_attribute(name, entry, seed) for entry in entries]
    return {str(i): entry for i, entry in enumerate(shown, 1)} if seed % 4 == 0 else shown
