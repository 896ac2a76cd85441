"""
What walks through the events of a view share, whichever way they go: breadth first, on any graph store.

`GraphReader.walk` is quicker, and answers what the graph says now. These answer what a graph of the view's events alone
would say, keep what they read of each event and how they got there, and walk over any version of an artifact when asked
to. Each event is visited once; the order depends on the events alone.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore import Checkpoint, Walk
from provgraph.lineage import versions
from provgraph.lineage.past import Known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provgraph.graphstore import HistoryReader, PemFacts, WalkedUse, WalkQuery
    from provgraph.lineage.past import Past

# A wide level is walked in pieces, so that the limits are looked at between them.
_PIECE = 500
DEFAULT_SECONDS = 30.0


class Step(NamedTuple):
    """How a walk came to an event."""

    from_event: str | None  # None: from the artifact that the walk began at
    artifact: str | None  # None: one of the two names the other as its predecessor


class Walked(NamedTuple):
    """What a walk found."""

    walk: Walk
    facts: dict[
        str, PemFacts
    ]  # of the events that are no placeholders, and of versions used by the last ones
    steps: dict[str, Step]  # of every event but those the walk began at; each is on a shortest way


class Walker(ABC):
    """One walk."""

    def __init__(
        self,
        graph: HistoryReader,
        query: WalkQuery,
        past: Past,
        *,
        any_version: bool = False,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        """
        Prepare a walk.

        :param any_version: go from an artifact to all its versions, whichever was used
        :param seconds: stop after so long
        """
        self._graph = graph
        self._query = query
        self._past = past
        self._view = past.view
        self._any_version = any_version
        self._give_up_at = time.monotonic() + seconds
        self._facts: dict[str, PemFacts] = Known(graph, past)
        self._absent: set[str] = set()
        self._met: set[str] = set()
        self._expanded: set[str] = set()  # artifacts whose versions were all reached
        self._depths: dict[str, int] = {}
        self._edges: dict[WalkedUse, None] = {}
        self._predecessors: dict[tuple[str, str], None] = {}
        self._produces: dict[tuple[str, str], None] = {}
        self._artifacts: set[str | None] = {query.start.artifact}
        self._steps: dict[str, Step] = {}
        self._cut_by: str | None = None

    def walk(self) -> Walked:
        """Return what was found."""
        self._go()
        return Walked(self._result(), self._facts, self._steps)

    @abstractmethod
    def _go(self) -> None:
        """Walk until nothing new is reached, or something cuts the walk."""

    def _version(self, user: PemFacts, artifact: str, named: str | None, producer: str | None) -> str | None:
        """Return which version a use means in the view; ``producer`` is the one it means in the whole graph."""
        is_there = producer is None or producer in self._facts
        if is_there and not self._past.order.may_differ(user.id, artifact):
            return producer
        return versions.version_of(self._graph, self._past, user, artifact, named)

    def _note_use(self, user: PemFacts, artifact: str, cause: str | None, named: str | None) -> WalkedUse:
        """Note a use as the view has it, and return it."""
        if cause is not None:
            self._load([cause])
        made = None if cause is None else self._facts[cause]
        place_of = self._past.order.moment_of
        out_of_order = made is not None and place_of(user) < place_of(made)
        use = (user.id, artifact, cause, out_of_order, named or "")
        self._edges[use] = None
        return use

    def _reached(self, id_: str, from_event: str | None, artifact: str | None) -> str:
        if id_ not in self._met:
            self._steps.setdefault(id_, Step(from_event, artifact))
        return id_

    def _load(self, ids: Iterable[str]) -> None:
        """Learn about events; those that are not in the view are as good as not there."""
        unknown = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._facts and id_ not in self._absent]
        for begin in range(0, len(unknown), _PIECE):
            piece = unknown[begin : begin + _PIECE]
            for facts in self._graph.events(piece):
                if self._view.holds(facts.occurred_us, facts.position):
                    self._facts[facts.id] = facts
            self._absent.update(id_ for id_ in piece if id_ not in self._facts)

    def _new(self, reached: Iterable[str]) -> list[str]:
        """Return the events to visit next, each once."""
        new = [id_ for id_ in dict.fromkeys(reached) if id_ not in self._met]
        self._met.update(new)
        return new

    def _pieces(self, frontier: Sequence[str], depth: int) -> Iterator[Sequence[str]]:
        """Cut a level into pieces, until a limit is reached."""
        for begin in range(0, len(frontier), _PIECE):
            if len(self._depths) + len(self._artifacts) > self._query.max_nodes:
                self._cut_by = "limit"
                return
            if self._is_late():
                return
            piece = frontier[begin : begin + _PIECE]
            self._depths.update(dict.fromkeys(piece, depth))
            yield piece

    def _is_late(self) -> bool:
        if time.monotonic() > self._give_up_at:
            self._cut_by = "time"
            return True
        return False

    def _is_cut(self, depth: int) -> bool:
        if self._cut_by is None and self._query.depth is not None and depth > self._query.depth:
            self._cut_by = "depth"
        return self._cut_by is not None

    def _result(self) -> Walk:
        depths = self._depths
        return Walk(
            Checkpoint(self._past.epoch, self._view.position),
            [(id_, depth, *self._told(id_)) for id_, depth in depths.items()],
            [edge for edge in self._edges if edge[0] in depths],
            [edge for edge in self._produces if edge[0] in depths],
            [edge for edge in self._predecessors if edge[0] in depths and edge[1] in depths],
            self._cut_by,
            self._query.start.pem_ids,
        )

    def _told(
        self, id_: str
    ) -> tuple[str | None, str | None, int | None, int | None, str | None, str | None]:
        facts = self._facts.get(id_)
        if facts is None:
            return None, None, None, None, None, None
        return facts.type, facts.emitter, facts.occurred_us, facts.position, facts.outcome, facts.error
