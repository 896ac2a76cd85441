"""Walking towards the effects."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from provgraph.graphstore.neo4j import keys
from provgraph.graphstore.neo4j.statements import walks
from provgraph.graphstore.neo4j.walker import (
    MOST_EDGES,
    MOST_EVENTS,
    NARROW,
    Edge,
    Event,
    Walker,
    complete,
    facts_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.graphstore.base import Walk, WalkQuery
    from provgraph.graphstore.neo4j.generations import Generation
    from provgraph.graphstore.neo4j.reader import Asker
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.statements.statement import Statement

# From so many versions on, their users are looked for among those of the artifact.
_MANY_VERSIONS = 100
_AMONG_AT_ONCE = 2_000
_FEW_EDGES = 2_000


class Downstream(Walker):
    """
    A walk towards the effects.

    An event may lead to any number of others. Once a level has more of them than may become nodes, nothing more is
    searched for behind it: what is left to visit is known. Only edges between nodes are added at the end.
    """

    def __init__(
        self, graph: Asker, generation: Generation, query: WalkQuery, *, is_last_attempt: bool
    ) -> None:
        """Begin with nothing found; see `Walker`."""
        super().__init__(graph, generation, query, is_last_attempt=is_last_attempt)
        self._made: dict[str, list[str]] = {}  # event: the artifacts it produced
        self._names: dict[tuple[str, str], str] = {}  # event and shortened key: the artifact it produced
        self._effects: dict[str, list[Edge]] = {}
        self._reached: set[str] = set()  # by the level that is being visited
        self._unfinished: dict[str, None] = {}  # events whose effects are not all known

    def walk(self) -> Walk:
        """Return what lies downstream."""
        edges = self._first_effects()
        depth = 1
        while edges:
            self._edges += edges
            frontier = self._new(edge[0] for edge in edges)
            if not frontier or self._is_cut(depth):
                break
            edges = []
            self._reached = set()
            for piece in self._pieces(frontier):
                self._load(piece, depth)
                edges += self._visit(self._there(piece), depth)
            depth += 1
        self._add_edges_among_nodes()
        # A use may be met twice: from either of two versions that it may have seen.
        return self._result(dict.fromkeys(self._edges))

    def _first_effects(self) -> list[Edge]:
        start = self._query.start
        ids = list(start.pem_ids)
        if start.artifact is None:
            frontier = self._new(ids)
            self._load(frontier, 0)
            return self._visit(self._there(frontier), 0)
        key = keys.key_of(start.artifact)
        if keys.is_shortened(key):
            self._names.update(((id_, key), start.artifact) for id_ in ids)
        if start.outside or len(ids) > _MANY_VERSIONS:
            rows, _ = self._pages(walks.USERS_OF_ARTIFACT, ids=ids, key=key, outside=start.outside)
            return [
                (user, start.artifact, cause, bool(late), label or "")
                for cause, user, _, _, label, late in rows
            ]
        rows, _ = self._pages(walks.USERS_OF_VERSIONS, ids=ids, key=key)
        return self._edges_of(rows)

    def _visit(self, ids: Sequence[str], depth: int) -> list[Edge]:
        """Make events nodes, and return the edges that lead to them."""
        edges: list[Edge] = []
        for id_ in ids:
            self._depths[id_] = depth
            made = self._made[id_]
            self._artifacts.update(made)
            self._produces.update(dict.fromkeys((id_, name) for name in made))
            edges += self._effects.pop(id_)
        return edges

    # -------------------------------------------------------------------------------------------- loading

    def _load(self, ids: Sequence[str], depth: int) -> None:
        """Learn what events led to."""
        wanted = set(ids)
        missing = self._unknown(ids)
        self._note_reached(wanted.difference(missing))
        while missing:
            is_full = len(self._reached) > self._query.max_nodes
            most_events = max(MOST_EVENTS, len(missing))
            most_edges = 0 if is_full else self._most_edges()
            facts, edges, productions = self._ask(
                walks.EFFECTS[0 if is_full or len(missing) > NARROW else self._levels(depth)],
                ids=missing,
                most_events=most_events,
                most_edges=most_edges,
            )
            whole = facts if is_full else complete(facts, edges, most_edges)
            if is_full:
                self._unfinished.update(dict.fromkeys(missing))
            elif not whole:
                whole, edges = facts[:1], self._effects_of_hub(facts[0][0])
            self._learn(whole, edges, productions)
            self._note_reached(wanted.intersection(row[0] for row in whole))
            self._note_absent(missing, facts, most_events)
            missing = self._unknown(missing)

    def _most_edges(self) -> int:
        """Return how many edges to read at once: hardly more than may be wanted of an event that has very many."""
        return min(MOST_EDGES, max(_FEW_EDGES, 2 * self._query.max_nodes))

    def _note_reached(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            self._reached.update(edge[0] for edge in self._effects.get(id_, ()))

    def _effects_of_hub(self, id_: str) -> list[Row]:
        """Return what an event led to that led to very many others, or enough of it."""
        rows, is_all = self._pages(walks.EFFECTS_OF_ONE, rk_id=id_)
        if not is_all:
            self._unfinished[id_] = None
        return rows

    def _pages(self, statement: Statement, **parameters: Any) -> tuple[list[Row], bool]:
        """Read pages of edges until more events are reached than may become nodes; tell whether those are all."""
        rows: list[Row] = []
        users: set[str] = set()
        after, most_edges, known_at = "", self._most_edges(), self._known_at()
        while True:
            (page,) = self._ask(
                statement, after=after, most_edges=most_edges, known_at=known_at, **parameters
            )
            if len(page) < most_edges:
                return rows + page, True
            last = page[-1][1]
            whole = [row for row in page if row[1] != last]  # of the last event there may be more
            if not whole:
                most_edges *= 10
                continue
            rows += whole
            users.update(row[1] for row in whole)
            if len(users) > self._query.max_nodes:
                return rows, False
            after = whole[-1][1]

    def _learn(self, facts: Sequence[Row], edges: Sequence[Row], productions: Sequence[Row]) -> None:
        made: dict[str, list[str]] = defaultdict(list)
        for id_, name, key in productions:
            made[id_].append(name)
            if key is not None:
                self._names[id_, key] = name
        ids = {row[0] for row in facts}
        effects: dict[str, list[Edge]] = defaultdict(list)
        for edge in self._edges_of([row for row in edges if row[0] in ids]):
            effects[edge[2] or ""].append(edge)
        for row in facts:
            self._events[row[0]] = Event(*facts_of(row))
            self._made[row[0]] = sorted(made.get(row[0], ()))
            self._effects[row[0]] = sorted(effects.get(row[0], ()), key=_by_event)

    def _edges_of(self, rows: Sequence[Row]) -> list[Edge]:
        """Return rows as edges, without those from events that were not there at the position asked for."""
        known_at = self._known_at()
        labels = self._long_labels(rows)
        edges: list[Edge] = []
        for cause, user, position, key, label, out_of_order in rows:
            if position is not None and position > known_at:
                continue
            if key is None:
                edges.append((user, None, cause, False, ""))
            else:
                name = self._names.get((cause, key), key) if keys.is_shortened(key) else key
                stated = labels.get((user, key, label), label) or ""
                edges.append((user, name, cause, bool(out_of_order), stated))
        return edges

    def _long_labels(self, rows: Sequence[Row]) -> dict[tuple[str, str, str], str]:
        """Return the versions that shortened keys of versions stand for: by event, key of the artifact, and key."""
        wanted = [[row[1], row[3]] for row in rows if row[4] is not None and keys.is_shortened(row[4])]
        if not wanted:
            return {}
        (stated,) = self._ask(walks.STATED_VERSIONS, rows=wanted)
        return {(user, key, keys.key_of(version)): version for user, key, version in stated}

    def _add_edges_among_nodes(self) -> None:
        """Add the edges that lead from nodes to events whose effects are not all known."""
        causes = [id_ for id_ in self._unfinished if id_ in self._depths]
        nodes = list(self._depths) if causes else []
        for start in range(0, len(nodes), _AMONG_AT_ONCE):
            (rows,) = self._ask(walks.EFFECTS_AMONG, ids=nodes[start : start + _AMONG_AT_ONCE], causes=causes)
            self._edges += self._edges_of(rows)


def _by_event(edge: Edge) -> tuple[str, str, str]:
    return edge[0], edge[1] or "", edge[4]
