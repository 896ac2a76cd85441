"""
The embedded graph store: a folder with one SQLite file for each generation of the graph.

``generations.json`` names the file that is served and, while a rebuild runs, the one that is being built. Switching
replaces that small file, so a crash leaves the old graph or the new one, never half of each.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provgraph import private
from provgraph.errors import StoreError
from provgraph.graphstore import cypher
from provgraph.graphstore.base import Checkpoint, Followed
from provgraph.graphstore.digest import digest
from provgraph.graphstore.embedded import flaws, history, reader, schema, walker
from provgraph.graphstore.embedded.brief import BriefReader
from provgraph.graphstore.embedded.state import state
from provgraph.graphstore.embedded.writer import GraphWriter
from provgraph.sqlite import Readers, connect, stored_bytes, translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from provgraph.graphstore.base import (
        ArtifactFacts,
        ArtifactState,
        Corrections,
        CypherResult,
        Effect,
        EmitterState,
        Flaw,
        GraphCounts,
        GraphDigest,
        GraphReader,
        Link,
        Mismatch,
        Moment,
        PemFacts,
        Production,
        TagFacts,
        Unseen,
        View,
        Walk,
        WalkQuery,
    )
    from provgraph.graphstore.projection import GraphBatch
    from provgraph.sqlite import Synchronous

logger = logging.getLogger(__name__)

_WHAT = "graph store"
# A projection can be built again from the log, so losing its last commits in a power cut does no harm.
_SYNCHRONOUS: Synchronous = "NORMAL"
_WRITER_CACHE_KIB = 24_576
_READER_CACHE_KIB = 8_192
_CYPHER_TIMEOUT_SECONDS = 30.0
_SERVED, _NEXT = "served", "next"
_NAME = re.compile(r"graph-[0-9a-f]+\.db").fullmatch


class _Generation:
    """One graph file: its writer, its readers, and how many reads are under way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated(_WHAT):
            self._connection = connection = _opened(path)
            self.writer = GraphWriter(connection)
        self.write_lock = threading.Lock()
        self.memory = walker.WalkMemory()
        self._readers = Readers(path, cache_kib=_READER_CACHE_KIB)
        self._lock = threading.Lock()
        self._reading = 0
        self._dropped = False
        self._removed = False

    def hold(self) -> bool:
        """Keep the file for a read that is about to begin; False when it was removed already."""
        with self._lock:
            self._reading += not self._removed
            return not self._removed

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside one snapshot, after `hold`."""
        try:
            with translated(_WHAT), self._readers.snapshot() as connection:
                yield connection
        finally:
            with self._lock:
                self._reading -= 1
            self._close_when_unused()

    def close(self) -> None:
        """Close the file. Only when nobody reads any more."""
        self._readers.close()
        self._connection.close()

    def drop(self) -> None:
        """Remove the file, as soon as the last read is over."""
        with self._lock:
            self._dropped = True
        self._close_when_unused()

    def _close_when_unused(self) -> None:
        with self._lock:
            if self._reading or self._removed or not self._dropped:
                return
            self._removed = True
        self.close()
        remove_file(self.path)


def _opened(path: Path) -> sqlite3.Connection:
    """Open a graph file; one that an earlier version wrote in another format is begun anew: the log has it all."""
    connection = connect(path, synchronous=_SYNCHRONOUS, cache_kib=_WRITER_CACHE_KIB)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != schema.FORMAT:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            logger.warning(
                "%s has format %d, not %d: it is filled anew from the log", path, found, schema.FORMAT
            )
            connection.close()
            remove_file(path)
            connection = connect(path, synchronous=_SYNCHRONOUS, cache_kib=_WRITER_CACHE_KIB)
        connection.execute(f"PRAGMA user_version = {schema.FORMAT}")
    connection.executescript(schema.CREATE)
    return connection


class EmbeddedGraphStore:
    """A `GraphStore` in a folder of SQLite files."""

    def __init__(self, folder: Path) -> None:
        """
        Open the store, making the folder when it is not there.

        :raises StoreError: a file cannot be opened, or is no database
        """
        private.make_folder(folder)
        self._folder = folder
        self._names = _load_names(folder)
        self._next: EmbeddedGraphStore | None = None
        self._remove_strays()
        self._served = _Generation(folder / self._names[_SERVED])
        self._brief = BriefReader(self._reading_for_walks)

    # -------------------------------------------------------------------------------------------- writing

    def checkpoint(self) -> Checkpoint:
        """See `GraphStore.checkpoint`."""
        with self._reading() as connection:
            return state(connection).checkpoint

    def apply(self, batch: GraphBatch, *, expected: Checkpoint, to: Checkpoint, digest: str = "") -> None:
        """See `GraphStore.apply`."""
        served = self._served
        with served.write_lock, translated(_WHAT):
            served.writer.apply(batch, expected=expected, to=to, digest=digest)

    def followed(self) -> Followed:
        """See `GraphStore.followed`."""
        with self._reading() as connection:
            return Followed(*state(connection)[:2])

    def end_other_writers(self) -> None:
        """See `GraphStore.end_other_writers`: a folder has one process at a time."""

    def mend(self, corrections: Corrections, *, expected: Checkpoint) -> None:
        """See `GraphStore.mend`."""
        served = self._served
        with served.write_lock, translated(_WHAT):
            served.writer.mend(corrections, expected=expected)

    def clear(self, *, covers: int = 0) -> None:
        """See `GraphStore.clear`."""
        served = self._served
        with served.write_lock, translated(_WHAT):
            served.writer.clear(covers=covers)

    def covers(self) -> int:
        """See `GraphStore.covers`."""
        with self._reading() as connection:
            return state(connection).covers

    # -------------------------------------------------------------------------------------------- reading

    def counts(self) -> GraphCounts:
        """See `GraphStore.counts`."""
        with self._reading() as connection:
            return reader.counts(connection)

    def has_pem(self, pem_id: str) -> bool:
        """See `GraphStore.has_pem`."""
        with self._reading() as connection:
            return reader.has_pem(connection, pem_id)

    def has_artifact(self, name: str) -> bool:
        """See `GraphStore.has_artifact`."""
        with self._reading() as connection:
            return reader.has_artifact(connection, name)

    def versions(self, artifact: str, *, version: str | None = None, limit: int | None = None) -> list[str]:
        """See `GraphStore.versions`."""
        with self._reading() as connection:
            return reader.versions(connection, artifact, version, limit)

    def walk(self, query: WalkQuery) -> Walk:
        """See `GraphStore.walk`."""
        with self._reading_for_walks() as (connection, memory):
            return walker.walk(connection, query, memory)

    def resolutions_changed_at(self) -> int:
        """See `GraphStore.resolutions_changed_at`."""
        with self._reading() as connection:
            return state(connection).resolutions_changed_at

    def brief(self) -> BriefReader:
        """See `GraphStore.brief`."""
        return self._brief

    # -------------------------------------------------------------------------------------------- looking back

    def events(self, ids: Sequence[str]) -> list[PemFacts]:
        """See `HistoryReader.events`."""
        with self._reading() as connection:
            return history.events(connection, ids)

    def effects(
        self,
        ids: Sequence[str],
        *,
        view: View,
        artifact: str | None = None,
        named: bool = False,
        limit: int,
    ) -> list[Effect]:
        """See `HistoryReader.effects`."""
        with self._reading() as connection:
            return history.effects(connection, ids, view, artifact=artifact, named=named, limit=limit)

    def users(self, artifact: str, *, view: View, limit: int) -> list[Effect]:
        """See `HistoryReader.users`."""
        with self._reading() as connection:
            return history.users(connection, artifact, view, limit)

    def taken(self, ids: Sequence[str], *, view: View, artifact: str | None = None) -> list[Effect]:
        """See `HistoryReader.taken`."""
        with self._reading() as connection:
            return history.taken(connection, ids, view, artifact)

    def names(self, view: View, artifact: str) -> bool:
        """See `HistoryReader.names`."""
        with self._reading() as connection:
            return history.names(connection, view, artifact)

    def productions(
        self,
        artifact: str,
        *,
        version: str | None = None,
        before: Moment | None = None,
        after: Moment | None = None,
        newest_first: bool = True,
        limit: int,
    ) -> list[Production]:
        """See `HistoryReader.productions`."""
        with self._reading() as connection:
            return history.productions(
                connection,
                artifact,
                version=version,
                before=before,
                after=after,
                newest_first=newest_first,
                limit=limit,
            )

    def artifact_states(self, view: View, *, after: str, limit: int) -> list[ArtifactState]:
        """See `HistoryReader.artifact_states`."""
        with self._reading() as connection:
            return history.artifact_states(connection, view, after, limit)

    def tag_states(self, view: View, *, after: tuple[str, str], limit: int) -> list[TagFacts]:
        """See `HistoryReader.tag_states`."""
        with self._reading() as connection:
            return history.tag_states(connection, view, after, limit)

    def emitter_states(self, view: View) -> list[EmitterState]:
        """See `HistoryReader.emitter_states`."""
        with self._reading() as connection:
            return history.emitter_states(connection, view)

    def unseen(self, view: View, *, after: str, limit: int) -> list[Unseen]:
        """See `HistoryReader.unseen`."""
        with self._reading() as connection:
            return history.unseen(connection, view, after, limit)

    def mismatches(
        self, view: View, *, after: tuple[str, str, str], limit: int, unsettled: Sequence[str] = ()
    ) -> list[Mismatch]:
        """See `HistoryReader.mismatches`."""
        with self._reading() as connection:
            return history.mismatches(connection, view, after, limit, unsettled)

    def doubtful_digests(
        self, view: View, *, after: tuple[str, str, str], limit: int, is_unsettled: bool = False
    ) -> list[tuple[str, str, str]]:
        """See `HistoryReader.doubtful_digests`."""
        with self._reading() as connection:
            return history.doubtful_digests(connection, view, after, limit, is_unsettled=is_unsettled)

    def unsettled(self, view: View) -> list[str]:
        """See `HistoryReader.unsettled`."""
        with self._reading() as connection:
            return history.unsettled(connection, view)

    def links(self, ids: Sequence[str], view: View) -> list[Link]:
        """See `HistoryReader.links`."""
        with self._reading() as connection:
            return history.links(connection, ids, view)

    # -------------------------------------------------------------------------------------------- scanning

    def pems(self) -> Iterator[PemFacts]:
        """See `GraphStore.pems`."""
        with self._reading() as connection:
            yield from reader.pems(connection)

    def artifacts(self) -> Iterator[ArtifactFacts]:
        """See `GraphStore.artifacts`."""
        with self._reading() as connection:
            yield from reader.artifacts(connection)

    def tags(self) -> Iterator[TagFacts]:
        """See `GraphStore.tags`."""
        with self._reading() as connection:
            yield from reader.tags(connection)

    def placeholders(self) -> Iterator[str]:
        """See `GraphStore.placeholders`."""
        with self._reading() as connection:
            yield from reader.placeholders(connection)

    def flaws(self, *, like: GraphReader | None = None) -> Iterator[Flaw]:
        """See `GraphStore.flaws`."""
        with self._reading() as connection:
            yield from flaws.of_file(connection)
            if isinstance(like, EmbeddedGraphStore):
                with like._reading() as right:  # noqa: SLF001 - the same class
                    if state(connection).checkpoint == state(right).checkpoint:
                        yield from flaws.compared(connection, right)

    def unconnected_artifacts(self) -> list[str]:
        """See `GraphStore.unconnected_artifacts`."""
        with self._reading() as connection:
            return reader.unconnected_artifacts(connection)

    def digest(self) -> GraphDigest:
        """See `GraphStore.digest`."""
        return digest(self)

    def made_by_hand(self) -> list[str]:
        """See `GraphStore.made_by_hand`. Nodes are rows here, and one that is not the log's is surplus."""
        return []

    def remove_made_by_hand(self) -> list[str]:
        """See `GraphStore.remove_made_by_hand`."""
        return []

    reads_all_of_cypher = False

    def cypher(self, query: str, parameters: Mapping[str, object]) -> CypherResult:
        """See `GraphStore.cypher`: a documented subset of reading queries."""
        if cypher.is_write(query):
            raise cypher.would_write()
        with self._reading() as connection:
            return cypher.run(connection, query, parameters, timeout_seconds=_CYPHER_TIMEOUT_SECONDS)

    def stored_bytes(self) -> int:
        """See `GraphStore.stored_bytes`."""
        return sum(stored_bytes(self._folder / name) for name in list(self._names.values()))

    def probe(self) -> None:
        """See `GraphStore.probe`."""
        self.checkpoint()

    # -------------------------------------------------------------------------------------------- generations

    def next_generation(self) -> EmbeddedGraphStore:
        """See `GraphStore.next_generation`."""
        if self._next is None:
            if not self.has_next_generation():
                self._save_names({**self._names, _NEXT: _new_name()})
            self._next = _SingleGeneration(self._folder, self._names[_NEXT])
        return self._next

    def has_next_generation(self) -> bool:
        """See `GraphStore.has_next_generation`."""
        return _NEXT in self._names

    def next_checkpoint(self) -> Checkpoint | None:
        """See `GraphStore.next_checkpoint`."""
        if not self.has_next_generation():
            return None
        following = self._next
        return Checkpoint() if following is None else following.checkpoint()

    def switch(self, *, covers: int = 0) -> None:
        """See `GraphStore.switch`."""
        if not self.has_next_generation():
            raise StoreError(f"The {_WHAT} has no next generation to switch to")
        following = self.next_generation()
        served = following._served  # noqa: SLF001 - the same class
        with served.write_lock, translated(_WHAT):
            served.writer.set_covers(covers)
        self._save_names({_SERVED: self._names[_NEXT]})
        before, self._served = self._served, served
        self._next = None
        before.drop()

    def drop_next_generation(self) -> None:
        """See `GraphStore.drop_next_generation`."""
        if self.has_next_generation():
            path, dropped = self._folder / self._names[_NEXT], self._next
            self._save_names({_SERVED: self._names[_SERVED]})
            self._next = None
            if dropped is None:  # never opened: it may be damaged
                remove_file(path)
            else:
                dropped._served.drop()  # noqa: SLF001 - the same class

    def close(self) -> None:
        """See `GraphStore.close`."""
        if self._next is not None:
            self._next.close()
        self._served.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to the generation that is served, inside one snapshot."""
        with self._held() as served, served.reading() as connection:
            yield connection

    @contextmanager
    def _reading_for_walks(self) -> Iterator[tuple[sqlite3.Connection, walker.WalkMemory]]:
        with self._held() as served, served.reading() as connection:
            yield connection, served.memory

    @contextmanager
    def _held(self) -> Iterator[_Generation]:
        """Give the generation that is served, kept for one `_Generation.reading`."""
        # Between looking up which one that is and reading it, a switch may have put the next one in its place.
        while not (served := self._served).hold():
            if served is self._served:
                raise StoreError(f"This generation of the {_WHAT} was dropped")
        yield served

    def _save_names(self, names: dict[str, str]) -> None:
        written = self._folder / "generations.json.new"
        try:
            private.write_text(written, json.dumps(names))
            written.replace(self._folder / "generations.json")
        except OSError as error:
            raise StoreError(f"The {_WHAT} cannot note its generations: {error}") from error
        self._names = names

    def _remove_strays(self) -> None:
        """Remove files that no generation owns: what a crash left of a drop."""
        for path in self._folder.glob("graph-*.db"):
            if path.name not in self._names.values():
                remove_file(path)


class _SingleGeneration(EmbeddedGraphStore):
    """The generation that is being built: a store like any other, but without a next one of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._names = {_SERVED: name}
        self._next = None
        self._served = _Generation(folder / name)
        self._brief = BriefReader(self._reading_for_walks)

    def _save_names(self, names: dict[str, str]) -> None:
        raise StoreError(
            f"A generation of the {_WHAT} that is being built has no next one of its own: {names}"
        )


def remove_file(path: Path) -> None:
    """Remove a SQLite file with what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _load_names(folder: Path) -> dict[str, str]:
    file = folder / "generations.json"
    try:
        names = _checked(json.loads(file.read_text()))
    except FileNotFoundError:
        names = {_SERVED: _new_name()}
        private.write_text(file, json.dumps(names))
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} cannot be read: {error}; remove it to build the graph anew") from error
    return names


def _checked(names: object) -> dict[str, str]:
    if (
        isinstance(names, dict)
        and _SERVED in names
        and all(isinstance(name, str) and _NAME(name) for name in names.values())
    ):
        return names
    raise ValueError("it does not name the generations")


def _new_name() -> str:
    return f"graph-{uuid.uuid4().hex[:12]}.db"
