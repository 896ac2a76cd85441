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
from provgraph.lineage import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provgraph.graphstore import HistoryReader, PemFacts, ProductionFacts, UseFacts
    from provgraph.lineage.told import Json

REPORTED_AFTER = "reported_after"
_READ_AT_ONCE = 500


def facts_of(
    graph: HistoryReader, nodes: Iterable[Json], edges: Iterable[Json], *, version: str | None = None
) -> dict[str, PemFacts]:
    """
    Return what a graph knows of the events that nodes and edges name.

    :param version: the event that made the version that was asked about, which may be none of the nodes
    """
    ids: dict[str, None] = {} if version is None else {version: None}
    ids.update(dict.fromkeys(node["id"] for node in nodes if node["kind"] == "pem"))
    for edge in edges:
        if edge["type"] == "USES":
            ids[edge["source"]] = None  # a page has edges whose event is on another one
        if "version" in edge:
            ids[edge["version"]] = None
    wanted = list(ids)
    return {
        facts.id: facts
        for begin in range(0, len(wanted), _READ_AT_ONCE)
        for facts in graph.events(wanted[begin : begin + _READ_AT_ONCE])
    }


def add_to(
    nodes: Sequence[Json], edges: Sequence[Json], facts: Mapping[str, PemFacts]
) -> list[tuple[int, Json]]:
    """
    Add to the nodes of events their properties and when they were recorded, to edges what was said of the versions.

    That stands at the production; and at a use, where the event that made the version is not among the nodes. There
    stands as well how its work ended, which else the node says. A use of what came from outside has what the using
    event said of it, another one has that as ``stated``, and `told.CONTRADICTED` where the digests differ. Events
    that were reported later than what they led to are marked, see `mark_late`.

    :param facts: of the events, by id; those that are missing were never reported
    :returns: the edges whose version was made by an event that is not among the nodes, with its log position
    """
    there = {node["id"] for node in nodes if node["kind"] == "pem"}
    for node in nodes:
        said = facts.get(node["id"]) if node["kind"] == "pem" else None
        if said is not None:
            node["recorded_at"] = rfc3339(said.recorded_us)
            node.update(_properties(said.properties))
    unlisted: list[tuple[int, Json]] = []
    for edge in edges:
        said = facts.get(_maker(edge) or "")
        if edge["type"] == "USES":
            edge.update(_of_use(edge, facts.get(edge["source"]), said))
        if said is None:
            continue
        is_listed = said.id in there
        if edge["type"] == "PRODUCES" or not is_listed:
            edge.update(_version(said, edge["target"]))
        if not is_listed:
            edge.update(told.ending(said))
            unlisted.append((said.position, edge))
    mark_late(nodes, edges)
    return unlisted


def _maker(edge: Json) -> str | None:
    """Return the id of the event that made the version that an edge leads to."""
    made: str | None = edge["source"] if edge["type"] == "PRODUCES" else edge.get("version")
    return made


def _of_use(edge: Json, user: PemFacts | None, maker: PemFacts | None) -> Json:
    """
    Return what a use says of what was used.

    :param maker: of the version that was used; None: that came from outside
    """
    use = None if user is None else told.use_of(user, edge["target"], edge.get("named_version"))
    if use is None or not use.says:
        return {}
    said = _said_in(use)
    if maker is None:
        return said
    return {told.STATED: said} | told.contradiction(use, told.version_of(maker, edge["target"]))


def _version(said: PemFacts, artifact: str) -> Json:
    made = next((each for each in said.produces if each.artifact == artifact), None)
    return {} if made is None else _said_of(made)


def _said_of(made: ProductionFacts) -> Json:
    return ({} if made.version is None else {"label": made.version}) | _said_in(made)


def _said_in(made: ProductionFacts | UseFacts) -> Json:
    said: Json = {}
    if made.digest is not None:
        said["digest"] = made.digest
    if made.kind is not None:
        said["artifact_kind"] = made.kind  # in lists of nodes and edges, ``kind`` tells those apart
    return said | _properties(made.properties)


def _properties(text: str) -> Json:
    if text == "{}":
        return {}
    kept, left_out = telling.bounded(orjson.loads(text))
    said: Json = {"properties": kept}
    if left_out:
        said["properties_left_out"] = left_out
    return said


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
