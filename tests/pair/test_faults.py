"""A network that fails in every way still leaves an equal copy, without a restart."""

from collections.abc import Callable
from typing import Any

import pytest

from invoiced_emulator import Account, Faults

SHARE = 0.05
MIXED: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 429, "retry_after": 0},
    {"kind": "status", "status": 500, "remembered": True},
    {"kind": "status", "status": 502, "html": True},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "half_body"},
    {"kind": "garbage"},
    {"kind": "stall", "seconds": 0.2},
)
LOST_ANSWERS: tuple[dict[str, Any], ...] = (
    {"kind": "drop_after", "share": 0.15, "methods": ["POST", "PUT"]},
    {"kind": "half_body", "share": 0.05, "methods": ["POST", "PUT"]},
    # Longer than the target waits, so that the request is still under way when it gives up.
    {"kind": "stall", "seconds": 1.5, "times": 3, "share": 0.03, "methods": ["POST", "PUT"]},
)


@pytest.mark.parametrize("seed", range(4))
def test_faults_in_a_twentieth_of_the_requests_of_both_sides_change_nothing(
    seed: int, shop: Account, whole_copy: Any, copying: Callable[..., Any]
) -> None:
    rules = [{**rule, "share": SHARE / len(MIXED)} for rule in MIXED]
    copy = copying(
        shop,
        at_source={"faults": Faults(rules, seed=seed)},
        at_copy={"faults": Faults(rules, seed=100 + seed)},
        of_tap={"page_size": 10},
        request_timeout=1,
    )
    ended = copy.pipe.run()
    assert (ended.tap, ended.target) == (0, 0), ended.log
    assert copy.copied == whole_copy.copied
    assert ended.log.count("retrying in") > 5


@pytest.mark.parametrize("seed", range(3))
def test_lost_answers_create_nothing_twice(
    seed: int, shop: Account, whole_copy: Any, copying: Callable[..., Any]
) -> None:
    faults = Faults(LOST_ANSWERS, seed=seed)
    copy = copying(shop, at_copy={"faults": faults}, request_timeout=1)
    ended = copy.pipe.run()
    assert ended.target == 0, ended.log
    lost = [request for request in copy.copy.requests if request.status == 0]
    assert len(lost) > 20
    assert copy.copied == whole_copy.copied
