"""Graph queries as text, and the life of the graph: flush, verify, rebuild, reports, clean (sections 8 to 10)."""

from __future__ import annotations

import ast
import json
import threading
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.e2e.builders import artifact, new_id, pem, tag_path, unique
from tests.e2e.pairs import needs_subset
from tests.e2e.service import Service
from tests.e2e.waiting import eventually
from tests.e2e.wire import Answer, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the client pastes into its two calls, letter by letter.
ALL_ARTIFACTS = (
    "MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at"
)
COUNT_ARTIFACTS = "MATCH (a:Artifact) RETURN count(a);"


def rows(answer: Answer) -> list[Any]:
    """Return the rows of an answer as the client reads them."""
    assert answer.ok, answer
    value = ast.literal_eval(answer.text)
    assert isinstance(value, list)
    assert all(isinstance(row, list | tuple) for row in value)
    return value


# The client's own two queries


@pytest.mark.parametrize("kind", ["r", "rw"])
def test_every_artifact_is_told_as_a_python_literal(wire: Wire, kind: str) -> None:
    name = unique('it\'s "quoted" \\ back\nline\u2028 ü😀 ')
    properties = {"text": 'it\'s "quoted" \\ ü', "none": None, "list": [1, 2.5, True]}
    wire.accepted(pem(ProducesArtifacts=[artifact(name, **properties), artifact(f"{name}/bare")]))
    wire.flush()

    found = {row[0]: row[1:] for row in rows(wire.graph(ALL_ARTIFACTS, kind))}

    assert json.loads(found[name][0]) == properties
    assert found[name][1] == next(a["CreatedAt"] for a in wire.artifacts(Name=name) if a["Name"] == name)
    assert found[f"{name}/bare"][0] in (None, "", "{}")


@pytest.mark.parametrize("kind", ["r", "rw"])
def test_the_artifacts_of_the_graph_are_counted(wire: Wire, kind: str) -> None:
    wire.accepted(pem(ProducesArtifacts=[artifact(unique())]))
    wire.flush()

    answer = wire.graph(COUNT_ARTIFACTS, kind)

    assert rows(answer) == [[wire.count("artifacts")]]
    assert answer.text == f"[[{wire.count('artifacts')}]]"


def test_both_stores_hold_the_same_artifacts(wire: Wire) -> None:
    wire.accepted(pem(UsesArtifacts=[artifact(unique(), a=1)]), pem(ProducesArtifacts=[artifact(unique())]))
    wire.flush()

    graph = {row[0]: (json.loads(row[1] or "{}"), row[2]) for row in rows(wire.graph(ALL_ARTIFACTS))}

    assert graph == {each["Name"]: (each["Properties"], each["CreatedAt"]) for each in wire.artifacts()}


def test_an_empty_graph_gives_an_empty_list(fresh: Wire) -> None:
    assert fresh.graph(ALL_ARTIFACTS).text == "[]"
    assert fresh.graph(COUNT_ARTIFACTS).text == "[[0]]"


# Further read queries


class Hop(NamedTuple):
    """A training run that used a table, produced a model and followed an ingest; all of it in the graph."""

    ingest: dict[str, Any]
    train: dict[str, Any]
    table: str
    model: str


@pytest.fixture(scope="module")
def hop(wire: Wire) -> Hop:
    table, model = unique("table-"), unique("model-")
    ingest = pem(Type="ingest", ProducesArtifacts=[artifact(table)])
    train = pem(
        Type="train",
        Predecessor=ingest["ID"],
        Properties={"rate": 0.5},
        UsesArtifacts=[artifact(table)],
        ProducesArtifacts=[artifact(model)],
    )
    wire.accepted(ingest, train)
    wire.flush()
    return Hop(ingest, train, table, model)


def test_a_node_is_found_by_its_properties(wire: Wire, hop: Hop) -> None:
    query = f"MATCH (p:PEM) WHERE p.rk_id = '{hop.train['ID']}' RETURN p.type, p.emitter, p.timestamp_client"

    assert rows(wire.graph(query)) == [["train", hop.train["Emitter"], hop.train["TimestampClient"]]]


