"""Facts in texts: bounded, counted, and nothing that can pass for more than it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph import telling

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(_TEXTS, inner, max_size=30),
    max_leaves=60,
)
_PROPERTIES = st.dictionaries(_TEXTS, _JSON, max_size=40)


@given(properties=_PROPERTIES)
def test_properties_take_a_bounded_place_whatever_they_are(properties: dict[str, Any]) -> None:
    told = telling.described(properties)

    assert len(told) < 2_500
    assert (told == "") == (not properties)
    assert (" more}" in told) or len(properties) <= 8


@given(properties=_PROPERTIES)
def test_what_is_kept_for_programs_is_as_it_was_and_the_rest_is_counted(properties: dict[str, Any]) -> None:
    kept, left_out = telling.bounded(properties)

    assert (
        kept.items() <= properties.items()
        if _is_hashable(kept)
        else all(kept[k] == properties[k] for k in kept)
    )
    assert len(kept) + left_out == len(properties)
    assert len(json.dumps(kept, ensure_ascii=False)) < 20 * 600


def _is_hashable(properties: dict[str, Any]) -> bool:
    return not any(isinstance(value, list | dict) for value in properties.values())


def test_few_and_short_properties_are_told_whole() -> None:
    properties = {"outcome": "declined", "score": 0.38, "note": "two words", "flags": [1, None], "empty": ""}

    assert (
        telling.described(properties)
        == '{outcome: declined, score: 0.38, note: "two words", flags: [1, null], empty: ""}'
    )
    assert telling.bounded(properties) == (properties, 0)
    assert telling.described_in_lines(properties)[:2] == ["outcome: declined", "score: 0.38"]


def test_of_many_and_long_properties_the_rest_is_counted() -> None:
    many = {f"p{number}": number for number in range(100)}

    assert telling.described(many).endswith("p7: 7 and 92 more}")
    assert telling.described_in_lines(many)[-1] == "and 95 more"
    assert telling.bounded(many)[1] == 80
    assert telling.described({"log": "x" * 5_000}) == '{log: "' + "x" * 60 + '"\u2026 (5,000 characters)}'
    assert telling.bounded({"log": "x" * 5_000, "a": 1}) == ({"a": 1}, 1)


@given(key=_TEXTS, value=_TEXTS)
def test_a_property_cannot_pass_for_more_than_one(key: str, value: str) -> None:
    told = telling.described({key: value})

    # Outside of quotation marks there is nothing that ends a value or a list of them.
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", told[1:-1]).replace("(100 characters)", "")
    assert not set(outside) & set('{},()[]\n"')


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, ""), (1, "1 s"), (90, "1.5 min"), (7_200, "2 h"), (36 * 3_600, "1.5 d"), (30 * 86_400, "30 d")],
)
def test_a_length_of_time_has_the_unit_that_a_person_would_choose(seconds: float, told: str) -> None:
    assert telling.length(seconds) == told


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({}, ""),
        ({"outcome": "failed"}, "failed"),
        ({"outcome": "aborted", "error": "KeyboardInterrupt"}, "was aborted: KeyboardInterrupt"),
        ({"outcome": "failed", "error": "no rows. And"}, 'failed: "no rows. And"'),
        ({"outcome": "unknown"}, "ended in a way that is not known here"),
        ({"error": "odd"}, "told of an error: odd"),
        ({"outcome": "failed", "error": "x" * 300}, 'failed: "' + "x" * 200 + '"\u2026 (300 characters)'),
    ],
)
def test_how_work_ended_is_told_in_a_few_words(stated: dict[str, str], told: str) -> None:
    assert telling.ended(stated) == told
