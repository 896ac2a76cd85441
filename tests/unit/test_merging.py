"""Comparing ordered streams."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provgraph.merging import side_by_side

texts = st.sets(st.text(max_size=3))


@given(texts, texts)
def test_every_key_appears_once_with_the_sides_that_have_it(left: set[str], right: set[str]) -> None:
    pairs = list(side_by_side(sorted(left), sorted(right), left_key=str, right_key=str))

    keys = [a if a is not None else b for a, b in pairs]
    assert keys == sorted(left | right)
    assert {a for a, _ in pairs if a is not None} == left
    assert {b for _, b in pairs if b is not None} == right
    assert all(a == b for a, b in pairs if a is not None and b is not None)
