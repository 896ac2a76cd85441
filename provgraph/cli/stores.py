"""
Opening the stores that the settings name: in the data folder by default, on servers in production.

What is opened is closed in reverse order, whatever happens in between.
"""

from __future__ import annotations

import contextlib
import logging
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.errors import SettingsError
from provgraph.eventlog import Head, SQLiteEventLog, witnesses
from provgraph.eventlog.headfile import HeadFile, HeadKeeper
from provgraph.graphstore.embedded import EmbeddedGraphStore
from provgraph.lock import DataFolder
from provgraph.settings import LOG_SCHEMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.graphstore.base import GraphStore
    from provgraph.settings import Settings

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 5.0


class Facts(NamedTuple):
    """The log and its catalog, which are written together."""

    log: EventLog
    catalog: Catalog


class Stores(NamedTuple):
    """Everything that a process works on."""

    log: EventLog
    catalog: Catalog
    graph: GraphStore | None  # None: not wanted


@contextmanager
def opened_stores(settings: Settings, *, with_graph: bool = True) -> Iterator[Stores]:
    """
    Open what the settings name, locking the data folder when something is in it.

    :raises LockedError: another process uses the data folder
    :raises StoreError: a store cannot be opened
    :raises SettingsError: a password's file cannot be read
    """
    with ExitStack() as stack:
        local = settings.log_url is None or (with_graph and settings.graph_url is None)
        folder = (
            stack.enter_context(DataFolder(settings.data_dir)) if local else DataFolder(settings.data_dir)
        )
        log, catalog = stack.enter_context(_facts(settings, folder))
        graph = stack.enter_context(_graph(settings, folder)) if with_graph else None
        yield Stores(log, catalog, graph)


@contextmanager
def opened_facts(settings: Settings) -> Iterator[Facts]:
    """
    Open the log and the catalog alone.

    :raises LockedError: a service uses the data folder that they are in
    :raises StoreError: they cannot be opened
    """
    with opened_stores(settings, with_graph=False) as stores:
        yield Facts(stores.log, stores.catalog)


@contextmanager
def opened_place(place: str, *, password: str | None = None, must_exist: bool = False) -> Iterator[Facts]:
    """
    Open the log and the catalog at a place that is named by itself.

    :param place: ``postgresql://...``, ``sqlite:///FILE`` (four slashes before an absolute path), or a data folder
    :param must_exist: do not make a log in a folder that has none
    :raises SettingsError: it names no place where a log can be
    :raises LockedError: a service uses the data folder
    :raises StoreError: it cannot be opened
    """
    scheme, is_url, _ = place.partition("://")
    if is_url and scheme in LOG_SCHEMES:
        with _on_postgresql(place, password) as facts:
            yield facts
        return
    with DataFolder(_folder(place, must_exist=must_exist)) as folder, _on_sqlite(folder) as facts:
        yield facts


def _folder(place: str, *, must_exist: bool) -> Path:
    scheme, is_url, rest = place.partition("://")
    if is_url and (scheme != "sqlite" or not rest.startswith("/")):
        raise SettingsError(
            f"{scheme}://... is no place for a log: give postgresql://..., sqlite:///FILE or a data folder"
        )
    path = Path(rest[1:] if is_url else place)
    folder = DataFolder(path.parent if is_url else path)
    if is_url and path.absolute() != folder.database:
        raise SettingsError(f"A log on SQLite is in a file named {folder.database.name}, not {path.name}")
    if must_exist and not folder.database.exists():
        raise SettingsError(f"There is no log at {folder.database}")
    return folder.path


@contextmanager
def _facts(settings: Settings, folder: DataFolder) -> Iterator[Facts]:
    if settings.log_url is not None:
        password = settings.read_log_password()
        with _on_postgresql(settings.log_url, password, take_back=settings.catalog_take_back) as facts:
            yield facts
        return
    if folder.graph.exists() and not folder.database.exists():
        logger.warning(
            "there is a graph in %s and no log: %s is not there. A new log begins, and the graph is emptied for it. If "
            "this is a copy, or was restored, stop now and bring %s back",
            folder.path,
            folder.database.name,
            folder.database.name,
        )
    with _on_sqlite(folder, take_back=settings.catalog_take_back) as facts:
        yield facts


@contextmanager
def _on_sqlite(folder: DataFolder, *, take_back: bool = False) -> Iterator[Facts]:
    head_file = HeadFile(folder.head)
    with (
        contextlib.closing(
            SQLiteEventLog(folder.database, projections=[SQLiteCatalogProjection()], head_file=head_file)
        ) as log,
        contextlib.closing(SQLiteCatalog(folder.database)) as catalog,
    ):
        _prepare_catalog(log, catalog, take_back=take_back)
        with HeadKeeper(log, head_file):
            yield Facts(log, catalog)


def _prepare_catalog(log: EventLog, catalog: Catalog, *, take_back: bool) -> None:
    """Ask it how far the log went, before its tables may be built anew, which is the end of what they know."""
    _ask_catalog(log, catalog)
    catalog.upgrade(log, take_back=take_back, progress=_Progress(log))


class _Progress:
    """Says every few seconds how much of the log was read."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._total = 0  # counted once there is something to say: that reads the whole log's index
        self._next = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, done: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PROGRESS_SECONDS
        self._total = max(self._total or self._log.count(), done)
        logger.info("building the catalog's tables: %d of %d events", done, self._total)


def _ask_catalog(log: EventLog, catalog: Catalog) -> None:
    def seen() -> Head:
        position = catalog.last_position()
        return Head(log.head().epoch, position, b"")

    witnesses.ask(log, witnesses.CATALOG, seen)


@contextmanager
def _on_postgresql(url: str, password: str | None, *, take_back: bool = False) -> Iterator[Facts]:
    # Loaded only where they are wanted: the drivers take a tenth of a second.
    from provgraph.catalog.postgresql import PostgreSQLCatalog, PostgreSQLCatalogProjection
    from provgraph.eventlog.postgresql import PostgreSQLEventLog

    with (
        contextlib.closing(
            PostgreSQLEventLog(url, password=password, projections=[PostgreSQLCatalogProjection()])
        ) as log,
        contextlib.closing(PostgreSQLCatalog(url, password=password)) as catalog,
    ):
        _prepare_catalog(log, catalog, take_back=take_back)
        yield Facts(log, catalog)


@contextmanager
def _graph(settings: Settings, folder: DataFolder) -> Iterator[GraphStore]:
    if settings.graph_url is None:
        with contextlib.closing(EmbeddedGraphStore(folder.graph)) as embedded:
            yield embedded
        return
    from provgraph.graphstore.neo4j import Neo4jGraphStore

    with contextlib.closing(
        Neo4jGraphStore(
            settings.graph_url,
            user=settings.graph_user,
            password=settings.read_graph_password(),
            database=settings.graph_database,
            cypher_timeout_seconds=settings.cypher_timeout_seconds,
            cypher_row_limit=settings.cypher_row_limit,
        )
    ) as graph:
        yield graph
