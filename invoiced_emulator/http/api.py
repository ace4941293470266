"""Turns HTTP requests into responses: authentication, idempotency, paths, headers of lists.

A request is executed in one go. Latency and faults are added in `app`.

`GET /_emulator/stats` is no part of Invoiced. It needs no key, and returns for example
`{"requests": 9, "max_in_flight": 2, "too_many": 0, "bytes_sent": 81920, "cpu_seconds": 1.5}`: the
requests so far (not counting itself), the most that were in flight at once, those refused with
429, the bytes of all bodies, and the processor seconds of the emulator's process.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.http import validation as writes
from invoiced_emulator.http.exchange import ApiRequest, answered, failure
from invoiced_emulator.http.listing import ListPage, Lists
from invoiced_emulator.http.untidy import untidy
from invoiced_emulator.resources.definition import Key, Row
from invoiced_emulator.resources.features import FEATURES
from invoiced_emulator.rules.balances import balance_of
from invoiced_emulator.rules.endpoints import ENDPOINTS, Endpoint
from invoiced_emulator.store.account import Account

STATS_PATH = "/_emulator/stats"
# How long an answer is kept under its Idempotency-Key.
REMEMBERED_S = 24 * 3600
KEY_LENGTHS = range(6, 65)


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """Where a request leads.

    Attributes:
        endpoint: the row of the table of endpoints.
        call: the request.
        parent: the id of the parent object; None at the top.
        key: the id of the object; None for a list or a singleton.
    """

    endpoint: Endpoint
    call: ApiRequest
    parent: Key | None
    key: Key | None


Handler = Callable[["Api", RouteMatch], Response]
Methods = Mapping[str, Handler]


@dataclass(slots=True)
class Api:
    """The endpoints of one account.

    Attributes:
        account: what the endpoints read and write.
        lists: the lists of the account, and what they remember of earlier pages.
    """

    account: Account
    lists: Lists = field(init=False)
    # By API key and idempotency key.
    _idempotent_responses: dict[tuple[str, str], tuple[float, Response]] = field(
        default_factory=dict
    )
    _routes: "Routes" = field(init=False)
    _date: tuple[int, str] = (-1, "")

    def __post_init__(self) -> None:
        self.lists = Lists(self.account)
        self._routes = _routes()

    def date(self) -> str:
        """The account's clock in the form of a `Date` header."""
        now = self.account.clock()
        if self._date[0] != now:
            self._date = now, formatdate(now, usegmt=True)
        return self._date[1]

    def authorized(self, call: ApiRequest) -> bool:
        """Whether the request carries the API key, by HTTP Basic or as bearer token."""
        credentials = call.headers.get("authorization", "").partition(" ")[2]
        given = credentials.strip().encode()
        if call.scheme == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[0]
            except binascii.Error:
                return False
        elif call.scheme != "bearer":
            return False
        return hmac.compare_digest(given, self.account.api_key.encode())

    def answer(self, call: ApiRequest) -> Response:
        """Execute an authorized request and return its response.

        A request whose idempotency key was used in the last 24 hours gets the stored response and
        is not executed. A refusal is a response, too: this method raises nothing.
        """
        try:
            key = self._checked_key(call)
        except ApiError as refused:
            return failure(refused.status, refused.message)
        if (stored := self.stored_response(key)) is not None:
            return stored
        try:
            response = self._handled(call)
        except ApiError as refused:
            return failure(refused.status, refused.message, refused.param)
        return _untidied(response) if self.account.untidy else response

    def stored_response(self, key: str | None) -> Response | None:
        """The response that was stored under an idempotency key in the last 24 hours."""
        place = (self.account.api_key, key or "")
        kept = self._idempotent_responses.get(place) if key is not None else None
        fresh = kept is not None and self.account.now() - kept[0] < REMEMBERED_S
        return kept[1] if kept is not None and fresh else None

    def store_idempotent_response(self, call: ApiRequest, response: Response) -> None:
        """Store the response under the request's idempotency key, unless its status is 401 or 429.

        Call it when the request has ended. Until then, a second request with the same key is
        executed as well, as at Invoiced.
        """
        key = call.idempotency_key
        valid = key is not None and len(key) in KEY_LENGTHS and call.method in ("POST", "PATCH")
        if key is None or not valid or response.status_code in (401, 429):
            return
        if self.stored_response(key) is not None:
            return
        now = self.account.now()
        self._idempotent_responses[self.account.api_key, key] = (now, response)
        oldest = next(iter(self._idempotent_responses))
        if now - self._idempotent_responses[oldest][0] >= REMEMBERED_S:
            del self._idempotent_responses[oldest]

    def _checked_key(self, call: ApiRequest) -> str | None:
        key = call.idempotency_key
        if key is not None and call.method not in ("POST", "PATCH"):
            raise ApiError("Idempotency-Key is only accepted with POST and PATCH")
        if key is not None and len(key) not in KEY_LENGTHS:
            raise ApiError("Idempotency-Key must have 6 to 64 characters")
        return key

    def _handled(self, call: ApiRequest) -> Response:
        if self.account.canceled_account:
            raise ApiError("This account was canceled, or its trial is over", status=402)
        words = call.path.strip("/").split("/")
        names, ids = tuple(words[::2]), words[1::2]
        if names == ("events",):
            self._check_permission(*names)
            return self._events(call, ids)
        if len(ids) == 1 and names[1:] in _REPORTS and names[0] in _REPORTS[names[1:]]:
            return self._report(call, names, ids[0])
        endpoint, methods = self._routes.get((names, len(ids)), (None, _NO_METHODS))
        self._check_permission(*names, *([endpoint.resource.name] if endpoint else ()))
        if endpoint is None:
            raise ApiError("No such path", status=404)
        self._check_feature(endpoint.resource.name)
        handler = _chosen(methods, call.method)
        return handler(self, self._route_match(endpoint, ids, call))

    def _check_permission(self, *names: str) -> None:
        for name in names:
            if name in self.account.forbidden:
                raise ApiError(f"This API key has no permission to access {name}", status=403)

    def _report(self, call: ApiRequest, names: tuple[str, ...], text: str) -> Response:
        """What is read only and belongs to an object: its balance, its attachments."""
        self._check_permission(*names)
        self._check_feature(names[0])
        row = self.account.row(names[0], _key(text))
        if row is None:
            raise ApiError(f"No such {names[0].removesuffix('s')}: {text}", status=404)
        if call.method != "GET":
            raise ApiError(f"{call.method} is not allowed here, only GET", status=405)
        if names[1] == "balance":
            currency = dict(call.params).get("currency")
            return answered(orjson.dumps(balance_of(self.account, row, currency)))
        attached = self.account.attachments.get((names[0], row["id"]), [])
        return _listed(
            ListPage([orjson.dumps(each) for each in attached], 1, 100, len(attached)), call
        )

    def _check_feature(self, resource: str) -> None:
        for feature in self.account.lacks:
            if resource in FEATURES[feature]:
                raise ApiError("Your Invoiced account does not have access to this feature.")

    def _route_match(self, endpoint: Endpoint, ids: list[str], call: ApiRequest) -> RouteMatch:
        """The ids of the path, and that the parent exists."""
        parent: Key | None = None
        if len(endpoint.path) > 1:
            parent = _key(ids[0])
            if self.account.row(endpoint.path[0], parent) is None:
                raise ApiError(
                    f"No such {endpoint.path[0].removesuffix('s')}: {parent}", status=404
                )
            if call.method != "GET":
                self.account.tables[endpoint.path[0]].check_stored(parent)
        own = ids[len(endpoint.path) - 1 :]
        key: Key | None = None
        if endpoint.singleton and parent is not None:
            table = self.account.tables[endpoint.resource.name]
            key = next(iter(table.where(endpoint.resource.owner, parent)), None)
        elif own:
            key = own[0] if endpoint.resource.text_ids else _key(own[0])
        return RouteMatch(endpoint, call, parent, key)

    def _events(self, call: ApiRequest, rest: list[str]) -> Response:
        if call.method != "GET":
            raise ApiError(f"{call.method} is not allowed here", status=405)
        if not rest:
            return _listed(self.lists.events(call.params), call)
        key = _key(rest[0])
        if not 1 <= key <= len(self.account.event_log):
            raise ApiError(f"No such event: {key}", status=404)
        return answered(self.account.event_raw(self.account.event_log[key - 1]))

    def _row(self, route: RouteMatch) -> Row:
        endpoint, key = route.endpoint, route.key
        resource = endpoint.resource
        table = self.account.tables[resource.name]
        row = None if key is None else self.account.row(resource.name, key)
        own = route.parent is None or key in table.where(resource.owner, route.parent)
        if row is None or not own or any(row[n] != value for n, value in endpoint.only.items()):
            named = "" if key is None else f": {key}"
            raise ApiError(f"No such {resource.singular}{named}", status=404)
        if route.call.method != "GET":
            table.check_stored(row["id"])
        return row

    def _one(self, route: RouteMatch, row: Row, status: int = 200) -> Response:
        """The object as it is now; what lists hide is hidden here."""
        resource, params = route.endpoint.resource, route.call.params
        hidden = self.lists.hidden(resource, params)
        # `include=customer` is understood as well.
        asked = [value for name, value in params if name in ("include", "expand")]
        if "customer" in {word for value in asked for word in value.split(",")}:
            return answered(self.lists.expanded(row, hidden), status)
        return answered(self.account.tables[resource.name].raw(row["id"], hidden), status)

    def list(self, route: RouteMatch) -> Response:
        """One page of a list, with the headers `X-Total-Count` and `Link`."""
        call = route.call
        return _listed(self.lists.page(route.endpoint.resource, call.params, route.parent), call)

    def create(self, route: RouteMatch) -> Response:
        """Create the object, or set the only one of its parent."""
        endpoint = route.endpoint
        given = writes.created(endpoint.resource, route.call.json())
        if route.parent is not None:
            given[endpoint.resource.owner] = route.parent
        status = 200 if endpoint.singleton else 201
        return self._one(route, endpoint.rules.create(self.account, given), status)

    def retrieve(self, route: RouteMatch) -> Response:
        """The object. Raises ApiError (404) if there is none."""
        return self._one(route, self._row(route))

    def update(self, route: RouteMatch) -> Response:
        """Change the attributes in the body; the others stay."""
        row = self._row(route)
        given = writes.changed(route.endpoint.resource, route.call.json())
        return self._one(route, route.endpoint.rules.update(self.account, row, given))

    def delete(self, route: RouteMatch) -> Response:
        """Delete or void: 204 if the object is gone, 200 and the object if Invoiced keeps it."""
        left = route.endpoint.rules.delete(self.account, self._row(route))
        return Response(status_code=204) if left is None else self._one(route, left)

    def act(self, route: RouteMatch) -> Response:
        """Execute a call on one object, such as `POST /invoices/:id/pay`."""
        call = route.endpoint.calls[route.call.path.rstrip("/").rpartition("/")[2]]
        row = self._row(route)
        given = writes.called(call, route.call.json() if route.call.body else None)
        return answered(orjson.dumps(call.run(self.account, row, given)), call.status)


