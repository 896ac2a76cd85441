"""Conditions against a plain evaluation of Cypher's rules in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.graphstore import cypher
from tests.effort import examples
from tests.unit.graphstore.cypher.graph import INGEST, MISSING, QUOTED_NAME, TRAIN, open_graph

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

Node = dict[str, object]
Truth = bool | None
PROPERTIES = (
    "rk_id",
    "type",
    "emitter",
    "properties",
    "timestamp_client",
    "occurred_at",
    "position",
    "recorded_at",
    "unknown",
)
TEXTS = (
    *(
        "",
        "train",
        "ain",
        "in",
        "trainer",
        "loader",
        "{}",
        "2026-01-03",
        "2026-01-03 00:00:00",
        QUOTED_NAME,
        "\0",
    ),
    *("1", "3", INGEST, TRAIN, MISSING, TRAIN.upper(), "\U0010ffff", "\ud7ff", "t\U0010ffff"),
)
SCALARS = (*TEXTS, None, True, False, -1, 1, 2, 3, 2.0, 2.5, 2**63 - 1)


class Shown(NamedTuple):
    """A piece of Cypher with its meaning: what it is in a row."""

    text: str
    of: Callable[[Node], object]


class Condition(NamedTuple):
    text: str
    of: Callable[[Node], Truth]


# ---------------------------------------------------------------------------------------------- the rules, in Python


def kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def equal(left: object, right: object) -> Truth:
    if left is None or right is None:
        return None
    return kind(left) == kind(right) and left == right


def less(left: object, right: object) -> Truth:
    if left is None or right is None or kind(left) != kind(right):
        return None
    return left < right  # type: ignore[operator,no-any-return] # they have the same kind


def negation(truth: Truth) -> Truth:
    return None if truth is None else not truth


def any_of(truths: list[Truth]) -> Truth:
    return True if True in truths else None if None in truths else False


def all_of(truths: list[Truth]) -> Truth:
    return False if False in truths else None if None in truths else True


def text_test(test: Callable[[str, str], bool]) -> Callable[[object, object], Truth]:
    return lambda left, right: test(left, right) if isinstance(left, str) and isinstance(right, str) else None


OPERATORS: dict[str, Callable[[object, object], Truth]] = {
    "=": equal,
    "<>": lambda left, right: negation(equal(left, right)),
    "<": less,
    "<=": lambda left, right: (
        any_of([less(left, right), equal(left, right)]) if less(left, right) is not None else None
    ),
    ">": lambda left, right: less(right, left),
    ">=": lambda left, right: (
        any_of([less(right, left), equal(left, right)]) if less(right, left) is not None else None
    ),
    "STARTS WITH": text_test(str.startswith),
    "ENDS WITH": text_test(str.endswith),
    "CONTAINS": text_test(str.__contains__),
}


# ---------------------------------------------------------------------------------------------- any condition


def literal(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return {None: "null", True: "true", False: "false"}[value] if kind(value) != "number" else repr(value)  # type: ignore[index] # the rest is hashable


def constant(value: object) -> Shown:
    return Shown(literal(value), lambda _: value)


def stated(key: str) -> Shown:
    return Shown(f"p.{key}", lambda node: node.get(key))


def compared(left: Shown, operator: str, right: Shown) -> Condition:
    meaning = OPERATORS[operator]
    return Condition(
        f"{left.text} {operator} {right.text}", lambda node: meaning(left.of(node), right.of(node))
    )


def listed(left: Shown, values: list[object]) -> Condition:
    text = f"{left.text} IN [{', '.join(map(literal, values))}]"
    return Condition(text, lambda node: any_of([equal(left.of(node), value) for value in values]))


def null_test(operand: Shown, negated: bool) -> Condition:
    text = f"{operand.text} IS {'NOT ' if negated else ''}NULL"
    return Condition(text, lambda node: (operand.of(node) is None) is not negated)


def inverted(one: Condition) -> Condition:
    return Condition(f"NOT ({one.text})", lambda node: negation(one.of(node)))


def combined(word: str, parts: list[Condition]) -> Condition:
    meaning = any_of if word == "OR" else all_of
    text = f" {word} ".join(f"({part.text})" for part in parts)
    return Condition(text, lambda node: meaning([part.of(node) for part in parts]))


PROPERTY = st.sampled_from(PROPERTIES).map(stated)
SCALAR = st.sampled_from([value for value in SCALARS if value != "\ud7ff"])
OPERAND = st.one_of(PROPERTY, SCALAR.map(constant))
SIMPLE = st.one_of(
    st.builds(compared, PROPERTY, st.sampled_from(list(OPERATORS)), OPERAND),
    st.builds(compared, OPERAND, st.sampled_from(list(OPERATORS)), PROPERTY),
    st.builds(listed, OPERAND, st.lists(SCALAR, max_size=4)),
    st.builds(null_test, OPERAND, st.booleans()),
)
CONDITION = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        inner.map(inverted),
        st.builds(combined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=4)),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def pems() -> Iterator[tuple[sqlite3.Connection, list[Node]]]:
    graph = open_graph()
    nodes = [row[0] for row in cypher.run(graph, "MATCH (p:PEM) RETURN p", {}).rows]
    yield graph, nodes  # type: ignore[misc] # a whole node is a dict
    graph.close()


@settings(max_examples=examples(60))
@given(condition=CONDITION)
def test_a_condition_means_in_sql_what_it_means_in_cypher(
    pems: tuple[sqlite3.Connection, list[Node]], condition: Condition
) -> None:
    graph, nodes = pems

    found = cypher.run(graph, f"MATCH (p:PEM) WHERE {condition.text} RETURN p.rk_id", {})

    assert sorted(str(row[0]) for row in found.rows) == sorted(
        str(node["rk_id"]) for node in nodes if condition.of(node) is True
    )


@pytest.mark.parametrize("text", [text for text in TEXTS if text.isprintable()])
def test_a_parameter_means_the_same_as_the_literal(
    pems: tuple[sqlite3.Connection, list[Node]], text: str
) -> None:
    written = cypher.compile(f"MATCH (p:PEM) WHERE p.type STARTS WITH {literal(text)} RETURN p", {})
    given_ = cypher.compile("MATCH (p:PEM) WHERE p.type STARTS WITH $text RETURN p", {"text": text})

    assert (written.sql, written.values) == (given_.sql, given_.values)


@given(text=st.text(max_size=3), suffix=st.text(max_size=3))
def test_text_tests_hold_for_any_characters(text: str, suffix: str) -> None:
    graph = open_graph()
    graph.execute("INSERT INTO artifact VALUES (1000, ?, '{}', '', 0, 0, 0)", ("x" + text + suffix,))
    query = (
        "MATCH (a:Artifact) WHERE a.created_at = '' AND a.rk_id STARTS WITH $start "
        "AND a.rk_id ENDS WITH $end AND a.rk_id CONTAINS $end AND NOT a.rk_id STARTS WITH $more RETURN count(a)"
    )

    found = cypher.run(graph, query, {"start": "x" + text, "end": suffix, "more": "x" + text + suffix + "\0"})
    graph.close()

    assert [list(row) for row in found.rows] == [[1]]
