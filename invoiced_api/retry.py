"""The only place that waits and asks again."""

import logging
import random
import time
from collections.abc import Callable, Generator, Mapping
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
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """The attempt's result, repeated on `RetryableError` while less than `max_s` seconds have passed.

    Raises the last `RetryableError` when they have, at most one attempt's time later, or when the next
    attempt would have to wait for longer than that.
    """
    deadline = clock() + max_s
    first: RetryableError | None = None
    try:
        return attempt()
    except RetryableError as failure:
        first = failure

    def next_attempt() -> Result:
        nonlocal first
        if first:
            failure, first = first, None
            raise failure
        return attempt()

    def too_late(failure: Exception) -> bool:
        # backoff looks at the time before an attempt only, which may itself take a minute, and
        # would cut short what has to be waited for.
        wish_s = failure.retry_after_s if isinstance(failure, RetryableError) else None
        return clock() + (wish_s or 0) >= deadline

    def announce(details: Mapping[str, Any]) -> None:
        on_retry()
        LOGGER.warning("%s; trying again in %.1f s", details["exception"], details["wait"])

    repeated: Callable[[Callable[[], Result]], Callable[[], Result]] = backoff.on_exception(
        waits,  # type: ignore[arg-type]  # backoff's hints leave out what it sends in
        RetryableError,
        max_time=max_s,
        giveup=too_late,
        jitter=None,
        on_backoff=announce,
        logger=None,
    )
    return repeated(next_attempt)()


def wait_until(moment: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Return when the clock (seconds) shows the moment, at once if it has passed."""
    while (left := moment - clock()) > 0:
        time.sleep(left)


def waits(
    uniform: Callable[[float, float], float] = random.uniform,
) -> Generator[float, RetryableError, None]:
    """Seconds to wait after each failure sent in: exponential with full jitter.

    What the server asked for in `Retry-After` is a lower bound.
    """
    ceiling_s = FIRST_CEILING_S
    failure = yield 0.0
    while True:
        failure = yield max(uniform(0, ceiling_s), failure.retry_after_s or 0)
        ceiling_s = min(2 * ceiling_s, LAST_CEILING_S)
