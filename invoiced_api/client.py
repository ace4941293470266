"""The one way to Invoiced: `Client.send`."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from invoiced_api.concurrency import ConcurrencyLimiter
from invoiced_api.connection import Connection
from invoiced_api.deadline import ResponseDeadline
from invoiced_api.exceptions import (
    FatalError,
    FeatureMissingError,
    InvoicedError,
    RecordRejectedError,
    RetryableError,
    failure_for,
)
from invoiced_api.retry import RetryBudget, retrying
from invoiced_api.transport import (
    CONNECT_TIMEOUT_S,
    describe,
    fix_target,
    never_sent,
    open_pool,
    redirect_target,
    remedy,
)

# How long a write that nobody waits for any more may go on at Invoiced, and no idempotency key
# protects it from its twin.
IN_FLIGHT_GRACE_S = 5.0
# Clocks that are kept by NTP differ by less.
MAX_CLOCK_DIFFERENCE_S = 60

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, before it is sent. `body` is what becomes the JSON body.

    `idempotency_key` is 6 to 64 characters; a POST without one gets a fresh one. Before a call
    that has one goes out under another, `on_key_rotated` is told of that. A `raw` call goes to somebody
    else, to whom a repetition does no harm: its answer is left unparsed, its body is bytes.
    `budget` bounds the retries of all requests that share it. `before_repeat` is called with the
    last failure before the request is repeated; it raises where that might do a thing twice. Only
    after it is an answered failure's key replaced.
    """

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | Sequence[Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    on_key_rotated: Callable[[str], None] | None = None
    raw: bool = False
    before_repeat: Callable[[RetryableError], None] | None = None
    budget: RetryBudget | None = field(default=None, compare=False)

    @property
    def writing(self) -> bool:
        return self.method != "GET"

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A 2xx answer: headers, parsed body (None when it has none), how often it was asked again."""

    headers: Mapping[str, str]
    body: Any
    status: int = 200
    retries: int = 0

    @property
    def total(self) -> int | None:
        """`X-Total-Count`: how many objects the whole list has, all pages together."""
        total = self.headers.get("X-Total-Count", "")
        return int(total) if total.isdecimal() else None

    @property
    def clock(self) -> int:
        """The earlier of the server's clock (`Date`) and ours, in UNIX seconds.

        A bookmark follows it: one that is early costs some rows twice, one that is late loses
        changes.
        """
        ours = int(time.time())
        return min(ours, server_clock(self.headers.get("Date")) or ours)


class Client:
    """Sends calls to one account over pooled connections, and asks again where that may help.

    May be used by several threads at once. `requests_sent` and `retries` count over its life.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        exact_target: str | None = None,
        warns_of_clocks: bool = False,
    ) -> None:
        """Every request of the client goes to the `exact_target`, if given: see `fix_target`."""
        self._connection = connection
        self._limiter = ConcurrencyLimiter(connection.max_connections)
        self._pool, self._headers = open_pool(connection)
        if exact_target is not None:
            fix_target(self._pool, exact_target)
        self._root = urlsplit(connection.base_url).path
        self._timeout = Timeout(connect=CONNECT_TIMEOUT_S, read=connection.request_timeout)
        self._deadline = ResponseDeadline(connection.request_timeout)
        self._pool.ConnectionCls = self._deadline.watched(self._pool.ConnectionCls)
        self._clocks_compared = not warns_of_clocks
        self._closed = False
        self._counting = Lock()
        self.requests_sent = 0
        self.retries = 0
        # When a request last succeeded, by the monotonic clock; None if none has.
        self.last_success_at: float | None = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._deadline.close()
        self._pool.close()

    def send(self, call: Request) -> Response:
        """The answer to a call.

        Raises RecordRejectedError (Forbidden, NotFoundError), FatalError, or RetryableError when it kept failing
        for `max_retry_seconds`.
        """
        if call.method == "POST" and not call.idempotency_key:
            call = _with_new_key(call)

        retries = 0
        last: RetryableError | None = None

        def renew_key() -> None:
            nonlocal call
            call = _with_new_key(call)
            if call.on_key_rotated and call.idempotency_key:
                call.on_key_rotated(call.idempotency_key)

        def attempt() -> Response:
            nonlocal last
            if last is not None and call.before_repeat:
                call.before_repeat(last)
                if last.answered and call.idempotency_key:
                    renew_key()
            try:
                answer = self._send_once(call)
                if call.budget:
                    call.budget.succeeded()
                return answer
            except RetryableError as failure:
                if call.budget:
                    call.budget.failed()
                # After silence the same key makes sure that nothing is done twice. An answered
                # failure is remembered under its key, and would be answered again.
                last = failure
                if failure.answered and call.idempotency_key and not call.before_repeat:
                    renew_key()
                raise

        def count_retry() -> None:
            nonlocal retries
            retries += 1
            with self._counting:
                self.retries += 1

        max_s = self._connection.max_retry_seconds
        try:
            answer = retrying(attempt, max_s=max_s, on_retry=count_retry, budget=call.budget)
        except RetryableError as failure:
            raise self._given_up(failure) from None
        return replace(answer, retries=retries) if retries else answer

    def _given_up(self, failure: RetryableError) -> RetryableError:
        """The same failure, which says for how long requests were repeated, and what to do."""
        said = str(failure).rstrip(".")
        max_s = self._connection.max_retry_seconds
        if failure.wait_asked_s and failure.wait_asked_s >= max_s:
            said += (
                f"; the server asked to wait {duration(failure.wait_asked_s)} (`Retry-After`), "
                f"longer than `max_retry_seconds` ({max_s:g}). Run again after that time, or "
                "raise `max_retry_seconds`."
            )
        else:
            said += (
                f"; {self._connection.base_url} kept failing for {max_s:g} s. Check the network "
                "and `base_url`, or try again later."
            )
        return RetryableError(said, unreachable=failure.unreachable)

    @property
    def honours_idempotency_keys(self) -> bool:
        """Whether a key keeps a repeated create from being carried out twice: not with a token."""
        return not self._connection.access_token

    def url_of(self, call: Request) -> str:
        """Where the call goes."""
        return f"{self._connection.base_url}{call.target}"

    def _transport_error(
        self, call: Request, error: HTTPError, *, too_slow: bool = False
    ) -> InvoicedError:
        """What silence means: ask again, unless the client was closed meanwhile.

        One that timed out is slow, and left as much time again.
        """
        if self._closed:
            return FatalError(f"{call}: not waited for any more")
        step = remedy(error, self._pool, worked_before=self.last_success_at is not None)
        if step:
            return FatalError(f"{call}: {step}")
        unsent = never_sent(error)
        failure = RetryableError(f"{call}: {describe(error, self._pool)}", unreachable=unsent)
        if too_slow:
            limit_s = self._connection.request_timeout
            failure = RetryableError(f"{call}: no complete response within {limit_s:g} s")
        if too_slow or isinstance(error, ReadTimeoutError):
            return self._delay_unsafe_retry(call, failure, self._connection.request_timeout)
        return failure if unsent else self._delay_unsafe_retry(call, failure)

    def _compare_clocks(self, response: BaseHTTPResponse) -> None:
        """Warns once of a clock that is wrong, the server's or ours: bookmarks follow the earlier.

        Only readers ask for it: a writer keeps no bookmark.
        """
        theirs = server_clock(response.headers.get("Date"))
        if self._clocks_compared or theirs is None:
            return
        self._clocks_compared = True
        ahead_s = theirs - time.time()
        if abs(ahead_s) > MAX_CLOCK_DIFFERENCE_S:
            LOGGER.warning(
                "the server's clock is %s %s this machine's: bookmarks follow the earlier of the "
                "two. Check both clocks.",
                duration(abs(round(ahead_s))),
                "ahead of" if ahead_s > 0 else "behind",
            )

    def _delay_unsafe_retry(
        self, call: Request, failure: RetryableError, seconds: float = IN_FLIGHT_GRACE_S
    ) -> RetryableError:
        """A write may go on without us, and no key protects it from a twin: repeat it later."""
        if call.writing and not call.raw:
            rest_s = min(seconds, self._connection.request_timeout)
            failure.retry_after_s = max(rest_s, failure.retry_after_s or 0)
        return failure

    def _send_once(self, call: Request) -> Response:
        # In any case: a header of the call's own never stands beside the client's.
        ours = {name.lower() for name in self._headers}
        own = {name: text for name, text in call.headers.items() if name.lower() not in ours}
        headers = {**own, **self._headers}
        if call.idempotency_key:
            headers["Idempotency-Key"] = call.idempotency_key
        body = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            body = orjson.dumps(call.body)
        with self._limiter.acquire() as token, self._deadline.exchange() as exchange:
            with self._counting:
                self.requests_sent += 1
            try:
                response = self._pool.urlopen(
                    call.method,
                    self._root + call.target,
                    body=body,
                    headers=headers,
                    timeout=self._timeout,
                    retries=False,
                    redirect=False,
                )
            except HTTPError as error:
                raise self._transport_error(call, error, too_slow=exchange.cut) from None
            if exchange.cut:
                raise self._transport_error(call, ProtocolError(), too_slow=True)
            if response.status == 429:
                self._limiter.on_throttled(token)
            else:
                self._limiter.on_success()
        self._compare_clocks(response)
        try:
            answer = _answer(call, response)
            self.last_success_at = time.monotonic()
            return answer
        except RetryableError as failure:
            # What answers in Invoiced's place does not know how far that is with the request.
            if response.status < 300 or not _is_invoiceds_own(response):
                self._delay_unsafe_retry(call, failure)
            raise


