"""The parts of a row that the readers need: its id, and the moment of its last change.

The readers sort rows and recognise them by these two. On the slow path they may come in another
form ("5", "1700000000"), or not at all.
"""

from typing import Any
from zlib import crc32

from invoiced_api.exact_json import NumberText
from tap_invoiced.columns import Column, ColumnKind
from tap_invoiced.conversion import scalar_rule, whole_seconds
from tap_invoiced.exceptions import ConversionError


class UnusableId(int):
    """Stands in for a missing or impossible id, so that the row still counts as one of its page.

    Attributes:
        sent: what Invoiced sent.
    """

    sent: Any = None


class UnusableTextId(str):
    """The same, where ids are texts.

    Attributes:
        sent: what Invoiced sent.
    """

    sent: Any = None


def identified(body: Any, row: Column, stamp: str) -> Any:
    """The rows of a page, changed in place: each has an id, and `stamp` in UNIX seconds.

    A stamp that is no moment stays, but is never an integer. A body that is no list of Invoiced's
    objects is returned unchanged.
    """
    kind = row.parts["id"].kind
    if isinstance(body, dict) and "id" in body:
        _identify(body, kind, stamp)
    elif isinstance(body, list) and any(_is_object(one) for one in body):
        for index, one in enumerate(body):
            if type(one) is not dict:
                one = body[index] = {"id": one}
            _identify(one, kind, stamp)
    return body


def has_id(row: Any) -> bool:
    """Whether Invoiced sent an id with the row."""
    return not isinstance(row["id"], (UnusableId, UnusableTextId))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and ("id" in value or "object" in value)


def _identify(row: dict[str, Any], kind: ColumnKind, stamp: str) -> None:
    key = row.get("id")
    try:
        row["id"] = scalar_rule(kind, type(key))(key)
    except ConversionError:
        row["id"] = _stand_in(row, kind)
    moment = row.get(stamp)
    if moment is None:
        return
    try:
        row[stamp] = whole_seconds(moment)
    except ConversionError:
        if type(moment) is int:
            row[stamp] = NumberText(moment)


def _stand_in(row: dict[str, Any], kind: ColumnKind) -> UnusableId | UnusableTextId:
    """The same for the same row, so that it is recognised when it is read again."""
    number = crc32(repr(row).encode("utf-8", "surrogatepass"))
    key = UnusableTextId(number) if kind is ColumnKind.STRING else UnusableId(-1 - number)
    key.sent = row.get("id")
    return key
