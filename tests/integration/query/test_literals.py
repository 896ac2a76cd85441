"""Graph answers as Python literals."""

from __future__ import annotations

import ast
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import UnsupportedQueryError
from query.literals import literal, rows

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
def test_python_reads_every_value_back(value: Any) -> None:
    assert ast.literal_eval(literal(value)) == value


@given(VALUES)
def test_a_literal_is_one_line_of_utf8(value: Any) -> None:
    assert len(literal(value).encode().decode().splitlines()) <= 1


@given(st.lists(st.lists(SCALARS)))
def test_rows_make_a_list_of_lists(values: list[list[Any]]) -> None:
    assert ast.literal_eval("[" + ", ".join(row.decode() for row in rows(values)) + "]") == values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        (True, "True"),
        (1.0, "1.0"),
        (1e100, "1e+100"),
        (math.inf, "1e999"),
        (-math.inf, "-1e999"),
        (math.nan, "None"),
        ("it's", '"it\'s"'),
        ("a\nb", r"'a\nb'"),
        ("ü🙂", "'ü🙂'"),
        ((1, "a"), "[1, 'a']"),
        ({"k": [None]}, "{'k': [None]}"),
        (datetime(2020, 12, 8, 22, 6, 40, tzinfo=UTC), "'2020-12-08 22:06:40'"),
        (datetime(2020, 12, 9, 0, 6, 40, tzinfo=timezone(timedelta(hours=2))), "'2020-12-08 22:06:40'"),
        (date(2020, 12, 8), "'2020-12-08'"),
        (time(22, 6, 40), "'22:06:40'"),
    ],
)
def test_values_are_spelled_as_the_client_reads_them(value: object, expected: str) -> None:
    assert literal(value) == expected


def test_what_python_could_not_read_back_is_refused() -> None:
    value: list[Any] = []
    for _ in range(1_000):
        value = [value]

    with pytest.raises(UnsupportedQueryError):
        literal(value)
