"""Upstream and downstream: what led to a node, and what it led to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.errors import ConflictError
from provgraph.exports import to_json
from provgraph.graphstore import WalkQuery
from provgraph.lineage import answer, details, past, request, told
from provgraph.lineage.cursor import OF_THIS_PROCESS, Cursor
from provgraph.lineage.recorders import add_to, nobody

if TYPE_CHECKING:
    from provgraph.graphstore import Checkpoint, GraphReader, HistoryReader
    from provgraph.lineage.cursor import Cursors
    from provgraph.lineage.recorders import RecordersOf
    from provgraph.lineage.request import LineageRequest, Node
    from provgraph.lineage.told import Json

QUESTION = "lineage-now"


def lineage(
    store: GraphReader,
    asked: LineageRequest,
    *,
    recorders: RecordersOf = nobody,
    cursors: Cursors = OF_THIS_PROCESS,
    detailed_by: HistoryReader | None = None,
) -> bytes:
    """
    Answer a lineage question, exact versions only, as JSON.

    ``nodes`` and ``edges`` in the order found, nearest first; ``position``, the log position it is true for;
    ``complete``, and if not the ``reason`` (``limit`` or ``depth``) and the ``cursor`` to go on after a ``limit``.

    :param detailed_by: the same graph, asked what the events of the page said; None: the answer does not tell
    :raises InvalidInputError: the question cannot be asked so
    :raises NotFoundError: the graph has no such node
    :raises ConflictError: late events changed what the pages before said, or the log was cleaned
    """
    request.check(asked)
    question = (QUESTION, asked.node, asked.direction, asked.depth, asked.version)
    since = None if asked.cursor is None else cursors.decode(asked.cursor, question)
    given, version = (0, asked.version) if since is None else since.since
    # What was the latest version on the first page is the one to go on with.
    node, start = request.find(store, asked._replace(version=version))
    query = WalkQuery(
        start,
        asked.direction,
        asked.depth,
        max_nodes=given + asked.limit + 1,
        known_at=None if since is None else since.position,
    )
    walk = store.walk(query)
    node = request.found(store, node, start, walk)
    epoch, position = walk.checkpoint
    if since is not None:
        _refuse_when_changed(store, since, walk.checkpoint)
        position = since.position
    page = answer.page(walk, query, skip=given, limit=asked.limit)
    reason = "limit" if page.more else walk.cut_by
    told_node, versions = _node(node), []
    if detailed_by is not None:
        facts = details.facts_of(detailed_by, page.nodes, page.edges, version=node.version)
        if detailed_by.checkpoint().epoch != epoch:  # what was walked is not what the details are of
            raise past.cleaned()
        versions = details.add_to(page.nodes, page.edges, facts)
        if (made := facts.get(node.version or "")) is not None:
            told_node |= told.ending(made)
            versions.append((made.position, told_node))
    add_to(page.nodes, recorders, versions=versions)
    following = None
    if reason == "limit":
        reached = Cursor(epoch, position, None, [given + len(page.nodes), node.version])
        following = cursors.encode(question, reached)
    return to_json(
        {
            "node": told_node,
            "direction": asked.direction,
            "depth": asked.depth,
            "nodes": page.nodes,
            "edges": page.edges,
            "position": position,
            "complete": reason is None,
            "reason": reason,
            "cursor": following,
        }
    )


def is_cursor(text: str, cursors: Cursors = OF_THIS_PROCESS) -> bool:
    """Tell whether a text is a cursor of such an answer, and not one of `provgraph.lineage.trace`."""
    return cursors.is_of(text, QUESTION)


def _refuse_when_changed(store: GraphReader, since: Cursor, now: Checkpoint) -> None:
    if since.epoch != now.epoch or since.position > now.position:
        raise ConflictError("The graph is not the one of the first page; ask again without cursor")
    if store.resolutions_changed_at() > since.position:
        raise ConflictError(
            "The graph was changed by late events since the first page; ask again without cursor"
        )


def _node(node: Node) -> Json:
    if node.kind == "pem":
        return {"kind": node.kind, "id": node.id}
    return {"kind": node.kind, "id": node.id, "version": node.version}
