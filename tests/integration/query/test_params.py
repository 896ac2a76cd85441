"""What a list's query string says."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.catalog import ListQuery
from provgraph.errors import InvalidInputError
from query.params import list_query

WORDS = frozenset({"pageIndex", "pageSize", "sortField", "sortOrder"})
# The characters that `str.isprintable` takes: no controls, separators, surrogates and unassigned ones; but the space.
PRINTABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" "), min_size=1
)


@given(
    st.lists(
        st.tuples(PRINTABLE.filter(lambda name: name not in WORDS), st.text(st.characters(codec="utf-8")))
    )
)
def test_filters_arrive_as_they_were_meant(filters: list[tuple[str, str]]) -> None:
    assert list_query(urlencode(filters).encode()).filters == tuple(filters)


def test_a_plus_is_a_space_and_an_escaped_plus_is_a_plus() -> None:
    assert list_query(b"Type=a+b%2Bc").filters == (("Type", "a b+c"),)


def test_nothing_asks_for_everything_in_order_of_arrival() -> None:
    assert list_query(b"") == ListQuery()


def test_a_size_without_an_index_is_the_first_page() -> None:
    asked = list_query(b"pageSize=5")

    assert (asked.page_index, asked.page_size) == (0, 5)


@pytest.mark.parametrize(
    ("order", "descending"), [("asc", False), ("ASC", False), ("desc", True), ("DesC", True)]
)
def test_an_order_is_understood_in_any_case(order: str, descending: bool) -> None:
    assert list_query(f"sortOrder={order}".encode()).descending is descending


@pytest.mark.parametrize(
    "query_string",
    [
        b"pageSize=0",
        b"pageSize=-1",
        b"pageSize=",
        b"pageSize=1.0",
        b"pageSize=ten",
        b"pageSize=%EF%BC%91",
        b"pageSize=" + b"9" * 5_000,
        b"pageIndex=-1",
        b"pageIndex=x",
        b"sortOrder=up",
        b"sortOrder=",
        b"Type=%FF",
        b"Type=\xff",
    ],
)
def test_what_makes_no_sense_is_refused(query_string: bytes) -> None:
    with pytest.raises(InvalidInputError):
        list_query(query_string)
