"""
Walking through the events of a view, breadth first, on any graph store.

`GraphReader.walk` is quicker, and answers what the graph says now. This one answers what a graph of the view's events
alone would say, keeps what it read of each event and how it got there, and walks over any version of an artifact when
asked to. Each event is visited once; the order depends on the events alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore import Checkpoint, Direction, Walk
from provgraph.lineage import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provgraph.graphstore import Effect, HistoryReader, PemFacts, ProductionFacts, WalkedUse, WalkQuery
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


class PastWalker:
    """One walk."""

    def __init__(
        self,
        graph: HistoryReader,
        query: WalkQuery,
        past: Past,
        *,
        any_version: bool = False,
        seconds: float = DEFAULT_SECONDS,
        found: Callable[[PastWalker], bool] | None = None,
    ) -> None:
        """
        Prepare a walk.

        :param any_version: go from an artifact to all its versions, whichever was used
        :param seconds: stop after so long
        :param found: is asked behind each level; the walk ends when it is true
        """
        self._graph = graph
        self._query = query
        self._past = past
        self._view = past.view
        self._any_version = any_version
        self._give_up_at = time.monotonic() + seconds
        self._found = found
        self._most_edges = 20 * query.max_nodes + 1_000
        self._start: dict[str, None] = dict.fromkeys(query.start.pem_ids)
        self.facts: dict[str, PemFacts] = {}
        self._absent: set[str] = set()
        self._met: set[str] = set()
        self._expanded: set[str] = set()  # artifacts whose versions were all reached
        self.depths: dict[str, int] = {}
        self.edges: dict[WalkedUse, None] = {}
        self._predecessors: dict[tuple[str, str], None] = {}
        self._produces: dict[tuple[str, str], None] = {}
        self._artifacts: set[str | None] = {query.start.artifact}
        self._steps: dict[str, Step] = {}
        self._cut_by: str | None = None

    def walk(self) -> Walked:
        """Return what was found."""
        if self._query.direction is Direction.UPSTREAM:
            self._upstream()
        else:
            self._downstream()
        return Walked(self._result(), self.facts, self._steps)

    # -------------------------------------------------------------------------------------------- upstream

    def _upstream(self) -> None:
        artifact = self._query.start.artifact
        frontier = self._new(self._query.start.pem_ids)
        self._load(frontier)
        if artifact is not None:
            frontier = [id_ for id_ in frontier if id_ in self.facts]
            self._produces.update(dict.fromkeys((id_, artifact) for id_ in frontier))
            if self._any_version:
                frontier += self._new(self._producers(artifact, from_event=None))
                self._load(frontier)
        depth = 0 if artifact is None else 1
        while frontier and not self._is_cut(depth):
            reached: list[str] = []
            for piece in self._pieces(frontier, depth):
                reached += self._causes(piece)
            if self._is_found():
                return
            frontier = self._new(reached)
            self._load(frontier)
            depth += 1

    def _causes(self, ids: Sequence[str]) -> Iterator[str]:
        """Yield what caused events, in the order of the events, their artifacts and their predecessors' ids."""
        known = [self.facts[id_] for id_ in ids if id_ in self.facts]
        self._load(
            [use.producer for event in known for use in event.uses if use.producer is not None]
            + [id_ for event in known for id_ in event.predecessors]
        )
        for event in known:
            for use in event.uses:
                cause = self._version(event, use.artifact, use.version, use.producer)
                self._note_use(event, use.artifact, cause, use.version)
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
        for count, production in enumerate(versions.each(self._graph, self._view, artifact)):
            if count > self._query.max_nodes:
                return  # the walk is cut at its next level
            self._produces[production.event_id, artifact] = None
            if from_event is None:
                yield production.event_id
            else:
                yield self._reached(production.event_id, from_event, artifact)

    # -------------------------------------------------------------------------------------------- downstream

    def _downstream(self) -> None:
        start = self._query.start
        frontier = self._new(start.pem_ids)
        self._load(frontier)
        if start.artifact is None:
            self.depths.update(dict.fromkeys(frontier, 0))
            self._note_productions(frontier)
            effects = self._effects(frontier)
        else:
            self._met.clear()  # the events that made the versions are no nodes of their own
            everyone = start.outside or self._any_version
            effects = self._users(start.artifact) if everyone else self._effects(frontier, of=start.artifact)
        depth = 1
        while frontier := self._new(self._led_to(effects)):
            if self._is_found() or self._is_cut(depth):
                return
            effects = []
            self._load(frontier)
            for piece in self._pieces(frontier, depth):
                self._note_productions(piece)
                effects += self._effects(piece)
            depth += 1

    def _led_to(self, effects: Iterable[Effect]) -> Iterator[str]:
        """Note edges, and yield the events they lead to."""
        start = self._query.start.artifact
        effects = list(effects)
        self._load(effect.event_id for effect in effects)
        for effect in effects:
            if effect.artifact is None:
                self._predecessors[effect.event_id, effect.cause_id or ""] = None
            else:
                self._note_use(self.facts[effect.event_id], effect.artifact, effect.cause_id, effect.version)
                self._artifacts.add(effect.artifact)
            is_first = effect.cause_id not in self.depths and effect.artifact == start
            source = None if is_first else effect.cause_id
            yield self._reached(effect.event_id, source, effect.artifact)

    def _effects(self, ids: Sequence[str], *, of: str | None = None) -> list[Effect]:
        """Return what events led to in the view, in the order of moments; ``of``: by this artifact only."""
        found = [
            effect
            for effect in self._graph.effects(ids, limit=self._most_edges)
            if self._view.holds(effect.occurred_us, effect.position)
            and of in (None, effect.artifact)
            # What uses a version that is not in the view means another one there.
            and (effect.artifact is None or effect.cause_id in self.facts)
        ]
        if not self._past.whole or self._graph.resolutions_changed_at() > self._view.position:
            found += self._moved(ids, of)
        if self._any_version:
            made = {made.artifact for id_ in ids if id_ in self.facts for made in self.facts[id_].produces}
            for artifact in sorted(made - self._expanded):
                found += self._users(artifact)
        return sorted(dict.fromkeys(found), key=_by_moment)

    def _moved(self, ids: Sequence[str], of: str | None) -> Iterator[Effect]:
        """
        Yield the uses that mean a version of these events in the view, and another one in the whole graph.

        Those mean one next to it that is not in the view.
        """
        for event in [self.facts[id_] for id_ in ids if id_ in self.facts]:
            for made in event.produces:
                if of not in (None, made.artifact):
                    continue
                beside = self._not_in_view_beside(event, made)
                if not beside:
                    continue
                for effect in self._graph.effects(list(beside), limit=self._most_edges):
                    if effect.artifact == made.artifact and self._view.holds(
                        effect.occurred_us, effect.position
                    ):
                        self._load([effect.event_id])
                        user = self.facts[effect.event_id]
                        named = effect.version
                        if (
                            versions.version_of(self._graph, self._view, user, made.artifact, named)
                            == event.id
                        ):
                            yield effect._replace(cause_id=event.id)

    def _not_in_view_beside(self, event: PemFacts, made: ProductionFacts) -> dict[str, None]:
        """Return the events whose versions may have taken uses from one in the view that are not in it themselves."""
        found: dict[str, None] = {}
        # Only what was recorded behind the view: what occurred behind it comes too late to be used before.
        if self._graph.resolutions_changed_at() > self._view.position:
            for label in dict.fromkeys((None, made.version)):
                found.update(dict.fromkeys(self._between(event, made.artifact, label)))
        # Whoever names a version by an id means a label of that text when the event of that id is not there.
        if made.version is not None and versions.is_event_id(made.version):
            self._load([made.version])
            if made.version not in self.facts:
                found[made.version] = None
        return found

    def _between(self, event: PemFacts, artifact: str, label: str | None) -> Iterator[str]:
        """Yield the productions next to an event's that are not in the view, on either side up to one that is."""
        at = versions.moment_of(event)
        sides = (
            versions.scanned(self._graph, self._view, artifact, version=label, after=at, newest_first=False),
            versions.scanned(self._graph, self._view, artifact, version=label, before=at, newest_first=True),
        )
        for side in sides:
            for production in side:
                if self._view.holds(production.occurred_us, production.position):
                    break
                yield production.event_id

    def _users(self, artifact: str) -> list[Effect]:
        """Return the uses of an artifact in the view, whatever the version, in the order of moments."""
        self._expanded.add(artifact)
        users = [
            effect
            for effect in self._graph.users(artifact, limit=self._most_edges)
            if self._view.holds(effect.occurred_us, effect.position)
        ]
        self._load(id_ for effect in users for id_ in (effect.event_id, effect.cause_id) if id_ is not None)
        return [
            effect._replace(
                cause_id=self._version(self.facts[effect.event_id], artifact, effect.version, effect.cause_id)
            )
            for effect in users
        ]

    def _note_productions(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            if id_ in self.facts:
                for made in self.facts[id_].produces:
                    self._produces[id_, made.artifact] = None
                    self._artifacts.add(made.artifact)

    # -------------------------------------------------------------------------------------------- shared

    def _version(self, user: PemFacts, artifact: str, named: str | None, producer: str | None) -> str | None:
        """Return which version a use means in the view; ``producer`` is the one it means in the whole graph."""
        if producer is None or producer in self.facts:
            return producer
        return versions.version_of(self._graph, self._view, user, artifact, named)

    def _note_use(self, user: PemFacts, artifact: str, cause: str | None, named: str | None) -> None:
        if cause is not None:
            self._load([cause])
        made = None if cause is None else self.facts[cause]
        out_of_order = made is not None and (user.occurred_us, user.id) < (made.occurred_us, made.id)
        self.edges[user.id, artifact, cause, out_of_order, named or ""] = None

    def _reached(self, id_: str, from_event: str | None, artifact: str | None) -> str:
        if id_ not in self._met:
            self._steps.setdefault(id_, Step(from_event, artifact))
        return id_

    def _load(self, ids: Iterable[str]) -> None:
        """Learn about events; those that are not in the view are as good as not there."""
        unknown = [id_ for id_ in dict.fromkeys(ids) if id_ not in self.facts and id_ not in self._absent]
        for begin in range(0, len(unknown), _PIECE):
            piece = unknown[begin : begin + _PIECE]
            for facts in self._graph.events(piece):
                if self._view.holds(facts.occurred_us, facts.position):
                    self.facts[facts.id] = facts
            self._absent.update(id_ for id_ in piece if id_ not in self.facts)

    def _new(self, reached: Iterable[str]) -> list[str]:
        """Return the events to visit next, each once."""
        new = [id_ for id_ in dict.fromkeys(reached) if id_ not in self._met]
        self._met.update(new)
        return new

    def _pieces(self, frontier: Sequence[str], depth: int) -> Iterator[Sequence[str]]:
        """Cut a level into pieces, until a limit is reached."""
        for begin in range(0, len(frontier), _PIECE):
            if len(self.depths) + len(self._artifacts) > self._query.max_nodes:
                self._cut_by = "limit"
                return
            if time.monotonic() > self._give_up_at:
                self._cut_by = "time"
                return
            piece = frontier[begin : begin + _PIECE]
            self.depths.update(dict.fromkeys(piece, depth))
            yield piece

    def _is_found(self) -> bool:
        return self._found is not None and self._found(self)

    def _is_cut(self, depth: int) -> bool:
        if self._cut_by is None and self._query.depth is not None and depth > self._query.depth:
            self._cut_by = "depth"
        return self._cut_by is not None

    def _result(self) -> Walk:
        depths = self.depths
        return Walk(
            Checkpoint(self._past.epoch, self._view.position),
            [(id_, depth, *self._told(id_)) for id_, depth in depths.items()],
            [edge for edge in self.edges if edge[0] in depths],
            [edge for edge in self._produces if edge[0] in depths],
            [edge for edge in self._predecessors if edge[0] in depths and edge[1] in depths],
            self._cut_by,
            tuple(self._start),
        )

    def _told(self, id_: str) -> tuple[str | None, str | None, int | None, int | None]:
        facts = self.facts.get(id_)
        if facts is None:
            return None, None, None, None
        return facts.type, facts.emitter, facts.occurred_us, facts.position


def _by_moment(effect: Effect) -> tuple[int, str, str, str]:
    return effect.occurred_us, effect.event_id, effect.artifact or "", effect.version or ""
