"""From an HTTP response to a `Response`, or to the exception that names the next step."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from invoiced_api import exact_json
from invoiced_api.exceptions import (
    FatalError,
    FeatureMissingError,
    InvoicedError,
    RecordRejectedError,
    RetryableError,
    failure_for,
)
from invoiced_api.network_failures import redirect_target
from invoiced_api.request import Request
from invoiced_api.transport import RawResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A 2xx response.

    Attributes:
        headers: their names ignore case.
        body: the parsed JSON, None if there is none; bytes if the request was `raw`.
        status: the HTTP status.
        retries: how often the request was repeated.
        unread_bytes: the size of a body that was larger than `Request.max_bytes`, else 0.
        sent_at: when the request was sent, by our clock, in UNIX seconds.
    """

    headers: Mapping[str, str]
    body: Any
    status: int = 200
    retries: int = 0
    unread_bytes: int = 0
    sent_at: float = field(default_factory=time.time)

    @property
    def total(self) -> int | None:
        """`X-Total-Count`: how many objects the whole list has; None without that header."""
        return total_count(self.headers)

    @property
    def clock(self) -> int:
        """The earlier of the server's clock (`Date`) and ours, in UNIX seconds."""
        return clock_of(self.headers, self.sent_at)


def parse_response(call: Request, response: RawResponse) -> Response:
    """The response to a request. Raises InvoicedError, as its status and body demand."""
    if not 200 <= response.status < 300:
        raise _failure(call, response)
    body: Any = response.data
    if response.unread_bytes:
        return Response(headers=response.headers, body=b"", unread_bytes=response.unread_bytes)
    if call.raw and not call.writing and body.lstrip()[:1] == b"<":
        # A page of a proxy or a portal; no JSON begins like this.
        raise RetryableError(f"{call}: the response {response.status} is not JSON")
    if call.raw and not call.writing and not body and response.status != 204:
        raise RetryableError(f"{call}: the response {response.status} is empty")
    if not call.raw:
        try:
            body = exact_json.parse_fast(body) if body else None
        except json.JSONDecodeError:
            raise RetryableError(f"{call}: the response {response.status} is not JSON") from None
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


def _failure(call: Request, response: RawResponse) -> InvoicedError:
    status = response.status
    said = _error_body(response)
    kind = failure_for(status, writing=call.writing)
    to_others = call.raw and call.writing
    gateway = 400 <= status < 500 and not to_others and not is_invoiceds_own(response)
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
    if kind is FatalError:
        return FatalError(message, unsent=status in (401, 402))
    return kind(message)


def _error_body(response: RawResponse) -> dict[str, Any]:
    """Invoiced's own `{"type", "message", "param"}`, or {} if something in between responded."""
    try:
        body = exact_json.parse_fast(response.data)
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def is_invoiceds_own(response: RawResponse) -> bool:
    """Whether Invoiced itself refused: its errors have a `type`."""
    return "type" in _error_body(response)


def total_count(headers: Mapping[str, str]) -> int | None:
    """`X-Total-Count`: how many objects the whole list has; None without that header.

    A proxy may send it twice.
    """
    counts = {count.strip() for count in headers.get("X-Total-Count", "").split(",")}
    total = counts.pop()
    return int(total) if total.isdecimal() and not counts else None


def clock_of(headers: Mapping[str, str], sent_at: float) -> int:
    """The earlier of the server's clock (`Date`) and ours, in UNIX seconds.

    A bookmark follows it. An early bookmark costs some rows twice, a late one loses changes. So
    ours is that of the request, `sent_at`: a response may wait long until it is read.
    """
    ours = int(sent_at)
    return min(ours, server_clock(headers.get("Date")) or ours)


def duration(seconds: float) -> str:
    """Seconds in words for people: `90 s`, `2 h`."""
    for unit_s, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit_s or (seconds >= unit_s and seconds % unit_s == 0):
            return f"{seconds / unit_s:.3g} {name}"
    return f"{seconds:g} s"


def retry_after_s(header: str | None, clock: Callable[[], float]) -> float | None:
    """Seconds to wait by a `Retry-After` header (seconds or an HTTP date); None without it."""
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
    """UNIX seconds of a `Date` header, the earliest if it was sent twice; None without one."""
    moments = [_seconds_of_date(date) for date in HTTP_DATE.findall(header or "")]
    return min((moment for moment in moments if moment is not None), default=None)


def _seconds_of_date(header: str) -> int | None:
    """UNIX seconds of an HTTP date, in UTC if it names no zone; None if it is none."""
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())
