"""What the passes over a list keep about its rows."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from invoiced_api.reading.known_rows import KnownRows

KEYS = st.integers(-5, 30) | st.sampled_from(["vat", ("vat",), 2**62])


@given(st.lists(st.tuples(KEYS, st.integers(0, 2**60), st.integers(1, 20))))
def test_rows_are_known_like_in_a_dictionary(rows: list[tuple[Any, int, int]]) -> None:
    known, expected = KnownRows(), dict[Any, tuple[int, int]]()
    for key, moment, number in rows:
        assert known.get(key) == expected.get(key)
        known.put(key, moment, number)
        expected[key] = (min(moment, 2**50), number)
    assert len(known) == len(expected)
    assert all(known.get(key) == state for key, state in expected.items())
