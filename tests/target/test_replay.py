"""Which records without a key were sent before: each decision, and counts in any order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_invoiced.ledger.replay import (
    Candidates,
    Decision,
    Doubt,
    Entry,
    Hold,
    Match,
    New,
    Stage,
    at_end,
    at_state,
    on_arrival,
)

S, OTHER = b"a STATE", b"another STATE"


def entry(id: str, state: bytes | None = None, line: bytes = b"") -> Entry:
    return Entry(
        id=id, stream="payments", digest=b"content", stage=Stage.SETTLED, state=state, line=line
    )


PENDING, COVERED, SAME = entry("p"), entry("c", S), entry("l", S, b"line 7")


@pytest.mark.parametrize(
    ("equal", "may_hold", "decision"),
    [
        pytest.param([], True, New(), id="nothing-equal-was-sent"),
        pytest.param([PENDING], True, Match(PENDING), id="a-pending-one"),
        pytest.param([COVERED], True, Hold(), id="a-covered-one"),
        pytest.param([SAME], True, Hold(), id="a-covered-one-of-the-same-line"),
        pytest.param([PENDING, COVERED], True, Hold(), id="pending-and-covered"),
        pytest.param([PENDING, COVERED], False, Match(PENDING), id="too-many-held-and-a-pending"),
        pytest.param([COVERED, SAME], False, Match(SAME), id="too-many-held-and-the-same-line"),
        pytest.param([COVERED], False, Doubt(COVERED), id="too-many-held"),
    ],
)
def test_a_record_comes(equal: list[Entry], may_hold: bool, decision: Decision) -> None:
    assert on_arrival(equal, b"line 7", may_hold=may_hold) == decision


@pytest.mark.parametrize(
    ("equal", "state", "decision"),
    [
        pytest.param([COVERED], S, Match(COVERED), id="the-same-state"),
        pytest.param([COVERED], OTHER, New(), id="another-state"),
        pytest.param([PENDING, COVERED], S, Match(COVERED), id="the-same-state-goes-first"),
        pytest.param([PENDING, COVERED], OTHER, Match(PENDING), id="another-state-and-a-pending"),
        pytest.param([SAME], OTHER, New(), id="another-state-after-the-same-line"),
    ],
)
def test_a_state_follows(equal: list[Entry], state: bytes, decision: Decision) -> None:
    assert at_state(equal, state) == decision


@pytest.mark.parametrize(
    ("equal", "decision"),
    [
        pytest.param([COVERED], Doubt(COVERED), id="covered"),
        pytest.param([COVERED, PENDING], Match(PENDING), id="covered-and-pending"),
        pytest.param([COVERED, SAME], Match(SAME), id="the-same-line"),
    ],
)
def test_the_input_ends(equal: list[Entry], decision: Decision) -> None:
    assert at_end(equal, b"line 7") == decision


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_each_pending_entry_is_matched_once_in_any_order(sent: list[str], comes: list[str]) -> None:
    entries = [
        Entry(id=str(number), stream="s", digest=content.encode(), stage=Stage.SETTLED)
        for number, content in enumerate(sent)
    ]
    candidates, new, matched = Candidates.of(entries), Counter[str](), set()
    for content in comes:
        match on_arrival(candidates.equal(content.encode()), b""):
            case Match(found):
                candidates.take(found)
                assert found.id not in matched
                matched.add(found.id)
            case _:
                new[content] += 1
    assert new == Counter(comes) - Counter(sent)
    assert len(matched) == (Counter(comes) & Counter(sent)).total()
