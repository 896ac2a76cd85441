"""Events that a damaged index let into the log a second time: a graph cannot take them, and need not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.families.pem.events import PEM
from provgraph.families.tracking.events import TRACKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.eventlog import EventLog
    from provgraph.events import RecordedEvent
    from provgraph.graphstore.base import GraphStore


def set_aside(log: EventLog, graph: GraphStore, events: Sequence[RecordedEvent]) -> bool:
    """
    Have the log set events aside that are the second under their id; tell whether there were any.

    :param events: what the graph could not take
    :raises StoreError: one of the stores does not answer
    """
    return _has_repeated(graph, events) and bool(log.mend_ids())


def _has_repeated(graph: GraphStore, events: Sequence[RecordedEvent]) -> bool:
    positions: dict[str, int] = {}
    for event in events:
        if event.kind in (PEM, TRACKED):
            if event.event_id in positions:
                return True
            positions[event.event_id] = event.position
    there = graph.events(list(positions))
    return any(facts.position < positions[facts.id] for facts in there)
