"""Repeats failed requests. The only module that sleeps."""

import logging
import random
import time
from collections.abc import Callable, Generator, Mapping
from threading import Lock
from typing import Any, TypeVar

import backoff

from invoiced_api.exceptions import RetryableError

LOGGER = logging.getLogger(__name__)

FIRST_CEILING_S = 0.25
LAST_CEILING_S = 60.0

Result = TypeVar("Result")


def retrying(
    attempt: Callable[[], Result],
    *,
    max_s: float,
    on_retry: Callable[[], None],
    budget: "RetryBudget | None" = None,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """The result of an attempt, which is repeated on RetryableError for less than `max_s` seconds.

    Args:
        attempt: called until it returns, or raises anything else.
        max_s: seconds after the first attempt in which others may begin.
        on_retry: called before each repetition.
        budget: bounds the retries of several requests together.
        clock: monotonic, in seconds.

    Raises:
        RetryableError: the last one, once the time or the budget is used up, or if the next attempt
            would have to wait for longer.
    """
    deadline = clock() + max_s
    try:
        return attempt()
    except RetryableError as failure:
        first = failure

    def announce(details: Mapping[str, Any]) -> None:
        on_retry()
        LOGGER.warning("%s; retrying in %s", details["exception"], duration(details["wait"]))

    repeated: Callable[[Callable[[], Result]], Callable[[], Result]] = backoff.on_exception(
        waits,  # type: ignore[arg-type]  # backoff's hints leave out what it sends in
        RetryableError,
        max_time=max_s,
        giveup=lambda failure: _too_late(failure, budget, deadline - clock()),
        jitter=None,
        on_backoff=announce,
        logger=None,
    )
    return repeated(_continued(first, attempt))()


def duration(seconds: float) -> str:
    """A wait for a log line, to a tenth of a second.

    Example:
        >>> duration(0.04), duration(1.26)
        ('less than 0.1 s', '1.3 s')
    """
    return f"{seconds:.1f} s" if seconds >= 0.1 else "less than 0.1 s"


def _too_late(failure: Exception, budget: "RetryBudget | None", left_s: float) -> bool:
    """Whether the next attempt would begin too late, also after what has to be waited for.

    backoff looks at the time before an attempt only, which may itself take a minute.
    """
    wish_s = (failure.retry_after_s if isinstance(failure, RetryableError) else None) or 0
    return wish_s >= left_s or bool(budget and budget.left_s <= wish_s)


def _continued(first: RetryableError, attempt: Callable[[], Result]) -> Callable[[], Result]:
    """Raises the failure that has happened at the first call, and makes attempts at later ones."""
    failures = [first]

    def next_attempt() -> Result:
        if failures:
            raise failures.pop()
        return attempt()

    return next_attempt


class RetryBudget:
    """How long the requests of one stream may keep failing, all together.

    Each request may be repeated for `max_s` seconds. Without a budget, a list of a thousand pages
    that each fail for a while would take a thousand times as long. The budget is spent, second by
    second, while requests fail and none succeeds; it grows back as fast while they succeed. Several
    threads may share it.

    Attributes:
        failing_since: when requests began to fail, by the monotonic clock; None if they succeed.
    """

    def __init__(self, max_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_s = max_s
        self._clock = clock
        self._lock = Lock()
        self._left_s = max_s
        self._since = clock()
        self._failing = False
        self.failing_since: float | None = None

    @property
    def left_s(self) -> float:
        """The seconds that are left; 0 or less when the budget is used up."""
        with self._lock:
            self._settle()
            return self._left_s

    def failed(self) -> None:
        """Note that a request failed, and may be repeated."""
        with self._lock:
            self._settle()
            if not self._failing:
                self.failing_since = self._clock()
            self._failing = True

    def succeeded(self) -> None:
        """Note that a request succeeded."""
        with self._lock:
            self._settle()
            self._failing, self.failing_since = False, None

    def cancel(self) -> None:
        """Repeat none of these requests: nobody waits for them any more."""
        with self._lock:
            self._max_s = self._left_s = 0.0

    def _settle(self) -> None:
        now = self._clock()
        passed_s, self._since = now - self._since, now
        change_s = -passed_s if self._failing else passed_s
        self._left_s = min(self._max_s, self._left_s + change_s)


def wait_until(moment: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Sleep until the clock (seconds) shows the moment; return at once if it has passed."""
    while (left := moment - clock()) > 0:
        time.sleep(left)


def waits(
    uniform: Callable[[float, float], float] = random.uniform,
) -> Generator[float, RetryableError, None]:
    """Seconds to wait after each failure that is sent in: exponential with full jitter.

    `Retry-After` is a lower bound.
    """
    ceiling_s = FIRST_CEILING_S
    failure = yield 0.0
    while True:
        failure = yield max(uniform(0, ceiling_s), failure.retry_after_s or 0)
        ceiling_s = min(2 * ceiling_s, LAST_CEILING_S)
