"""Honest questions pass the gate, and their answers are plain values."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import InvalidInputError, StoreError
from provgraph.graphstore.neo4j.gate import Gate
from provgraph.graphstore.neo4j.server import Server
from tests.contract.builders import pem_id
from tests.contract.cypher.conftest import EVENTS

if TYPE_CHECKING:
    from tests.contract.cypher.conftest import Graph

_LAST = pem_id(EVENTS)

# The query, its parameters, and the first row of the answer.
QUESTIONS: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "the client's list": (
        (
            "MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at"
            " ORDER BY rk_id LIMIT 1"
        ),
        {},
        ["artifact/1", "{}", "1970-01-01 00:00:01"],
    ),
    "the client's count": ("MATCH (a:Artifact) RETURN count(a);", {}, [EVENTS + 1]),
    "a parameter": ("MATCH (p:PEM {rk_id: $id}) RETURN p.emitter", {"id": _LAST}, ["emitter-0"]),
    "parameters of every kind": (
        "RETURN $text, $whole, $part, $yes, $none, $list, $map.key",
        {
            "text": "it's",
            "whole": -(2**63),
            "part": 0.5,
            "yes": True,
            "none": None,
            "list": [1],
            "map": {"key": 2},
        },
        ["it's", -(2**63), 0.5, True, None, [1], 2],
    ),
    "a text that looks like code": (
        "RETURN 'LOAD CSV; CALL db.labels() // =~' AS t",
        {},
        ["LOAD CSV; CALL db.labels() // =~"],
    ),
    "names that look like code": (
        "WITH 1 AS load, 2 AS call, 3 AS set RETURN load + call + set AS n",
        {},
        [6],
    ),
    "escapes in a text": ("RETURN 'caf\\u00e9\\n' AS t", {}, ["café\n"]),
    "comments": ("/* CREATE (:X) */ RETURN 1 AS n // DELETE", {}, [1]),
    "several lines": ("MATCH (p:PEM)\nWHERE p.position = 1\nRETURN p.position AS n\n;\n", {}, [1]),
    "aggregates": (
        (
            "MATCH (p:PEM) WHERE p.position IS NOT NULL RETURN p.emitter AS emitter, count(*) AS n,"
            " min(p.position) AS first, avg(p.position) AS middle ORDER BY emitter"
        ),
        {},
        ["emitter-0", 10, 4, 22.0],
    ),
    "collect": (
        "MATCH (p:PEM) WHERE p.position < 4 WITH p ORDER BY p.position RETURN collect(p.position) AS l",
        {},
        [[1, 2, 3]],
    ),
    "distinct": (
        "MATCH (p:PEM) WHERE p.type IS NOT NULL RETURN DISTINCT p.type AS t ORDER BY t",
        {},
        ["ingest"],
    ),
    "order, skip and limit": (
        "MATCH (p:PEM) RETURN p.position AS n ORDER BY n SKIP 3 LIMIT $size",
        {"size": 2},
        [4],
    ),
    "optional match": (
        "MATCH (a:Artifact {rk_id: 'it\\'s \"x\"'}) OPTIONAL MATCH (a)<-[:PRODUCES]-(p) RETURN a.rk_id AS name, p",
        {},
        ['it\'s "x"', None],
    ),
    "with": (
        "MATCH (p:PEM) WITH p.emitter AS e, count(*) AS n WHERE n > 5 RETURN count(e) AS emitters",
        {},
        [4],
    ),
    "unwind": (
        "UNWIND $ids AS id MATCH (p:PEM {rk_id: id}) RETURN p.position AS n",
        {"ids": [_LAST]},
        [EVENTS],
    ),
    "unwind a range": ("UNWIND range(1, 100000) AS i RETURN sum(i) AS s", {}, [5_000_050_000]),
    "a bounded path": (
        "MATCH (p:PEM {rk_id: $id})-[:INFORMED_BY*1..3]->(q:PEM) RETURN count(DISTINCT q) AS n",
        {"id": _LAST},
        [6],
    ),
    "everything upstream": (
        "MATCH (p:PEM {rk_id: $id})-[:INFORMED_BY*]->(q:PEM) RETURN count(DISTINCT q.rk_id) AS n",
        {"id": pem_id(12)},
        [11],
    ),
    "a quantified path": (
        "MATCH (p:PEM {rk_id: $id}) (()-[:USES]->()<-[:PRODUCES]-()){1,2} (q:PEM) RETURN count(DISTINCT q) AS n",
        {"id": _LAST},
        [4],
    ),
    "a shortest path": (
        "MATCH w = shortestPath((p:PEM {rk_id: $a})-[:INFORMED_BY*..30]->(q:PEM {rk_id: $b})) RETURN length(w) AS n",
        {"a": _LAST, "b": pem_id(EVENTS - 10)},
        [5],
    ),
    "a shortest path under a condition": (
        (
            "MATCH w = shortestPath((p:PEM {rk_id: $a})-[:PREDECESSOR*..9]->(q:PEM {rk_id: $b}))"
            " WHERE none(n IN nodes(w) WHERE n.type = 'x') RETURN length(w) AS n"
        ),
        {"a": _LAST, "b": pem_id(EVENTS - 3)},
        [3],
    ),
    "exists": (
        "MATCH (a:Artifact) WHERE NOT EXISTS { (a)<-[:PRODUCES]-(:PEM) } RETURN count(a) AS n",
        {},
        [1],
    ),
    "a pattern as a condition": (
        "MATCH (p:PEM) WHERE (p)<-[:MARKS]-(:Tag) RETURN p.position AS n",
        {},
        [EVENTS],
    ),
    "count of a subquery": (
        "MATCH (p:PEM {rk_id: $id}) RETURN COUNT { (p)-[:USES]->(:Artifact) } AS n",
        {"id": _LAST},
        [2],
    ),
    "collect of a subquery": (
        "MATCH (p:PEM {rk_id: $id}) RETURN COLLECT { MATCH (p)-[:PRODUCES]->(a:Artifact) RETURN a.rk_id } AS l",
        {"id": _LAST},
        [[f"artifact/{EVENTS}"]],
    ),
    "a pattern comprehension": (
        "MATCH (p:PEM {rk_id: $id}) RETURN [(p)-[:PRODUCES]->(a:Artifact) | a.rk_id] AS l",
        {"id": _LAST},
        [[f"artifact/{EVENTS}"]],
    ),
    "case": (
        "MATCH (p:PEM {rk_id: $id}) RETURN CASE WHEN p.position > 9 THEN 'late' ELSE 'early' END",
        {"id": _LAST},
        ["late"],
    ),
    "a list comprehension": ("RETURN [x IN range(1, 5) WHERE x % 2 = 1 | x * x] AS l", {}, [[1, 9, 25]]),
    "pairs of a path": (
        (
            "MATCH w = (p:PEM {rk_id: $id})-[:PREDECESSOR*2]->() RETURN"
            " [i IN range(0, size(nodes(w)) - 2) | nodes(w)[i].position - nodes(w)[i + 1].position] AS l"
        ),
        {"id": _LAST},
        [[1, 1]],
    ),
    "reduce to a sum": ("RETURN reduce(s = 0, x IN [1, 2, 3] | s + x) AS n", {}, [6]),
    "reduce to a text": (
        "RETURN reduce(s = '', x IN ['a', 'b'] | CASE WHEN s = '' THEN x ELSE s + ', ' + x END) AS t",
        {},
        ["a, b"],
    ),
    "conditions on lists": (
        "RETURN all(x IN [1, 2] WHERE x > 0) AND any(x IN [1, 2] WHERE x > 1) AS b",
        {},
        [True],
    ),
    "a subquery that reads": (
        "MATCH (p:PEM {rk_id: $id}) CALL (p) { MATCH (p)-[:USES]->(a:Artifact) RETURN count(a) AS n } RETURN n",
        {"id": _LAST},
        [2],
    ),
    "an older form of subquery": (
        "MATCH (p:PEM {rk_id: $id}) CALL { WITH p MATCH (p)-[:USES]->(a) RETURN count(a) AS n } RETURN n",
        {"id": _LAST},
        [2],
    ),
    "union": ("RETURN 1 AS n UNION ALL RETURN 1 AS n", {}, [1]),
    "an index by name": (
        "MATCH (p:PEM) USING INDEX p:PEM(rk_id) WHERE p.rk_id = $id RETURN p.position AS n",
        {"id": _LAST},
        [EVENTS],
    ),
    "what was reported": ("MATCH (p:PEM) RETURN count(p) AS n", {}, [EVENTS]),
    "what was only named": (
        "MATCH (p:PEM)-[:PREDECESSOR]->(u:Unreported) RETURN p.position, u.rk_id, labels(u)",
        {},
        [1, pem_id(999), ["Unreported"]],
    ),
    "labels in a list": ("MATCH (p:PEM {rk_id: $id}) RETURN labels(p) AS l", {"id": _LAST}, [["PEM"]]),
    "texts": (
        (
            "MATCH (a:Artifact) WHERE a.rk_id STARTS WITH 'artifact/' AND toLower(a.rk_id) CONTAINS '/3'"
            " RETURN count(a) AS n"
        ),
        {},
        [11],
    ),
    "nothing": ("MATCH (a:Nope) RETURN a", {}, []),
    "not a number": ("RETURN 0.0 / 0.0 < 1 AS b", {}, [False]),
    "its own database": ("MATCH (a:Artifact) RETURN count(*) > 0 AS b", {}, [True]),
}


@pytest.mark.parametrize(("query", "parameters", "first"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_is_answered(
    graph: Graph, query: str, parameters: dict[str, Any], first: list[Any]
) -> None:
    rows = graph.gate().run(query, parameters).rows

    assert list(rows[:1]) == [first][: len(rows)]
    assert bool(rows) is bool(first)


def test_columns_are_named_as_in_neo4j(graph: Graph) -> None:
    assert graph.gate().run("MATCH (a:Artifact) RETURN count(a), 1 AS one", {}).columns == (
        "count(a)",
        "one",
    )


def test_nodes_and_relationships_are_maps_of_what_events_said(graph: Graph) -> None:
    query = "MATCH (p:PEM {rk_id: $id})-[r:PRODUCES]->(a) RETURN p, r, a"

    (row,) = graph.gate().run(query, {"id": _LAST}).rows

    assert row == [
        {
            "rk_id": _LAST,
            "type": "train",
            "emitter": "emitter-0",
            "properties": "{}",
            "timestamp_client": "2026-01-02 03:04:45",
            "occurred_at": "2026-01-02T03:04:45.000000Z",
            "recorded_at": "1970-01-01T00:00:40.000000Z",
            "position": EVENTS,
        },
        {"version": f"v{EVENTS}"},
        {"rk_id": f"artifact/{EVENTS}", "properties": "{}", "created_at": "1970-01-01 00:00:40"},
    ]


def test_a_path_is_a_list_of_its_nodes_and_relationships_in_turn(graph: Graph) -> None:
    query = "MATCH w = (:Tag)-[:MARKS]->(:PEM)-[:PREDECESSOR]->(:PEM) RETURN w"

    ((path,),) = graph.gate().run(query, {}).rows

    assert isinstance(path, list)
    assert [step.get("position") for step in path] == [None, None, EVENTS, None, EVENTS - 1]


def test_values_that_json_does_not_have_are_plain_too(graph: Graph) -> None:
    query = """
    RETURN datetime('2020-01-01T00:00:00.123456789Z'), localdatetime('2020-01-01T00:00:00.9999999'), date('2020-02-03'),
      localtime('12:30:00.999999999'), time('12:30:00+01:00'), duration('P1DT2H'), point({x: 1, y: 2}),
      point({longitude: 1, latitude: 2, height: 3}), 0.1, {key: [date('2020-02-03')]}
    """

    (row,) = graph.gate().run(query, {}).rows

    assert row == [
        datetime(2020, 1, 1, 0, 0, 0, 123456, tzinfo=UTC),
        datetime(2020, 1, 1, 0, 0, 0, 999999),  # noqa: DTZ001 - a local time has no zone
        date(2020, 2, 3),
        time(12, 30, 0, 999999),
        "12:30:00+01:00",
        "P1DT2H",
        {"crs": "cartesian", "srid": 7203, "x": 1.0, "y": 2.0},
        {"crs": "wgs-84-3d", "srid": 4979, "longitude": 1.0, "latitude": 2.0, "height": 3.0},
        0.1,
        {"key": [date(2020, 2, 3)]},
    ]


def test_a_time_that_python_does_not_have_is_refused_with_a_reason(graph: Graph) -> None:
    with pytest.raises(InvalidInputError, match="years from 1 to 9999"):
        graph.gate().run("RETURN date('+99999-01-01')", {})


@pytest.mark.parametrize(
    ("query", "message", "field"),
    [
        ("RETRN 1", "wrong at line 1, column 1: Invalid input 'RETRN'", "query"),
        ("MATCH (a:PEM)\nRETURN b", "wrong at line 2, column 8: Variable `b` not defined", "query"),
        ("RETURN $missing", "Expected parameter", "parameters"),
        ("RETURN 1 / 0", "/ by zero", "query"),
        ("MATCH (a:Artifact) RETURN apoc.text.join(['a'], 'b')", "Unknown function", "query"),
    ],
)
def test_a_mistake_is_told_with_its_place_in_the_query(
    graph: Graph, query: str, message: str, field: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        graph.gate().run(query, {})

    assert message in str(error.value)
    assert error.value.field == field


def test_more_rows_than_allowed_are_refused_not_cut(graph: Graph) -> None:
    query = "UNWIND range(1, 4) AS i RETURN i"

    assert len(graph.gate(row_limit=4).run(query, {}).rows) == 4
    with pytest.raises(InvalidInputError, match="more than 3 rows: add a LIMIT"):
        graph.gate(row_limit=3).run(query, {})


def test_a_server_that_is_away_is_a_store_that_is_not_available(graph: Graph) -> None:
    server = Server("bolt://127.0.0.1:1")
    gate = Gate(server.async_driver, database="neo4j", timeout_seconds=1, row_limit=1)
    with closing(server), closing(gate), pytest.raises(StoreError, match="not available"):
        gate.run("RETURN 1", {})
