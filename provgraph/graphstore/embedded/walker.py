"""
Walking the embedded graph breadth first.

This is the hot path of every lineage answer: rows are kept as they come and made into edges at the end, and what was
recorded of an event is read once and remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import TakesLongerError
from provgraph.graphstore.base import Direction, Walk
from provgraph.graphstore.embedded import schema
from provgraph.graphstore.embedded.state import state
from provgraph.sqlite import select_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provgraph.graphstore.base import WalkedUse, WalkQuery
    from provgraph.graphstore.embedded.state import State

# A wide level is walked in pieces, so that the limits are looked at between them.
_FRONTIER_CHUNK = 500
# Together they take about 20 MB when full.
_REMEMBERED_PEMS = 20_000
_REMEMBERED_EDGES = 60_000

# An event that a walk has met, be it as a node or only as the version of a use: its row as `schema.PEMS` gives it.
_Known = tuple[int, str, str | None, str | None, int | None, int | None, str | None, str | None]
_Edge = tuple[int, str | None, int | None, str]  # event, artifact (None: a predecessor), cause, label


_Told = tuple[str, int]  # the epoch, and how often the graph was mended


class _Remembered(NamedTuple):
    """What walks of one state of the graph may share, by the event's key."""

    pems: dict[int, _Known]
    causes: dict[int, Sequence[_Edge]]


class WalkMemory:
    """
    Events that walks have looked up, and what caused them.

    What was recorded of an event never changes, and its causes only when a late event resolves them anew. Keys are
    not given out twice while a file is open, not even when the graph is cleared.
    """

    def __init__(self) -> None:
        self._pems: tuple[_Told, dict[int, _Known]] = (("", 0), {})
        self._causes: tuple[tuple[_Told, int], dict[int, Sequence[_Edge]]] = ((("", 0), 0), {})
        self._edges = 0

    def of(self, found: State) -> _Remembered:
        """Return what is remembered for a walk of this state, to be read and added to."""
        told = (found.checkpoint.epoch, found.mended)
        of, pems = self._pems
        if of != told or len(pems) > _REMEMBERED_PEMS:
            pems = {}
            self._pems = (told, pems)
        resolved = (told, found.resolutions_changed_at)
        when, causes = self._causes
        if when != resolved or self._edges > _REMEMBERED_EDGES:
            causes, self._edges = {}, 0
            self._causes = (resolved, causes)
        return _Remembered(pems, causes)

    def remember_pems(self, memory: _Remembered, rows: Iterable[_Known]) -> None:
        """Add events, but no placeholders, to what `of` returned."""
        if len(memory.pems) <= _REMEMBERED_PEMS:
            memory.pems.update([(row[0], row) for row in rows if row[5] is not None])

    def remember_causes(self, memory: _Remembered, causes: Mapping[int, Sequence[_Edge]]) -> None:
        """Add the causes of events to what `of` returned."""
        if self._edges <= _REMEMBERED_EDGES:
            memory.causes.update(causes)
            self._edges += len(causes) + sum(map(len, causes.values()))


