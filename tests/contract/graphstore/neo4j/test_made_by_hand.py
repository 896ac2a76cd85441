"""What somebody made in the graph's database under labels that are ours, and nobody reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from graphbuilder.projector import Projector
from provgraph.eventlog import PROJECTOR_LEASE, InMemoryEventLog
from provgraph.graphstore.base import Checkpoint
from provgraph.operations.clean import clean
from tests.contract.builders import pem
from tests.contract.graphstore.neo4j.helpers import eventually
from tests.contract.graphstore.stores import apply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore.neo4j import Neo4jGraphStore
    from tests.contract.graphstore.stores import Neo4jOpener

_PLANT = "CREATE (:PEM {rk_id: 'x'}), (:Artifact {rk_id: 'y'}), (:Tag {namespace: 'n', tag: 'z'}), (:Emitter)"
_PLANTED = {"PEM x", "Artifact y", "Tag z", "Emitter"}


@pytest.fixture
def graph(neo4j_stores: Neo4jOpener) -> Iterator[Neo4jGraphStore]:
    with neo4j_stores.empty() as store:
        yield store
        store.remove_made_by_hand()


def plant(neo4j_stores: Neo4jOpener) -> None:
    """Make nodes as anybody does who has the database's password."""
    with (
        neo4j_stores.neo4j.driver() as driver,
        driver.session(database=neo4j_stores.neo4j.database) as session,
    ):
        session.run(_PLANT).consume()


def test_it_is_found_and_removed_and_what_was_reported_stays(
    neo4j_stores: Neo4jOpener, graph: Neo4jGraphStore
) -> None:
    apply(graph, pem(1, uses=["a"], produces=["b"], Tag="t"), pem(2, after=[9]))
    before = graph.digest()
    assert graph.made_by_hand() == []
    plant(neo4j_stores)

    assert set(graph.made_by_hand()) == _PLANTED
    assert any("that nobody reported" in flaw.details for flaw in graph.flaws())
    assert set(graph.remove_made_by_hand()) == _PLANTED

    assert graph.made_by_hand() == []
    assert list(graph.flaws()) == []
    assert graph.digest() == before


def projecting(
    graph: Neo4jGraphStore, *, may_take_over: bool, log: InMemoryEventLog | None = None
) -> Projector:
    if log is None:
        log = InMemoryEventLog()
        log.append([pem(1), pem(2)])
    lease = log.lease(PROJECTOR_LEASE)
    return Projector(log, graph, lease=lease, interval_seconds=0.02, may_take_over=may_take_over)


def test_a_new_graph_does_not_begin_beside_it(neo4j_stores: Neo4jOpener, graph: Neo4jGraphStore) -> None:
    plant(neo4j_stores)

    with projecting(graph, may_take_over=False) as projector:
        assert eventually(lambda: projector.failure is not None)
        assert "nodes that nobody reported here" in str(projector.failure)
        assert "PROVGRAPH_GRAPH_TAKE_OVER=true" in str(projector.failure)
    assert graph.checkpoint() == Checkpoint()

    with projecting(graph, may_take_over=True):
        assert eventually(lambda: graph.counts().pems == 2)
    assert graph.made_by_hand() == []


def test_what_comes_later_goes_with_a_clean(neo4j_stores: Neo4jOpener, graph: Neo4jGraphStore) -> None:
    log = InMemoryEventLog()
    log.append([pem(1), pem(2)])

    with projecting(graph, may_take_over=False, log=log) as projector:
        assert eventually(lambda: graph.counts().pems == 2)
    with projecting(graph, may_take_over=False, log=log) as projector:
        plant(neo4j_stores)
        cleaned = clean(log, graph, timeout_seconds=30)
        assert projector.failure is None

    assert set(cleaned.removed_by_hand) == _PLANTED
    assert graph.made_by_hand() == []


def test_a_graph_that_is_emptied_later_is_filled_again_beside_it(
    neo4j_stores: Neo4jOpener, graph: Neo4jGraphStore
) -> None:
    log = InMemoryEventLog()
    log.append([pem(1), pem(2)])
    with projecting(graph, may_take_over=False, log=log):
        assert eventually(lambda: graph.counts().pems == 2)

    with projecting(graph, may_take_over=False, log=log) as projector:
        log.append([pem(3)])
        assert eventually(lambda: graph.counts().pems == 3)
        plant(neo4j_stores)
        graph.clear()
        log.append([pem(4)])

        assert eventually(lambda: graph.counts().pems == 4), projector.failure
