"""Hides the values of a record that cannot be stored or sent as JSON in UTF-8. Pure."""

import math
import re
from typing import Any

from invoiced_api.redact import HIDDEN
from target_invoiced.exact_json import MAX_DEPTH

# The path of a value is named in full to this depth, else by the attribute of the record.
MAX_NAMED_DEPTH = 5


def sanitize(record: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The record with `[hidden]` for each value that cannot be stored, and the first reason.

    A record that comes back with `[hidden]` is refused again until the value is put back.
    """
    problems: list[str] = []
    return _kept(record, "", 0, problems), problems[0] if problems else None


def _kept(value: Any, path: str, depth: int, problems: list[str]) -> Any:
    problem = _problem(value, depth)
    if problem:
        path = path if depth <= MAX_NAMED_DEPTH else re.split(r"[.\[]", path)[0]
        problems.append(f"`{path}` {problem}")
        return HIDDEN
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            name = key
            if _problem(key, 0):
                name = key.encode(errors="replace").decode()
                problems.append(f"the name `{name}` holds a broken character")
            kept[name] = _kept(inner, f"{path}.{name}" if path else name, depth + 1, problems)
        return kept
    if isinstance(value, list):
        return [_kept(inner, f"{path}[]", depth + 1, problems) for inner in value]
    return value


def _problem(value: Any, depth: int) -> str | None:
    if isinstance(value, (dict, list)) and depth > MAX_DEPTH:
        return f"is nested more than {MAX_DEPTH} levels deep"
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a number that JSON has (NaN or infinite)"
    if isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
        return "holds a broken character, such as a truncated emoji"
    return None
