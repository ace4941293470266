"""From a record to the path of a request: fills in the names in braces. Pure."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from invoiced_api.resources import BY_NAME, BY_SINGULAR
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.card_numbers import shows_card_number
from target_invoiced.mapping.coercion import to_integer, to_text
from target_invoiced.mapping.operations import Path
from target_invoiced.mapping.references import reference
from target_invoiced.stream_settings import Ids


def placeholders(template: str) -> list[str]:
    """The names in braces, in their order."""
    return re.findall(r"\{(\w+)\}", template)


def path_of(
    template: str, record: Mapping[str, Any], ids: Ids, *, resource: str | None = None
) -> Path:
    """The template with values of the record in place of names in braces.

    A name that refers to a resource becomes a reference.

    Args:
        template: such as `/invoices/{invoice}/emails`.
        record: holds the values.
        ids: whose ids the record holds.
        resource: to which each name refers, whatever it is; None for that of the name.

    Raises:
        InvalidRecordError: if the record lacks a value, or has one that cannot be part of a path.
    """
    pieces: list[Any] = []
    for number, piece in enumerate(re.split(r"\{(\w+)\}", template)):
        if number % 2 == 0:
            pieces.append(piece)
            continue
        value = record.get(piece)
        if value is None or value == "":
            raise InvalidRecordError(
                f"`{piece}` is missing, but the path of the call needs it. Add it to the record"
            )
        named = BY_SINGULAR[piece].name if piece in BY_SINGULAR else None
        if refers_to := resource or named:
            value = reference(value, refers_to, ids, piece)
        else:
            value = to_integer(value) if isinstance(value, (float, Decimal)) else value
            if isinstance(value, bool) or not isinstance(value, (int, str)):
                raise InvalidRecordError(f"`{piece}` is neither a whole number nor a string")
        if shows_card_number(str(value)):
            raise InvalidRecordError(f"`{piece}` looks like a full card number")
        pieces.append(value)
    return tuple(pieces)


def id_of(record: Mapping[str, Any], *, text: bool) -> int | str:
    """The id of a record. Raises InvalidRecordError if it cannot be one of Invoiced's."""
    written = record.get("id")
    written = to_text(written) if text else to_integer(written)
    if isinstance(written, bool) or not isinstance(written, (int, str)) or written == "":
        raise InvalidRecordError("`id` is missing. Add the id of the object")
    if shows_card_number(str(written)):
        raise InvalidRecordError("`id` looks like a full card number")
    if not text and not str(written).isdecimal():
        raise InvalidRecordError(
            "`id` is not a whole number, as Invoiced's ids are. If it is the id of another system, "
            'set `ids` to "external"'
        )
    return written


def object_path(resource: str | None, id: int | str | None) -> str | None:
    """The path of an object; None if it has none without its parent."""
    path = BY_NAME[resource].path if resource else ""
    return f"{path}/{id}" if path and "{" not in path and id is not None else None
