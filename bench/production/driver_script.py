"""
The floor of `project`: a script that has Neo4j UNWIND the nodes and edges of each batch, through the bare driver.

It writes the very graph that the store writes: the same labels, properties, constraints and indexes. What it writes is
known beforehand: which version a use means, what is new and what is there. So it checks nothing, looks nothing up
but the ends of edges, keeps no checkpoint, and reads nothing back.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.events.clock import now_us, rfc3339, second_text
from provgraph.graphstore import TagFacts
from provgraph.graphstore.neo4j import Neo4jGraphStore, keys, tagmoves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neo4j import Driver, ManagedTransaction

    from provgraph.events import NewEvent
    from provgraph.families.pem.events import Pem
    from tests.servers.neo4j import Neo4jServer

Rows = list[list[Any]]

# Every statement takes rows, which are lists: they travel faster than maps. Keys are looked up in the index by name,
# since right after a load the planner believes that there is nothing and reads everything instead.
_EMITTERS = """
UNWIND $rows AS r
MERGE (e:_Emitter_a {_key: r[0]}) ON CREATE SET e:Emitter, e.rk_id = r[0]
"""
_ARTIFACTS = """
UNWIND $rows AS r
CREATE (:_Artifact_a:Artifact {_key: r[0], rk_id: r[0], properties: r[1], created_at: r[2], _last: r[3],
                               _since_us: r[4], _since: r[5], _described: r[6]})
"""
_PEMS = """
UNWIND $rows AS r
MATCH (e:_Emitter_a {_key: r[2]}) USING INDEX SEEK e:_Emitter_a(_key)
CREATE (:_PEM_a:PEM {rk_id: r[0], type: r[1], emitter: r[2], properties: r[3], timestamp_client: r[4],
                     occurred_at: r[5], position: r[6], recorded_at: r[7]})-[:EMITTED_BY]->(e)
"""
_PRODUCES = """
UNWIND $rows AS r
MATCH (p:_PEM_a {rk_id: r[0]}) USING INDEX SEEK p:_PEM_a(rk_id)
MATCH (a:_Artifact_a {_key: r[1]}) USING INDEX SEEK a:_Artifact_a(_key)
CREATE (p)-[:PRODUCES {properties: r[2]}]->(a)
"""
_USES = """
UNWIND $rows AS r
MATCH (p:_PEM_a {rk_id: r[0]}) USING INDEX SEEK p:_PEM_a(rk_id)
MATCH (a:_Artifact_a {_key: r[1]}) USING INDEX SEEK a:_Artifact_a(_key)
MATCH (q:_PEM_a {rk_id: r[2]}) USING INDEX SEEK q:_PEM_a(rk_id)
CREATE (p)-[:USES {_producer: r[2]}]->(a)
CREATE (p)-[:INFORMED_BY {artifact: r[1]}]->(q)
"""
_PREDECESSORS = """
UNWIND $rows AS r
MATCH (p:_PEM_a {rk_id: r[0]}) USING INDEX SEEK p:_PEM_a(rk_id)
MATCH (q:_PEM_a {rk_id: r[1]}) USING INDEX SEEK q:_PEM_a(rk_id)
CREATE (p)-[:PREDECESSOR]->(q)
"""
_TAGS = """
UNWIND $rows AS r
MERGE (t:_Tag_a {_key: r[0]}) ON CREATE SET t:Tag, t.namespace = r[1], t.tag = r[2]
SET t._pem = r[3]
WITH t, r
OPTIONAL MATCH (t)-[before:MARKS]->()
DELETE before
WITH t, r
MATCH (p:_PEM_a {rk_id: r[3]}) USING INDEX SEEK p:_PEM_a(rk_id)
CREATE (t)-[:MARKS]->(p)
"""
_TAG_MOVES = """
UNWIND $rows AS r
CREATE (:_TagMoves_a {_key: r[0], _of: r[1], _namespace: r[2], _tag: r[3], _positions: r[4], _pems: r[5],
                      _moved_us: r[6]})
