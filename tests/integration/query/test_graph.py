"""Graph queries and lineage over HTTP."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from provgraph.families.credential.events import Role

if TYPE_CHECKING:
    import httpx

    from tests.integration.serving import Served

ARTIFACTS = (
    "MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at"
)
COUNT = "MATCH (a:Artifact) RETURN count(a);"


def ask(
    served: Served, query: str, kind: str = "rw", headers: dict[str, str] | None = None
) -> httpx.Response:
    body = f'{{"query": "{query}", "type": "{kind}"}}'
    return served.client.post("/query/query", content=body.encode(), headers=headers or {})


@pytest.mark.parametrize("kind", ["r", "rw", "w"])
def test_the_clients_two_queries_are_answered_with_python_literals(served: Served, kind: str) -> None:
    served.send(
        UsesArtifacts=[{"Name": "it's", "Properties": {"k": "v"}, "CreatedAt": "2020-12-08 22:06:40"}]
    )
    served.flush()

    assert ast.literal_eval(ask(served, ARTIFACTS, kind).text) == [
        ["it's", '{"k":"v"}', "2020-12-08 22:06:40"]
    ]
    assert ask(served, COUNT, kind).text == "[[1]]"


def test_no_rows_are_an_empty_list(served: Served) -> None:
    answer = ask(served, ARTIFACTS)

    assert (answer.text, answer.headers["content-type"]) == ("[]", "text/plain; charset=utf-8")


@pytest.mark.parametrize("kind", ["r", "rw"])
def test_a_query_beyond_the_subset_is_unsupported(served: Served, kind: str) -> None:
    answer = ask(served, "CREATE (a:Artifact)", kind)

    assert answer.status_code == 400
    assert "unsupported" in answer.text.lower()


def test_reading_the_graph_needs_a_reader_whatever_the_type(secured: Served) -> None:
    assert ask(secured, COUNT).status_code == 401
    assert ask(secured, COUNT, headers=secured.bearer(Role.READER)).status_code == 200


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", ["r", "rw", "w"])
def test_writing_to_the_graph_is_for_nobody(secured: Served, role: Role, kind: str) -> None:
    answer = ask(secured, "MATCH (a:Artifact) DETACH DELETE a", kind, secured.bearer(role))

    assert (answer.status_code, "unsupported" in answer.text) == (400, True)


def test_a_body_that_is_no_query_is_refused(served: Served) -> None:
    assert served.client.post("/query/query", content=b"MATCH").status_code == 400


# Lineage


def lineage(served: Served, **parameters: object) -> httpx.Response:
    return served.client.get(f"/api/v1/lineage?{urlencode(parameters)}")


def test_an_answer_can_wait_for_what_was_just_sent(served: Served) -> None:
    made = served.send(ProducesArtifacts=[{"Name": "data"}])
    used = served.send(
        TimestampClient="2026-01-03 00:00:00",
        UsesArtifacts=[{"Name": "data"}],
        ProducesArtifacts=[{"Name": "model"}],
    )
    head = served.services.log.head().position

    answer = lineage(served, node="artifact:model", wait=head).json()

    assert answer["complete"] is True
    assert answer["position"] >= head
    assert {node["id"] for node in answer["nodes"]} == {"model", "data", made["ID"], used["ID"]}


def test_waiting_for_what_the_log_does_not_have_is_refused_at_once(served: Served) -> None:
    answer = lineage(served, node="x", wait=1_000)

    assert (answer.status_code, answer.json()["field"]) == (400, "wait")


def test_waiting_is_bounded(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.waiting._WAIT_SECONDS", 0.0)
    served.send()
    head = served.services.log.head().position
    monkeypatch.setattr(
        type(served.services.graph), "checkpoint", lambda _self: type("Checkpoint", (), {"position": 0})()
    )

    answer = lineage(served, node="x", wait=head)

    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "node"),
        ({"node": "x", "direction": "sideways"}, "direction"),
        ({"node": "x", "depth": "0"}, "depth"),
        ({"node": "x", "depth": "x"}, "depth"),
        ({"node": "x", "limit": "0"}, "limit"),
        ({"node": "x", "limit": "100001"}, "limit"),
        ({"node": "x", "wait": "-1"}, "wait"),
    ],
)
def test_an_impossible_question_is_a_problem_that_names_the_parameter(
    served: Served, parameters: dict[str, str], field: str
) -> None:
    answer = lineage(served, **parameters)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["field"] == field


def test_lineage_of_something_unknown_is_not_found(served: Served) -> None:
    answer = lineage(served, node="nothing")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_lineage_needs_a_reader(secured: Served) -> None:
    nobody = secured.client.get("/api/v1/lineage?node=x")
    reader = secured.client.get("/api/v1/lineage?node=x", headers=secured.bearer(Role.READER))

    assert (nobody.status_code, reader.status_code) == (401, 404)
