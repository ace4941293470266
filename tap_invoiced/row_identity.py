"""The parts of a row that the readers need: its id, and the moment of its last change.

The readers sort rows and recognise them by these two. On the slow path they may come in another
form ("5", "1700000000"), or not at all.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

from invoiced_api import exact_json
from invoiced_api.exact_json import NumberText
from invoiced_api.reading.pages import StandInId, StandInNumber, StandInText
from tap_invoiced.columns import Column, ColumnKind
from tap_invoiced.conversion import scalar_rule, whole_seconds
from tap_invoiced.exceptions import ConversionError

# What the readers of parents and of deletions need of a row.
WITH_ID = Column(
    path="", kind=ColumnKind.OBJECT, parts={"id": Column(path="id", kind=ColumnKind.INTEGER)}
)


def parse_with_ids(body: bytes) -> Any:
    """The rows of a page of objects whose ids are numbers; see `identified`.

    Raises:
        json.JSONDecodeError: if the body is not JSON.
    """
    return identified(exact_json.parse(body), WITH_ID, "updated_at")


def parse_events(body: bytes) -> Any:
    """The same of events."""
    return identified(exact_json.parse(body), WITH_ID, "timestamp")


def identified(body: Any, row: Column, stamp: str) -> Any:
    """The rows of a page, changed in place: each has its own id, and `stamp` in UNIX seconds.

    A missing id, and one that an earlier row has, is a StandInId. A stamp that is no moment stays,
    but is never an integer. A body that is no list of Invoiced's
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
        _set_apart(body, kind)
    return body


def has_id(row: Any) -> bool:
    """Whether Invoiced sent an id with the row."""
    return not isinstance(row["id"], StandInId)


def number_of(key: Any) -> int | None:
    """The number that a reference to an object, or an id, means; None if it means none."""
    try:
        return (
            None if isinstance(key, StandInId) else scalar_rule(ColumnKind.INTEGER, type(key))(key)
        )
    except ConversionError:
        return None


def restored(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of rows without an id of their own, those that share one: they get it back, in place."""
    for row in rows:
        if row["id"].shared:
            row["id"] = row["id"].sent
            yield row


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and ("id" in value or "object" in value)


def _identify(row: dict[str, Any], kind: ColumnKind, stamp: str) -> None:
    key = row.get("id")
    if isinstance(key, StandInId):
        return
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


def _set_apart(rows: list[dict[str, Any]], kind: ColumnKind) -> None:
    """Two objects of one id are two; a row that the page shows twice is one."""
    known: dict[Any, dict[str, Any]] = {}
    for row in rows:
        first = known.setdefault(row["id"], row)
        if first is not row and first != row:
            row["id"] = _stand_in(row, kind, shared=True)


def _stand_in(row: dict[str, Any], kind: ColumnKind, *, shared: bool = False) -> StandInId:
    """The same for the same row, so that it is recognised when it is read again."""
    try:
        content = repr(row)
    except RecursionError:  # of the id, since the other attributes are intact
        content = repr({name: value for name, value in row.items() if name != "id"})
    number = crc32(content.encode("utf-8", "surrogatepass"))
    key = StandInText(number) if kind is ColumnKind.STRING else StandInNumber(-1 - number)
    key.sent, key.shared = row.get("id"), shared
    return key
