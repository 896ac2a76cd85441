"""Limits on time and rows, the use of indexes, and the examples of the documentation."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from provgraph.errors import InvalidInputError
from provgraph.graphstore import cypher
from provgraph.graphstore.cypher.model import RAW_ID_FUNCTION
from tests.unit.graphstore.cypher.graph import INGEST, open_graph

DOCUMENTED = Path(__file__).parents[4] / "docs" / "reference" / "cypher.md"
EXAMPLES = re.findall(r"```cypher\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
EXAMPLE_PARAMETERS = {"id": INGEST, "names": ["table/customers"], "size": 10}


def test_more_rows_than_allowed_are_refused_not_cut(graph: sqlite3.Connection) -> None:
    query = "MATCH (a:Artifact) RETURN a"

    assert len(cypher.run(graph, query, {}, max_rows=4).rows) == 4
    with pytest.raises(InvalidInputError, match="more than 3 rows: add a LIMIT"):
        cypher.run(graph, query, {}, max_rows=3)


def test_a_query_that_takes_too_long_is_stopped_and_the_connection_goes_on() -> None:
    graph = open_graph()
    rows = [(number, f"name{number}") for number in range(100, 20_000)]
    graph.executemany("INSERT INTO artifact VALUES (?, ?, '{}', '', 0, 0, 0)", rows)
    query = "MATCH (a:Artifact) WHERE a.rk_id CONTAINS 'zzz' RETURN count(a)"

    with pytest.raises(InvalidInputError, match="more than 0 seconds"):
        cypher.run(graph, query, {}, timeout_seconds=0)
    result = cypher.run(graph, query, {})
    graph.close()

    assert [list(row) for row in result.rows] == [[0]]


def test_other_errors_of_the_database_pass_through() -> None:
    empty = sqlite3.connect(":memory:")

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        cypher.run(empty, "MATCH (a:Artifact) RETURN a", {}, timeout_seconds=5)
    empty.close()


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (p:PEM {rk_id: $id}) RETURN p",
        "MATCH (p:PEM) WHERE p.rk_id = $id AND p.type = 'x' RETURN p",
        "MATCH (p:PEM) WHERE p.rk_id IN [$id, $id] RETURN p",
        "MATCH (a:Artifact) WHERE a.rk_id STARTS WITH $id RETURN a",
        "MATCH (p {rk_id: $id})-[:USES]->(a) RETURN a",
        "MATCH (p)-[:USES]->(a {rk_id: $id}) RETURN p",
        "MATCH (p)-[:USES]->(a) WHERE a.rk_id = $id RETURN p",
        "MATCH (p)-[:PRODUCES]->(a {rk_id: $id}) RETURN p",
        "MATCH (p {rk_id: $id})-[:PRODUCES]->(a) RETURN a",
        "MATCH (p {rk_id: $id})-[:PREDECESSOR]->(q) RETURN q",
        "MATCH (p)-[:PREDECESSOR]->(q {rk_id: $id}) RETURN p",
        "MATCH (p)-[:INFORMED_BY {artifact: 'x'}]->(q {rk_id: $id}) RETURN p",
        "MATCH (p {rk_id: $id})-[:EMITTED_BY]->(e) RETURN e",
        "MATCH (t {namespace: $id, tag: 'x'})-[:MARKS]->(p) RETURN p",
    ],
)
def test_a_query_that_names_its_node_reads_no_whole_table(graph: sqlite3.Connection, query: str) -> None:
    compiled = cypher.compile(query, {"id": INGEST})
    graph.create_function(RAW_ID_FUNCTION, 1, bytes.fromhex, deterministic=True)

    steps = [row[3] for row in graph.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", compiled.values)]

    assert not [step for step in steps if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]


@pytest.mark.parametrize("query", EXAMPLES)
def test_an_example_of_the_documentation_runs(graph: sqlite3.Connection, query: str) -> None:
    assert cypher.run(graph, query, EXAMPLE_PARAMETERS).columns
    assert not cypher.is_write(query)


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) >= 5
