"""Constraints and indexes, and what a server that died while it made them leaves behind."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from neo4j.exceptions import DriverError, Neo4jError

from provgraph.graphstore.neo4j import Neo4jGraphStore
from provgraph.graphstore.neo4j.statements import schema
from provgraph.graphstore.neo4j.statements.schema import GENERATION_SCHEMA
from tests.contract.builders import pem
from tests.contract.graphstore.neo4j.helpers import values
from tests.contract.graphstore.stores import apply

if TYPE_CHECKING:
    from tests.contract.graphstore.stores import Neo4jOpener
    from tests.servers.fixtures import OwnNeo4j
    from tests.servers.neo4j import Neo4jServer

_NAME = "provgraph_pem_a"
_UNUSABLE = """
SHOW INDEXES YIELD name, state, type, owningConstraint
WHERE type <> 'LOOKUP' AND (state <> 'ONLINE' OR owningConstraint IS NULL AND name STARTS WITH 'provgraph_pem')
RETURN name, state
"""
_CONSTRAINT = "SHOW CONSTRAINTS YIELD name WHERE name = $name RETURN count(*)"
# Enough to make a constraint on for a while.
_MANY = "UNWIND range(1, 40000) AS n CREATE (:_PEM_a {rk_id: toString(n)})"


def test_an_index_that_has_the_name_of_a_constraint_makes_way_for_it(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    store.checkpoint()  # makes them all
    values(neo4j_stores, f"DROP CONSTRAINT {_NAME}")
    values(neo4j_stores, f"CREATE INDEX {_NAME} FOR (n:_PEM_a) ON (n.rk_id)")
    server = neo4j_stores.neo4j

    with closing(Neo4jGraphStore(server.uri, user=server.user or "neo4j", password=server.password)) as other:
        other.checkpoint()

    assert values(neo4j_stores, _CONSTRAINT, name=_NAME) == [[1]]
    assert values(neo4j_stores, _UNUSABLE) == []


def test_an_index_that_came_to_belong_to_a_constraint_since_it_was_looked_at_stays(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.checkpoint()  # makes them all
    monkeypatch.setattr(
        schema, "FOUND", "SHOW INDEXES YIELD name, state RETURN collect([name, state, false])"
    )
    server = neo4j_stores.neo4j

    with closing(Neo4jGraphStore(server.uri, user=server.user or "neo4j", password=server.password)) as other:
        other.checkpoint()

    assert values(neo4j_stores, _CONSTRAINT, name=_NAME) == [[1]]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_a_server_that_was_killed_left_of_a_constraint_is_made_again(own_neo4j: OwnNeo4j) -> None:
    server = own_neo4j()
    _asked(server, _MANY)
    for _ in range(10):
        _kill_while_it_makes_constraints(server)
        if left := _asked(server, _UNUSABLE):
            break

    assert left == [[_NAME, "POPULATING"]]
    _asked(server, "MATCH (n) DELETE n")
    with closing(Neo4jGraphStore(server.uri)) as store:
        apply(store, pem(1))
    assert _asked(server, _CONSTRAINT, name=_NAME) == [[1]]
    assert _asked(server, _UNUSABLE) == []


def _kill_while_it_makes_constraints(server: Neo4jServer) -> None:
    maker = threading.Thread(target=_make_and_drop, args=(server,))
    maker.start()
    time.sleep(1.5)
    server.kill()
    maker.join()
    server.start()


def _make_and_drop(server: Neo4jServer) -> None:
    try:
        while True:
            _asked(server, GENERATION_SCHEMA["provgraph_pem_@"].of("a"))
            _asked(server, f"DROP CONSTRAINT {_NAME}")
    except (DriverError, Neo4jError):
        return  # it was killed


def _asked(server: Neo4jServer, query: str, **parameters: object) -> list[list[object]]:
    with server.driver() as driver, driver.session(database=server.database) as session:
        return [list(record.values()) for record in session.run(query, parameters)]
