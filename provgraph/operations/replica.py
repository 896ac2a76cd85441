"""A second graph and catalog, replayed from the log into a temporary folder: what the served ones should be."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.errors import ConflictError
from provgraph.eventlog.checking import CheckedReader
from provgraph.graphstore.base import Checkpoint
from provgraph.graphstore.embedded import EmbeddedGraphStore
from provgraph.graphstore.projection import project
from provgraph.sqlite import connect, transaction, translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.events import RecordedEvent
    from provgraph.graphstore.base import GraphStore

_BATCH_EVENTS = 5_000


class Replica:
    """
    What the log's events make of an empty graph and an empty catalog.

    A context manager: its files are gone when the block ends.
    """

    def __init__(self, log: EventLog, *, with_catalog: bool = True) -> None:
        """
        Prepare it.

        :param with_catalog: else the catalog stays empty, which takes less time
        """
        self._log = log
        self._reader = CheckedReader(log)
        self._with_catalog = with_catalog
        self._epoch = log.head().epoch
        self._position = 0
        self._projection = SQLiteCatalogProjection()
        self._resources = ExitStack()

    def __enter__(self) -> Replica:
        with ExitStack() as resources:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="provgraph-verify-")))
            graph = EmbeddedGraphStore(folder / "graph")
            resources.callback(graph.close)
            catalog = SQLiteCatalog(folder / "catalog.db")
            resources.callback(catalog.close)
            with translated("replayed catalog"):
                self._connection: sqlite3.Connection = connect(folder / "catalog.db", synchronous="OFF")
                self._projection.begin(self._connection)
            resources.callback(self._connection.close)
            self.graph: GraphStore = graph
            self.catalog: Catalog = catalog
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._resources.close()

    def advance(self, *, to: int, replayed: Callable[[int], None]) -> None:
        """
        Replay the log up to position ``to``; ``replayed`` is called with the number of events of each batch.

        :raises ConflictError: the log was cleaned since the replay began
        :raises ChangedEventError: an event was changed
        """
        while self._position < to:
            found = self._reader.read(after=self._position, limit=_BATCH_EVENTS)
            events = [event for event in found if event.position <= to]
            if self._log.head().epoch != self._epoch:
                raise ConflictError("The log was cleaned meanwhile: verify again")
            if not events:
                break
            self._apply(events)
            replayed(len(events))

    def _apply(self, events: list[RecordedEvent]) -> None:
        position = events[-1].position
        expected = Checkpoint(self._epoch, self._position) if self._position else Checkpoint()
        self.graph.apply(project(events), expected=expected, to=Checkpoint(self._epoch, position))
        if self._with_catalog:
            with translated("replayed catalog"), transaction(self._connection):
                self._projection.apply(self._connection, events)
        self._position = position