@pytest.mark.parametrize(
    ("relation", "end"),
    [("USES", "table"), ("PRODUCES", "model")],
)
def test_artifacts_are_one_typed_hop_away(wire: Wire, hop: Hop, relation: str, end: str) -> None:
    query = f"MATCH (p:PEM)-[:{relation}]->(a:Artifact) WHERE p.rk_id = '{hop.train['ID']}' RETURN a.rk_id"

    assert rows(wire.graph(query, "r")) == [[getattr(hop, end)]]


def test_a_predecessor_edge_points_at_the_earlier_event(wire: Wire, hop: Hop) -> None:
    query = f"MATCH (p:PEM)-[:PREDECESSOR]->(q:PEM) WHERE p.rk_id = '{hop.train['ID']}' RETURN q.rk_id"

    assert rows(wire.graph(query)) == [[hop.ingest["ID"]]]


def test_nothing_found_is_an_empty_list(wire: Wire) -> None:
    assert wire.graph(f"MATCH (a:Artifact) WHERE a.rk_id = '{unique()}' RETURN a.rk_id").text == "[]"


def test_order_and_limit_are_honoured(wire: Wire) -> None:
    emitter = unique()
    wire.accepted(*(pem(Emitter=emitter, Type=letter) for letter in "cadb"))
    wire.flush()
    query = f"MATCH (p:PEM) WHERE p.emitter = '{emitter}' RETURN p.type AS type ORDER BY type DESC LIMIT 2"

    assert rows(wire.graph(query)) == [["d"], ["c"]]


@pytest.mark.parametrize("kind", ["r", "w", "rw"])
def test_every_known_type_may_read(wire: Wire, kind: str) -> None:
    assert wire.graph(COUNT_ARTIFACTS, kind).ok


@pytest.mark.parametrize("kind", ["x", "read", "", "wr", "r w", "None"])
def test_an_unknown_type_is_refused(wire: Wire, kind: str) -> None:
    answer = wire.graph(COUNT_ARTIFACTS, kind)

    assert (answer.status, answer.media_type) == (400, "text/plain")


# What Neo4j runs and what its gate refuses is another table, see tests/contract/cypher.
@needs_subset
@pytest.mark.parametrize(
    "query",
    [
        "CREATE (a:Artifact)",
        "CREATE (a:Artifact {rk_id: 'x'}) RETURN a",
        "MERGE (a:Artifact {rk_id: 'x'})",
        "MATCH (a:Artifact) DETACH DELETE a",
        "MATCH (a:Artifact) SET a.rk_id = 'x'",
        "MATCH (a:Artifact) REMOVE a.properties RETURN a",
        "DROP INDEX x",
        "CALL db.labels()",
        "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
        "MATCH (a)-[:USES*1..9]-(b)-[:USES]-(c) RETURN c",
        "MATCH (a:Artifact) RETURN count(a); MATCH (a:Artifact) DELETE a",
        "MATCH (a:Artifact) RETURN count(a) UNION MATCH (p:PEM) DELETE p RETURN 1",
    ],
    ids=lambda query: ascii(query[:40]),
)
@pytest.mark.parametrize("kind", ["r", "rw"])
def test_what_cannot_be_run_is_refused_as_unsupported(wire: Wire, query: str, kind: str) -> None:
    before = wire.graph(COUNT_ARTIFACTS).text

    answer = wire.graph(query, kind)

    assert (answer.status, answer.media_type) == (400, "text/plain")
    assert "unsupported" in answer.text.lower()
    assert wire.graph(COUNT_ARTIFACTS).text == before


@pytest.mark.parametrize(
    "query",
    [
        *("SELECT 1", "hello", "", ";", "(" * 1_000),
        "MATCH (a:Artifact) RETURN " + "(" * 1_000 + "a" + ")" * 1_000,
        "MATCH (a:Artifact RETURN a",
        "MATCH (a:Artifact) WHERE a.rk_id = 'never ends RETURN a",
        "MATCH (a:Artifact) RETURN b.rk_id",
        "MATCH (a:Artifact) RETURN a.rk_id LIMIT " + "9" * 50,
    ],
    ids=lambda query: ascii(query[:40]),
)
def test_what_is_no_query_is_refused_with_the_reason(wire: Wire, query: str) -> None:
    answer = wire.graph(query)

    assert (answer.status, answer.media_type) == (400, "text/plain")
    assert answer.text.strip()


