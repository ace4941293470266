"""Compares an object, as Invoiced shows it, with what a record asks for. Pure."""

from collections.abc import Mapping
from typing import Any

from invoiced_api.definitions import DeleteBehaviour
from target_invoiced.mapping.coercion import MIN_SECONDS
from target_invoiced.mapping.keys import ExternalKey
from target_invoiced.mapping.operations import ENDED_STATUSES

DAY_S = 86_400


def has_ended(removal: DeleteBehaviour | None, current: Mapping[str, Any]) -> bool:
    """Whether an object is removed already, in the way in which its resource is removed."""
    match removal:
        case DeleteBehaviour.VOID_ONCE_ISSUED:
            return current.get("status") == "voided"
        case DeleteBehaviour.VOID:
            return current.get("voided") is True
        case DeleteBehaviour.CANCEL:
            return current.get("status") in ENDED_STATUSES
    return False


def differs(current: Mapping[str, Any], name: str, value: Any) -> bool:
    """Whether an object has another value than a record, as far as both show one."""
    if name not in current or value is None or isinstance(value, ExternalKey):
        return False
    there = current[name]
    if isinstance(there, dict):
        there = there.get("id")
    if isinstance(there, (list, dict)) or isinstance(value, (list, dict)):
        return False
    if there is None:
        return bool(value)
    if isinstance(there, str) or isinstance(value, str):
        return str(there).casefold() != str(value).casefold()
    if min(there, value) >= MIN_SECONDS and isinstance(there, int):
        return bool(abs(there - value) >= DAY_S)  # Invoiced may move a date within its day
    return bool(there != value)
