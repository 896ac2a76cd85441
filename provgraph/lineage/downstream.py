"""Towards the effects: what came of an event, or of versions of an artifact, among the events of a view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore import Effect
from provgraph.lineage import versions
from provgraph.lineage.walker import DEFAULT_SECONDS, Walker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provgraph.graphstore import HistoryReader, PemFacts, WalkQuery
    from provgraph.lineage.past import Past

_Place = tuple[int, str]  # time and id of an event: in their order, edges to events are read

# How many edges are read at once: enough for every level but one that by far exceeds what the walk may find.
_EDGES_FOR_A_NODE = 20
_LEAST_EDGES = 1_000
_ALL = 2**31 - 1


class _Read(NamedTuple):
    """Edges as a store gave them, by the times and ids of the events that they lead to."""

    effects: list[Effect]
    end: _Place | None  # before which these are all; None: there are no more


class Downstream(Walker):
    """One walk towards the effects."""

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
        super().__init__(graph, query, past, any_version=any_version, seconds=seconds)
        self._most_edges = _EDGES_FOR_A_NODE * query.max_nodes + _LEAST_EDGES
        self._next: dict[str, None] = {}  # what the level that is being walked has led to so far
        self._left_out = False  # whether there are edges that were not read
        self._has_more_behind = False  # whether the graph has events recorded behind the view
        self._reordered: dict[str | None, list[Effect]] | None = None  # see `_in_another_order`

    def _go(self) -> None:
        start = self._query.start
        frontier = self._new(start.pem_ids)
        self._load(frontier)
        if start.artifact is None:
            self._depths.update(dict.fromkeys(frontier, 0))
            self._note_productions(frontier)
            effects = self._effects(frontier)
        else:
            self._met.clear()  # the events that made the versions are no nodes of their own
            if start.outside or self._any_version:
                effects = self._read([], artifacts=[start.artifact])
            else:
                effects = self._read(frontier, of=start.artifact)
        depth = 1
        while frontier := self._new(self._led_to(effects)):
            if self._is_cut(depth):
                return
            effects = []
            self._next.clear()
            self._load(frontier)
            for piece in self._pieces(frontier, depth):
                self._note_productions(piece)
                effects += self._effects(piece)
            depth += 1
        if self._left_out and self._cut_by is None:
            self._cut_by = "limit"

    def _led_to(self, effects: Iterable[Effect]) -> Iterator[str]:
        """Note edges, and yield the events they lead to."""
        start = self._query.start.artifact
        effects = list(effects)
        self._load(effect.event_id for effect in effects)
        for effect in effects:
            if effect.artifact is None:
                self._predecessors[effect.event_id, effect.cause_id or ""] = None
            else:
                self._note_use(self._facts[effect.event_id], effect.artifact, effect.cause_id, effect.version)
                self._artifacts.add(effect.artifact)
            is_first = effect.cause_id not in self._depths and effect.artifact == start
            source = None if is_first else effect.cause_id
            yield self._reached(effect.event_id, source, effect.artifact)

    def _effects(self, ids: Sequence[str]) -> list[Effect]:
        """Return what events led to in the view, by the times and ids of the latter."""
        artifacts: list[str] = []
        if self._any_version:
            made = {made.artifact for id_ in ids if id_ in self._facts for made in self._facts[id_].produces}
            artifacts = sorted(made - self._expanded)
        return self._read(ids, artifacts=artifacts)

    # -------------------------------------------------------------------------------------------- reading edges

    def _read(
        self, ids: Sequence[str], *, of: str | None = None, artifacts: Sequence[str] = ()
    ) -> list[Effect]:
        """
        Return what events led to in the view, by the times and ids of the latter.

        :param of: by this artifact only
        :param artifacts: whose users to add, whatever the version
        """
        self._expanded.update(artifacts)
        there = [id_ for id_ in ids if id_ in self._facts]
        # What uses a version of an event that is not in the view means another one there.
        absent = [id_ for id_ in ids if id_ not in self._facts]
        look_up, view = self._graph, self._view
        reads = [self._bounded(partial(look_up.effects, there, view=view, artifact=of))] if there else []
        if absent and of is None:
            reads.append(self._bounded(partial(look_up.effects, absent, view=view, named=True)))
        used = [self._bounded(partial(look_up.users, artifact, view=view)) for artifact in artifacts]
        causes = set(ids)
        found = [
            effect
            for effect in self._as_meant([effect for read in reads for effect in read.effects])
            if effect.cause_id in causes  # in the view it may have another one
        ]
        found += self._as_meant([effect for read in used for effect in read.effects])
        found += self._taken(there, of)
        ends = [read.end for read in (*reads, *used) if read.end is not None]
        if ends:
            # More than the walk may find: the first of it, and what leads to nodes that are found without it.
            end = min(ends)
            found = [effect for effect in found if _place(effect) < end]
            found += self._among_found(set(there) | set(absent), set(artifacts), of)
        found = sorted(dict.fromkeys(found), key=_by_place)
        self._next.update(dict.fromkeys(effect.event_id for effect in found))
        return found

    def _bounded(self, ask: Callable[..., list[Effect]]) -> _Read:
        """Read all edges that there are, or at least so many that the walk is cut before it comes to the last."""
        most = self._most_edges
        while True:
            found = ask(limit=most)
            if len(found) < most:
                return _Read(found, None)
            end = _place(found[-1])
            # Of the last event some edges may be missing.
            found = [effect for effect in found if _place(effect) < end]
            new = {effect.event_id for effect in found} - self._met - self._next.keys()
            if len(new) > self._query.max_nodes or self._is_late():
                self._left_out = True
                return _Read(found, end)
            most *= 4

    def _as_meant(self, effects: list[Effect]) -> list[Effect]:
        """Return edges, the uses with the versions that they mean in the view."""
        self._load(effect.cause_id for effect in effects if effect.cause_id is not None)
        doubtful = {effect for effect in effects if self._is_doubtful(effect)}
        self._load(effect.event_id for effect in effects if effect in doubtful)
        return [self._resolved(effect) if effect in doubtful else effect for effect in effects]

    def _is_doubtful(self, effect: Effect) -> bool:
        if effect.artifact is None:
            return False
        return effect.cause_id in self._absent or self._past.order.may_differ(
            effect.event_id, effect.artifact
        )

    def _resolved(self, effect: Effect) -> Effect:
        user = self._facts[effect.event_id]
        artifact = effect.artifact or ""
        return effect._replace(cause_id=self._version(user, artifact, effect.version, effect.cause_id))

    def _among_found(self, ids: set[str], artifacts: set[str], of: str | None) -> Iterator[Effect]:
        """Yield the edges that lead from events, or from these artifacts, to events that were reached already."""
        reached = [*self._met, *(id_ for id_ in self._next if id_ not in self._met)]
        self._load(reached)
        users = [self._facts[id_] for id_ in reached if id_ in self._facts]
        self._load(use.producer for user in users for use in user.uses if use.producer is not None)
        for user in users:
            at = (user.id, user.occurred_us, user.position)
            for use in user.uses:
                cause = self._version(user, use.artifact, use.version, use.producer)
                if (cause in ids and of in (None, use.artifact)) or use.artifact in artifacts:
                    yield Effect(cause, *at, use.artifact, use.version)
            if of is None:
                yield from (Effect(id_, *at, None, None) for id_ in user.predecessors if id_ in ids)

    # -------------------------------------------------------------------------------------------- late events

    def _taken(self, ids: Sequence[str], of: str | None) -> Iterator[Effect]:
        """
        Yield the uses that mean a version of these events in the view, and another one in the whole graph.

        Those mean one next to it that was recorded behind the view. (What occurred behind it comes too late to be used
        before.) And whoever names a version by an id means a label of that text where the event of that id is not in
        the view.
        """
        is_behind = self._is_behind()
        if self._past.whole and not is_behind:
            return
        order = self._past.order
        if is_behind and ids:
            for effect in self._graph.taken(ids, view=self._view, artifact=of):
                if order.may_differ(effect.event_id, effect.artifact or ""):
                    continue  # the store goes by the whole graph's order: see below
                if effect.version is None or not versions.is_event_id(effect.version):
                    yield effect
                else:
                    yield from self._if_meant(effect)
        for event in [self._facts[id_] for id_ in ids]:
            yield from self._named_by_id(event, of)
        if order.moved:
            reordered = self._in_another_order()
            for id_ in ids:
                yield from (effect for effect in reordered.get(id_, ()) if of in (None, effect.artifact))

    def _in_another_order(self) -> dict[str | None, list[Effect]]:
        """Return the uses whose versions the order in the view may decide, by the versions that they mean there."""
        if self._reordered is None:
            order, view = self._past.order, self._view
            users = [
                effect
                for artifact in sorted(order.artifacts)
                for effect in self._graph.users(artifact, view=view, limit=_ALL)
            ]
            users += [
                Effect(use.producer, facts.id, facts.occurred_us, facts.position, use.artifact, use.version)
                for facts in order.moved.values()
                for use in facts.uses
            ]
            self._reordered = {}
            for effect in dict.fromkeys(self._as_meant(users)):
                self._reordered.setdefault(effect.cause_id, []).append(effect)
        return self._reordered

    def _is_behind(self) -> bool:
        """Tell whether the graph has events that were recorded behind the view; to be asked when it was read."""
        if not self._has_more_behind:
            self._has_more_behind = self._graph.checkpoint().position > self._view.position
        return self._has_more_behind

    def _named_by_id(self, event: PemFacts, of: str | None) -> Iterator[Effect]:
        for made in event.produces:
            label = made.version
            if of not in (None, made.artifact) or label is None or not versions.is_event_id(label):
                continue
            self._load([label])
            if label not in self._facts:
                uses = self._graph.effects([label], view=self._view, artifact=made.artifact, limit=_ALL)
                for effect in uses:
                    yield from self._if_meant(effect._replace(cause_id=event.id))

    def _if_meant(self, effect: Effect) -> Iterator[Effect]:
        """Yield a use if it means in the view the version that it is said to mean."""
        self._load([effect.event_id])
        user = self._facts[effect.event_id]
        meant = versions.version_of(self._graph, self._past, user, effect.artifact or "", effect.version)
        if meant == effect.cause_id:
            yield effect

    # -------------------------------------------------------------------------------------------- productions

    def _note_productions(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            if id_ in self._facts:
                for made in self._facts[id_].produces:
                    self._produces[id_, made.artifact] = None
                    self._artifacts.add(made.artifact)


def _place(effect: Effect) -> _Place:
    return effect.occurred_us, effect.event_id


def _by_place(effect: Effect) -> tuple[int, str, str, str]:
    return effect.occurred_us, effect.event_id, effect.artifact or "", effect.version or ""
