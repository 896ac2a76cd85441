"""Graph queries as Record Keeper's client pastes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import InvalidInputError
from query.graphquery import read

QUERIES = st.text(st.characters(codec="utf-8"))


def pasted(query: str, kind: str = "rw") -> bytes:
    return f'{{"query": "{query}", "type": "{kind}"}}'.encode()


@given(QUERIES)
def test_an_escaped_query_is_what_was_meant(query: str) -> None:
    assert read(json.dumps({"query": query, "type": "r"}).encode()) == query


@given(st.text(alphabet='"\\\n ,:{}typerw'))
def test_a_pasted_query_that_is_no_json_is_taken_as_it_is(query: str) -> None:
    try:
        json.loads(pasted(query))
    except json.JSONDecodeError:
        assert read(pasted(query)) == query


def test_a_query_that_quotes_the_frame_is_cut_at_its_last_end() -> None:
    query = 'RETURN "a", "type": "r"} x'

    assert read(pasted(query)) == query


@pytest.mark.parametrize("kind", ["r", "rw", "w"])
def test_a_type_says_nothing_of_a_query(kind: str) -> None:
    assert read(pasted("RETURN 1", kind)) == "RETURN 1"


def test_a_type_may_be_left_out() -> None:
    assert read(b'{"query": "RETURN 1"}') == "RETURN 1"


def test_of_two_equal_keys_the_last_one_counts() -> None:
    assert read(b'{"query": "a", "type": "r", "query": "b", "type": "rw"}') == "b"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"5",
        b'{"query": 1, "type": "r"}',
        b'{"query": "a", "type": null}',
        b'{"query": "a',
        b'{"query": "a"b"}',
        b'{"query": "\xff", "type": "r"}',
        pasted("RETURN 1", "x"),
        pasted("RETURN 1", ""),
    ],
)
def test_what_is_no_query_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read(body)
