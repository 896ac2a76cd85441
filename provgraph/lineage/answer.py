"""From a walk to an answer: nodes and edges in the order they were found, cut into pages, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.events.clock import rfc3339
from provgraph.graphstore import Direction
from provgraph.lineage.told import ERROR, OUTCOME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore import Walk, WalkedPem, WalkedUse, WalkQuery

Json = dict[str, Any]


class Page(NamedTuple):
    """A run of an answer's nodes, and the edges whose later end lies in it: pages add up to the whole answer."""

    nodes: list[Json]
    edges: list[Json]
    more: bool


def page(walk: Walk, query: WalkQuery, *, skip: int, limit: int) -> Page:
    """Return ``limit`` nodes of a walk behind the first ``skip``, with their edges."""
    nodes = _nodes(walk, query)
    edges = _edges(walk)
    end = skip + limit
    if skip or len(nodes) > end:
        completed = _completed(walk, query, nodes)
        edges = [edge for edge, index in zip(edges, completed, strict=True) if skip <= index < end]
    return Page(nodes[skip:end], edges, more=len(nodes) > end)


def listed(
    walk: Walk, query: WalkQuery, *, with_gaps: bool = False, any_version: bool = False
) -> tuple[list[Json], list[tuple[Json, int]]]:
    """
    Return all of a walk's nodes, and its edges with the index of the node that each is complete with.

    :param with_gaps: events were taken out, so what the others used and produced is listed beside each of them
    :param any_version: the walk went from artifacts to all their versions
    """
    nodes = _nodes(walk, query, with_gaps=with_gaps)
    completed = _completed(walk, query, nodes, any_version=any_version)
    return nodes, list(zip(_edges(walk), completed, strict=True))


def _nodes(walk: Walk, query: WalkQuery, *, with_gaps: bool = False) -> list[Json]:
    """
    Return a walk's nodes, nearest first: each event, then what it used (upstream) or produced (downstream).

    A walk that goes further begins with the same nodes in the same order: pages rely on it.
    """
    beside: dict[str, list[str]] = {}
    if with_gaps or query.direction is Direction.UPSTREAM:
        for use in walk.uses:
            beside.setdefault(use[0], []).append(use[1])
    if with_gaps or query.direction is Direction.DOWNSTREAM:
        for pem_id, artifact in walk.produces:
            beside.setdefault(pem_id, []).append(artifact)
    start = query.start.artifact
    nodes: list[Json] = [] if start is None else [{"kind": "artifact", "id": start, "depth": 0}]
    seen = {start}
    for pem in walk.pems:
        nodes.append(_pem(pem))
        for artifact in beside.get(pem[0], ()):
            if artifact not in seen:
                seen.add(artifact)
                nodes.append({"kind": "artifact", "id": artifact, "depth": pem[1]})
    return nodes


def _pem(pem: WalkedPem) -> Json:
    id_, depth, type_, emitter, occurred_us, position, outcome, error = pem
    if position is None or occurred_us is None:
        return {"kind": "pem", "id": id_, "depth": depth, "placeholder": True}
    node = {
        "kind": "pem",
        "id": id_,
        "type": type_,
        "emitter": emitter,
        "occurred_at": rfc3339(occurred_us),
        "position": position,
        "depth": depth,
    }
    if outcome is not None:
        node[OUTCOME] = outcome
    if error is not None:
        node[ERROR] = error
    return node


def _edges(walk: Walk) -> list[Json]:
    edges = [_use(use) for use in walk.uses]
    edges += [
        {"type": "PRODUCES", "source": pem_id, "target": artifact} for pem_id, artifact in walk.produces
    ]
    edges += [{"type": "PREDECESSOR", "source": pem_id, "target": id_} for pem_id, id_ in walk.predecessors]
    return edges


def _use(use: WalkedUse) -> Json:
    pem_id, artifact, producer_id, out_of_order, named = use
    edge: Json = {"type": "USES", "source": pem_id, "target": artifact}
    if producer_id is not None:
        edge["version"] = producer_id
    if out_of_order:
        edge["out_of_order"] = True
    if named:
        edge["named_version"] = named
    return edge


def _completed(
    walk: Walk, query: WalkQuery, nodes: list[Json], *, any_version: bool = False
) -> Iterator[int]:
    """
    Yield for each of a walk's edges the index of the node with which it is complete.

    That is its later end, unless the walk learns of the edge from a node behind both: then that one. So an edge is
    complete with the same node however far a walk goes.

    An edge of an artifact whose versions are all followed at once is learned of together with the artifact: whether
    and when the walk comes to the version's event as well makes no difference. So it is with any version, and with the
    uses of the artifact that a walk downstream begins at when it is for all of its versions.
    """
    # Apart, because an artifact may be named like an event.
    events = {node["id"]: index for index, node in enumerate(nodes) if node["kind"] == "pem"}
    artifacts = {node["id"]: index for index, node in enumerate(nodes) if node["kind"] == "artifact"}
    start = query.start.artifact
    from_start = {(pem_id, start) for pem_id in walk.start}
    is_upstream = query.direction is Direction.UPSTREAM
    first_use: dict[tuple[str, str], int] = {}
    for pem_id, artifact, producer_id, _out_of_order, _named in walk.uses:
        index = max(events[pem_id], artifacts[artifact])
        is_alone = any_version or (query.start.outside and artifact == start)
        if producer_id is not None and not is_alone and (producer_id, artifact) not in from_start:
            if is_upstream:
                first_use[producer_id, artifact] = min(index, first_use.get((producer_id, artifact), index))
            else:
                index = max(index, events.get(producer_id, index))
        yield index
    for pem_id, artifact in walk.produces:
        yield max(events[pem_id], artifacts[artifact], first_use.get((pem_id, artifact), 0))
    for pem_id, id_ in walk.predecessors:
        yield max(events[pem_id], events[id_])
