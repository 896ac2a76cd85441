"""What a lineage question says, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import InvalidInputError
from provgraph.graphstore import Direction, WalkStart
from provgraph.lineage import node
from provgraph.lineage.node import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore import GraphReader, Walk

DEFAULT_LIMIT = 10_000
LARGEST_LIMIT = 100_000
LARGEST_DEPTH = 1_000_000_000
_ASKED = Asked()
_WHEN = "in the graph"


class LineageRequest(NamedTuple):
    """A question for the upstream or downstream of a node; see `provgraph.lineage.lineage`."""

    node: str  # artifact:NAME, pem:ID, or bare
    direction: Direction = Direction.UPSTREAM
    depth: int | None = None  # events to walk over; None: all
    limit: int = DEFAULT_LIMIT  # most nodes in one answer
    cursor: str | None = None
    version: str | None = None  # label, or id of the producing event


class Node(NamedTuple):
    """A node that a question is about, found in the graph."""

    kind: str  # "artifact" or "pem"
    id: str
    version: str | None = None  # of an artifact: id of the event that produced the version asked for


def check(request: LineageRequest) -> None:
    """
    Refuse what cannot be asked.

    :raises InvalidInputError: depth or limit out of bounds
    """
    if request.depth is not None and not 1 <= request.depth <= LARGEST_DEPTH:
        raise InvalidInputError(
            f"depth must be from 1 to {LARGEST_DEPTH:,}; leave it out for no bound",
            field="depth",
            rule=f"1-to-{LARGEST_DEPTH}",
        )
    if not 1 <= request.limit <= LARGEST_LIMIT:
        raise InvalidInputError(
            f"limit must be from 1 to {LARGEST_LIMIT:,}", field="limit", rule=f"1-to-{LARGEST_LIMIT}"
        )


def find(store: GraphReader, request: LineageRequest) -> tuple[Node, WalkStart]:
    """
    Return the node that a question names and where a walk from it starts.

    Upstream an artifact stands for one version: the one named, or the latest. Downstream without a version it stands
    for all of them, and for uses that no version explains: the question is who is affected.

    :raises NotFoundError: the graph has no such node, or the artifact no such version
    """
    kind, name, pem_id = node.read(request.node, _ASKED)
    if kind == "tag":
        name = request.node  # a tag is for `provgraph.lineage.trace`; here it is a name like any other
    if pem_id is not None and (kind == "pem" or store.has_pem(pem_id)):
        return _pem(store, pem_id, request)
    return _artifact(store, name, request)


def _pem(store: GraphReader, pem_id: str, request: LineageRequest) -> tuple[Node, WalkStart]:
    if request.version is not None:
        raise _ASKED.no_artifact()
    if not store.has_pem(pem_id):
        raise _ASKED.no_such(f"event {pem_id}", _WHEN)
    return Node("pem", pem_id), WalkStart((pem_id,))


def _artifact(store: GraphReader, name: str, request: LineageRequest) -> tuple[Node, WalkStart]:
    if request.version is None:
        if request.direction is Direction.UPSTREAM:
            return Node("artifact", name), WalkStart((), name, latest=True)
        versions = store.versions(name)
        _require(store, name, versions)
        return Node("artifact", name), WalkStart(tuple(versions), name, outside=True)
    versions = store.versions(name, version=request.version, limit=1)
    if not versions:
        _require(store, name, versions)
        raise _ASKED.no_version(name, request.version, _WHEN)
    return Node("artifact", name, versions[0]), WalkStart(tuple(versions), name)


def found(store: GraphReader, asked: Node, start: WalkStart, walk: Walk) -> Node:
    """
    Return the node that a question names, now that the walk has found its latest version if that was asked for.

    :raises NotFoundError: the graph has no such node
    """
    if not start.latest:
        return asked
    _require(store, asked.id, walk.start)
    return asked._replace(version=walk.start[0] if walk.start else None)


def _require(store: GraphReader, name: str, versions: Sequence[str]) -> None:
    if not versions and not store.has_artifact(name):
        raise _ASKED.no_such(f"artifact {node.shown(name)}", _WHEN)