# The hand-built body


def pasted(wire: Wire, query: str, kind: str = "rw") -> Answer:
    """Send a query as the client does: pasted between quotes without any escaping."""
    return wire.post("/query/query", f'{{"query": "{query}", "type": "{kind}"}}')


def test_a_query_with_double_quotes_is_understood(wire: Wire, hop: Hop) -> None:
    answer = pasted(wire, f'MATCH (a:Artifact) WHERE a.rk_id = "{hop.model}" RETURN a.rk_id')

    assert rows(answer) == [[hop.model]]


def test_a_query_over_several_lines_is_understood(wire: Wire, hop: Hop) -> None:
    answer = pasted(wire, f"MATCH (a:Artifact)\n\tWHERE a.rk_id = '{hop.model}'\r\nRETURN a.rk_id\n")

    assert rows(answer) == [[hop.model]]


def test_a_query_escaped_by_hand_is_understood(wire: Wire, hop: Hop) -> None:
    query = f'MATCH (a:Artifact)\nWHERE a.rk_id = "{hop.model}" RETURN a.rk_id'

    assert rows(wire.post_json("/query/query", {"query": query, "type": "r"})) == [[hop.model]]


def test_a_pasted_query_is_cut_at_the_last_type(wire: Wire) -> None:
    name = unique('odd", "type": "r" "')
    wire.accepted(pem(ProducesArtifacts=[artifact(name)]))
    wire.flush()

    answer = pasted(wire, f"MATCH (a:Artifact) WHERE a.rk_id = '{name}' RETURN a.rk_id")

    assert rows(answer) == [[name]]


def test_the_last_of_two_queries_counts(wire: Wire) -> None:
    read_last = f'{{"query": "CREATE (n)", "query": "{COUNT_ARTIFACTS}", "type": "r"}}'
    write_last = f'{{"query": "{COUNT_ARTIFACTS}", "query": "CREATE (n)", "type": "r"}}'

    assert wire.post("/query/query", read_last).ok
    assert wire.post("/query/query", write_last).status in (400, 403)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "5",
        '"text"',
        '{"query": 5, "type": "r"}',
        '{"query": null, "type": "r"}',
        '{"query": ["MATCH"], "type": "r"}',
        '{"type": "r"}',
        '{"query": "MATCH (a:Artifact) RETURN count(a);", "type": 5}',
        '{"query": "MATCH (a:Artifact) WHERE a.rk_id = "x" RETURN a", "type": "rw"',
        ' {"query":"MATCH (a:Artifact) WHERE a.rk_id = "x" RETURN a","type":"rw"}',
        "[" * 10_000,
    ],
    ids=lambda body: ascii(body[:30]),
)
def test_a_body_that_holds_no_query_is_refused(wire: Wire, body: str) -> None:
    answer = wire.post("/query/query", body)

    assert (answer.status, answer.media_type) == (400, "text/plain")
    assert answer.text


def test_a_query_that_is_not_utf_8_is_refused(wire: Wire) -> None:
    answer = wire.post("/query/query", b'{"query": "MATCH (a:Artifact) \xff RETURN a", "type": "rw"}')

    assert answer.status == 400
    assert answer.text


# Flush, verify, rebuild


def graph_info(wire: Wire) -> dict[str, Any]:
    answer = wire.get("/graph_builder/info")
    assert answer.ok, answer
    info: dict[str, Any] = answer.json()
    return info


def test_what_is_sent_enters_the_graph_without_a_flush(wire: Wire) -> None:
    name = unique()
    wire.accepted(pem(ProducesArtifacts=[artifact(name)]))

    found = eventually(
        lambda: rows(wire.graph(f"MATCH (a:Artifact) WHERE a.rk_id = '{name}' RETURN a.rk_id"))
    )

    assert found == [[name]]


