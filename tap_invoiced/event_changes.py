"""Rows that no bookmark reaches: moved by a merge, deleted, or dropped with their payment."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from invoiced_api.client import Client
from invoiced_api.exceptions import NotFoundError, UnexpectedResponseError
from invoiced_api.reading.pages import Row
from invoiced_api.request import Request
from invoiced_api.resources import BY_NAME
from invoiced_api.timestamps import to_rfc_3339
from tap_invoiced.bookmarks import State
from tap_invoiced.deletions import COLUMN, EVENTS, Deletions
from tap_invoiced.event_store import Object
from tap_invoiced.row_identity import has_id, number_of, parse_events, parse_with_ids
from tap_invoiced.selection import SelectedStream

Params = dict[str, str | int]
CUSTOMERS, PAYMENTS, TRANSACTIONS = (
    BY_NAME[name] for name in ("customers", "payments", "transactions")
)
# A payment's transactions are made with it, up to this many seconds apart.
TOGETHER_S = 5


@dataclass(slots=True)
class EventChanges:
    """The rows that a stream has to emit after its records.

    Attributes:
        client: sends the requests.
        page_size: rows per page.
        deletions: the events that name the rows.
        tokens: name the shadow transactions that were emitted as deleted.
    """

    client: Client
    page_size: int
    deletions: Deletions
    tokens: list[str] = field(default_factory=list)

    def rows(self, stream: SelectedStream) -> Iterator[list[Row]]:
        """Moved objects as they are now, then deleted ones as they were."""
        for customer in self.deletions.merged_into(stream):
            yield from map(list, self._moved(stream, customer))
        yield from map(list, self.deletions.deleted(stream))
        self.tokens = []
        if stream.resource is TRANSACTIONS and not self.deletions.is_first(stream):
            yield from map(list, self._dropped(stream))

    def with_bookmark(self, state: State, stream: SelectedStream) -> State:
        """The state once all `rows` of a stream are emitted."""
        return self.deletions.with_bookmark(state, stream, self.tokens)

    def fetch(self, path: str) -> Object | None:
        """The object at a path; None if there is none."""
        try:
            found = self._get(Request(method="GET", path=path))[0]
        except NotFoundError:
            return None
        return found if isinstance(found, dict) else None

    def _get(self, request: Request) -> tuple[Any, int | None]:
        """What a response holds, its objects identified; and how many the list counts.

        Raises:
            UnexpectedResponseError: if it is not JSON, twice.
        """
        parse = parse_events if request.path.startswith(EVENTS.path) else parse_with_ids
        for _ in range(2):
            response = self.client.send(replace(request, raw=True))
            try:
                # A list is never without a body.
                return parse(response.body or b"null"), response.total
            except json.JSONDecodeError:
                continue
        raise UnexpectedResponseError(f"{request}: the response is not JSON")

    def _moved(self, stream: SelectedStream, customer: int) -> Iterator[list[Object]]:
        """The objects of the customer that a merge kept, which some of them were not before."""
        resource = stream.resource
        if resource is CUSTOMERS:
            kept = self.fetch(f"{CUSTOMERS.path}/{customer}")
            yield [kept] if kept else []
        if resource.parent is not None:
            attribute = resource.parent.attribute
            path = resource.path.format(**{attribute: customer})
            if resource.parent.singleton:
                only = self.fetch(path)
                yield [{**only, attribute: customer}] if only else []
                return
            try:
                for rows in self._pages(path, {}):
                    yield [{**row, attribute: customer} for row in rows]
            except NotFoundError:
                return  # merged into yet another customer, which has an event of its own
            return
        column = str(resource.customer_column)
        for params in resource.lists:
            query: Params = {**params, f"filter[{column}]": str(customer)}
            includes = {*str(params.get("include", "")).split(","), resource.replication_key} - {""}
            query["include"] = ",".join(sorted(includes))
            for rows in self._pages(resource.path, query):
                # A server that ignored the filter would send the objects of others too. What names
                # no customer does no harm.
                yield [row for row in rows if number_of(row.get(column)) in (customer, None)]

    def _dropped(self, stream: SelectedStream) -> Iterator[list[Object]]:
        """Shadow transactions that are gone, of payments that changed since the bookmark."""
        since = self.deletions.since_of(stream.resource)
        until = self.deletions.until_of(stream.resource)
        query: Params = {"updated_after": max(since - 1, 0), "include": "updated_at"}
        for payments in self._pages(PAYMENTS.path, query):
            for payment in payments:
                if not has_id(payment):
                    continue  # the stream of payments reports it
                if payment.get("updated_at") == payment.get("created_at"):
                    continue  # what was never changed has all its transactions
                for row in self._gone_transactions(payment):
                    token = f"transaction:{row['id']}"
                    changed = payment.get("updated_at")
                    if type(changed) is not int or changed >= until:
                        self.tokens.append(token)
                    if not self.deletions.is_emitted(stream, token):
                        yield [row]

    def _gone_transactions(self, payment: Object) -> Iterator[Object]:
        known = self._transactions_once(payment)
        if not known:
            return
        query: Params = {"filter[payment]": str(payment["id"])}
        for rows in self._pages(TRANSACTIONS.path, query):
            for row in rows:
                known.pop(str(row.get("id")), None)
        changed = payment.get("updated_at")
        moment = changed if type(changed) is int else self.deletions.until
        for key, row in known.items():
            if self.fetch(f"{TRANSACTIONS.path}/{key}") is None:
                yield {**row, COLUMN: to_rfc_3339(moment)}

    def _transactions_once(self, payment: Object) -> dict[str, Object]:
        """Every transaction that a payment ever had, by id, as its events show it."""
        events = list(self._events({"related_to": f"payment,{payment['id']}"}))
        found = _transactions_of(payment, events)
        if found:
            return found
        # The events of a transaction may not count as related to its payment.
        moments = {e["timestamp"] for e in events if type(e.get("timestamp")) is int}
        for second in sorted(moments):
            window: Params = {"type": "transaction", "start_date": second - TOGETHER_S}
            window["end_date"] = second + TOGETHER_S
            found.update(_transactions_of(payment, self._events(window)))
        return found

    def _events(self, query: Params) -> Iterator[Object]:
        for rows in self._pages(EVENTS.path, query):
            yield from rows

    def _pages(self, path: str, query: Params) -> Iterator[list[Object]]:
        """The pages of a list in their order. Raises UnexpectedResponseError if one repeats."""
        seen: set[str] = set()
        number, total = 1, None
        while True:
            paging = {"per_page": self.page_size, "page": number}
            rows, counted = self._get(Request(method="GET", path=path, params={**query, **paging}))
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise UnexpectedResponseError(f"GET {path}: the response is not a list of objects")
            fresh = [row for row in rows if str(row.get("id")) not in seen]
            seen.update(str(row.get("id")) for row in rows)
            if rows and not fresh:
                raise UnexpectedResponseError(f"GET {path}: the server ignores `page`")
            yield fresh
            total = counted if total is None else total
            complete = len(seen) >= total if total is not None else len(rows) < self.page_size
            if not rows or complete:
                return
            number += 1


def _transactions_of(payment: Object, events: Any) -> dict[str, Object]:
    """The transactions of a payment that events are about, by id; the newest event counts."""
    found: dict[str, Object] = {}
    for event in events:
        data = event.get("data")
        row = data.get("object") if isinstance(data, dict) else None
        about = str(event.get("type", "")).partition(".")[0]
        key = number_of(row.get("id")) if isinstance(row, dict) else None
        if about != "transaction" or not isinstance(row, dict) or key is None:
            continue
        if number_of(row.get("payment")) == payment["id"]:
            found.setdefault(str(key), row)
    return found
