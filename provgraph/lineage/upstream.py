"""Towards the causes: what led to an event, or to a version of an artifact, among the events of a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.lineage import versions
from provgraph.lineage.walker import DEFAULT_SECONDS, Walker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from provgraph.graphstore import HistoryReader, WalkedUse, WalkQuery
    from provgraph.lineage.past import Past

    # What tells whether a walk may end: it is given all events found so far, and the uses found at the last level.
    Found = Callable[[Mapping[str, int], Sequence[WalkedUse]], bool]


class Upstream(Walker):
    """One walk towards the causes."""

    def __init__(
        self,
        graph: HistoryReader,
        query: WalkQuery,
        past: Past,
        *,
        any_version: bool = False,
        seconds: float = DEFAULT_SECONDS,
        found: Found | None = None,
    ) -> None:
        """
        Prepare a walk.

        :param any_version: go from an artifact to all its versions, whichever was used
        :param seconds: stop after so long
        :param found: is asked behind each level; the walk ends when it is true
        """
        super().__init__(graph, query, past, any_version=any_version, seconds=seconds)
        self._found = found
        self._new_edges: list[WalkedUse] = []
        self._cut_short: set[str] = set()  # artifacts with more versions than the walk may find

    def _go(self) -> None:
        artifact = self._query.start.artifact
        frontier = self._new(self._query.start.pem_ids)
        self._load(frontier)
        if artifact is not None:
            frontier = [id_ for id_ in frontier if id_ in self._facts]
            self._produces.update(dict.fromkeys((id_, artifact) for id_ in frontier))
            if self._any_version:
                frontier += self._new(self._producers(artifact, from_event=None))
                self._load(frontier)
        depth = 0 if artifact is None else 1
        while frontier and not self._is_cut(depth):
            reached: list[str] = []
            for piece in self._pieces(frontier, depth):
                reached += self._causes(piece)
            if self._found is not None and self._found(self._depths, self._new_edges):
                return
            self._new_edges = []
            frontier = self._new(reached)
            self._load(frontier)
            depth += 1
        self._note_productions_of_found()

    def _note_productions_of_found(self) -> None:
        """Note which of the events found made a version that was left out when its artifact was expanded."""
        if self._cut_short:
            for id_ in self._depths:
                for made in self._facts[id_].produces if id_ in self._facts else ():
                    if made.artifact in self._cut_short:
                        self._produces[id_, made.artifact] = None

    def _causes(self, ids: Sequence[str]) -> Iterator[str]:
        """Yield what caused events, in the order of the events, their artifacts and their predecessors' ids."""
        known = [self._facts[id_] for id_ in ids if id_ in self._facts]
        self._load(
            [use.producer for event in known for use in event.uses if use.producer is not None]
            + [id_ for event in known for id_ in event.predecessors]
        )
        for event in known:
            for use in event.uses:
                cause = self._version(event, use.artifact, use.version, use.producer)
                self._new_edges.append(self._note_use(event, use.artifact, cause, use.version))
                self._artifacts.add(use.artifact)
                if cause is not None:
                    self._produces[cause, use.artifact] = None
                    yield self._reached(cause, event.id, use.artifact)
                if self._any_version:
                    yield from self._producers(use.artifact, from_event=event.id)
            for id_ in event.predecessors:
                self._predecessors[event.id, id_] = None
                yield self._reached(id_, event.id, None)

    def _producers(self, artifact: str, *, from_event: str | None) -> Iterator[str]:
        """Yield the events that produced any version of an artifact, once."""
        if artifact in self._expanded:
            return
        self._expanded.add(artifact)
        for count, production in enumerate(versions.each(self._graph, self._past, artifact)):
            if count > self._query.max_nodes:
                self._cut_short.add(artifact)
                return  # the walk is cut at its next level
            self._produces[production.event_id, artifact] = None
            if from_event is None:
                yield production.event_id
            else:
                yield self._reached(production.event_id, from_event, artifact)
