from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from neo4j.exceptions import DriverError, Neo4jError

from tests.servers.base import ServerFailedError

if TYPE_CHECKING:
    from tests.servers.fixtures import NewTCPProxy, OwnNeo4j
    from tests.servers.neo4j import Neo4jServer

pytestmark = pytest.mark.slow

_GREEDY = "UNWIND range(1, 10000000) AS x WITH collect(x) AS numbers RETURN size(numbers)"


def test_a_test_gets_a_database_without_anything_in_it(neo4j_server: Neo4jServer) -> None:
    _run(neo4j_server, "CREATE CONSTRAINT `a ``b` FOR (n:A) REQUIRE n.x IS UNIQUE")
    _run(neo4j_server, "CREATE INDEX second FOR (n:A) ON (n.y)")
    _run(neo4j_server, "UNWIND range(1, 30000) AS x CREATE (:A {x: x})-[:NEXT]->(:B)")

    neo4j_server.wipe()

    assert neo4j_server.is_empty()
    assert _run(neo4j_server, "SHOW CONSTRAINTS YIELD name") == []
    assert _run(neo4j_server, "SHOW INDEXES YIELD type WHERE type <> 'LOOKUP'") == []


def test_the_next_test_does_not_see_what_this_one_wrote(neo4j_server: Neo4jServer, neo4j_uri: str) -> None:
    assert neo4j_uri == neo4j_server.uri
    assert neo4j_server.is_empty()
    _run(neo4j_server, "CREATE (:Left)")


def test_it_is_the_edition_and_the_line_that_we_support(neo4j_server: Neo4jServer) -> None:
    [found] = _run(neo4j_server, "CALL dbms.components() YIELD versions, edition")

    assert found["versions"][0].startswith("5.26.")
    assert found["edition"] == "community" or neo4j_server.shared


def test_no_query_reads_a_file(own_neo4j: OwnNeo4j) -> None:
    server = own_neo4j(heap_megabytes=192)

    with pytest.raises(Neo4jError, match="allow_csv_import_from_file_urls"):
        _run(server, "LOAD CSV FROM 'file:///etc/hostname' AS line RETURN line")


def test_what_was_committed_survives_a_kill(own_neo4j: OwnNeo4j, tcp_proxy: NewTCPProxy) -> None:
    server = own_neo4j(heap_megabytes=192)
    before = server.uri
    _run(server, "CREATE (:Kept)")
    server.kill()
    away = server.trouble()

    server.restart()

    assert _run(server, "MATCH (n:Kept) RETURN count(n) AS n") == [{"n": 1}]
    assert isinstance(away, ConnectionRefusedError)
    assert server.uri == before


def test_a_greedy_query_runs_out_of_its_memory_and_the_server_goes_on(own_neo4j: OwnNeo4j) -> None:
    server = own_neo4j(heap_megabytes=192, settings={"db.memory.transaction.max": "8m"})

    with pytest.raises(Neo4jError) as raised:
        _run(server, _GREEDY)

    assert raised.value.code == "Neo.TransientError.General.MemoryPoolOutOfMemoryError"
    assert server.trouble() is None


def test_a_cut_network_ends_sessions_and_heals(neo4j_server: Neo4jServer, tcp_proxy: NewTCPProxy) -> None:
    proxy = tcp_proxy(neo4j_server.uri)
    with (
        neo4j_server.driver(uri=proxy.url) as driver,
        driver.session(database=neo4j_server.database) as session,
    ):
        session.run("RETURN 1").consume()
        proxy.cut()
        with pytest.raises(DriverError):
            session.run("RETURN 1").consume()

        proxy.heal()

        assert session.run("RETURN 1 AS n").data() == [{"n": 1}]


def test_a_server_that_cannot_start_says_why(own_neo4j: OwnNeo4j) -> None:
    with pytest.raises(ServerFailedError, match=r"No declared setting with name: no\.such\.setting"):
        own_neo4j(settings={"no.such.setting": "1"})


def _run(server: Neo4jServer, query: str) -> list[dict[str, Any]]:
    with server.driver() as driver, driver.session(database=server.database) as session:
        return session.run(query).data()
