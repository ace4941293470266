"""The waits between attempts, and when there is no further attempt."""

import pytest

from invoiced_api.exceptions import RecordRejectedError, RetryableError
from invoiced_api.retry import RetryBudget, duration, retrying, waits


def waited(uniform, *failures):
    generator = waits(uniform)
    next(generator)
    return [generator.send(failure) for failure in failures]


def longest(_, ceiling):
    return ceiling


def shortest(floor, _):
    return floor


PLAIN = RetryableError("failed")


@pytest.mark.parametrize(
    ("uniform", "failures", "expected"),
    [
        pytest.param(longest, [PLAIN] * 4, [0.25, 0.5, 1, 2], id="ceiling-doubles"),
        pytest.param(shortest, [PLAIN] * 3, [0, 0, 0], id="full-jitter-starts-at-nothing"),
        pytest.param(
            longest, [PLAIN] * 11, [*(0.25 * 2**n for n in range(8)), 60, 60, 60], id="up-to-60-s"
        ),
        pytest.param(
            shortest, [RetryableError("", retry_after_s=7)], [7], id="retry-after-is-a-lower-bound"
        ),
        pytest.param(
            longest,
            [RetryableError("", retry_after_s=0.1)],
            [0.25],
            id="retry-after-does-not-shorten",
        ),
        pytest.param(
            longest, [RetryableError("", retry_after_s=7), PLAIN], [7, 0.5], id="and-holds-once"
        ),
    ],
)
def test_waits_grow_and_honour_the_server(uniform, failures, expected):
    assert waited(uniform, *failures) == expected


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "less than 0.1 s"), (0.099, "less than 0.1 s"), (0.1, "0.1 s"), (12.34, "12.3 s")],
)
def test_a_short_wait_is_not_shown_as_none(seconds, shown):
    assert duration(seconds) == shown


class Attempts:
    """Fails `failures` times; each attempt takes `seconds` on its own clock."""

    def __init__(self, failures, seconds=0.0):
        self.failures, self.seconds = failures, seconds
        self.made = 0
        self.now = 100.0

    def clock(self):
        return self.now

    def __call__(self):
        self.made += 1
        self.now += self.seconds
        if self.made <= self.failures:
            raise RetryableError(f"attempt {self.made} failed")
        return "done"


def test_a_result_is_brought_back_and_each_retry_counted():
    attempts, counted = Attempts(2), []
    result = retrying(attempts, max_s=10, on_retry=lambda: counted.append(1), clock=attempts.clock)
    assert (result, attempts.made, len(counted)) == ("done", 3, 2)


def test_it_gives_up_with_the_last_failure_once_the_time_is_over():
    attempts = Attempts(failures=99, seconds=4)
    with pytest.raises(RetryableError, match="attempt 3 failed"):
        retrying(attempts, max_s=10, on_retry=lambda: None, clock=attempts.clock)


def test_an_attempt_that_took_all_the_time_is_not_repeated():
    """A request may take a minute: the time is checked after an attempt as well."""
    attempts = Attempts(failures=99, seconds=60)
    with pytest.raises(RetryableError):
        retrying(attempts, max_s=10, on_retry=lambda: None, clock=attempts.clock)
    assert attempts.made == 1


def test_what_has_to_be_waited_for_is_not_cut_short():
    made = []

    def slow():
        made.append(1)
        raise RetryableError("still at it", retry_after_s=60)

    with pytest.raises(RetryableError, match="still at it"):
        retrying(slow, max_s=10, on_retry=lambda: None)
    assert len(made) == 1


def test_a_refusal_is_not_repeated():
    made = []

    def refused():
        made.append(1)
        raise RecordRejectedError("no")

    with pytest.raises(RecordRejectedError):
        retrying(refused, max_s=10, on_retry=lambda: None)
    assert len(made) == 1


# The budget of a stream


class Stopwatch:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_budget_is_spent_while_requests_fail_and_grows_back_while_they_succeed():
    clock = Stopwatch()
    budget = RetryBudget(300, clock)
    clock.now = 1_000
    assert budget.left_s == 300
    budget.failed()
    clock.now += 200
    assert budget.left_s == 100
    budget.succeeded()
    clock.now += 50
    assert budget.left_s == 150
    clock.now += 1_000
    assert budget.left_s == 300


def test_pages_that_each_fail_for_a_while_take_no_longer_than_one():
    """A list of a thousand pages would otherwise take a thousand times `max_retry_seconds`."""
    clock = Stopwatch()
    budget = RetryBudget(300, clock)

    def page():
        for _ in range(29):
            clock.now += 10
            budget.failed()
            if budget.left_s <= 0:
                return False
        budget.succeeded()
        return True

    pages = 0
    while page():
        pages += 1
    assert pages < 2
    assert clock.now < 2 * 300


def test_no_request_is_repeated_once_its_budget_is_used_up_or_canceled():
    budget = RetryBudget(300)
    attempts = []

    def attempt():
        attempts.append(1)
        budget.failed()
        budget.cancel()
        raise RetryableError("failed")

    with pytest.raises(RetryableError):
        retrying(attempt, max_s=300, on_retry=lambda: None, budget=budget)
    assert len(attempts) == 1
