"""The one way to Invoiced: `Client.send`."""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from invoiced_api.connection import Connection
from invoiced_api.failures import InvoicedError, RecordRejected, TryAgain, failure_for
from invoiced_api.gate import Gate
from invoiced_api.retry import retrying

LOGGER = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0

# Nothing came back, or not all of it.
NO_ANSWER = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, before it is sent. `body` is what becomes the JSON body.

    `idempotency_key` is 6 to 64 characters; a POST without one gets a fresh one.
    """

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    idempotency_key: str | None = None

    @property
    def writing(self) -> bool:
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A 2xx answer: its headers and its parsed body (None when it has none)."""

    headers: Mapping[str, str]
    body: Any

    @property
    def total(self) -> int | None:
        """`X-Total-Count`: how many objects the whole list has, all pages together."""
        total = self.headers.get("X-Total-Count", "")
        return int(total) if total.isdecimal() else None

    @property
    def clock(self) -> int:
        """The server's clock in UNIX seconds (`Date`); ours if it does not tell."""
        return _seconds_of_date(self.headers.get("Date")) or int(time.time())


class Client:
    """Sends calls to one account over pooled connections, and asks again where that may help.

    `requests_sent` and `retries` count over the client's life.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._gate = Gate(connection.max_connections)
        self._session = requests.Session()
        self._session.auth = _auth(connection)
        self._session.headers["User-Agent"] = connection.user_agent
        self._session.headers["Accept"] = "application/json"
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connection.max_connections)
        self._session.mount(connection.base_url, adapter)
        self.requests_sent = 0
        self.retries = 0

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def send(self, call: Call) -> Answer:
        """The answer to a call.

        Raises RecordRejected (Forbidden, NotFound), RunBlocked, or TryAgain when it kept failing
        for `max_retry_seconds`.
        """
        if call.method == "POST" and not call.idempotency_key:
            call = _with_new_key(call)

        def attempt() -> Answer:
            nonlocal call
            try:
                return self._send_once(call)
            except TryAgain as failure:
                # After silence the same key makes sure that nothing is done twice. An answered
                # failure is remembered under its key, and would be answered again.
                if failure.answered and call.idempotency_key:
                    call = _with_new_key(call)
                raise

        return retrying(
            attempt, max_s=self._connection.max_retry_seconds, on_retry=self._count_retry
        )

    def _count_retry(self) -> None:
        self.retries += 1

    def _send_once(self, call: Call) -> Answer:
        headers = {"Idempotency-Key": call.idempotency_key} if call.idempotency_key else {}
        data = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            data = orjson.dumps(call.body)
        try:
            with self._gate:
                self.requests_sent += 1
                response = self._session.request(
                    call.method,
                    self._connection.base_url + call.path,
                    params=call.params,
                    data=data,
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT_S, self._connection.request_timeout),
                    allow_redirects=False,
                )
        except NO_ANSWER as error:
            raise TryAgain(f"{call}: no answer ({type(error).__name__})") from None
        if not 200 <= response.status_code < 300:
            raise _failure(call, response)
        return Answer(headers=response.headers, body=_json(call, response))


def _with_new_key(call: Call) -> Call:
    return replace(call, idempotency_key=uuid.uuid4().hex)


def _auth(connection: Connection) -> AuthBase:
    """Set on the session, so that a `.netrc` entry for the host cannot take its place."""
    if connection.access_token:
        return _Bearer(connection.access_token)
    return HTTPBasicAuth(connection.api_key or "", "")


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _json(call: Call, response: requests.Response) -> Any:
    if not response.content:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise TryAgain(f"{call}: the answer {response.status_code} is not JSON") from None


# What the user does about a failure that ends the run.
NEXT_STEPS = {
    401: "Check `api_key` or `access_token`, and `sandbox`: a key works on one of the two sites.",
    402: "The account is canceled or its trial is over: reactivate it at Invoiced.",
    403: "Ask an administrator for the permission or the feature.",
}


def _failure(call: Call, response: requests.Response) -> InvoicedError:
    status = response.status_code
    kind = failure_for(status, writing=call.writing)
    said = _error_body(response)
    message = f"{call} refused ({status})" if kind is not TryAgain else f"{call} failed ({status})"
    if 300 <= status < 400:
        message += ": redirected to another address, which is not followed. Check `base_url`."
    if said.get("message"):
        message += f": {said['message']}"
    param = said.get("param") if isinstance(said.get("param"), str) else None
    if param:
        message += f" [{param}]"
    if status in NEXT_STEPS:
        message = message.rstrip(".") + f". {NEXT_STEPS[status]}"
    if kind is TryAgain:
        return TryAgain(
            message,
            retry_after_s=retry_after_s(response.headers.get("Retry-After"), time.time),
            answered=status == 500 and bool(said),
        )
    if issubclass(kind, RecordRejected):
        return kind(message, status=status, param=param)
    return kind(message)


def _error_body(response: requests.Response) -> dict[str, Any]:
    """Invoiced's own `{"type", "message", "param"}`, or {} when something in between answered."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def retry_after_s(header: str | None, clock: Callable[[], float]) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or an HTTP date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    moment = _seconds_of_date(header)
    return None if moment is None else max(0.0, moment - clock())


def _seconds_of_date(header: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(header).timestamp()) if header else None
    except ValueError:
        return None
