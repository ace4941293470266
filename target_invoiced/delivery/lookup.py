"""Finds the objects that records refer to by natural key."""

from collections import OrderedDict
from threading import Lock
from typing import Any
from urllib.parse import quote

from invoiced_api.exceptions import NotFoundError
from invoiced_api.request import Request
from invoiced_api.resources import BY_NAME
from target_invoiced.delivery.senders import Sender
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.keys import NaturalKey

MAX_REMEMBERED = 10_000


class References:
    """Looks natural keys up in the account, and remembers what it found until that may change.

    Several threads may share it, and what it found.

    Args:
        sender: sends the requests.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._found: OrderedDict[NaturalKey, int | str] = OrderedDict()
        self._names: dict[tuple[str, int | str | None], set[NaturalKey]] = {}
        self._looking: dict[NaturalKey, Lock] = {}
        self._lock = Lock()

    def forget(self, resource: str, id: int | str | None, natural: NaturalKey | None) -> None:
        """Forget an object that was written to: its natural key may be another now."""
        with self._lock:
            for key in (*self._names.get((resource, id), ()), natural):
                if key in self._found:
                    self._drop(key)

    def forget_all(self, resource: str) -> None:
        """Forget all objects of a resource: one of them was written to."""
        with self._lock:
            for key in [key for key in self._found if key.resource == resource]:
                self._drop(key)

    def find(self, key: NaturalKey) -> int | str | None:
        """The id of the one object with this natural key; None if there is none.

        Raises:
            InvalidRecordError: if there are several, of which any would be a guess.
        """
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
            looking = self._looking.setdefault(key, Lock())
        with looking:
            with self._lock:
                if key in self._found:
                    return self._found[key]
            found: int | str | None = None
            try:
                found = self._look_up(key)
            finally:
                # In one go, or somebody finds neither the id nor who is looking, and looks as well.
                with self._lock:
                    self._looking.pop(key, None)
                    if found is not None:
                        self._remember(key, found)
        return found

    def object(self, key: NaturalKey) -> dict[str, Any] | None:
        """The one object with this natural key as the account has it now; None if there is none.

        Where the caller chooses the id, only the object with that id counts.

        Raises:
            InvalidRecordError: if there are several.
        """
        path = BY_NAME[key.resource].path
        if key.attribute == "id":
            found = self._look_up(key)
            return None if found is None else {"id": found}
        query: dict[str, str | int] = {f"filter[{key.attribute}]": key.value, "per_page": 2}
        rows = self._sender.send(Request(method="GET", path=path, params=query)).body
        matches = [row for row in rows if row.get(key.attribute) == key.value]
        if len(matches) > 1:
            raise InvalidRecordError(
                f"ambiguous reference: the account has several {key}. Refer to one by its id"
            )
        return matches[0] if matches else None

    def _remember(self, key: NaturalKey, id: int | str) -> None:
        self._found[key] = id
        self._names.setdefault((key.resource, id), set()).add(key)
        if len(self._found) > MAX_REMEMBERED:
            self._drop(next(iter(self._found)))

    def _drop(self, key: NaturalKey) -> None:
        named = (key.resource, self._found.pop(key))
        self._names[named].discard(key)
        if not self._names[named]:
            del self._names[named]

    def _look_up(self, key: NaturalKey) -> Any:
        if key.attribute != "id":
            row = self.object(key)
            return row["id"] if row else None
        path = BY_NAME[key.resource].path
        try:
            self._sender.send(Request(method="GET", path=f"{path}/{quote(key.value, safe='')}"))
        except NotFoundError:
            return None
        return key.value