def _with_new_key(call: Request) -> Request:
    return replace(call, idempotency_key=uuid.uuid4().hex)


def _answer(call: Request, response: BaseHTTPResponse) -> Response:
    if not 200 <= response.status < 300:
        raise _failure(call, response)
    body: Any = response.data
    if call.raw and not call.writing and body.lstrip()[:1] == b"<":
        # A page of a proxy or a portal; no JSON begins like this.
        raise RetryableError(f"{call}: the response {response.status} is not JSON")
    if call.raw and not call.writing and not body and response.status != 204:
        raise RetryableError(f"{call}: the response {response.status} is empty")
    if not call.raw:
        try:
            body = orjson.loads(body) if body else None
        except orjson.JSONDecodeError:
            raise RetryableError(f"{call}: the answer {response.status} is not JSON") from None
    return Response(headers=response.headers, body=body, status=response.status)


# What Invoiced says, with 400, to an account without the feature that a list belongs to. No other
# part of the response shows it.
MISSING_FEATURE = "does not have access to this feature"

# What the user does about a failure that ends the run.
NEXT_STEPS = {
    401: "Check `api_key` or `access_token`, and `sandbox`: a key works on one of the two sites.",
    402: "The account is canceled or its trial is over: reactivate it at Invoiced.",
    403: "Ask an administrator for the permission or the feature.",
}


