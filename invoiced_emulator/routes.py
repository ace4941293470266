"""HTTP requests to answers: authentication, idempotency, paths, and the headers of lists.

An answer is made at once and in one go; what happens to it on the way is `server`.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response

from invoiced_emulator import writes
from invoiced_emulator.lists import Lists, Page
from invoiced_emulator.refusal import Refused
from invoiced_emulator.rules import ENDPOINTS, Endpoint
from invoiced_emulator.shapes import Key, Row
from invoiced_emulator.store import Account

# How long an answer is kept under its Idempotency-Key.
REMEMBERED_S = 24 * 3600
KEY_LENGTHS = range(6, 65)
_KINDS = {429: "rate_limit_error"}


@dataclass(frozen=True)
class Call:
    """One request, whole."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    @cached_property
    def params(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    @property
    def idempotency_key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def address(self) -> str:
        """Path and query, as a client would write them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def json(self) -> object:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Refused("The body of the request must be a JSON object") from None


def answered(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, headers=headers, media_type="application/json")


def failure(status: int, message: str, param: str | None = None) -> Response:
    """An error as Invoiced words it: type, message, and the parameter at fault."""
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request")
    body = {"type": kind, "message": message, **({"param": param} if param else {})}
    return answered(orjson.dumps(body), status)


Handler = Callable[["Api", Endpoint, Key, Call], Response]


@dataclass(slots=True)
class Api:
    """The endpoints of one account."""

    account: Account
    lists: Lists = field(init=False)
    _kept: dict[str, tuple[float, Response]] = field(default_factory=dict)
    _endpoints: dict[str, Endpoint] = field(init=False)
    _date: tuple[int, str] = (-1, "")

    def __post_init__(self) -> None:
        self.lists = Lists(self.account)
        self._endpoints = {endpoint.resource.name: endpoint for endpoint in ENDPOINTS}

    def date(self) -> str:
        """The account's clock as a `Date` header has it."""
        now = self.account.clock()
        if self._date[0] != now:
            self._date = now, formatdate(now, usegmt=True)
        return self._date[1]

    def authorized(self, call: Call) -> bool:
        """Whether the key came as the user name of HTTP Basic, or as a bearer token."""
        scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
        given = credentials.strip().encode()
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[0]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given, self.account.api_key.encode())

    def answer(self, call: Call) -> Response:
        """The answer to an authorized request, which is carried out unless its key is known."""
        try:
            key = self._checked_key(call)
        except Refused as refused:
            return failure(refused.status, refused.message)
        if key is not None:
            kept = self._kept.get(key)
            if kept is not None and self.account.now() - kept[0] < REMEMBERED_S:
                return kept[1]
        try:
            return self._handled(call)
        except Refused as refused:
            return failure(refused.status, refused.message, refused.param)

    def remember(self, call: Call, response: Response) -> None:
        """Keep the answer under its Idempotency-Key, whatever its status but 401 and 429.

        To be called when the request has ended: until then a second one with the same key is
        carried out as well.
        """
        key = call.idempotency_key
        valid = key is not None and len(key) in KEY_LENGTHS and call.method in ("POST", "PATCH")
        if key is None or not valid or response.status_code in (401, 429):
            return
        now = self.account.now()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < REMEMBERED_S:
            return
        self._kept.pop(key, None)
        self._kept[key] = (now, response)
        oldest = next(iter(self._kept))
        if now - self._kept[oldest][0] >= REMEMBERED_S:
            del self._kept[oldest]

    def _checked_key(self, call: Call) -> str | None:
        key = call.idempotency_key
        if key is not None and call.method not in ("POST", "PATCH"):
            raise Refused("Idempotency-Key is only accepted with POST and PATCH")
        if key is not None and len(key) not in KEY_LENGTHS:
            raise Refused("Idempotency-Key must have 6 to 64 characters")
        return key

    def _handled(self, call: Call) -> Response:
        if self.account.canceled_account:
            raise Refused("This account was canceled, or its trial is over", status=402)
        name, *rest = call.path.strip("/").split("/")
        if name in self.account.forbidden:
            raise Refused(f"This API key has no permission to access {name}", status=403)
        if name == "events":
            return self._events(call, rest)
        endpoint = self._endpoints.get(name)
        if endpoint is None or len(rest) > 2 or (rest[1:] and rest[1] not in endpoint.actions):
            raise Refused("No such path", status=404)
        methods = _ACTION if len(rest) == 2 else _OBJECT if rest else _COLLECTION
        handler = _chosen(methods, call.method)
        return handler(self, endpoint, _key(rest[0]) if rest else 0, call)

    def _events(self, call: Call, rest: list[str]) -> Response:
        if len(rest) > 1:
            raise Refused("No such path", status=404)
        if call.method != "GET":
            raise Refused(f"{call.method} is not allowed here", status=405)
        if not rest:
            return _listed(self.lists.events(call.params), call)
        key = _key(rest[0])
        if not 1 <= key <= len(self.account.happened):
            raise Refused(f"No such event: {key}", status=404)
        return answered(self.account.happened[key - 1].raw())

    def _row(self, endpoint: Endpoint, key: Key) -> Row:
        row = self.account.row(endpoint.resource.name, key)
        if row is None:
            raise Refused(f"No such {endpoint.resource.singular}: {key}", status=404)
        return row

    def _one(self, endpoint: Endpoint, row: Row, call: Call, status: int = 200) -> Response:
        """The object as it is now; what hides `updated_at` in lists hides it here."""
        resource, account = endpoint.resource, self.account
        asked = [value for name, value in call.params if name in ("include", "expand")]
        words = {word for value in asked for word in value.split(",")}
        hidden = resource.name in account.hides_updated_at and "updated_at" not in words
        if "customer" in words:
            return answered(self.lists.expanded(row, hidden), status)
        raw = account.tables[resource.name].raw(row["id"], hide_updated_at=hidden)
        return answered(raw, status)

    def list(self, endpoint: Endpoint, _: Key, call: Call) -> Response:
        return _listed(self.lists.page(endpoint.resource, call.params), call)

    def create(self, endpoint: Endpoint, _: Key, call: Call) -> Response:
        given = writes.created(endpoint.resource, call.json())
        return self._one(endpoint, endpoint.rules.create(self.account, given), call, 201)

    def retrieve(self, endpoint: Endpoint, key: Key, call: Call) -> Response:
        return self._one(endpoint, self._row(endpoint, key), call)

    def update(self, endpoint: Endpoint, key: Key, call: Call) -> Response:
        row = self._row(endpoint, key)
        given = writes.changed(endpoint.resource, call.json())
        return self._one(endpoint, endpoint.rules.update(self.account, row, given), call)

    def delete(self, endpoint: Endpoint, key: Key, call: Call) -> Response:
        left = endpoint.rules.delete(self.account, self._row(endpoint, key))
        return Response(status_code=204) if left is None else self._one(endpoint, left, call)

    def act(self, endpoint: Endpoint, key: Key, call: Call) -> Response:
        action = endpoint.actions[call.path.rstrip("/").rpartition("/")[2]]
        return self._one(endpoint, action(self.account, self._row(endpoint, key)), call)


_COLLECTION: Mapping[str, Handler] = {"GET": Api.list, "POST": Api.create}
_OBJECT: Mapping[str, Handler] = {
    "GET": Api.retrieve,
    "PATCH": Api.update,
    "DELETE": Api.delete,
}
_ACTION: Mapping[str, Handler] = {"POST": Api.act}


def pattern(path: str) -> str:
    """The path with its id left out: `/invoices/12/void` as `/invoices/:id/void`."""
    name, *rest = path.strip("/").split("/")
    return "/" + "/".join([name, *(":id" if not i else part for i, part in enumerate(rest))])


def _chosen(methods: Mapping[str, Handler], method: str) -> Handler:
    if method not in methods:
        raise Refused(f"{method} is not allowed here, only {', '.join(methods)}", status=405)
    return methods[method]


def _key(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise Refused(f"No such id: {text}", status=404)
    return int(text)


def _listed(page: Page, call: Call) -> Response:
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
