"""What can go wrong, named for what the caller does next.

InvalidInputError              the user corrects a setting, a file or a message, and starts again
InvoicedError
├── RetryableError          the same request may succeed later
├── IncompleteReadError     a list cannot be read completely: its stream keeps its bookmark
│   └── UnreadablePageError   … because a page of it cannot be parsed
├── RecordRejectedError     Invoiced refuses this request; others may go on
│   ├── ForbiddenError      … because the key may not read or write this
│   │   └── FeatureMissingError   … because the account has not bought the feature
│   └── NotFoundError       … because the object is not there
├── UnexpectedResponseError a list holds something else than objects; others may be right
├── RedirectedError         this address has moved for good; others may not have
└── FatalError              no request can succeed: stop

UnsortedError               a list is not sorted: `reading` reads it again without relying on order
UnfilteredError             a list ignores dates: `reading` reads it again without them
"""


class InvalidInputError(Exception):
    """A setting, file or message that cannot be used; the message says what, where, what to do."""


class InvoicedError(Exception):
    """Any failure of a request to Invoiced. Its message holds no header and no key."""


class RetryableError(InvoicedError):
    """429, 5xx, a garbled answer, or none: the same request may succeed.

    Attributes:
        retry_after_s: the least to wait before the next attempt.
        wait_asked_s: how long the server asked to wait, in `Retry-After`.
        answered: Invoiced itself said that it failed. It remembers that answer under the
            request's idempotency key.
        unreachable: no connection came about, which hits every request alike.
        throttled: 429, so that the request was not carried out.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        wait_asked_s: float | None = None,
        answered: bool = False,
        unreachable: bool = False,
        throttled: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.wait_asked_s = wait_asked_s
        self.answered = answered
        self.unreachable = unreachable
        self.throttled = throttled

    @property
    def unsent(self) -> bool:
        """Whether the request was certainly not carried out."""
        return self.unreachable or self.throttled


class IncompleteReadError(InvoicedError):
    """A list does not show what it counts, or cannot be read to its end: only its stream fails."""


class UnreadablePageError(IncompleteReadError):
    """A response came, and is no page: not JSON (`broken`), or no list of objects."""

    def __init__(self, message: str, *, broken: bool) -> None:
        super().__init__(message)
        self.broken = broken


class RecordRejectedError(InvoicedError):
    """Invoiced refuses this request (`status`, a 4xx); the rest may go on."""

    def __init__(self, message: str, *, status: int = 0, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


class ForbiddenError(RecordRejectedError):
    """403: this key, or this account's plan, does not reach the resource."""


class FeatureMissingError(ForbiddenError):
    """400 with Invoiced's own words: the account has not bought the feature of the resource."""


class NotFoundError(RecordRejectedError):
    """404: no such object (any more)."""


class UnexpectedResponseError(InvoicedError):
    """A 2xx response that is no list of objects, however often it is requested."""


class RedirectedError(InvoicedError):
    """301 or 308 to a read: this address has moved for good, and a redirect is never followed."""


class FatalError(InvoicedError):
    """No request can succeed (401, 402, an untrusted certificate, a redirected write): stop."""


class UnsortedError(Exception):
    """A page is not in the order of changes: what relies on the order starts again without it."""


class UnfilteredError(Exception):
    """A list shows rows outside the dates that were requested: the server ignores them."""


def failure_for(status: int, *, writing: bool) -> type[InvoicedError]:
    """The class of a status that is not 2xx.

    A redirect is never followed, since it would carry the credentials to another address. Reading
    may ask again after a temporary one, a proxy's hiccup most likely; a write must not guess where
    it arrived.
    """
    if status in (401, 402):
        return FatalError
    if status in (301, 308) and not writing:
        return RedirectedError
    if 300 <= status < 400:
        return FatalError if writing else RetryableError
    if status == 429 or status >= 500:
        return RetryableError
    return {403: ForbiddenError, 404: NotFoundError}.get(status, RecordRejectedError)