_LIST: Methods = {"GET": Api.list, "POST": Api.create}
_EACH: Methods = {"GET": Api.retrieve, "PATCH": Api.update, "DELETE": Api.delete}
_SOLE: Methods = {"GET": Api.retrieve, "PUT": Api.create, "DELETE": Api.delete}
_NO_METHODS: Methods = {}
# What is read below an object, and below which resources.
_REPORTS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("balance",): ("customers",),
    ("attachments",): ("invoices", "estimates", "credit_notes"),
}
# From the words of a path and the number of its ids to what is there.
Routes = Mapping[tuple[tuple[str, ...], int], tuple[Endpoint | None, Methods]]


def _routes() -> Routes:
    routes: dict[tuple[tuple[str, ...], int], tuple[Endpoint | None, Methods]] = {}
    for endpoint in ENDPOINTS:
        depth = len(endpoint.path)
        offers = (
            (endpoint.path, depth - 1, _LIST, endpoint.listed),
            (endpoint.path, depth - 1, _SOLE, endpoint.singleton),
            (endpoint.path, depth, _EACH, endpoint.each),
            *(
                ((*endpoint.path, word), depth, {"POST": Api.act}, ("POST",))
                for word in endpoint.calls
            ),
        )
        for path, ids, methods, offered in offers:
            if offered:
                routes[path, ids] = endpoint, {name: methods[name] for name in offered}
    return routes