"""
_STATEMENTS = (_EMITTERS, _ARTIFACTS, _PEMS, _PRODUCES, _USES, _PREDECESSORS, _TAGS, _TAG_MOVES)

_NODES = """
MATCH (n) WHERE NOT n:Checkpoint AND NOT n:GraphState AND NOT n:_TagMoves_a
UNWIND labels(n) AS label
RETURN label, count(*), sum(size(keys(n)))
"""
# How many nodes hold the moves of tags depends on the batches that the log was followed in; how many moves does not.
_MOVES = (
    "MATCH (n:_TagMoves_a) RETURN 'moves of tags', sum(size(n._positions)), sum(size(n._pems + n._moved_us))"
)
_EDGES = "MATCH ()-[r]->() RETURN type(r), count(*), sum(size(keys(r)))"


class Content(NamedTuple):
    """How much is in a graph: for each label and type how many there are and how many properties they have."""

    nodes: frozenset[tuple[str, int, int]]
    edges: frozenset[tuple[str, int, int]]


def empty(server: Neo4jServer) -> None:
    """Leave nothing on a server but what the store makes in an empty database: constraints and indexes above all."""
    server.wipe()
    with closing(Neo4jGraphStore(server.uri, user=server.user or "", password=server.password)) as store:
        store.checkpoint()


def content(driver: Driver) -> Content:
    """Count what is there."""
    nodes, moves, edges = (
        frozenset((name, many, properties) for name, many, properties in driver.execute_query(query).records)
        for query in (_NODES, _MOVES, _EDGES)
    )
    return Content(nodes | moves, edges)


def load(driver: Driver, events: Sequence[NewEvent], *, size: int, rehearsed: int) -> float:
    """
    Write the graph of all events, ``size`` in each transaction; seconds it took behind the first ``rehearsed`` events.

    :param rehearsed: a multiple of ``size``
    """
    batches = _batches(events, size)
    ready = rehearsed // size
    with driver.session(database="neo4j") as session:
        for batch in batches[:ready]:
            session.execute_write(_write, batch)
        began = time.perf_counter()
        for batch in batches[ready:]:
            session.execute_write(_write, batch)
        return time.perf_counter() - began


def _write(transaction: ManagedTransaction, batch: list[Rows]) -> None:
    for statement, rows in zip(_STATEMENTS, batch, strict=True):
        transaction.run(statement, rows=rows).consume()


def _batches(events: Sequence[NewEvent], size: int) -> list[list[Rows]]:
    """Make the rows of each batch; positions are those of a log that holds these events alone."""
    pems: list[tuple[int, Pem]] = [(at, event.content) for at, event in enumerate(events, 1)]  # type: ignore[misc] # all are PEMs
    producers = {artifact.name: pem.id for _, pem in pems for artifact in pem.produces}
    return [_rows(pems[start : start + size], producers) for start in range(0, len(pems), size)]


def _rows(pems: list[tuple[int, Pem]], producers: dict[str, str]) -> list[Rows]:
    recorded_us = now_us()
    moves = [
        TagFacts(pem.tag_namespace or "", pem.tag, pem.id, pem.occurred_us, at)
        for at, pem in pems
        if pem.tag is not None
    ]
    tags = {(move.namespace, move.tag): move.pem_id for move in moves}
    return [
        [[emitter] for emitter in sorted({pem.emitter for _, pem in pems})],
        [
            [
                *(artifact.name, artifact.properties, second_text(recorded_us)),
                *(keys.moment(pem.occurred_us, pem.id), pem.occurred_us, at, at),
            ]
            for at, pem in pems
            for artifact in pem.produces
        ],
        [
            [
                *(pem.id, pem.type, pem.emitter, pem.properties, pem.timestamp_client),
                *(rfc3339(pem.occurred_us), at, rfc3339(recorded_us)),
            ]
            for at, pem in pems
        ],
        [[pem.id, artifact.name, artifact.properties] for _, pem in pems for artifact in pem.produces],
        [[pem.id, artifact.name, producers[artifact.name]] for _, pem in pems for artifact in pem.uses],
        [[pem.id, before] for _, pem in pems for before in pem.predecessors],
        [[keys.tag_key(*key), *key, pem_id] for key, pem_id in tags.items()],
        tagmoves.rows(moves),
    ]
