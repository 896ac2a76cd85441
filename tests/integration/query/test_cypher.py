"""``POST /api/v1/cypher``, on the embedded store and on Neo4j."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.families.credential.events import Role
from provgraph.graphstore import CypherResult
from tests.integration.serving import pem, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.integration.serving import Served
    from tests.servers.neo4j import Neo4jServer

_COUNT = "MATCH (a:Artifact) RETURN count(a);"


def ask(served: Served, query: str, role: Role | None = None, **fields: Any) -> httpx.Response:
    headers = {} if role is None else served.bearer(role)
    return served.client.post("/api/v1/cypher", json={"query": query, **fields}, headers=headers)


@pytest.fixture
def on_neo4j(tmp_path: Path, cleared_neo4j: Neo4jServer) -> Iterator[Served]:
    """All services with the graph on Neo4j, asking for credentials."""
    with serving(tmp_path, graph_url=cleared_neo4j.uri, auth_required=True) as running:
        yield running


def test_rows_are_answered_with_their_columns_and_their_number(served: Served) -> None:
    served.send(UsesArtifacts=[{"Name": "it's"}, {"Name": "Äpfel"}])
    served.flush()

    answer = ask(served, "MATCH (a:Artifact) RETURN a.rk_id AS name, a.missing ORDER BY name")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "columns": ["name", "a.missing"],
        "rows": [["it's", None], ["Äpfel", None]],
        "row_count": 2,
    }


def test_no_rows_are_an_empty_list(served: Served) -> None:
    assert ask(served, "MATCH (a:Nope) RETURN a").json() == {"columns": ["a"], "rows": [], "row_count": 0}


def test_parameters_are_values_never_query_text(served: Served) -> None:
    served.send(UsesArtifacts=[{"Name": "a' OR true //"}])
    served.flush()
    query = "MATCH (a:Artifact) WHERE a.rk_id = $name RETURN a.rk_id"

    assert ask(served, query, parameters={"name": "a' OR true //"}).json()["row_count"] == 1
    assert ask(served, query, parameters={"name": "' OR true //"}).json()["row_count"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"[]", None),
        (b'"MATCH (a) RETURN a"', None),
        (b"{}", "query"),
        (b'{"query": null}', "query"),
        (b'{"query": ["RETURN 1"]}', "query"),
        (b'{"query": "RETURN 1", "parameters": []}', "parameters"),
        (b'{"query": "RETURN 1", "parameters": null}', "parameters"),
        (b'{"query": "RETURN 1", "write": "true"}', "write"),
        (b'{"query": "RETURN 1", "params": {}}', "params"),
        (b'{"query": "RETURN 1", "parameters": {"x": NaN}}', None),
        (b'{"query": "RETURN 1", "parameters": {"x": 9223372036854775808}}', "parameters.x"),
        (b'{"query": "RETURN \\ud800"}', None),
        (b'{"query": "RETURN 1\\u0000"}', "query"),
        (b'{"query": "\xff"}', None),
        (b'{"query": "RETURN 1"', None),
        (b'{"query": "RETRN 1"}', "query"),
        (b'{"query": ""}', "query"),
    ],
)
def test_a_body_that_is_no_query_is_a_problem_that_names_the_field(
    served: Served, body: bytes, field: str | None
) -> None:
    answer = served.client.post("/api/v1/cypher", content=body)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json().get("field") == field


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    assert ask(served, "RETURN '" + "x" * 2_000_000 + "'").status_code == 413


def test_asking_needs_a_reader(secured: Served) -> None:
    assert ask(secured, _COUNT).status_code == 401
    assert ask(secured, _COUNT, Role.READER).json()["rows"] == [[0]]


@pytest.mark.parametrize("role", Role)
def test_a_query_that_would_write_is_unsupported_whoever_asks(secured: Served, role: Role) -> None:
    answer = ask(secured, "CREATE (:Artifact)", role)

    assert (answer.status_code, answer.json()["rule"]) == (400, "unsupported")
    assert "unsupported" in answer.json()["detail"]
    assert "report an event instead" in answer.json()["detail"]


def test_what_json_does_not_have_is_written_as_what_it_has(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = [
        float("nan"),
        float("-inf"),
        2**63 - 1,
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        time(3, 4, 5, 6),
        {"a": [None, True]},
    ]
    result = CypherResult(("x",) * len(row), [row, tuple(row)])
    monkeypatch.setattr(type(served.services.graph), "cypher", lambda *_, **__: result)

    written = [
        None,
        None,
        2**63 - 1,
        "2026-01-02",
        "2026-01-02T03:04:05+00:00",
        "03:04:05.000006",
        {"a": [None, True]},
    ]
    assert ask(served, "RETURN 1").json()["rows"] == [written, written]


def test_a_long_answer_arrives_whole(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[number, "x" * 100] for number in range(20_000)]
    monkeypatch.setattr(
        type(served.services.graph), "cypher", lambda *_, **__: CypherResult(("n", "x"), rows)
    )

    assert ask(served, "RETURN 1").json() == {"columns": ["n", "x"], "rows": rows, "row_count": 20_000}


def test_the_api_description_tells_of_it(served: Served) -> None:
    document = served.client.get("/openapi.json").json()
    described = document["paths"]["/api/v1/cypher"]["post"]

    assert described["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/CypherBody")
    body = document["components"]["schemas"]["CypherBody"]
    assert set(body["properties"]) == {"query", "parameters"}
    assert {"200", "400", "401", "403", "413", "503"} <= set(described["responses"])


# Neo4j


def test_neo4j_answers_what_the_embedded_store_cannot(on_neo4j: Served) -> None:
    _send(on_neo4j, UsesArtifacts=[{"Name": "a"}, {"Name": "b"}])

    answer = ask(
        on_neo4j,
        "MATCH (a:Artifact) WITH collect(a.rk_id) AS l UNWIND l AS x RETURN x ORDER BY x",
        Role.ADMIN,
    )

    assert answer.json() == {"columns": ["x"], "rows": [["a"], ["b"]], "row_count": 2}


@pytest.mark.parametrize("role", Role)
def test_on_neo4j_nobody_writes(on_neo4j: Served, role: Role) -> None:
    answer = ask(on_neo4j, "CREATE (n:Mine {x: $x}) RETURN n", role, parameters={"x": 1})

    assert (answer.status_code, answer.json()["rule"]) == (400, "unsupported")
    assert "report an event instead" in answer.json()["detail"]
    assert ask(on_neo4j, "MATCH (n:Mine) RETURN count(n)", Role.READER).json()["rows"] == [[0]]


def test_on_neo4j_what_is_beyond_the_subset_needs_the_right_cypher(on_neo4j: Served) -> None:
    query = "MATCH (a:Artifact)<-[:PRODUCES]-()-[:USES]->(b) RETURN count(b) AS n"

    refused = ask(on_neo4j, query, Role.READER)
    assert (refused.status_code, "cypher" in refused.json()["detail"]) == (403, True)
    assert ask(on_neo4j, query, Role.WRITER).status_code == 403
    assert ask(on_neo4j, query, Role.ADMIN).json()["rows"] == [[0]]


def test_on_neo4j_nobody_reads_files(on_neo4j: Served) -> None:
    answer = ask(on_neo4j, "LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l", Role.ADMIN)

    assert (answer.status_code, answer.json()["title"]) == (400, "Unsupported query")


def test_record_keepers_queries_pass_the_same_gate(on_neo4j: Served) -> None:
    _send(on_neo4j, UsesArtifacts=[{"Name": "it's"}])

    def graph_query(query: str, kind: str, role: Role) -> httpx.Response:
        body = f'{{"query": "{query}", "type": "{kind}"}}'.encode()
        return on_neo4j.client.post("/query/query", content=body, headers=on_neo4j.bearer(role))

    assert graph_query(_COUNT, "rw", Role.READER).text == "[[1]]"
    beyond = "MATCH (a:Artifact) RETURN a.rk_id, [1.5, null, true]"
    assert graph_query(beyond, "r", Role.READER).status_code == 403
    assert graph_query(beyond, "r", Role.ADMIN).text == '[["it\'s", [1.5, None, True]]]'
    for role, kind in itertools.product(Role, ("r", "rw", "w")):
        refused = graph_query("MATCH (a) DETACH DELETE a", kind, role)
        assert (refused.status_code, "unsupported" in refused.text) == (400, True)


def _send(served: Served, **fields: Any) -> None:
    headers = served.bearer(Role.WRITER)
    answer = served.client.post("/receiver/pem", json=pem(**fields), headers=headers)
    assert answer.status_code == 200, answer.text
    served.flush()