def pattern(path: str) -> str:
    """The path without ids: `/invoices/12/void` becomes `/invoices/:id/void`."""
    words = path.strip("/").split("/")
    return "/" + "/".join(":id" if i % 2 else word for i, word in enumerate(words))


def _chosen(methods: Mapping[str, Handler], method: str) -> Handler:
    if method not in methods:
        raise ApiError(f"{method} is not allowed here, only {', '.join(methods)}", status=405)
    return methods[method]


def _untidied(response: Response) -> Response:
    if not response.body:
        return response
    headers = {k: v for k, v in response.headers.items() if k != "content-length"}
    body = orjson.dumps(untidy(orjson.loads(response.body)))
    return answered(body, response.status_code, headers)


def _key(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ApiError(f"No such id: {text}", status=404)
    return int(text)


def _listed(page: ListPage, call: ApiRequest) -> Response:
    if page.total is None:
        return answered(page.body())
    query = urlencode([pair for pair in call.params if pair[0] != "page"])
    start = f"http://{call.headers.get('host', 'localhost')}{call.path}?{query}{'&' * bool(query)}"
    turns = {"self": page.number, "first": 1, "last": page.pages}
    if page.number > 1:
        turns["previous"] = page.number - 1
    if page.number < page.pages:
        turns["next"] = page.number + 1
    link = ", ".join(f'<{start}page={number}>; rel="{rel}"' for rel, number in turns.items())
    return answered(page.body(), headers={"X-Total-Count": str(page.total), "Link": link})