def test_a_flush_makes_counts_and_percentages_agree(wire: Wire) -> None:
    wire.accepted(*(pem(Predecessor=new_id(), UsesArtifacts=[artifact(unique())]) for _ in range(50)))
    wire.flush()

    info = graph_info(wire)

    assert info["pg_pems_count"] == info["neo4j_pems_count"] == wire.count("pems")
    assert info["pg_artifacts_count"] == info["neo4j_artifacts_count"] == wire.count("artifacts")
    assert (info["pems_sync_pct"], info["artifacts_sync_pct"]) == ("100.00%", "100.00%")
    assert info["loop_state_should_flush"] == "False"


def test_a_flush_covers_everything_that_was_acknowledged_before_it(wire: Wire) -> None:
    for _ in range(20):
        name = unique()
        wire.accepted(pem(ProducesArtifacts=[artifact(name)]))
        wire.flush()
        query = f"MATCH (a:Artifact) WHERE a.rk_id = '{name}' RETURN a.rk_id"
        assert rows(wire.graph(query)) == [[name]]


@pytest.mark.parametrize("pems", [True, False])
@pytest.mark.parametrize("artifacts", [True, False])
def test_a_flushed_graph_is_in_sync(wire: Wire, pems: bool, artifacts: bool) -> None:
    wire.accepted(pem(Predecessor=new_id(), ProducesArtifacts=[artifact(unique(), a=1)]))
    wire.flush()

    answer = wire.post_json("/graph_builder/verify", {"check_pems": pems, "check_artifacts": artifacts})

    assert answer.status == 200
    assert "in sync" in answer.json()["msg"].splitlines()[0]


@pytest.mark.parametrize("body", ["[]", "5", "{", '{"check_pems": "maybe"}', '{"check_pems": 5}', "\xff"])
def test_a_verify_with_an_unreadable_wish_is_refused(wire: Wire, body: str) -> None:
    answer = wire.post("/graph_builder/verify", body.encode("latin-1"))

    assert answer.status == 400
    assert answer.text


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Calls to a service that these tests may rebuild and clean."""
    with Service(tmp_path_factory.mktemp("graph") / "data") as started:
        yield Wire(started.url)


def some_history(wire: Wire) -> None:
    """Store events that use what others produced, in an order that is not the emitters'."""
    emitter = unique()
    ids = [new_id() for _ in range(30)]
    events = [
        pem(
            ID=id_,
            Emitter=emitter,
            Predecessor=ids[number - 1] if number % 3 else None,
            TimestampClient=f"2026-01-01 00:00:{number:02}",
            UsesArtifacts=[artifact(f"{emitter}/{number // 2}")],
            ProducesArtifacts=[artifact(f"{emitter}/{number}", number=number)],
        )
        for number, id_ in enumerate(ids)
    ]
    wire.accepted(*events[::2], *events[1::2])


def test_a_rebuild_yields_the_same_graph(own: Wire) -> None:
    some_history(own)
    own.flush()
    before, artifacts = graph_info(own), rows(own.graph(ALL_ARTIFACTS))

    assert own.post("/graph_builder/rebuild").ok

    assert eventually(lambda: graph_info(own)["loop_state_should_rebuild"] == "False")
    own.flush()
    assert graph_info(own) == before
    assert sorted(rows(own.graph(ALL_ARTIFACTS))) == sorted(artifacts)
    assert own.post("/graph_builder/verify").json()["msg"].startswith("in sync")


def test_a_flush_during_a_rebuild_waits_for_it_and_keeps_what_arrives(own: Wire) -> None:
    some_history(own)
    assert own.post("/graph_builder/rebuild").ok
    name = unique()
    own.accepted(pem(ProducesArtifacts=[artifact(name)]))

    own.flush()

    info = graph_info(own)
    assert info["loop_state_should_rebuild"] == "False"
    assert info["pg_pems_count"] == info["neo4j_pems_count"]
    assert rows(own.graph(f"MATCH (a:Artifact) WHERE a.rk_id = '{name}' RETURN a.rk_id")) == [[name]]


