"""The gate halves when requests were too many, and opens again one by one."""

import pytest

from invoiced_api.gate import ConcurrencyLimiter


def refuse(gate: ConcurrencyLimiter) -> None:
    with gate.passing() as token:
        gate.too_many(token)


def answer(gate: ConcurrencyLimiter, times: int) -> None:
    for _ in range(times):
        with gate.passing():
            gate.fine()


def test_it_halves_on_each_refusal_down_to_one():
    gate = ConcurrencyLimiter(16)
    limits = []
    for _ in range(6):
        refuse(gate)
        limits.append(gate.limit)
    assert limits == [8, 4, 2, 1, 1, 1]


def test_requests_refused_together_halve_it_once():
    gate = ConcurrencyLimiter(16)
    with gate.passing() as one, gate.passing() as other:
        gate.too_many(one)
        gate.too_many(other)
    assert gate.limit == 8


def test_it_grows_back_by_one_after_as_many_answers_as_it_lets_through():
    gate = ConcurrencyLimiter(16)
    refuse(gate)
    answer(gate, 7)
    assert gate.limit == 8
    answer(gate, 1)
    assert gate.limit == 9
    answer(gate, 1_000)
    assert gate.limit == 16


@pytest.mark.parametrize("connections", [0, 21, -1])
def test_more_than_invoiced_lets_through_is_no_gate(connections):
    with pytest.raises(ValueError, match="1 to 20 connections"):
        ConcurrencyLimiter(connections)
