"""Finds out whether a create was executed whose response was lost, or was Invoiced's own 500."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from invoiced_api.exceptions import NotFoundError, RecordRejectedError, RetryableError
from invoiced_api.request import Request
from invoiced_api.resources import BY_NAME
from invoiced_api.response import Response
from target_invoiced.delivery.senders import Sender
from target_invoiced.exceptions import AlreadyCreatedError, UndecidableError
from target_invoiced.mapping.keys import NaturalKey, digest
from target_invoiced.mapping.payloads import already_matches

# Creates that bill, charge, pay or credit somebody, and calls that do so by their last word.
MOVES_MONEY = frozenset(
    (
        *("invoices", "credit_notes", "payments", "transactions", "charges", "refunds"),
        *("credit_balance_adjustments", "subscriptions", "pay"),
    )
)
# Clocks differ: an object may seem to be that much older than the first attempt.
CLOCK_TOLERANCE_S = 5
# Objects of this run that are remembered; older ones were created before what is looked for.
MAX_REMEMBERED = 100_000
PER_PAGE = 100
# A customer with more objects of a kind is not searched.
MAX_PAGES = 10


@dataclass(slots=True)
class CreatedObjects:
    """The objects that this run knows to be created, so that none is taken for two records.

    Several threads may share it.
    """

    # The body of each object, as a digest.
    _ids: "OrderedDict[tuple[str, str], bytes]" = field(default_factory=OrderedDict)
    _busy: dict[bytes, tuple[threading.Lock, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def one_at_a_time(self, path: str, body: Any) -> Iterator[None]:
        """Hold back equal creates: if one of two were lost, nothing would show which."""
        content = digest([path, body])
        with self._lock:
            lock, users = self._busy.get(content, (threading.Lock(), 0))
            self._busy[content] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._busy.pop(content)
                if users > 1:
                    self._busy[content] = lock, users - 1

    def add(self, path: str, id: int | str | None, body: Any) -> None:
        """Note that an object at a path was created from a body."""
        if id is not None:
            with self._lock:
                self._ids[path, str(id)] = digest([path, body])
                if len(self._ids) > MAX_REMEMBERED:
                    self._ids.popitem(last=False)

    def equal(self, path: str, id: Any, body: Any) -> bool | None:
        """Whether this run created the object from an equal body; None if it did not create it."""
        with self._lock:
            made = self._ids.get((path, str(id)))
        return None if made is None else made == digest([path, body])

    def has(self, path: str, id: Any) -> bool:
        """Whether this run created the object."""
        with self._lock:
            return (path, str(id)) in self._ids


@dataclass(slots=True, kw_only=True)
class Recovery:
    """Decides before each repetition of a create whether it may be repeated.

    Attributes:
        sender: sends the requests that look for the object.
        created: what this run has created.
        known: whether the ledger has the id of an object for another record.
        resource: of the object; None for a custom call.
        path: of the create.
        body: of the create.
        natural: the natural key of the object; None if it has none.
        since: UNIX second at which the create was first sent.
        protected: whether its idempotency key makes a repetition safe, unless Invoiced itself
            answered with a 500.
    """

    sender: Sender
    created: CreatedObjects
    known: Callable[[str, Any], bool]
    resource: str | None
    path: str
    body: Mapping[str, Any]
    natural: NaturalKey | None
    since: float = field(default_factory=time.time)
    protected: bool = True
    # How far the server's clock is ahead of ours, by the last response.
    _ahead_s: float = 0.0

    def __call__(self, failure: RetryableError) -> None:
        """Returns if the create may be sent again.

        Raises AlreadyCreatedError, or UndecidableError, which says what is not known.
        """
        if failure.unsent or (self.protected and not failure.answered):
            return
        self.look_up()

    def look_up(self) -> None:
        """Look for the object, whatever the failure was.

        Raises:
            AlreadyCreatedError: if it is there.
            UndecidableError: if nothing shows whether it is.
        """
        matches = [row for row in self._candidates() if self._is_ours(row)]
        if len(matches) == 1:
            raise AlreadyCreatedError(matches[0])
        if matches:
            raise UndecidableError(
                f"it was sent before without a usable response, and {len(matches)} objects in "
                f"{self._list_path()} may be the one. Look at them in Invoiced, and send the "
                "record again if it is missing"
            )

    def _is_ours(self, row: Mapping[str, Any]) -> bool:
        if self.created.has(self.path, row.get("id")):
            return False
        if self.resource and self.known(self.resource, row.get("id")):
            return False
        created_at = row.get("created_at")
        if not isinstance(created_at, int):
            raise UndecidableError(
                "it was sent before without a usable response, and Invoiced does not show when "
                "objects like it were created. Look for it, and send the record again if it is "
                "missing"
            )
        recent = created_at >= int(self.since + self._ahead_s) - CLOCK_TOLERANCE_S
        return recent and all(
            already_matches(row[name], value)
            for name, value in self.body.items()
            if row.get(name) is not None
        )

    def _candidates(self) -> list[dict[str, Any]]:
        if self.natural is not None and self.natural.attribute == "id":
            path = f"{self._list_path()}/{quote(self.natural.value, safe='')}"
            try:
                response = self.sender.send(Request(method="GET", path=path))
            except NotFoundError:
                return []
            row, self._ahead_s = response.body, ahead_s(response)
            return [row] if isinstance(row, dict) else []
        query: dict[str, str | int] = {}
        if self.natural is not None:
            query[f"filter[{self.natural.attribute}]"] = self.natural.value
        elif isinstance(self.body.get("customer"), int):
            query["filter[customer]"] = self.body["customer"]
        return self._all(query)

    def _all(self, query: Mapping[str, str | int]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for page in range(1, MAX_PAGES + 1):
            params = {**query, "per_page": PER_PAGE, "page": page}
            try:
                response = self.sender.send(
                    Request(method="GET", path=self._list_path(), params=params)
                )
            except RecordRejectedError as refusal:
                raise UndecidableError(
                    "it was sent before without a usable response, and cannot be looked up: "
                    f"{refusal}"
                ) from None
            found = response.body
            self._ahead_s = ahead_s(response)
            rows += [row for row in found if isinstance(row, dict)] if found else []
            if not isinstance(found, list) or len(found) < PER_PAGE:
                return rows
        raise UndecidableError(
            "it was sent before without a usable response, and there are too many objects in "
            f"{self._list_path()} to look for it. Look for it, and send the record again if it is "
            "missing"
        )

    def _list_path(self) -> str:
        path = BY_NAME[self.resource].path if self.resource else self.path
        return self.path if "{" in path else path


def ahead_s(response: Response) -> float:
    """By how many seconds the server's clock (`Date`) is ahead of ours; 0 if it is not shown."""
    try:
        date = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return date.timestamp() - time.time()


def moves_money(path: str) -> bool:
    """Whether a call to this path bills, charges, pays or credits somebody."""
    return path.rstrip("/").rpartition("/")[2] in MOVES_MONEY
