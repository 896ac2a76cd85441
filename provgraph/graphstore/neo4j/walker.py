"""
What walks over the graph in Neo4j share, whichever way they go.

What takes time is the way to the server and back, so a narrow walk reads several levels ahead with one statement. Each
event is visited once, in an order that is the same in every walk: by level, and within it by the events that led there,
their artifacts and ids.

Neo4j does not isolate a reader from what is committed meanwhile. A walk leaves out events behind the position it began
at, and begins anew when a late event changed what the graph says of older ones. Under a steady stream of late events
it does so a few times, and then takes what it finds: each event once, its edges as they were when they were read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.graphstore.base import Checkpoint, Walk
from provgraph.graphstore.neo4j import keys
from provgraph.graphstore.neo4j.statements import walks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provgraph.graphstore.base import WalkedUse, WalkQuery
    from provgraph.graphstore.neo4j.generations import Generation
    from provgraph.graphstore.neo4j.reader import Asker
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.statements.statement import Statement

# What one statement reads at most.
MOST_EVENTS = 2_000
MOST_EDGES = 20_000
# A wide level is walked in pieces, so that the limit on nodes is looked at between them.
_PIECE = 500
# From more events than these, levels are read one by one.
NARROW = 20

# What an event used: artifact, event whose version that was, whether that is out of order, version named.
Used = tuple[str, str | None, bool, str]
# An edge that was followed: event, then what it used; or with no artifact, the event before it.
Edge = tuple[str, str | None, str | None, bool, str]


class Event(NamedTuple):
    """What the graph says of an event; in a placeholder all is None or empty."""

    type: str | None
    emitter: str | None
    occurred_us: int | None
    position: int | None
    outcome: str | None
    error: str | None
    uses: Sequence[Used] = ()
    predecessors: Sequence[str] = ()


class State(NamedTuple):
    """The state of the graph that a walk is true for."""

    checkpoint: Checkpoint
    revision: int  # counts what changed in what the graph said of older events


class MovedError(Exception):
    """The graph is not in the state any more that the walk began in."""


class ReplacedError(Exception):
    """The generation that the walk began in is not the one to ask any more."""


class Walker:
    """One walk over one generation of the graph."""

    def __init__(
        self, graph: Asker, generation: Generation, query: WalkQuery, *, is_last_attempt: bool
    ) -> None:
        """
        Begin with nothing found.

        :param is_last_attempt: go on when the graph is changed by a late event
        """
        self._graph = graph
        self._generation = generation
        self._query = query
        self._start = query.start.pem_ids
        self._is_last_attempt = is_last_attempt
        self._state: State | None = None
        self._events: dict[str, Event] = {}
        self._absent: set[str] = set()  # events that are not in the graph
        self._met: set[str] = set()  # what is met again is not visited again
        self._depths: dict[str, int] = {}  # of the events that are nodes, in the order they were found
        self._artifacts: set[str | None] = {query.start.artifact}
        self._edges: list[Edge] = []
        self._produces: dict[tuple[str, str], None] = {}
        self._cut_by: str | None = None

    # -------------------------------------------------------------------------------------------- asking

    def _ask(self, statement: Statement, **parameters: Any) -> Row:
        """
        Return what a statement says, but for the state of the graph that it begins with.

        :raises MovedError: that is not the one that the walk began in
        :raises ReplacedError: the generation does not answer
        """
        row = self._graph.ask_of(self._generation, statement, parameters)
        if row is None:
            raise ReplacedError
        epoch, position, revision, is_unchanged, *found = row
        if not isinstance(epoch, str):  # a commit is being applied, see `reader.settled`
            raise MovedError
        if self._state is None:
            self._state = State(Checkpoint(epoch, position), revision)
        is_same = is_unchanged and revision == self._state.revision
        if not is_same and not self._is_last_attempt:
            raise MovedError
        return found

    def _found_state(self) -> State:
        """Return the state of the graph that this walk is true for."""
        while self._state is None:
            self._ask(walks.WALK_STATE)
        return self._state

    def _known_at(self) -> int:
        """Return the log position behind which events are left out."""
        position = self._found_state().checkpoint.position
        return position if self._query.known_at is None else min(position, self._query.known_at)

    def _levels(self, depth: int) -> int:
        """Return how many levels to read ahead of events at a depth, where the walk is narrow."""
        last = self._query.depth
        return walks.FURTHEST if last is None else max(0, min(walks.FURTHEST, last - depth))

    def _note_absent(self, asked: Iterable[str], facts: Sequence[Row], most_events: int) -> None:
        """Note which events are not in the graph, if the answer was not cut short."""
        if len(facts) < most_events:
            self._absent.update(set(asked).difference(row[0] for row in facts))

    def _unknown(self, ids: Iterable[str]) -> list[str]:
        """Return those events of which nothing is known yet."""
        events, absent = self._events, self._absent
        return [id_ for id_ in ids if id_ not in events and id_ not in absent]

    # -------------------------------------------------------------------------------------------- walking

    def _new(self, reached: Iterable[str | None]) -> list[str]:
        """Return the events to visit next, each once."""
        met = self._met
        new = [id_ for id_ in dict.fromkeys(reached) if id_ is not None and id_ not in met]
        met.update(new)
        return new

    def _pieces(self, frontier: Sequence[str]) -> Iterator[Sequence[str]]:
        """Cut a level into pieces, until the limit on nodes is reached."""
        for start in range(0, len(frontier), _PIECE):
            if len(self._depths) + len(self._artifacts) > self._query.max_nodes:
                self._cut_by = "limit"
                return
            yield frontier[start : start + _PIECE]

    def _is_cut(self, depth: int) -> bool:
        if self._cut_by is None and self._query.depth is not None and depth > self._query.depth:
            self._cut_by = "depth"
        return self._cut_by is not None

    def _there(self, ids: Iterable[str]) -> list[str]:
        """Return those events that are in the graph, and were at the position asked for."""
        events, known_at = self._events, self._known_at()
        return [id_ for id_ in ids if (event := events.get(id_)) and (event.position or 0) <= known_at]

    def _result(self, edges: Iterable[Edge]) -> Walk:
        """Return the walk, with those edges that lead from nodes (and predecessors: between nodes)."""
        depths, events = self._depths, self._events
        uses: list[WalkedUse] = []
        predecessors: list[tuple[str, str]] = []
        for id_, artifact, cause, out_of_order, label in edges:
            if id_ not in depths:
                continue
            if artifact is not None:
                uses.append((id_, artifact, cause, out_of_order, label))
            elif cause is not None and cause in depths:
                predecessors.append((id_, cause))
        return Walk(
            self._found_state().checkpoint,
            [(id_, depth, *events[id_][:6]) for id_, depth in depths.items()],
            uses,
            [edge for edge in self._produces if edge[0] in depths],
            predecessors,
            self._cut_by,
            self._start,
        )


def facts_of(row: Row) -> tuple[str | None, str | None, int | None, int | None, str | None, str | None]:
    """Return what a row of facts (id, type, emitter, occurred_at, position, outcome, error) says of an event."""
    _, type_, emitter, occurred_at, position, outcome, error = row
    occurred_us = None if occurred_at is None else keys.microseconds(occurred_at)
    return type_, emitter, occurred_us, position, outcome, error


def complete(facts: Sequence[Row], edges: Sequence[Row], most_edges: int) -> Sequence[Row]:
    """Return the facts of those events whose edges all came: they come event by event, up to a limit."""
    if len(edges) < most_edges:
        return facts
    last = edges[-1][0]
    return facts[: [row[0] for row in facts].index(last)]
