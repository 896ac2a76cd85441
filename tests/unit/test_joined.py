from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.joined import escaped, joined, parted, unescaped

# Mostly what a spelling could trip over.
texts = st.text(st.sampled_from("/%25Ff~#@.\0 ä") | st.characters(codec="utf-8"), max_size=8)
lists = st.lists(texts, min_size=1, max_size=4)


@given(lists)
def test_the_parts_are_read_back(parts: list[str]) -> None:
    assert parted(joined(parts)) == parts


@given(lists, lists)
def test_no_two_lists_give_the_same_text(one: list[str], other: list[str]) -> None:
    assert (joined(one) == joined(other)) == (one == other)


@given(texts)
def test_a_text_that_can_be_read_is_one_that_is_written(text: str) -> None:
    parts = parted(text)

    assert parts is None or joined(parts) == text


@given(texts)
def test_a_part_is_read_back_from_its_spelling(part: str) -> None:
    assert unescaped(escaped(part)) == part
    assert "/" not in escaped(part)


def test_ordinary_names_are_joined_as_they_are() -> None:
    assert joined(["core-1", "xe-0"]) == "core-1/xe-0"
    assert joined(["core-1", "xe-0/0/1"]) == "core-1/xe-0%2F0%2F1"


@pytest.mark.parametrize("text", ["50%", "a%2fb", "%41", "a/%"])
def test_what_is_never_written_is_not_read(text: str) -> None:
    assert parted(text) is None


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="no parts"):
        joined([])
