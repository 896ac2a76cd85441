"""From a walk to an answer: nodes and edges in the order they were found, cut into pages, as JSON."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.events.clock import rfc3339

if TYPE_CHECKING:
    from provgraph.graphstore import Walk, WalkedPem, WalkedUse

Json = dict[str, Any]


class Page(NamedTuple):
    """A run of an answer's nodes, and the edges whose later end lies in it: pages add up to the whole answer."""

    nodes: list[Json]
    edges: list[Json]
    more: bool


def page(walk: Walk, start_artifact: str | None, *, skip: int, limit: int) -> Page:
    """Return ``limit`` nodes of a walk behind the first ``skip``, with their edges."""
    nodes = _nodes(walk, start_artifact)
    edges = _edges(walk)
    end = skip + limit
    if skip or len(nodes) > end:
        found = {_key(node): index for index, node in enumerate(nodes)}
        edges = [edge for edge in edges if skip <= _complete_at(edge, found) < end]
    return Page(nodes[skip:end], edges, more=len(nodes) > end)


def _nodes(walk: Walk, start_artifact: str | None) -> list[Json]:
    """Return a walk's nodes, nearest first."""
    depths = {pem[0]: pem[1] for pem in walk.pems}
    artifacts: dict[str, int] = {} if start_artifact is None else {start_artifact: 0}
    for pem_id, artifact, _producer_id, _out_of_order in walk.uses:
        if artifact not in artifacts:
            artifacts[artifact] = depths[pem_id]
    for pem_id, artifact in walk.produces:
        if artifact not in artifacts or depths[pem_id] < artifacts[artifact]:
            artifacts[artifact] = depths[pem_id]
    nodes = [_pem(pem) for pem in walk.pems]
    nodes += [{"kind": "artifact", "id": name, "depth": depth} for name, depth in artifacts.items()]
    nodes.sort(key=itemgetter("depth"))
    return nodes


def _pem(pem: WalkedPem) -> Json:
    id_, depth, type_, emitter, occurred_us, position = pem
    if position is None or occurred_us is None:
        return {"kind": "pem", "id": id_, "depth": depth, "placeholder": True}
    return {
        "kind": "pem",
        "id": id_,
        "type": type_,
        "emitter": emitter,
        "occurred_at": rfc3339(occurred_us),
        "position": position,
        "depth": depth,
    }


def _edges(walk: Walk) -> list[Json]:
    edges = [_use(use) for use in walk.uses]
    edges += [
        {"type": "PRODUCES", "source": pem_id, "target": artifact} for pem_id, artifact in walk.produces
    ]
    edges += [{"type": "PREDECESSOR", "source": pem_id, "target": id_} for pem_id, id_ in walk.predecessors]
    return edges


def _use(use: WalkedUse) -> Json:
    pem_id, artifact, producer_id, out_of_order = use
    if producer_id is None:
        return {"type": "USES", "source": pem_id, "target": artifact}
    edge = {"type": "USES", "source": pem_id, "target": artifact, "version": producer_id}
    return edge | {"out_of_order": True} if out_of_order else edge


def _key(node: Json) -> tuple[str, str]:
    # An artifact may be named like an event id.
    return node["kind"], node["id"]


def _complete_at(edge: Json, found: dict[tuple[str, str], int]) -> int:
    """Return the index of the node with which an edge is complete."""
    kind = "pem" if edge["type"] == "PREDECESSOR" else "artifact"
    return max(found["pem", edge["source"]], found[kind, edge["target"]])
