"""Taking a JSON array apart without reading its items."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.events.arrays import items

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(json_values, max_size=6), st.booleans(), st.sampled_from([None, 0, 1, "\t"]))
def test_the_items_are_the_texts_between_the_commas(
    values: list[Any], is_ascii: bool, indent: int | str | None
) -> None:
    body = json.dumps(values, ensure_ascii=is_ascii, indent=indent).encode(errors="surrogatepass")

    found = items(b" " + body + b"\n")

    assert found is not None
    assert len(found) == len(values)
    assert [repr(json.loads(text)) for text in found] == [repr(value) for value in values]
    assert found[1:3] == list(found)[1:3]


@pytest.mark.parametrize(
    "text", [b"NaN", b"1e999", b'"\xff"', b'{"a":}', b"[}", b"x y", b'"\\ud800"', b"9" * 9_999, b'"\\"],["']
)
def test_what_stands_between_need_not_be_json(text: bytes) -> None:
    found = items(b'[{"a": 1},' + text + b",2]")

    assert found is not None
    assert list(found) == [b'{"a": 1}', text, b"2"]


@pytest.mark.parametrize("depth", [1, 254, 1_024, 100_000])
def test_an_item_may_be_nested_without_end(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth

    found = items(b"[1," + deep + b"]")

    assert found is not None
    assert list(found) == [b"1", deep]


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"[",
            b"]",
            b"{}",
            b"5",
            b"[1",
            b"[1,]",
            b"[,1]",
            b"[1,,2]",
            b"[,]",
            b"[1]]",
            b"[1],[2]",
            b"[1]2",
        ),
        *(b"x[1]", b"1,2", b'["a]', b'["a\\"]', b"[1}", b"{1]", b"[{]", b'"[1]"', b"\xef\xbb\xbf[1]"),
    ],
)
def test_what_is_no_array_has_no_items(body: bytes) -> None:
    assert items(body) is None


@pytest.mark.parametrize("body", [b"[]", b" [\n] "])
def test_an_empty_array_has_none(body: bytes) -> None:
    found = items(body)

    assert found is not None
    assert list(found) == []


@given(
    st.binary(max_size=30).map(lambda odd: b"[" + odd + b"]")
    | st.text('[]{}",\\ a1', max_size=20).map(str.encode)
)
def test_an_array_for_json_is_an_array_here(body: bytes) -> None:
    try:
        values = json.loads(body)
    except ValueError:
        return
    found = items(body)

    assert (found is not None) == isinstance(values, list)
    if found is not None:
        assert [repr(json.loads(text)) for text in found] == [repr(value) for value in values]
