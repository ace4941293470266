"""The limit is halved when requests were too many, and grows back one by one."""

import pytest

from invoiced_api.concurrency import ConcurrencyLimiter


def refuse(limiter: ConcurrencyLimiter) -> None:
    with limiter.acquire() as token:
        limiter.on_throttled(token)


def answer(limiter: ConcurrencyLimiter, times: int) -> None:
    for _ in range(times):
        with limiter.acquire():
            limiter.on_success()


def test_it_halves_on_each_refusal_down_to_one():
    limiter = ConcurrencyLimiter(16)
    limits = []
    for _ in range(6):
        refuse(limiter)
        limits.append(limiter.limit)
    assert limits == [8, 4, 2, 1, 1, 1]


def test_requests_refused_together_halve_it_once():
    limiter = ConcurrencyLimiter(16)
    with limiter.acquire() as one, limiter.acquire() as other:
        limiter.on_throttled(one)
        limiter.on_throttled(other)
    assert limiter.limit == 8


def test_it_grows_back_by_one_after_as_many_answers_as_it_lets_through():
    limiter = ConcurrencyLimiter(16)
    refuse(limiter)
    answer(limiter, 7)
    assert limiter.limit == 8
    answer(limiter, 1)
    assert limiter.limit == 9
    answer(limiter, 1_000)
    assert limiter.limit == 16


@pytest.mark.parametrize("connections", [0, 21, -1])
def test_more_than_invoiced_lets_through_is_no_gate(connections):
    with pytest.raises(ValueError, match="1 to 20 connections"):
        ConcurrencyLimiter(connections)
