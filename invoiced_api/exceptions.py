"""What can go wrong, named for what the caller does next.

InvalidInputError              the user corrects a setting, a file or a message, and starts again
InvoicedError
├── RetryableError          the same request may succeed later
├── RecordRejectedError    Invoiced refuses this request; others may go on
│   ├── Forbidden     … because the key may not, or the account lacks the feature
│   └── NotFoundError      … because the object is not there
└── FatalError        no request can succeed: stop
"""


class InvalidInputError(Exception):
    """A setting, file or message that cannot be used; the message says what, where, what to do."""


class InvoicedError(Exception):
    """Any failure of a request to Invoiced. Its message holds no header and no key."""


class RetryableError(InvoicedError):
    """429, 5xx, a garbled answer, or none: the same request may succeed.

    `retry_after_s` is the server's own wish, if it had one. `answered` tells that Invoiced itself
    said that it failed: it remembers that answer under the request's idempotency key.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, answered: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.answered = answered


class RecordRejectedError(InvoicedError):
    """Invoiced refuses this request (`status`, a 4xx); the rest may go on."""

    def __init__(self, message: str, *, status: int = 0, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


class ForbiddenError(RecordRejectedError):
    """403: this key, or this account's plan, does not reach the resource."""


class NotFoundError(RecordRejectedError):
    """404: no such object (any more)."""


class FatalError(InvoicedError):
    """No request can succeed (401, 402, a redirected write): stop."""


def failure_for(status: int, *, writing: bool) -> type[InvoicedError]:
    """The class of a status that is not 2xx.

    A redirect is never followed, since it would carry the credentials to another address. Reading
    may ask again, a proxy's hiccup most likely; a write must not guess where it arrived.
    """
    if status in (401, 402):
        return FatalError
    if 300 <= status < 400:
        return FatalError if writing else RetryableError
    if status == 429 or status >= 500:
        return RetryableError
    return {403: ForbiddenError, 404: NotFoundError}.get(status, RecordRejectedError)