def test_rebuilds_at_the_same_time_do_not_disturb_each_other(own: Wire) -> None:
    some_history(own)
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(own.post("/graph_builder/rebuild"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    own.flush()

    assert {answer.status for answer in answers} <= {200, 202, 409}
    assert eventually(lambda: graph_info(own)["loop_state_should_rebuild"] == "False")
    assert own.post("/graph_builder/verify").json()["msg"].startswith("in sync")


# Reports


def finished_report(wire: Wire, path: str) -> tuple[str, dict[str, Any]]:
    """Start a report and return its id and what it says once it is finished."""
    answer = wire.post(path)
    assert answer.ok, answer
    id_ = str(answer.json()["report_id"])
    uuid.UUID(id_)

    def finished() -> dict[str, Any]:
        found: dict[str, Any] = wire.get(f"/query/report/{id_}").json()
        return found if found["status"] != "in progress" else {}

    return id_, eventually(finished)


def test_a_connection_report_lists_nothing_where_every_artifact_is_connected(wire: Wire) -> None:
    name = unique()
    wire.accepted(pem(UsesArtifacts=[artifact(name)]))
    wire.flush()

    _, said = finished_report(wire, "/query/verify_artifact_connections")

    assert said["status"] == "done"
    assert isinstance(said["report"], str)
    assert len(said["report"].strip().splitlines()) == 1


def test_a_removal_makes_a_report_of_its_own(wire: Wire) -> None:
    name = unique()
    wire.accepted(pem(UsesArtifacts=[artifact(name)]))
    found, _ = finished_report(wire, "/query/verify_artifact_connections")

    removed, said = finished_report(wire, f"/query/remove_unconnected_artifacts/{found}")

    assert removed != found
    assert said["status"] == "done"
    assert wire.count("artifacts", Name=name) == 1


@pytest.mark.parametrize("spelling", ["hex", "str"])
def test_a_report_is_found_under_either_spelling(wire: Wire, spelling: str) -> None:
    id_, said = finished_report(wire, "/query/verify_artifact_connections")
    parsed = uuid.UUID(id_)
    spelled = parsed.hex if spelling == "hex" else str(parsed)

    assert wire.get(f"/query/report/{spelled}").json() == said
    assert wire.post(f"/query/remove_unconnected_artifacts/{spelled}").ok


def test_only_a_connection_report_can_be_acted_upon(wire: Wire) -> None:
    found, _ = finished_report(wire, "/query/verify_artifact_connections")
    removal, _ = finished_report(wire, f"/query/remove_unconnected_artifacts/{found}")

    answer = wire.post(f"/query/remove_unconnected_artifacts/{removal}")

    assert (answer.status, answer.media_type) == (409, "text/plain")


@pytest.mark.parametrize("id_", [uuid.UUID(int=1).hex, str(uuid.UUID(int=1))])
def test_an_unknown_report_is_not_found(wire: Wire, id_: str) -> None:
    for answer in (
        wire.get(f"/query/report/{id_}"),
        wire.post(f"/query/remove_unconnected_artifacts/{id_}"),
    ):
        assert (answer.status, answer.media_type) == (404, "text/plain")


def test_what_is_no_report_id_is_refused(wire: Wire) -> None:
    assert wire.get("/query/report/nonsense").status in (400, 404)
    assert wire.post("/query/remove_unconnected_artifacts/nonsense").status in (400, 404)


# Clean


def test_clean_leaves_nothing_and_the_service_goes_on(own: Wire) -> None:
    some_history(own)
    kept = pem(ProducesArtifacts=[artifact(unique())])
    own.accepted(kept)
    report, _ = finished_report(own, "/query/verify_artifact_connections")

    answer = own.post("/query/clean")

    assert answer.ok, answer
    assert own.counts() == (0, 0, 0)
    assert own.graph(COUNT_ARTIFACTS).text == "[[0]]"
    assert own.get(f"/query/report/{report}").status == 404
    assert own.get(f"/query/tag/{tag_path(kept['Emitter'], 'latest')}").status == 404
    own.accepted(kept)
    own.flush()
    assert graph_info(own)["neo4j_pems_count"] == 1
    assert own.post("/graph_builder/verify").json()["msg"].startswith("in sync")


def test_what_waits_for_the_graph_does_not_come_back_after_a_clean(own: Wire) -> None:
    for _ in range(10):
        some_history(own)
        assert own.post("/query/clean").ok

        own.flush()

        assert own.graph(COUNT_ARTIFACTS).text == "[[0]]"
        assert graph_info(own)["neo4j_pems_count"] == 0