class _Walker:
    """One walk: level by level, each event once."""

    def __init__(
        self, connection: sqlite3.Connection, query: WalkQuery, memory: WalkMemory, most_events: int | None
    ) -> None:
        self._run = connection.execute
        self._connection = connection
        found = state(connection)
        self._checkpoint = found.checkpoint
        self._memory = memory
        self._remembered = memory.of(found)
        self._query = query
        self._start = query.start.pem_ids
        self._most_events = most_events
        self._known: dict[int, _Known] = {}
        self._met: set[int] = set()  # what is met again is not visited again
        self._depths: dict[int, int] = {}  # of the events that are nodes, in the order they were found
        self._edges: list[_Edge] = []
        self._produces: dict[tuple[int, str], None] = {}
        self._artifacts: set[str | None] = {query.start.artifact}
        self._cut_by: str | None = None

    def walk(self) -> Walk:
        if self._query.direction is Direction.UPSTREAM:
            self._upstream()
        else:
            self._downstream()
        return self._result()

    def _upstream(self) -> None:
        artifact = self._query.start.artifact
        frontier = self._start_keys()
        self._met.update(frontier)
        if artifact is not None:
            self._produces.update(dict.fromkeys((key, artifact) for key in frontier))
        depth = 0 if artifact is None else 1
        while frontier and not self._is_cut(depth):
            rows: list[_Edge] = []
            for piece in self._pieces(frontier, depth):
                rows += self._causes(piece)
                self._artifacts.update([row[1] for row in rows])
            self._edges += rows
            is_last = depth == self._query.depth
            frontier = self._next([row[2] for row in rows], schema.PEM_IDS if is_last else schema.PEMS)
            depth += 1
        self._produces.update(
            dict.fromkeys(
                [(row[2], row[1]) for row in self._edges if row[1] is not None and row[2] is not None]
            )
        )

    def _causes(self, keys: Sequence[int]) -> list[_Edge]:
        """Return the edges that lead from events to what caused them, event by event."""
        known, remembered = self._known, self._remembered.causes
        # A placeholder has no causes yet, and an event recorded behind this snapshot is one here.
        keys = [key for key in keys if known[key][5] is not None]
        unknown = [key for key in keys if key not in remembered]
        if not unknown:
            return [row for key in keys for row in remembered[key]]
        fresh: dict[int, list[_Edge]] = {key: [] for key in unknown}
        for row in self._run(schema.CAUSES, (key_list(unknown),)):
            fresh[row[0]].append(row)
        self._memory.remember_causes(self._remembered, fresh)
        return [row for key in keys for row in (fresh.get(key) or remembered.get(key, ()))]

    def _downstream(self) -> None:
        rows = self._first_effects(self._start_keys())
        depth = 1
        while rows:
            self._edges += rows  # an edge counts when its event becomes a node, see `_result`
            frontier = self._next([row[0] for row in rows])
            if not frontier or self._is_cut(depth):
                return
            rows = []
            for piece in self._pieces(frontier, depth):
                self._note_productions(piece)
                rows += self._run(schema.EFFECTS, (key_list(piece),))
            depth += 1

    def _first_effects(self, keys: Sequence[int]) -> list[_Edge]:
        start = self._query.start
        if start.artifact is None:
            self._met.update(keys)
            self._depths.update(dict.fromkeys(keys, 0))
            self._note_productions(keys)
            return self._run(schema.EFFECTS, (key_list(keys),)).fetchall()
        rows: list[_Edge] = self._run(schema.EFFECTS_OF_VERSIONS, (key_list(keys), start.artifact)).fetchall()
        if start.outside:
            rows += self._run(schema.EFFECTS_FROM_OUTSIDE, (start.artifact,))
        return rows

    def _note_productions(self, keys: Sequence[int]) -> None:
        rows = self._run(schema.PRODUCTIONS, (key_list(keys),)).fetchall()
        self._produces.update(dict.fromkeys(rows))
        self._artifacts.update([row[1] for row in rows])

    def _start_keys(self) -> list[int]:
        """Return the keys of the events that the walk starts from, in the order given: pages rely on it."""
        start = self._query.start
        if start.latest and start.artifact is not None:
            rows = self._run(schema.VERSIONS, (start.artifact, None, None, 1))
            self._start = tuple(raw_id.hex() for (raw_id,) in rows)
        raw_ids = [bytes.fromhex(id_) for id_ in self._start]
        keys: dict[bytes, int] = dict(select_in(self._connection, schema.PEM_KEYS, raw_ids))
        return self._learn([keys[raw_id] for raw_id in raw_ids if raw_id in keys], schema.PEMS)

    def _next(self, reached: Sequence[int | None], look_up: str = schema.PEMS) -> list[int]:
        """Learn about the events reached, and return those to visit, each once."""
        met = self._met
        new = [key for key in dict.fromkeys(reached) if key is not None and key not in met]
        met.update(new)
        return self._learn(new, look_up)

    def _learn(self, keys: list[int], look_up: str) -> list[int]:
        """Read what the graph says of events, and return those that were there at the position asked for."""
        self._look_up(keys, look_up)
        return keys if self._query.known_at is None else [key for key in keys if self._is_known_in_time(key)]

    def _look_up(self, keys: list[int], statement: str) -> None:
        remembered, position = self._remembered.pems, self._checkpoint.position
        unknown = []
        for key in keys:
            row = remembered.get(key)
            # One recorded after this walk's snapshot is still a placeholder in it.
            if row is not None and (row[5] or 0) <= position:
                self._known[key] = row
            else:
                unknown.append(key)
        if unknown:
            rows: list[_Known] = self._run(statement, (key_list(unknown),)).fetchall()
            self._known.update([(row[0], row) for row in rows])
            if statement is schema.PEMS:
                self._memory.remember_pems(self._remembered, rows)

    def _pieces(self, frontier: Sequence[int], depth: int) -> Iterator[Sequence[int]]:
        """Visit a level piece by piece, until the limit on nodes is reached."""
        for start in range(0, len(frontier), _FRONTIER_CHUNK):
            if len(self._depths) + len(self._artifacts) > self._query.max_nodes:
                self._cut_by = "limit"
                return
            piece = frontier[start : start + _FRONTIER_CHUNK]
            self._depths.update(dict.fromkeys(piece, depth))
            if self._most_events is not None and len(self._depths) > self._most_events:
                raise TakesLongerError(f"There are more than {self._most_events} events to walk over")
            yield piece

    def _is_cut(self, depth: int) -> bool:
        if self._cut_by is None and self._query.depth is not None and depth > self._query.depth:
            self._cut_by = "depth"
        return self._cut_by is not None

    def _is_known_in_time(self, key: int) -> bool:
        known_at = self._query.known_at
        if known_at is None:
            return True
        position = self._known[key][5]
        return position is None or position <= known_at

    def _result(self) -> Walk:
        known, depths = self._known, self._depths
        # Downstream a use may be met twice: from either of two versions that it may have seen.
        is_upstream = self._query.direction is Direction.UPSTREAM
        edges = self._edges if is_upstream else list(dict.fromkeys(self._edges))
        ids = {key: row[1] for key, row in known.items()}
        times = {key: row[4] or 0 for key, row in known.items()}
        uses: list[WalkedUse] = [
            (ids[key], artifact, None, False, label)
            if cause is None
            else (ids[key], artifact, ids[cause], (times[key], ids[key]) < (times[cause], ids[cause]), label)
            for key, artifact, cause, label in edges
            if artifact is not None and key in depths
        ]
        predecessors = [
            (ids[key], ids[cause])
            for key, artifact, cause, _ in edges
            if artifact is None and cause is not None and cause in depths and key in depths
        ]
        return Walk(
            self._checkpoint,
            [(ids[key], depth, *known[key][2:]) for key, depth in depths.items()],
            uses,
            [(ids[key], artifact) for key, artifact in self._produces if key in depths],
            predecessors,
            self._cut_by,
            self._start,
        )


def walk(
    connection: sqlite3.Connection, query: WalkQuery, memory: WalkMemory, *, most_events: int | None = None
) -> Walk:
    """
    See `GraphStore.walk`.

    :raises TakesLongerError: it would visit more than ``most_events``
    """
    return _Walker(connection, query, memory, most_events).walk()


def key_list(keys: Iterable[int]) -> str:
    """Return keys as the JSON list that the statements take."""
    return f"[{','.join(map(str, keys))}]"
