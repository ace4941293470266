"""One request to Invoiced, before it is sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from invoiced_api.exceptions import RetryableError
from invoiced_api.retry import RetryBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, before it is sent.

    Attributes:
        method: such as `GET`.
        path: below the base URL, such as `/customers/15444`.
        params: of the query.
        body: what becomes the JSON body; None for none.
        headers: further headers; they never replace the client's own.
        idempotency_key: 6 to 64 characters. A POST without one gets a fresh one.
        on_key_rotated: called with the new key before the request is sent under another one.
        raw: the body of the response is left as bytes. A raw write goes to somebody else than
            Invoiced, to whom a repetition does no harm.
        max_bytes: a 2xx body that is larger is not read; None is without a bound.
        before_repeat: called with the last failure before the request is repeated. It raises where
            a repetition might do something twice. Only after it is a remembered failure's key
            replaced.
        budget: bounds the retries of all requests that share it.
    """

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | Sequence[Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    on_key_rotated: Callable[[str], None] | None = None
    raw: bool = False
    max_bytes: int | None = None
    before_repeat: Callable[[RetryableError], None] | None = None
    budget: RetryBudget | None = field(default=None, compare=False)

    @property
    def writing(self) -> bool:
        """Whether the request may change something."""
        return self.method != "GET"

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
