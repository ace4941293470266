"""Sends requests to one account: `Client.send`."""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import orjson
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from invoiced_api.concurrency import ConcurrencyLimiter
from invoiced_api.connection import Connection
from invoiced_api.deadline import ResponseDeadline
from invoiced_api.exceptions import (
    FatalError,
    InvoicedError,
    RetryableError,
)
from invoiced_api.network_failures import describe, never_sent, remedy
from invoiced_api.request import Request
from invoiced_api.response import (
    Response,
    duration,
    is_invoiceds_own,
    parse_response,
    server_clock,
)
from invoiced_api.retry import retrying
from invoiced_api.transport import RawResponse, Transport

# How long a write that nobody waits for any more may go on at Invoiced, and no idempotency key
# protects it from its twin.
IN_FLIGHT_GRACE_S = 5.0
# Clocks that are kept by NTP differ by less.
MAX_CLOCK_DIFFERENCE_S = 60

LOGGER = logging.getLogger(__name__)


class _Sending:
    """One request and its repetitions."""

    def __init__(self, send_once: Callable[[Request], Response], call: Request) -> None:
        self._send_once = send_once
        self._call = call
        self._last: RetryableError | None = None
        self._may_be_executed = False
        self.retries = 0

    def attempt(self) -> Response:
        """Send the request once, under a new key where Invoiced remembers a failure."""
        call, last = self._call, self._last
        if last is not None and call.before_repeat:
            call.before_repeat(last)
            if last.answered and call.idempotency_key:
                self._rotate_key()
        try:
            answer = self._send_once(self._call)
            if call.budget:
                call.budget.succeeded()
            return answer
        except RetryableError as failure:
            if call.budget:
                call.budget.failed()
            # After silence the same key makes sure that nothing is done twice. An answered
            # failure is remembered under its key, and would be answered again.
            self._last = failure
            self._may_be_executed |= not failure.unsent
            if failure.answered and call.idempotency_key and not call.before_repeat:
                self._rotate_key()
            raise
        except FatalError as failure:
            failure.unsent &= not self._may_be_executed
            raise

    def _rotate_key(self) -> None:
        self._call = _with_new_key(self._call)
        if self._call.on_key_rotated and self._call.idempotency_key:
            self._call.on_key_rotated(self._call.idempotency_key)


class Client:
    """Sends requests to one account over pooled connections, and repeats them where that may help.

    Several threads may share a client.

    Example:
        with Client(connection) as client:
            response = client.send(Request(method="GET", path="/customers/15444"))

    Attributes:
        requests_sent: how many requests were sent, repetitions included.
        retries: how many of them were repetitions.
        last_success_at: when a request last succeeded, by the monotonic clock; None if none has.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        exact_target: str | None = None,
        warns_of_clocks: bool = False,
    ) -> None:
        """Open the pool; connections are made when they are needed.

        Args:
            connection: the account and how to reach it.
            exact_target: path and query to which every request goes, whatever its own path is.
            warns_of_clocks: whether to warn, once, if the server's clock differs from ours by more
                than a minute.

        Raises:
            InvalidInputError: if the certificates that the environment names cannot be used.
        """
        self._connection = connection
        self._limiter = ConcurrencyLimiter(connection.max_connections)
        self._deadline = ResponseDeadline(connection.request_timeout)
        self._transport = Transport(connection, self._deadline.watched, exact_target)
        self._headers = self._transport.headers
        self._names = frozenset(name.lower() for name in self._headers)
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
        self._transport.close()

    def send(self, call: Request) -> Response:
        """Send a request, repeat it if it may succeed later, and return its response.

        A POST without an idempotency key gets one. The key stays the same while the outcome is
        unknown, so that nothing is done twice. After a failure that Invoiced remembers under the
        key, it is replaced.

        Raises:
            RecordRejectedError: if Invoiced refuses this request; also as ForbiddenError,
                FeatureMissingError or NotFoundError.
            RedirectedError: if a read is redirected for good.
            RetryableError: if it kept failing for `max_retry_seconds`, or its budget is used up.
            FatalError: if no request can succeed.
        """
        if call.method == "POST" and not call.idempotency_key:
            call = _with_new_key(call)
        sending = _Sending(self._send_once, call)

        def count_retry() -> None:
            sending.retries += 1
            with self._counting:
                self.retries += 1

        max_s = self._connection.max_retry_seconds
        try:
            answer = retrying(
                sending.attempt, max_s=max_s, on_retry=count_retry, budget=call.budget
            )
        except RetryableError as failure:
            raise self._given_up(failure) from None
        return replace(answer, retries=sending.retries) if sending.retries else answer

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
        """Whether an idempotency key prevents a second create: not with an access token."""
        return not self._connection.access_token

    def url_of(self, call: Request) -> str:
        """The full URL of a request."""
        return f"{self._connection.base_url}{call.target}"

    def _transport_error(
        self, call: Request, error: HTTPError, *, too_slow: bool = False
    ) -> InvoicedError:
        """The exception for a request without a response: repeat it, unless the client was closed.

        A timeout means that Invoiced is slow: a write is repeated after as much time again.
        """
        if self._closed:
            return FatalError(f"{call}: abandoned, because the run has ended")
        step = remedy(error, self._transport.pool, worked_before=self.last_success_at is not None)
        if step:
            return FatalError(f"{call}: {step}", unsent=never_sent(error))
        unsent = never_sent(error)
        failure = RetryableError(
            f"{call}: {describe(error, self._transport.pool)}", unreachable=unsent
        )
        if too_slow:
            limit_s = self._connection.request_timeout
            failure = RetryableError(f"{call}: no complete response within {limit_s:g} s")
        if too_slow or isinstance(error, ReadTimeoutError):
            return self._delay_unsafe_retry(call, failure, self._connection.request_timeout)
        return failure if unsent else self._delay_unsafe_retry(call, failure)

    def _compare_clocks(self, response: RawResponse) -> None:
        """Warn once if the clocks differ: bookmarks follow the earlier of the server's and ours.

        Only readers ask for it, since a writer keeps no bookmark.
        """
        if self._clocks_compared:
            return
        theirs = server_clock(response.headers.get("Date"))
        if theirs is None:
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
        """Wait before a write is repeated: the first one may still be executed."""
        if call.writing and not call.raw:
            rest_s = min(seconds, self._connection.request_timeout)
            failure.retry_after_s = max(rest_s, failure.retry_after_s or 0)
        return failure

    def _send_once(self, call: Request) -> Response:
        # Whatever its case: a header of the call never repeats one of the client.
        own = {name: text for name, text in call.headers.items() if name.lower() not in self._names}
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
            sent_at = time.time()
            try:
                if call.raw and not call.writing:
                    response = self._transport.fetch(call.target, headers, call.max_bytes)
                else:
                    response = self._transport.send(call.method, call.target, headers, body)
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
            answer = replace(parse_response(call, response), sent_at=sent_at)
            self.last_success_at = time.monotonic()
            return answer
        except RetryableError as failure:
            # What answers in Invoiced's place does not know how far that is with the request.
            if response.status < 300 or not is_invoiceds_own(response):
                self._delay_unsafe_retry(call, failure)
            raise


def _with_new_key(call: Request) -> Request:
    return replace(call, idempotency_key=uuid.uuid4().hex)
