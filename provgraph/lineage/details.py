"""
What events said of themselves and of the versions that they made, put into the nodes and edges of a lineage answer.

An answer without it is quick, and enough to draw by. The exports have it: whoever reads one has nothing else to look
into. Properties are bounded (`provgraph.telling.bounded`), and what is left out of them is counted.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from provgraph import telling
from provgraph.events.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from provgraph.graphstore import HistoryReader, PemFacts, ProductionFacts
    from provgraph.lineage.told import Json

REPORTED_AFTER = "reported_after"
_READ_AT_ONCE = 500


def facts_of(graph: HistoryReader, nodes: Iterable[Json], edges: Iterable[Json]) -> dict[str, PemFacts]:
    """Return what a graph knows of the events that nodes and edges name."""
    ids = dict.fromkeys(node["id"] for node in nodes if node["kind"] == "pem")
    ids.update(dict.fromkeys(edge["version"] for edge in edges if "version" in edge))
    wanted = list(ids)
    return {
        facts.id: facts
        for begin in range(0, len(wanted), _READ_AT_ONCE)
        for facts in graph.events(wanted[begin : begin + _READ_AT_ONCE])
    }


def add_to(nodes: Sequence[Json], edges: Sequence[Json], facts: Mapping[str, PemFacts]) -> None:
    """
    Add to the nodes of events their properties and when they were recorded, to edges what was said of the versions.

    That stands at the production; and at a use, where the event that made the version is not among the nodes. Events
    that were reported later than what they led to are marked, see `mark_late`.

    :param facts: of the events, by id; those that are missing were never reported
    """
    there = {node["id"] for node in nodes if node["kind"] == "pem"}
    for node in nodes:
        said = facts.get(node["id"]) if node["kind"] == "pem" else None
        if said is not None:
            node["recorded_at"] = rfc3339(said.recorded_us)
            node.update(_properties(said.properties))
    for edge in edges:
        edge.update(_version(edge, facts, there))
    mark_late(nodes, edges)


def _version(edge: Json, facts: Mapping[str, PemFacts], there: Collection[str]) -> Json:
    id_ = edge["source"] if edge["type"] == "PRODUCES" else edge.get("version")
    said = facts.get(id_ or "")
    if said is None or (edge["type"] == "USES" and id_ in there):
        return {}
    made = next((each for each in said.produces if each.artifact == edge["target"]), None)
    return {} if made is None else _said_of(made)


def _said_of(made: ProductionFacts) -> Json:
    told: Json = {}
    if made.version is not None:
        told["label"] = made.version
    if made.digest is not None:
        told["digest"] = made.digest
    if made.kind is not None:
        told["artifact_kind"] = made.kind  # in lists of nodes and edges, ``kind`` tells those apart
    return told | _properties(made.properties)


def _properties(text: str) -> Json:
    if text == "{}":
        return {}
    kept, left_out = telling.bounded(orjson.loads(text))
    told: Json = {"properties": kept}
    if left_out:
        told["properties_left_out"] = left_out
    return told


def mark_late(nodes: Iterable[Json], edges: Iterable[Json]) -> None:
    """
    Mark the events that were reported later than an event that they led to.

    Until then, answers about that one did not know of them. Of several such events, the one is named that was reported
    first. The nodes have to say when they were recorded.
    """
    events = {node["id"]: node for node in nodes if "recorded_at" in node}
    for edge in edges:
        if edge["type"] == "PRODUCES":
            continue
        cause = events.get((edge["target"] if edge["type"] == "PREDECESSOR" else edge.get("version")) or "")
        effect = events.get(edge["source"])
        if cause is None or effect is None or cause["position"] <= effect["position"]:
            continue
        named = cause.get(REPORTED_AFTER)
        if named is None or effect["position"] < named["position"]:
            cause[REPORTED_AFTER] = late(cause, effect, effect["id"])


def late(cause: Json, effect: Json, id_: str) -> Json:
    """
    Return how an answer says that an event was reported after another one that it led to.

    :param effect: that other event, as an answer tells it
    :param id_: its id
    """
    recorded = [datetime.fromisoformat(each["recorded_at"]) for each in (cause, effect)]
    return {
        "event": id_,
        "type": effect["type"],
        "position": effect["position"],
        "seconds": (recorded[0] - recorded[1]).total_seconds(),
    }
