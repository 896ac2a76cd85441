"""Whatever comes in, one of two errors comes out, and no other."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.errors import InvalidInputError
from provgraph.graphstore import cypher
from provgraph.graphstore.cypher.lexer import scan
from tests.effort import examples
from tests.unit.graphstore.cypher.graph import open_graph
from tests.unit.graphstore.cypher.test_refusals import INVALID, UNSUPPORTED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

VALID = (
    "MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at",
    """MATCH (p:PEM {type: 'train', position: $n})-[u:USES {version: null}]->(a)
    WHERE p.rk_id IN [$n, 'x', -1.5e3] AND NOT (a.rk_id STARTS WITH "t\\u0041" OR p.type IS NOT NULL)
    RETURN DISTINCT p, u, type(u), labels(p) ORDER BY p.occurred_at DESC, u SKIP 1 LIMIT 5;""",
    """MATCH (t:Tag)-[:MARKS]->(p) /* x */ WHERE p.emitter = 'a' OR p.type CONTAINS p.emitter
    RETURN count(DISTINCT t) AS n""",
)
PIECES = sorted({token.text for query, _ in UNSUPPORTED + INVALID[:40] for token in scan(query)})
PIECES += [
    "'",
    '"',
    "`",
    "/*",
    "//",
    "\\",
    "$",
    "\0",
    "\ud800",
    "9" * 30,
    "(" * 60,
    "NOT " * 60,
    "é",
    "\u2028",
]
PARAMETERS = st.dictionaries(
    st.sampled_from(["n", "x"]),
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(codec=None), max_size=3),
        st.binary(max_size=2),
        st.lists(st.one_of(st.integers(), st.text(max_size=2), st.lists(st.none())), max_size=3),
        st.dictionaries(st.text(max_size=1), st.none(), max_size=1),
    ),
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=80)
SOUP = st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A query that was valid, with some of its tokens left out, doubled, replaced or swapped."""
    tokens = [token.text for token in scan(draw(st.sampled_from(VALID)))]
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(tokens))), draw(st.integers(0, 2))
        tokens[at : at + length] = draw(st.lists(st.sampled_from([*PIECES, *tokens]), max_size=2))
    return draw(st.sampled_from(["", " ", "\n"])).join(tokens)


@pytest.fixture(scope="module")
def graph() -> Iterator[sqlite3.Connection]:
    connection = open_graph()
    yield connection
    connection.close()


@settings(max_examples=examples(100))
@given(query=st.one_of(ANY_TEXT, SOUP, mutated()), parameters=PARAMETERS)
def test_any_text_is_answered_or_refused_and_nothing_else(
    graph: sqlite3.Connection, query: str, parameters: dict[str, object]
) -> None:
    cypher.is_write(query)
    with contextlib.suppress(InvalidInputError):
        cypher.run(graph, query, parameters)


LEAF = "(p.occurred_at >= 'a' AND NOT p.emitter ENDS WITH p.type AND p.rk_id STARTS WITH 'a')"


@pytest.mark.parametrize(
    "condition",
    [
        " OR ".join(["p.emitter = 'x'"] * 500),
        " OR ".join(["p.occurred_at ENDS WITH p.occurred_at"] * 500),
        " AND ".join(["NOT p.occurred_at STARTS WITH 'a'"] * 500),
        " OR ".join([f"p.type IN [{', '.join(str(number) + '.5' for number in range(900))}]"] * 11),
        f"p.type IN [{', '.join(repr(str(number)) for number in range(9_900))}]",
        "".join(f"NOT (p.type = '{level}' {'AND' if level % 2 else 'OR'} " for level in range(9))
        + LEAF
        + ")" * 9,
        "".join(f"(p.type = 'x' {'AND' if level % 2 else 'OR'} " for level in range(18))
        + LEAF[1:-1]
        + ")" * 18,
        "".join(f"(p.type = 'x' {'AND' if level % 2 else 'OR'} " for level in range(17))
        + " OR ".join([LEAF] * 150)
        + ")" * 17,
        "(" * 40 + "true" + ")" * 40,
        "NOT " * 20_001 + "true",
    ],
    ids=lambda condition: condition[:30],
)
def test_the_largest_queries_that_are_accepted_run(graph: sqlite3.Connection, condition: str) -> None:
    cypher.run(graph, f"MATCH (p:PEM) WHERE {condition} RETURN p.rk_id", {})


def test_a_hundred_columns_that_are_sorted_by_can_be_returned(graph: sqlite3.Connection) -> None:
    columns = ", ".join(f"p AS c{number}" for number in range(100))
    keys = ", ".join(["p.occurred_at"] * 100)

    assert len(cypher.run(graph, f"MATCH (p:PEM) RETURN {columns} ORDER BY {keys}", {}).columns) == 100


def test_values_never_reach_the_statement() -> None:
    condition = "p.type STARTS WITH 'x2' OR p.rk_id IN [$x, 'x4'] OR p.`x5` = 77"
    query = f"MATCH (p:PEM {{type: 'x1'}}) WHERE {condition} RETURN p LIMIT 88"

    compiled = cypher.compile(query, {"x": "x3"})

    assert not any(piece in compiled.sql for piece in ("x1", "x2", "x3", "x4", "x5", "77", "88"))
