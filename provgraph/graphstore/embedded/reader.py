"""Reading the embedded graph: look-ups, walks and scans, each over one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.events import version_label
from provgraph.graphstore.base import (
    ArtifactFacts,
    Direction,
    GraphCounts,
    PemFacts,
    ProductionFacts,
    TagFacts,
    UseFacts,
    Walk,
)
from provgraph.graphstore.embedded import schema
from provgraph.graphstore.embedded.writer import checkpoint, event_id_in
from provgraph.sqlite import select_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from provgraph.graphstore.base import WalkedUse, WalkQuery

_SCAN_CHUNK = 1_000
# A wide level is walked in pieces, so that the limit on nodes is looked at between them.
_FRONTIER_CHUNK = 500


def counts(connection: sqlite3.Connection) -> GraphCounts:
    """See `GraphStore.counts`."""
    return GraphCounts(*connection.execute(schema.COUNTS).fetchone())


def has_pem(connection: sqlite3.Connection, pem_id: str) -> bool:
    """See `GraphStore.has_pem`."""
    return connection.execute(schema.PEM_KEY, (bytes.fromhex(pem_id),)).fetchone() is not None


def has_artifact(connection: sqlite3.Connection, name: str) -> bool:
    """See `GraphStore.has_artifact`."""
    return connection.execute(schema.ARTIFACT_KEY, (name,)).fetchone() is not None


def versions(
    connection: sqlite3.Connection, artifact: str, version: str | None, limit: int | None
) -> list[str]:
    """See `GraphStore.versions`."""
    label = None if version is None else version_label(version)
    named = None if label is None else event_id_in(label)
    rows = connection.execute(schema.VERSIONS, (artifact, label, named, -1 if limit is None else limit))
    return [row[0].hex() for row in rows]


def unconnected_artifacts(connection: sqlite3.Connection) -> list[str]:
    """See `GraphStore.unconnected_artifacts`."""
    return [row[0] for row in connection.execute(schema.UNCONNECTED)]


# ------------------------------------------------------------------------------------------------ walking


# An event that a walk has met, be it as a node or only as the version of a use: its row as `schema.PEMS` gives it.
_Known = tuple[int, str, str | None, str | None, int | None, int | None]

_Edge = tuple[int, str | None, int | None, str]  # event, artifact (None: a predecessor), cause, label
_REMEMBERED_PEMS = 20_000


class PemMemory:
    """
    Events that walks have looked up, by key: what was recorded of an event never changes.

    Keys are not given out twice while a file is open, not even when the graph is cleared.
    """

    def __init__(self) -> None:
        self._state: tuple[str, dict[int, _Known]] = ("", {})

    def of(self, epoch: str) -> dict[int, _Known]:
        """Return what is remembered of this epoch, to be read and added to."""
        remembered_epoch, rows = self._state
        if remembered_epoch != epoch or len(rows) > _REMEMBERED_PEMS:
            rows = {}
            self._state = (epoch, rows)
        return rows


class _Walker:
    """
    One breadth-first walk: level by level, each event once.

    Rows are kept as they come and made into edges at the end: this is the hot path of every lineage answer.
    """

    def __init__(self, connection: sqlite3.Connection, query: WalkQuery, memory: PemMemory) -> None:
        self._run = connection.execute
        self._connection = connection
        self._checkpoint = checkpoint(connection)
        self._memory = memory.of(self._checkpoint.epoch)
        self._query = query
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
                rows += self._run(schema.CAUSES, (_json(piece),))
                self._artifacts.update([row[1] for row in rows])
            self._edges += rows
            made = [
                (cause, artifact)
                for _, artifact, cause, _ in rows
                if artifact is not None and cause is not None
            ]
            self._produces.update(dict.fromkeys(made))
            is_last = depth == self._query.depth
            frontier = self._next([row[2] for row in rows], schema.PEM_IDS if is_last else schema.PEMS)
            depth += 1

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
                rows += self._run(schema.EFFECTS, (_json(piece),))
            depth += 1

    def _first_effects(self, keys: Sequence[int]) -> list[_Edge]:
        start = self._query.start
        if start.artifact is None:
            self._met.update(keys)
            self._depths.update(dict.fromkeys(keys, 0))
            self._note_productions(keys)
            return self._run(schema.EFFECTS, (_json(keys),)).fetchall()
        rows: list[_Edge] = self._run(schema.EFFECTS_OF_VERSIONS, (_json(keys), start.artifact)).fetchall()
        if start.outside:
            rows += self._run(schema.EFFECTS_FROM_OUTSIDE, (start.artifact,))
        return rows

    def _note_productions(self, keys: Sequence[int]) -> None:
        rows = self._run(schema.PRODUCTIONS, (_json(keys),)).fetchall()
        self._produces.update(dict.fromkeys(rows))
        self._artifacts.update([row[1] for row in rows])

    def _start_keys(self) -> list[int]:
        """Return the keys of the events that the walk starts from, in the order given: pages rely on it."""
        raw_ids = [bytes.fromhex(id_) for id_ in self._query.start.pem_ids]
        keys: dict[bytes, int] = dict(select_in(self._connection, schema.PEM_KEYS, raw_ids))
        return self._learn([keys[raw_id] for raw_id in raw_ids if raw_id in keys], schema.PEMS)

    def _next(self, reached: Sequence[int | None], look_up: str = schema.PEMS) -> list[int]:
        """Learn about the events reached, and return those to visit, each once."""
        new = [key for key in dict.fromkeys(reached) if key is not None and key not in self._met]
        self._met.update(new)
        return self._learn(new, look_up)

    def _learn(self, keys: list[int], look_up: str) -> list[int]:
        """Read what the graph says of events, and return those that were there at the position asked for."""
        self._look_up(keys, look_up)
        return keys if self._query.known_at is None else [key for key in keys if self._is_known_in_time(key)]

    def _look_up(self, keys: list[int], statement: str) -> None:
        memory, position = self._memory, self._checkpoint.position
        unknown = []
        for key in keys:
            row = memory.get(key)
            # One recorded after this walk's snapshot is still a placeholder in it.
            if row is not None and (row[5] or 0) <= position:
                self._known[key] = row
            else:
                unknown.append(key)
        if unknown:
            rows: list[_Known] = self._run(statement, (_json(unknown),)).fetchall()
            self._known.update([(row[0], row) for row in rows])
            if statement is schema.PEMS:
                memory.update([(row[0], row) for row in rows if row[5] is not None])

    def _pieces(self, frontier: Sequence[int], depth: int) -> Iterator[Sequence[int]]:
        """Visit a level piece by piece, until the limit on nodes is reached."""
        for start in range(0, len(frontier), _FRONTIER_CHUNK):
            if len(self._depths) + len(self._artifacts) > self._query.max_nodes:
                self._cut_by = "limit"
                return
            piece = frontier[start : start + _FRONTIER_CHUNK]
            self._depths.update(dict.fromkeys(piece, depth))
            yield piece

    def _is_cut(self, depth: int) -> bool:
        if self._cut_by is None and self._query.depth is not None and depth > self._query.depth:
            self._cut_by = "depth"
        return self._cut_by is not None

    def _is_known_in_time(self, key: int) -> bool:
        known_at = self._query.known_at
        if known_at is None:
            return True
        *_, position = self._known[key]
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
        )


def walk(connection: sqlite3.Connection, query: WalkQuery, memory: PemMemory) -> Walk:
    """See `GraphStore.walk`."""
    return _Walker(connection, query, memory).walk()


def _json(keys: Iterable[int]) -> str:
    return f"[{','.join(map(str, keys))}]"


# ------------------------------------------------------------------------------------------------ scanning


def pems(connection: sqlite3.Connection) -> Iterator[PemFacts]:
    """See `GraphStore.pems`."""
    after = b""
    while rows := connection.execute(schema.SCAN_PEMS, (after, _SCAN_CHUNK)).fetchall():
        yield from _facts(connection, rows)
        after = rows[-1][1]


def _facts(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> Iterator[PemFacts]:
    """Yield the events of one piece of a scan with their edges, read for all of them at once."""
    keys = _json(row[0] for row in rows)
    uses: dict[int, list[UseFacts]] = {row[0]: [] for row in rows}
    predecessors: dict[int, list[str]] = {row[0]: [] for row in rows}
    produces: dict[int, list[ProductionFacts]] = {row[0]: [] for row in rows}
    for key, artifact, label, cause_id in connection.execute(schema.SCAN_CAUSES, (keys,)):
        # An edge may hang loose when somebody meddled with the file: that is for verify to tell, not to stumble over.
        producer = None if cause_id is None else cause_id.hex()
        if artifact is None:
            predecessors[key].append(producer or "")
        else:
            uses[key].append(UseFacts(artifact, label or None, producer))
    for key, *production in connection.execute(schema.SCAN_PRODUCTIONS, (keys,)):
        produces[key].append(ProductionFacts(*production))
    for key, raw_id, type_, emitter, text, stated_at, occurred_us, position in rows:
        yield PemFacts(
            raw_id.hex(),
            type_,
            emitter,
            text,
            stated_at,
            occurred_us,
            position,
            tuple(sorted(predecessors[key])),
            tuple(sorted(uses[key], key=lambda use: (use.artifact, use.version or ""))),
            tuple(sorted(produces[key], key=lambda production: production.artifact)),
        )


def artifacts(connection: sqlite3.Connection) -> Iterator[ArtifactFacts]:
    """See `GraphStore.artifacts`."""
    after = ""
    while rows := connection.execute(schema.SCAN_ARTIFACTS, (after, _SCAN_CHUNK)).fetchall():
        yield from (ArtifactFacts(*row) for row in rows)
        after = rows[-1][0]


def tags(connection: sqlite3.Connection) -> Iterator[TagFacts]:
    """See `GraphStore.tags`."""
    return (TagFacts(*row) for row in connection.execute(schema.SCAN_TAGS))


def placeholders(connection: sqlite3.Connection) -> Iterator[str]:
    """See `GraphStore.placeholders`."""
    after = b""
    while rows := connection.execute(schema.SCAN_PLACEHOLDERS, (after, _SCAN_CHUNK)).fetchall():
        yield from (row[0].hex() for row in rows)
        after = rows[-1][0]
