"""Graph queries as Record Keeper's client pastes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import InvalidInputError
from query.graphquery import GraphQuery, read

QUERIES = st.text(st.characters(codec="utf-8"))


def pasted(query: str, kind: str = "rw") -> bytes:
    return f'{{"query": "{query}", "type": "{kind}"}}'.encode()


@given(QUERIES)
def test_an_escaped_query_is_what_was_meant(query: str) -> None:
    assert read(json.dumps({"query": query, "type": "r"}).encode()) == GraphQuery(query, may_write=False)


@given(st.text(alphabet='"\\\n ,:{}typerw'))
def test_a_pasted_query_that_is_no_json_is_taken_as_it_is(query: str) -> None:
    try:
        json.loads(pasted(query))
    except json.JSONDecodeError:
        assert read(pasted(query)).text == query


def test_a_query_that_quotes_the_frame_is_cut_at_its_last_end() -> None:
    query = 'RETURN "a", "type": "r"} x'

    assert read(pasted(query)) == GraphQuery(query, may_write=True)


@pytest.mark.parametrize(("kind", "may_write"), [("r", False), ("rw", True), ("w", True)])
def test_a_type_says_whether_the_query_may_write(kind: str, may_write: bool) -> None:
    assert read(pasted("RETURN 1", kind)).may_write is may_write


def test_without_a_type_a_query_may_write_as_by_default() -> None:
    assert read(b'{"query": "RETURN 1"}') == GraphQuery("RETURN 1", may_write=True)


def test_of_two_equal_keys_the_last_one_counts() -> None:
    assert read(b'{"query": "a", "type": "r", "query": "b", "type": "rw"}') == GraphQuery("b", may_write=True)


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
