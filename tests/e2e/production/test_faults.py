"""
Servers and processes that die under load, on the production pair.

After each fault: nothing that was acknowledged is lost or twice, the graph is what the log says, and the probes told
the truth meanwhile.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.e2e.pairs import chooses_stores
from tests.e2e.production.deployment import Deployment, Persistent, assert_nothing_is_lost, readiness
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire
from tests.effort import patience, quick_or_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.service import Service
    from tests.servers.fixtures import NewTCPProxy, OwnNeo4j, OwnPostgreSQL
    from tests.servers.neo4j import Neo4jServer
    from tests.servers.postgresql import PostgreSQLServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(patience(600)), chooses_stores]


@pytest.fixture
def postgresql(own_postgres: OwnPostgreSQL) -> PostgreSQLServer:
    return own_postgres()


@pytest.fixture
def deployment(
    tmp_path: Path, postgresql: PostgreSQLServer, cleared_neo4j: Neo4jServer
) -> Iterator[Deployment]:
    """On a PostgreSQL server that the test may kill."""
    with Deployment(tmp_path, log_url=postgresql.url, graph_url=cleared_neo4j.uri) as deployed:
        yield deployed


def graph_position(service: Service) -> float | None:
    """Return where the graph is, as a process tells it; None while it cannot."""
    for line in Wire(service.url).get("/metrics").text.splitlines():
        name, _, value = line.partition(" ")
        if name == "provgraph_graph_position":
            return float(value)
    return None


def moves_on(query: Service, events: int) -> bool:
    """Tell whether the graph gets so many events further."""
    before = eventually(lambda: graph_position(query)) or 0
    return eventually(lambda: (graph_position(query) or 0) > before + events)


def test_postgresql_is_killed_and_comes_back(deployment: Deployment, postgresql: PostgreSQLServer) -> None:
    receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
    deployment.start("graphbuilder")
    with Persistent(receiver) as first, Persistent(receiver) as second:
        first.wait_for(200)
        for _ in range(quick_or_long(1, 20)):
            postgresql.kill()
            assert eventually(lambda: readiness(receiver)[0] == 503)
            assert readiness(receiver)[1]["log"] != "ok"
            postgresql.start()
            first.wait_for(200)
            assert eventually(lambda: readiness(receiver) == (200, {"log": "ok"}))
    assert first.refused + second.refused > 0
    assert eventually(lambda: readiness(query)[0] == 200), readiness(query)
    assert_nothing_is_lost(query, first, second)


def test_neo4j_is_killed_and_comes_back(tmp_path: Path, postgres_url: str, own_neo4j: OwnNeo4j) -> None:
    neo4j = own_neo4j()
    with Deployment(tmp_path, log_url=postgres_url, graph_url=neo4j.uri) as deployment:
        receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
        builder = deployment.start("graphbuilder")
        with Persistent(receiver) as emitter:
            emitter.wait_for(200)
            neo4j.kill()
            assert eventually(lambda: readiness(query)[0] == 503)
            assert eventually(lambda: readiness(builder)[1]["graph"] != "ok")
            assert readiness(receiver) == (200, {"log": "ok"})
            refused = emitter.refused
            emitter.wait_for(400)
            assert emitter.refused == refused  # the receiver does not need the graph
            another = deployment.start("receiver")  # nor does it to start
            assert readiness(another) == (200, {"log": "ok"})
            neo4j.start()
            assert eventually(lambda: readiness(builder)[0] == 200), readiness(builder)
            emitter.wait_for(100)
        assert eventually(lambda: readiness(query)[0] == 200), readiness(query)
        assert_nothing_is_lost(query, emitter, rebuilds=True)


@pytest.mark.long
def test_receivers_start_while_the_graph_is_away(
    tmp_path: Path, postgres_url: str, own_neo4j: OwnNeo4j
) -> None:
    neo4j = own_neo4j()
    neo4j.stop()
    with Deployment(tmp_path, log_url=postgres_url, graph_url=neo4j.uri) as deployment:
        receiver = deployment.start("receiver")
        with Persistent(receiver) as emitter:
            emitter.wait_for(100)
            assert readiness(receiver) == (200, {"log": "ok"})
            builder = deployment.start("graphbuilder")
            status, parts = readiness(builder)
            assert (status, parts["log"]) == (503, "ok")
            neo4j.start()
            assert eventually(lambda: readiness(builder)[0] == 200), readiness(builder)
        assert_nothing_is_lost(deployment.start("query", "admin"), emitter)


def test_the_network_between_projector_and_neo4j_is_cut(
    tmp_path: Path, postgres_url: str, cleared_neo4j: Neo4jServer, tcp_proxy: NewTCPProxy
) -> None:
    proxy = tcp_proxy(cleared_neo4j.uri)
    through = cleared_neo4j.uri.replace(cleared_neo4j.uri.rpartition(":")[2], str(proxy.port))
    with (
        Deployment(tmp_path, log_url=postgres_url, graph_url=cleared_neo4j.uri) as near,
        Deployment(tmp_path, log_url=postgres_url, graph_url=through) as far,
    ):
        receiver, query = near.start("receiver"), near.start("query", "admin")
        builder = far.start("graphbuilder")
        with Persistent(receiver) as emitter:
            emitter.wait_for(200)
            for _ in range(quick_or_long(1, 20)):
                proxy.cut()
                assert eventually(lambda: readiness(builder)[1]["graph"] != "ok")
                assert readiness(receiver) == (200, {"log": "ok"})
                emitter.wait_for(200)
                proxy.heal()
                # A statement that was on its way when the network went silent is given up after two minutes.
                assert eventually(lambda: readiness(builder)[0] == 200, seconds=200)
                emitter.wait_for(200)
        assert_nothing_is_lost(query, emitter)


@pytest.mark.long
def test_neo4j_runs_out_of_memory_on_one_query(
    tmp_path: Path, postgres_url: str, own_neo4j: OwnNeo4j
) -> None:
    neo4j = own_neo4j(settings={"db.memory.transaction.max": "32m"})
    with Deployment(tmp_path, log_url=postgres_url, graph_url=neo4j.uri) as deployment:
        receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
        deployment.start("graphbuilder")
        with Persistent(receiver) as emitter:
            emitter.wait_for(200)
            greedy = Wire(query.url).post_json(
                "/api/v1/cypher", {"query": "UNWIND range(1, 5000000) AS n RETURN size(collect(n)) AS many"}
            )
            assert greedy.status == 400, greedy
            assert "memory" in greedy.json()["detail"]
            assert readiness(query)[0] == 200
            emitter.wait_for(200)
        assert_nothing_is_lost(query, emitter)


def test_projectors_are_killed_in_the_middle_of_their_work(deployment: Deployment) -> None:
    receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
    builders = [deployment.start("graphbuilder"), deployment.start("graphbuilder")]
    with Persistent(receiver, batch=200) as emitter:
        for _ in range(quick_or_long(1, 50)):
            emitter.wait_for(1_000)
            builders.pop(0).kill()
            builders.append(deployment.start("graphbuilder"))
            assert moves_on(query, 500)
    assert_nothing_is_lost(query, emitter)


def test_another_graph_builder_takes_over_within_seconds(deployment: Deployment) -> None:
    receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
    first = deployment.start("graphbuilder")
    with Persistent(receiver) as emitter:
        emitter.wait_for(100)
        second = deployment.start("graphbuilder")
        assert eventually(lambda: readiness(second)[0] == 200)
        first.kill()
        killed_at = time.monotonic()
        assert moves_on(query, 50)
        assert time.monotonic() - killed_at < 20  # a session's lock ends at once; the rest is this machine
    assert_nothing_is_lost(query, emitter)


def test_a_graph_builder_that_wakes_up_after_another_took_over_spoils_nothing(deployment: Deployment) -> None:
    receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
    sleeper = deployment.start("graphbuilder")
    with Persistent(receiver) as emitter:
        emitter.wait_for(100)
        os.kill(sleeper.process.pid, signal.SIGSTOP)
        try:
            deployment.start("graphbuilder")
            # The server sees a client that does not answer only when it is asked to; so its session is ended for it.
            _end_leases(deployment.log_url)
            assert moves_on(query, 50)
        finally:
            os.kill(sleeper.process.pid, signal.SIGCONT)
        emitter.wait_for(300)
    assert_nothing_is_lost(query, emitter)


def _end_leases(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted"
        )


def test_without_a_graph_builder_the_probe_says_so(deployment: Deployment) -> None:
    query = deployment.start("query", "admin")

    status, parts = readiness(query)

    assert (status, parts["projector"]) == (503, "No graph builder is running")
    deployment.start("graphbuilder")
    assert eventually(lambda: readiness(query)[0] == 200), readiness(query)


def test_a_rebuild_asked_for_on_one_process_is_done_by_another_while_questions_are_answered(
    deployment: Deployment,
) -> None:
    receiver, query = deployment.start("receiver"), deployment.start("query", "admin")
    deployment.start("graphbuilder")
    with Persistent(receiver) as emitter:
        emitter.wait_for(quick_or_long(800, 2_000))
        wire = Wire(query.url)
        assert wire.post_json("/admin/flush", {}).ok
        started = wire.post_json("/admin/rebuild", {"graph": True, "catalog": False}).json()
        seen = set()
        while wire.get(f"/admin/jobs/{started['id']}").json()["state"] == "running":
            answer = wire.get("/api/v1/lineage", node=f"pem:{emitter.acknowledged[0]}", depth=3)
            seen.add(answer.status)
        assert seen <= {200}
        assert wire.get(f"/admin/jobs/{started['id']}").json()["state"] == "done"
    assert_nothing_is_lost(query, emitter)
