"""``POST /api/v1/cypher``, on whichever graph store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.builders import artifact, new_id, pem, unique
from tests.e2e.native import assert_is_problem, batch

if TYPE_CHECKING:
    from tests.e2e.conftest import Secured
    from tests.e2e.wire import Wire

_COUNT = "MATCH (a:Artifact) RETURN count(a) AS n"


def test_a_query_is_answered_with_columns_and_rows(wire: Wire) -> None:
    made, name = new_id(), unique("cypher/")
    assert batch(wire, pem(ID=made, ProducesArtifacts=[artifact(name)]))["accepted"] == 1
    wire.flush()

    answer = wire.post_json(
        "/api/v1/cypher",
        {
            "query": "MATCH (p:PEM)-[:PRODUCES]->(a:Artifact) WHERE a.rk_id = $name RETURN p.rk_id AS id, a.rk_id",
            "parameters": {"name": name},
        },
    )

    assert answer.ok, answer
    told = answer.json()
    assert (told["columns"], told["rows"]) == (["id", "a.rk_id"], [[made.replace("-", ""), name]])


def test_a_query_with_a_quote_needs_no_tricks(wire: Wire) -> None:
    answer = wire.post_json(
        "/api/v1/cypher", {"query": 'MATCH (a:Artifact {rk_id: "none \\"such\\""}) RETURN a'}
    )

    assert answer.json()["rows"] == []


@pytest.mark.parametrize(
    "body", [{}, {"query": 5}, {"query": _COUNT, "parameters": []}, {"query": _COUNT, "wirte": True}, []]
)
def test_a_body_that_is_none_is_a_problem(wire: Wire, body: object) -> None:
    assert_is_problem(wire.post_json("/api/v1/cypher", body), 400)


@pytest.mark.parametrize(
    "query",
    [
        "hello",
        "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
        "CALL dbms.components()",
        "SHOW TRANSACTIONS",
        "DROP INDEX x",
    ],
)
def test_what_may_not_be_run_is_a_problem(wire: Wire, query: str) -> None:
    answer = wire.post_json("/api/v1/cypher", {"query": query})

    assert_is_problem(answer, 400)


def test_a_query_that_would_write_is_unsupported_and_changes_nothing(wire: Wire) -> None:
    before = wire.post_json("/api/v1/cypher", {"query": _COUNT}).json()["rows"]

    answer = wire.post_json("/api/v1/cypher", {"query": "MATCH (a:Artifact) DETACH DELETE a"})

    assert answer.status == 400
    assert "unsupported" in answer.json()["detail"]
    assert wire.post_json("/api/v1/cypher", {"query": _COUNT}).json()["rows"] == before


def test_readers_may_ask_and_nobody_writes(secured: Secured) -> None:
    assert secured.wire("user", "reader").post_json("/api/v1/cypher", {"query": _COUNT}).ok
    assert secured.anonymous.post_json("/api/v1/cypher", {"query": _COUNT}).status == 401
    for wire in (secured.wire("user", "reader"), secured.wire("puc", "writer"), secured.admin):
        assert wire.post_json("/api/v1/cypher", {"query": "CREATE (:Artifact)"}).status == 400