def _failure(call: Request, response: BaseHTTPResponse) -> InvoicedError:
    status = response.status
    said = _error_body(response)
    kind = failure_for(status, writing=call.writing)
    to_others = call.raw and call.writing
    gateway = 400 <= status < 500 and not to_others and not _is_invoiceds_own(response)
    if gateway:
        kind = RetryableError
    if said.get("type") == "invalid_request" and MISSING_FEATURE in str(said.get("message")):
        kind = FeatureMissingError
    message = (
        f"{call} refused ({status})" if kind is not RetryableError else f"{call} failed ({status})"
    )
    if 300 <= status < 400:
        target = redirect_target(response.headers.get("Location"))
        message += f": redirected to {target}, which is not followed. Check `base_url`."
    if said.get("message"):
        message += f": {said['message']}"
    param = said.get("param") if isinstance(said.get("param"), str) else None
    if param:
        message += f" [{param}]"
    if gateway and status != 429:
        message = message.rstrip(".") + ": the response is not Invoiced's own, but a gateway's"
    elif status in NEXT_STEPS:
        message = message.rstrip(".") + f". {NEXT_STEPS[status]}"
    if kind is RetryableError:
        asked_s = retry_after_s(response.headers.get("Retry-After"), time.time)
        return RetryableError(
            message,
            retry_after_s=asked_s,
            wait_asked_s=asked_s,
            answered=status == 500 and said.get("type") == "api_error",
            throttled=status == 429,
        )
    if issubclass(kind, RecordRejectedError):
        return kind(message, status=status, param=param)
    return kind(message)


def _error_body(response: BaseHTTPResponse) -> dict[str, Any]:
    """Invoiced's own `{"type", "message", "param"}`, or {} when something in between answered."""
    try:
        body = orjson.loads(response.data)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _is_invoiceds_own(response: BaseHTTPResponse) -> bool:
    """Whether Invoiced itself refused: its errors have a `type`."""
    return "type" in _error_body(response)


def duration(seconds: float) -> str:
    """`90 s`, `2 h`: for people."""
    for unit_s, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit_s or (seconds >= unit_s and seconds % unit_s == 0):
            return f"{seconds / unit_s:.3g} {name}"
    return f"{seconds:g} s"


def retry_after_s(header: str | None, clock: Callable[[], float]) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or an HTTP date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    moment = _seconds_of_date(header)
    return None if moment is None else max(0.0, moment - clock())


# One HTTP date; a header that was sent twice holds two, with a comma between them.
HTTP_DATE = re.compile(
    r"(?:[A-Za-z]+, )?\d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} [\d:]+(?: [A-Z]+| [+-]\d{4})?"
)


@lru_cache(maxsize=16)  # all responses of a second say the same
def server_clock(header: str | None) -> int | None:
    """UNIX seconds of a `Date` header, the earliest if it was sent more than once."""
    moments = [_seconds_of_date(date) for date in HTTP_DATE.findall(header or "")]
    return min((moment for moment in moments if moment is not None), default=None)


def _seconds_of_date(header: str) -> int | None:
    """UNIX seconds of an HTTP date, in UTC if it names no zone; None if it is none."""
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())
