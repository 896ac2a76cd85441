"""Comparing ordered streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import CorruptStoreError
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


@pytest.mark.parametrize("sides", [([1, 3, 2], []), ([], [2, 1]), ([1, 1], [1])])
def test_what_is_not_in_order_is_refused_and_not_taken_for_missing(
    sides: tuple[list[int], list[int]],
) -> None:
    with pytest.raises(CorruptStoreError, match="in order"):
        list(side_by_side(*sides, left_key=_itself, right_key=_itself))


def _itself(item: int | None) -> int:
    assert item is not None
    return item
