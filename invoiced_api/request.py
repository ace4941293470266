"""One request to Invoiced, before it is sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from invoiced_api.exceptions import RetryableError
from invoiced_api.retry import RetryBudget


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
