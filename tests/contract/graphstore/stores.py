"""Every graph store, made and filled for a test. Another one joins with an opener of its own."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provgraph.graphstore import Checkpoint, EmbeddedGraphStore, GraphStore, project
from provgraph.graphstore.neo4j import Neo4jGraphStore
from provgraph.graphstore.neo4j.generations import GRAPH, Family
from provgraph.graphstore.neo4j.server import Server
from tests.contract.builders import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from provgraph.events import NewEvent
    from tests.servers.neo4j import Neo4jServer

EPOCH = "an-epoch"


class Opener(ABC):
    """Opens stores of one kind."""

    @abstractmethod
    def at(self, place: Path) -> AbstractContextManager[GraphStore]:
        """Open the store at a place for the length of a block: empty, unless it was the last one opened there."""

    @abstractmethod
    def empty(self) -> AbstractContextManager[GraphStore]:
        """Open a store of its own."""

    @contextmanager
    def filled(self, *batches: Sequence[NewEvent]) -> Iterator[GraphStore]:
        """Open a store of its own that has the given batches."""
        with self.empty() as store:
            for batch in batches:
                apply(store, *batch)
            yield store


class EmbeddedOpener(Opener):
    """Opens stores in folders."""

    @contextmanager
    def at(self, place: Path) -> Iterator[GraphStore]:
        """See `Opener.at`."""
        store = EmbeddedGraphStore(place)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def empty(self) -> Iterator[GraphStore]:
        """See `Opener.empty`."""
        with tempfile.TemporaryDirectory() as folder, self.at(Path(folder)) as store:
            yield store


class KeptServer(Server):
    """A server that many stores use one after the other: it stays open when they close."""

    def close(self) -> None:
        """Stay open."""

    def really_close(self) -> None:
        """Close all connections."""
        super().close()


class Neo4jOpener(Opener):
    """
    Opens stores on a Neo4j server.

    A Community server has one database, so stores that are open at the same time are families of their own in it.
    """

    def __init__(self, server: Neo4jServer) -> None:
        self.server = KeptServer(
            server.uri, user=server.user or "neo4j", password=server.password, database=server.database
        )
        self.neo4j = server
        self._driver = server.driver()
        self._place: Path | None = None
        self._free = [Family("third", ("g", "h", "i")), Family("second", ("d", "e", "f"))]

    def close(self) -> None:
        """Close all connections."""
        self.server.really_close()
        self._driver.close()

    @contextmanager
    def at(self, place: Path) -> Iterator[Neo4jGraphStore]:
        """See `Opener.at`."""
        if self._place != place:
            self._wipe(GRAPH)
            self._place = place
        store = Neo4jGraphStore.on(self.server)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def empty(self) -> Iterator[Neo4jGraphStore]:
        """See `Opener.empty`."""
        family = self._free.pop()
        self._wipe(family)
        store = Neo4jGraphStore.on(self.server, family=family)
        try:
            yield store
        finally:
            store.close()
            self._free.append(family)

    def _wipe(self, family: Family) -> None:
        """Remove what one family has in the database; constraints and indexes stay."""
        labels = "|".join(
            f"_{label}_{letter}"
            for letter in family.letters
            for label in ("PEM", "Artifact", "Emitter", "Tag", "TagMoves")
        )
        with self._driver.session(database=self.server.database) as session:
            session.run(f"MATCH (n:{labels}) DETACH DELETE n").consume()
            session.run(
                "MATCH (n:Checkpoint) WHERE n.name IN $letters DELETE n", letters=family.letters
            ).consume()
            session.run("MATCH (n:GraphState {name: $name}) DELETE n", name=family.graph).consume()


def apply(store: GraphStore, *events: NewEvent) -> Checkpoint:
    """Apply events as one batch behind what the store has, and return the checkpoint reached."""
    here = store.checkpoint()
    there = Checkpoint(EPOCH, here.position + len(events))
    store.apply(project(recorded(events, after=here.position)), expected=here, to=there)
    return there


# Those that need no server.
OPENERS: dict[str, Opener] = {"embedded": EmbeddedOpener()}
