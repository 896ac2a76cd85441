"""Reading the embedded graph: look-ups and scans, each over one connection."""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Any

from provgraph.families.pem.events import version_label
from provgraph.graphstore.base import (
    ArtifactFacts,
    GraphCounts,
    PemFacts,
    ProductionFacts,
    TagFacts,
    UseFacts,
)
from provgraph.graphstore.embedded import schema
from provgraph.graphstore.embedded.walker import key_list
from provgraph.graphstore.embedded.writer import event_id_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

_SCAN_CHUNK = 1_000


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


# ------------------------------------------------------------------------------------------------ scanning


def pems(connection: sqlite3.Connection) -> Iterator[PemFacts]:
    """See `GraphStore.pems`."""
    after = b""
    while rows := connection.execute(schema.SCAN_PEMS, (after, _SCAN_CHUNK)).fetchall():
        yield from facts(connection, rows)
        after = rows[-1][1]


def facts(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> Iterator[PemFacts]:
    """Yield events, as rows of `schema.SCAN_PEMS` or `EVENTS`, with their edges, read for all of them at once."""
    keys = key_list(row[0] for row in rows)
    uses: dict[int, list[UseFacts]] = {row[0]: [] for row in rows}
    predecessors: dict[int, list[str]] = {row[0]: [] for row in rows}
    produces: dict[int, list[ProductionFacts]] = {row[0]: [] for row in rows}
    for key, artifact, label, cause_id, *said in connection.execute(schema.SCAN_CAUSES, (keys,)):
        # An edge may hang loose when somebody meddled with the file: that is for verify to tell, not to stumble over.
        producer = None if cause_id is None else cause_id.hex()
        if artifact is None:
            predecessors[key].append(producer or "")
        else:
            uses[key].append(UseFacts(artifact, label or None, producer, *said))
    for key, *production in connection.execute(schema.SCAN_PRODUCTIONS, (keys,)):
        produces[key].append(ProductionFacts(*production))
    for key, raw_id, type_, emitter, text, stated_at, occurred_us, position, recorded_us, *rest in rows:
        yield PemFacts(
            raw_id.hex(),
            type_,
            emitter,
            text,
            stated_at,
            occurred_us,
            position,
            recorded_us,
            tuple(sorted(predecessors[key])),
            tuple(sorted(uses[key], key=lambda use: (use.artifact, use.version or ""))),
            tuple(sorted(produces[key], key=lambda production: production.artifact)),
            *rest,
        )


def artifacts(connection: sqlite3.Connection) -> Iterator[ArtifactFacts]:
    """See `GraphStore.artifacts`."""
    after = ""
    while rows := connection.execute(schema.SCAN_ARTIFACTS, (after, _SCAN_CHUNK)).fetchall():
        yield from (ArtifactFacts(*row) for row in rows)
        after = rows[-1][0]


def tags(connection: sqlite3.Connection) -> Iterator[TagFacts]:
    """
    See `GraphStore.tags`.

    Should where a tag is now and its last move disagree, somebody meddled with the file: then it is told as another
    move, at position 0, for verify to find.
    """
    made_up = (
        TagFacts(namespace, tag, pem_id, 0, 0)
        for namespace, tag, pem_id in connection.execute(schema.SCAN_TAGS_WITHOUT_MOVES)
    )
    return merge(_moves(connection), made_up, key=lambda move: (move.namespace, move.tag))


def _moves(connection: sqlite3.Connection) -> Iterator[TagFacts]:
    """Yield the moves of tags; not the last one of a tag that is nowhere now."""
    now = {(namespace, tag): pem_id for namespace, tag, pem_id in connection.execute(schema.SCAN_TAGS_NOW)}
    moves = map(TagFacts._make, connection.execute(schema.SCAN_TAGS))
    following = next(moves, None)
    while following is not None:
        move, following = following, next(moves, None)
        if following is not None and following[:2] == move[:2]:
            yield move
        elif (pem_id := now.get(move[:2])) is not None:
            if pem_id != move.pem_id:
                yield move._replace(pem_id=pem_id, moved_us=0, position=0)
            yield move


def placeholders(connection: sqlite3.Connection) -> Iterator[str]:
    """See `GraphStore.placeholders`."""
    after = b""
    while rows := connection.execute(schema.SCAN_PLACEHOLDERS, (after, _SCAN_CHUNK)).fetchall():
        yield from (row[0].hex() for row in rows)
        after = rows[-1][0]
