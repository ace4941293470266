"""The exceptions of the client, named after the caller's next step.

InvalidInputError           the user corrects a setting, a file or a message, and starts again
InvoicedError
├── RetryableError          the same request may succeed later
├── IncompleteReadError     a list cannot be read completely: its stream keeps its bookmark
│   └── UnreadablePageError   … because a page of it cannot be parsed
├── RecordRejectedError     Invoiced refuses this request; others may succeed
│   ├── ForbiddenError      … because the key may not read or write this
│   │   └── FeatureMissingError   … because the account has not bought the feature
│   └── NotFoundError       … because the object does not exist
├── UnexpectedResponseError a list holds something else than objects; others may be right
├── RedirectedError         this address has moved for good; others may not have
└── FatalError              no request can succeed: stop

UnsortedError               a list is not sorted: `reading` reads it again without relying on order
UnfilteredError             a list ignores dates: `reading` reads it again without them
"""


class InvalidInputError(Exception):
    """A setting, file or message cannot be used. The message states what, where, and what to do."""


class InvoicedError(Exception):
    """A request to Invoiced failed. The message holds no header and no key."""


class RetryableError(InvoicedError):
    """429, 5xx, a response that cannot be parsed, or none: the same request may succeed.

    Attributes:
        retry_after_s: the least seconds to wait before the next attempt; None for any.
        wait_asked_s: seconds that the server asked to wait, in `Retry-After`; None if it did not.
        answered: Invoiced itself reported the failure. It stores that response under the
            idempotency key of the request.
        unreachable: there was no connection, which affects every request alike.
        throttled: 429, so that the request was not executed.
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
        """Whether the request was certainly not executed."""
        return self.unreachable or self.throttled


class IncompleteReadError(InvoicedError):
    """A list shows fewer rows than it counts, or has no end that can be read."""


class UnreadablePageError(IncompleteReadError):
    """A response is no page of a list.

    Attributes:
        broken: it is not JSON, so that its rows may be readable one by one; else it is no list.
    """

    def __init__(self, message: str, *, broken: bool) -> None:
        super().__init__(message)
        self.broken = broken


class RecordRejectedError(InvoicedError):
    """Invoiced refuses this request; others may succeed.

    Attributes:
        status: the HTTP status, a 4xx; 0 if there was no response.
        param: the attribute at fault, if the response names one.
    """

    def __init__(self, message: str, *, status: int = 0, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


class ForbiddenError(RecordRejectedError):
    """403: this key, or this account's plan, does not reach the resource."""


class FeatureMissingError(ForbiddenError):
    """400 with Invoiced's own message: the account has not bought the feature of the resource."""


class NotFoundError(RecordRejectedError):
    """404: there is no such object, or no longer."""


class UnexpectedResponseError(InvoicedError):
    """A 2xx response that is no list of objects, however often it is requested."""


class RedirectedError(InvoicedError):
    """301 or 308 to a read: this address has moved for good, and a redirect is never followed."""


class FatalError(InvoicedError):
    """No request can succeed (401, 402, an untrusted certificate, a redirected write): stop.

    Attributes:
        unsent: the request was certainly not executed, in no attempt.
    """

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


class UnsortedError(Exception):
    """A page is not in the order of changes. The list is read again without relying on it."""


class UnfilteredError(Exception):
    """A list shows rows outside the dates that were requested: the server ignores them."""


def failure_for(status: int, *, writing: bool) -> type[InvoicedError]:
    """The exception for a status that is not 2xx.

    A redirect is never followed, since it would send the credentials to another address. A read may
    be repeated after a temporary redirect, most likely a proxy's; a write may have arrived
    somewhere.

    Args:
        status: the HTTP status.
        writing: whether the request was anything but a GET.
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
