"""Walks: see `GraphStore.walk`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.errors import OverloadedError
from provgraph.graphstore.base import Direction
from provgraph.graphstore.neo4j import reader
from provgraph.graphstore.neo4j.downstream import Downstream
from provgraph.graphstore.neo4j.upstream import Upstream, WalkMemory
from provgraph.graphstore.neo4j.walker import MovedError, ReplacedError

if TYPE_CHECKING:
    from provgraph.graphstore.base import Walk, WalkQuery
    from provgraph.graphstore.neo4j.reader import Asker

__all__ = ["WalkMemory", "walk"]

# While late events keep changing what the graph says, a walk begins anew so many times; the last one goes on.
_ATTEMPTS = 4


def walk(graph: Asker, query: WalkQuery, memory: WalkMemory) -> Walk:
    """See `GraphStore.walk`."""
    for generation in graph.generations():
        for attempt in range(1, _ATTEMPTS + 1):
            is_last_attempt = attempt == _ATTEMPTS
            try:
                if query.direction is Direction.UPSTREAM:
                    return Upstream(graph, generation, query, memory, is_last_attempt=is_last_attempt).walk()
                return Downstream(graph, generation, query, is_last_attempt=is_last_attempt).walk()
            except ReplacedError:
                break
            except MovedError:
                continue
        else:
            reader.facts(graph)  # says whether it is damaged
            raise OverloadedError("The graph changes while it is read; ask again in a moment")
    raise AssertionError("unreachable")
