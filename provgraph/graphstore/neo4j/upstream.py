"""Walking towards the causes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from provgraph.graphstore.neo4j import keys
from provgraph.graphstore.neo4j.statements import walks
from provgraph.graphstore.neo4j.walker import (
    MOST_EDGES,
    MOST_EVENTS,
    NARROW,
    Event,
    Used,
    Walker,
    complete,
    facts_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provgraph.graphstore.base import Walk, WalkQuery
    from provgraph.graphstore.neo4j.generations import Generation
    from provgraph.graphstore.neo4j.reader import Asker
    from provgraph.graphstore.neo4j.server import Row

# Events and their edges; about 20 MB when full.
_REMEMBERED = 100_000
_MOST_GAPS = 200


class WalkMemory:
    """
    What caused events, as walks have read it.

    It is good until a late event changes what the graph says of older ones. Threads share it: what is remembered is
    replaced as a whole, and added to in single steps.
    """

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.explained: set[str] = set()  # artifacts whose latest version was asked about
        self._of: tuple[str, int] = ("", 0)
        self._size = 0

    def of(self, generation: Generation, revision: int) -> dict[str, Event]:
        """Return what is remembered of a state of the graph; what was of another one is forgotten."""
        if self._of != (generation.token, revision):
            self._of, self.events, self._size = (generation.token, revision), {}, 0
            self.explained = set()
        return self.events

    def remember(self, memory: dict[str, Event], events: dict[str, Event]) -> None:
        """Add events, but no placeholders, to ``memory`` if that is what `of` returns still."""
        if memory is not self.events:
            return
        if self._size > _REMEMBERED:
            memory.clear()
            self.explained.clear()
            self._size = 0
        known = {id_: event for id_, event in events.items() if event.position is not None}
        memory.update(known)
        self._size += sum(1 + len(event.uses) + len(event.predecessors) for event in known.values())


class Upstream(Walker):
    """A walk towards the causes."""

    def __init__(
        self,
        graph: Asker,
        generation: Generation,
        query: WalkQuery,
        memory: WalkMemory,
        *,
        is_last_attempt: bool,
    ) -> None:
        """Begin with nothing found; see `Walker`."""
        super().__init__(graph, generation, query, is_last_attempt=is_last_attempt)
        self._memory = memory
        self._remembered: dict[str, Event] | None = (
            None  # None: it is not known yet whether that is true still
        )

    def walk(self) -> Walk:
        """Return what lies upstream."""
        artifact = self._query.start.artifact
        depth = 0 if artifact is None else 1
        if artifact is not None and self._query.start.latest:
            self._find_latest(artifact, depth)
        frontier = self._new(self._start)
        self._load(frontier, depth)
        frontier = self._there(frontier)
        if artifact is not None:
            self._produces.update(dict.fromkeys((id_, artifact) for id_ in frontier))
        while frontier and not self._is_cut(depth):
            reached: list[str | None] = []
            for piece in self._pieces(frontier):
                self._load(piece, depth)
                reached += self._visit(self._there(piece), depth)
            frontier = self._new(reached)
            depth += 1
        for _, made, cause, _, _ in self._edges:
            if made is not None and cause is not None:
                self._produces[cause, made] = None
        return self._result(self._edges)

    def _visit(self, ids: Sequence[str], depth: int) -> Iterator[str | None]:
        """Make events nodes, and yield the events that caused them."""
        for id_ in ids:
            self._depths[id_] = depth
            event = self._events[id_]
            for used in event.uses:
                self._edges.append((id_, *used))
                self._artifacts.add(used[0])
                yield used[1]
            for predecessor in event.predecessors:
                self._edges.append((id_, None, predecessor, False, ""))
                yield predecessor

    # -------------------------------------------------------------------------------------------- loading

    def _find_latest(self, artifact: str, depth: int) -> None:
        """Find out where the walk begins, and learn what comes with the answer."""
        key = keys.key_of(artifact)
        if artifact in self._memory.explained:
            (latest,) = self._ask(walks.LATEST_STATE, key=key)
        else:
            facts, edges, latest = self._ask(
                walks.CAUSES_OF_LATEST[self._levels(depth)],
                key=key,
                most_events=MOST_EVENTS,
                most_edges=MOST_EDGES,
            )
            self._learn(complete(facts, edges, MOST_EDGES), edges)
            if not self._is_last_attempt:
                self._memory.explained.add(artifact)
        if latest is not None:
            self._start = (latest,)

    def _load(self, ids: Sequence[str], depth: int) -> None:
        """Learn what caused events, from memory or from the graph."""
        most_edges = MOST_EDGES
        while missing := self._not_remembered(self._unknown(ids)):
            wanted, levels = self._ahead(ids, missing, depth)
            most_events = max(MOST_EVENTS, len(wanted))
            facts, edges = self._ask(
                walks.CAUSES[levels], ids=wanted, most_events=most_events, most_edges=most_edges
            )
            whole = complete(facts, edges, most_edges)
            self._learn(whole, edges)
            self._note_absent(wanted, facts, most_events)
            if not whole:
                most_edges *= 10

    def _ahead(self, ids: Sequence[str], missing: list[str], depth: int) -> tuple[list[str], int]:
        """
        Return the events to ask for, and how many levels to read ahead of them.

        What is remembered has gaps anywhere. In a narrow walk those that lie ahead are filled with the same question.
        """
        if len(missing) > NARROW:
            return missing, 0
        wanted: list[str] = []
        levels = self._levels(depth)
        level, seen = list(ids), set(ids)
        for _ in range(levels + 1):
            wanted += self._not_remembered(self._unknown(level))
            causes = [cause for id_ in level for cause in self._causes_of(id_) if cause not in seen]
            level = list(dict.fromkeys(causes))
            seen.update(level)
            if not level or len(seen) > MOST_EVENTS:
                break
        return (wanted, levels) if len(wanted) <= _MOST_GAPS else (missing, levels)

    def _causes_of(self, id_: str) -> Iterator[str]:
        event = self._events.get(id_)
        if event is not None:
            yield from (used[1] for used in event.uses if used[1] is not None)
            yield from event.predecessors

    def _not_remembered(self, ids: list[str]) -> list[str]:
        """Take what is remembered of events, and return those of which nothing is."""
        # Only what may help is asked for: the state comes with what is read anyway.
        if self._remembered is None and not any(id_ in self._memory.events for id_ in ids):
            return ids
        remembered = self._true_memory()
        known = {id_: event for id_ in ids if (event := remembered.get(id_)) is not None}
        self._events.update(known)
        return [id_ for id_ in ids if id_ not in known]

    def _true_memory(self) -> dict[str, Event]:
        """Return what is remembered of the state that this walk is true for."""
        if self._remembered is None:
            self._remembered = self._memory.of(self._generation, self._found_state().revision)
        return self._remembered

    def _learn(self, facts: Sequence[Row], edges: Sequence[Row]) -> None:
        uses: dict[str, list[Used]] = defaultdict(list)
        predecessors: dict[str, list[str]] = defaultdict(list)
        for id_, is_use, name, producer, label, out_of_order in edges:
            if is_use:
                uses[id_].append((name, producer, bool(out_of_order), label or ""))
            else:
                predecessors[id_].append(name)
        learned = {
            row[0]: Event(
                *facts_of(row),
                sorted(uses.get(row[0], ()), key=_by_artifact),
                sorted(predecessors.get(row[0], ())),
            )
            for row in facts
        }
        self._events.update(learned)
        if not self._is_last_attempt:
            self._memory.remember(self._true_memory(), learned)


def _by_artifact(used: Used) -> tuple[str, str]:
    return used[0], used[3]
