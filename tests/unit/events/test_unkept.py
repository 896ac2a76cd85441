"""What is told of keys and digits that are not kept."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isinf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.events import canonical
from provgraph.events.unkept import is_kept, unkept

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])


def told(body: bytes | str) -> list[tuple[str | None, str]]:
    """Return field and rule of what is told of a body."""
    raw = body.encode() if isinstance(body, str) else body
    return [(each.field, each.rule) for each in unkept(raw, canonical.loads(raw))]


@given(json_values, st.booleans(), separators)
def test_nothing_is_told_of_what_a_program_wrote(value: Any, is_ascii: bool, parts: tuple[str, str]) -> None:
    assert told(json.dumps(value, ensure_ascii=is_ascii, separators=parts)) == []


@given(st.dictionaries(texts, json_values, min_size=1, max_size=4), st.data(), st.booleans(), separators)
def test_every_doubled_key_is_told_with_its_place(
    value: dict[str, Any], data: st.DataObject, is_ascii: bool, parts: tuple[str, str]
) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    again = json.dumps({key: data.draw(json_values)}, ensure_ascii=data.draw(st.booleans()), separators=parts)
    once = json.dumps(value, ensure_ascii=is_ascii, separators=parts)
    body = f'{{"Properties"{parts[1]}[{again[:-1]}{parts[0]}{once[1:]}]}}'

    (found,) = unkept(body.encode(), canonical.loads(body.encode()))

    assert found.rule == "doubled-key"
    assert found.field is not None
    assert found.field.startswith("Properties[0].")
    assert "is given twice; the last one is kept" in found.detail


numbers = st.from_regex(r"\A-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,4})?\Z")


@given(numbers, st.sampled_from(["{}", "[1,{}]", '{{"a": {}}}', '{{"a":[\n{}\t]}}', '["x:1",{},"e-300"]']))
def test_a_number_is_told_exactly_when_another_one_is_kept(text: str, form: str) -> None:
    is_integer = text.lstrip("-").isdigit()
    if isinf(float(text)) or (is_integer and not -(2**63) <= int(text) < 2**63):
        return  # refused

    rules = [rule for _, rule in told(form.format(text))]

    kept = Decimal(text) if is_integer else Decimal(repr(float(text)))
    assert rules == ([] if Decimal(text) == kept else ["inexact-number"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"a": 1, "a": 1}', [("a", "doubled-key")]),
        ('{"a": 1, "\\u0061": 2}', [("a", "doubled-key")]),
        ('{"a": {"b": [0, {"c": 1, "c": 2}]}}', [("a.b[1].c", "doubled-key")]),
        ('{"a:b": 1, "a\\u003ab": 2}', [("a:b", "doubled-key")]),
        ('{"a": 0.1000000000000000055}', [("a", "inexact-number")]),
        ('{"a": 9007199254740993.0}', [("a", "inexact-number")]),
        ('{"a": 1e-400}', [("a", "inexact-number")]),
        ('{"a": 1e-99999999999999999999}', [("a", "inexact-number")]),
        ('{"a": 0e-99999999999999999999}', []),
        ("0.1000000000000000055", [(None, "inexact-number")]),
        ('{"a": 1.50, "b": 15E-1, "c": 0.30000000000000004, "d": 1e23, "e": -0.0}', []),
        ('{"a": "0.1000000000000000055", "b": "x\\": 1e-400 ,"}', []),
    ],
)
def test_what_is_told_and_where(body: str, expected: list[tuple[str | None, str]]) -> None:
    assert told(body) == expected


def test_a_long_list_is_cut_and_the_rest_counted() -> None:
    body = "[" + ",".join(['{"a":1,"a":2}'] * 25) + "]"

    found = unkept(body.encode(), canonical.loads(body.encode()))

    assert [each.rule for each in found] == ["doubled-key"] * 10 + ["further"]
    assert found[-1].detail == "15 more of what was sent is not kept"


def test_names_of_places_are_short_and_can_be_written() -> None:
    deep: Any = '{"k":1,"k":2}'
    for _ in range(200):
        deep = f'{{"{"n" * 100}":{deep}}}'

    (found,) = unkept(deep.encode(), canonical.loads(deep.encode()))

    assert found.field is not None
    assert len(found.field) <= 300


@given(json_values)
def test_compact_json_is_known_at_a_glance(value: Any) -> None:
    body = canonical.dumps(value)

    assert is_kept(body, canonical.loads(body))
