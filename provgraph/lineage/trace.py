"""
Lineage through a view: upstream, downstream or both; exact versions or any; filtered; at a time on either clock.

What is asked without any of these `provgraph.lineage.lineage` answers, quicker and in the same form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.events.clock import rfc3339
from provgraph.graphstore import Direction, WalkQuery, WalkStart
from provgraph.lineage import answer, details, pages, past, subject, told
from provgraph.lineage.cursor import OF_THIS_PROCESS
from provgraph.lineage.downstream import Downstream
from provgraph.lineage.recorders import add_to, nobody
from provgraph.lineage.request import DEFAULT_LIMIT, LARGEST_LIMIT
from provgraph.lineage.upstream import Upstream
from provgraph.lineage.walker import DEFAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore import HistoryReader, PemFacts, Walk
    from provgraph.lineage.cursor import Cursors
    from provgraph.lineage.past import Past
    from provgraph.lineage.recorders import RecordersOf
    from provgraph.lineage.subject import Subject
    from provgraph.lineage.told import Json
    from provgraph.lineage.walker import Walked

BOTH = "both"


class Filter(NamedTuple):
    """Which events an answer lists. What it leaves out is walked over all the same, so nothing behind it is lost."""

    types: frozenset[str] = frozenset()
    emitters: frozenset[str] = frozenset()
    from_us: int | None = None  # on the emitters' clocks
    to_us: int | None = None

    def passes(self, facts: PemFacts | None) -> bool:
        """Tell whether an event is listed; of one that was only named so far, nothing is known to go by."""
        if facts is None:
            return self == _EVERYTHING
        return (
            (not self.types or facts.type in self.types)
            and (not self.emitters or facts.emitter in self.emitters)
            and (self.from_us is None or facts.occurred_us >= self.from_us)
            and (self.to_us is None or facts.occurred_us <= self.to_us)
        )


_EVERYTHING = Filter()


class Trace(NamedTuple):
    """A question for lineage."""

    node: str
    direction: str = Direction.UPSTREAM.value  # or "downstream", or "both"
    version: str | None = None
    depth: int | None = None
    any_version: bool = False
    only: Filter = _EVERYTHING
    as_of_us: int | None = None
    known_at: int | None = None
    limit: int = DEFAULT_LIMIT
    seconds: float = DEFAULT_SECONDS
    cursor: str | None = None
    question: Sequence[object] = ()  # what makes it the same question, as it was stated
    details: bool = False  # whether to tell what the events said


@past.steadily
def trace(
    graph: HistoryReader, asked: Trace, *, recorders: RecordersOf = nobody, cursors: Cursors = OF_THIS_PROCESS
) -> Json:
    """
    Return a page of lineage: the same form as `provgraph.lineage.lineage`.

    :raises InvalidInputError: it cannot be asked so
    :raises NotFoundError: the view has no such node
    :raises ConflictError: the log was cleaned since the first page
    """
    pages.check_limit(asked.limit, most=LARGEST_LIMIT)
    question = ("lineage", *asked.question)
    page = pages.begin(
        graph, question, asked.cursor, as_of_us=asked.as_of_us, known_at=asked.known_at, cursors=cursors
    )
    given, only = _since(page.since, asked)
    about = subject.find(
        graph,
        page.past,
        asked.node,
        version=asked.version,
        at_latest=asked.direction != Direction.DOWNSTREAM,
    )
    nodes, edges, cut_by, known = _listed(graph, page.past, about, asked, only, given)
    past.check(graph, page.past)
    end = given + asked.limit
    more = len(nodes) > end
    reason = "limit" if more or cut_by == "limit" else cut_by
    shown = nodes[given:end]
    shown_edges = [edge for edge, index in edges if given <= index < end]
    node = about.told(known)
    versions = about.placed(node, known)
    if asked.details:
        versions += details.add_to(shown, shown_edges, details.facts_of(graph, shown, shown_edges))
    add_to(shown, recorders, versions=versions)
    following = None
    # A filter may leave less than a page of as much as is walked over: then there is nothing to go on with.
    if more:
        following = pages.encode(cursors, question, page.past, [end, only.from_us, only.to_us])
    return {
        "node": node,
        "direction": asked.direction,
        "depth": asked.depth,
        "nodes": shown,
        "edges": shown_edges,
        **told.truth(page.past),
        "complete": reason is None,
        "reason": reason,
        "cursor": following,
    }


def _since(since: Sequence[Any] | None, asked: Trace) -> tuple[int, Filter]:
    """Return what a cursor says: how many nodes were given, and the filter with its times as they were at first."""
    if since is None:
        return 0, asked.only
    given, from_us, to_us = since
    return given, asked.only._replace(from_us=from_us, to_us=to_us)


_Listed = tuple[list["Json"], list[tuple["Json", int]]]


def _listed(
    graph: HistoryReader, until: Past, about: Subject, asked: Trace, only: Filter, given: int
) -> tuple[list[Json], list[tuple[Json, int]], str | None, dict[str, PemFacts]]:
    """Return nodes, edges with the index of the node they are complete with, what cut it, and the event asked about."""
    directions = list(Direction) if asked.direction == BOTH else [Direction(asked.direction)]
    lists: list[_Listed] = []
    cut_by = None
    known: dict[str, PemFacts] = {}
    for direction in directions:
        # Of what is filtered away it is not known how much lies before the page.
        most = given + asked.limit + 1 if only == _EVERYTHING else LARGEST_LIMIT
        query = WalkQuery(start_of(about, direction), direction, asked.depth, most)
        way = Upstream if direction is Direction.UPSTREAM else Downstream
        walked = way(graph, query, until, any_version=asked.any_version, seconds=asked.seconds).walk()
        if about.event_id in walked.facts:
            known[about.event_id] = walked.facts[about.event_id]
        walk, with_gaps = _filtered(walked, only), only != _EVERYTHING
        listed = answer.listed(walk, query, with_gaps=with_gaps, any_version=asked.any_version)
        lists.append((_enriched(listed[0], walked), listed[1]))
        cut_by = cut_by or walked.walk.cut_by
        if cut_by == "limit":
            break  # what lies on the other side comes behind all of this one
    nodes, edges = _merged(lists) if asked.direction == BOTH else lists[0]
    return nodes, edges, cut_by, known


def start_of(about: Subject, direction: Direction) -> WalkStart:
    """Return where a walk from a subject begins."""
    ids = () if about.event_id is None else (about.event_id,)
    if about.artifact is None:
        return WalkStart(ids)
    outside = direction is Direction.DOWNSTREAM and about.event_id is None
    return WalkStart(ids, about.artifact, outside=outside)


def _filtered(walked: Walked, only: Filter) -> Walk:
    walk = walked.walk
    if only == _EVERYTHING:
        return walk
    kept = {pem[0] for pem in walk.pems if only.passes(walked.facts.get(pem[0]))}
    return walk._replace(
        pems=[pem for pem in walk.pems if pem[0] in kept],
        uses=[edge for edge in walk.uses if edge[0] in kept],
        produces=[edge for edge in walk.produces if edge[0] in kept],
        predecessors=[edge for edge in walk.predecessors if edge[0] in kept and edge[1] in kept],
    )


def _enriched(nodes: list[Json], walked: Walked) -> list[Json]:
    """Add to events when they were recorded."""
    for node in nodes:
        facts = walked.facts.get(node["id"]) if node["kind"] == "pem" else None
        if facts is not None:
            node["recorded_at"] = rfc3339(facts.recorded_us)
    return nodes


def _merged(lists: list[_Listed]) -> _Listed:
    """Return several walks from one node as one list; each node says on which side it was found first."""
    nodes: list[Json] = []
    edges: dict[tuple[str, ...], tuple[Json, int]] = {}
    places: dict[tuple[str, str], int] = {}
    for side, (found, found_edges) in zip(Direction, lists, strict=False):
        index_of: list[int] = []
        # An edge between nodes of the first side that only the second one found comes with the last of them.
        at_least = max(0, len(nodes) - 1)
        for node in found:
            key = (node["kind"], node["id"])
            if key not in places:
                places[key] = len(nodes)
                nodes.append({**node, "side": side.value} if node["depth"] else node)
            # Some of this side's nodes were found on the other one, before those that came ahead of them here.
            index_of.append(max(places[key], index_of[-1] if index_of else at_least))
        for edge, index in found_edges:
            edges.setdefault(tuple(map(str, edge.values())), (edge, index_of[index]))
    return nodes, list(edges.values())
