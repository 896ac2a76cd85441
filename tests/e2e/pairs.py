"""
The one switch between the pairs of stores that the end-to-end tests run on.

``PROVGRAPH_TEST_PAIR=postgresql-neo4j`` puts every service on real servers; without it they have what anybody has who
tries provgraph: SQLite and the embedded graph in a data folder. A data folder stands for its stores either way: who
starts another service on the same folder finds what the one before has stored.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.servers.base import ServerUnavailableError
from tests.servers.neo4j import start_neo4j
from tests.servers.postgresql import create_database
from tests.servers.shared import Run, shared_postgresql

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.neo4j import Neo4jServer

VARIABLE = "PROVGRAPH_TEST_PAIR"


class Pair(NamedTuple):
    """A log with its catalog, and a graph."""

    log: str
    graph: str

    @classmethod
    def named(cls, name: str) -> Pair:
        """Return the pair of a name such as ``postgresql-neo4j``."""
        log, _, graph = name.partition("-")
        if log not in ("sqlite", "postgresql") or graph not in ("embedded", "neo4j"):
            raise pytest.UsageError(f"{VARIABLE} is no pair of stores: {name}")
        return cls(log, graph)


PAIR = Pair.named(os.environ.get(VARIABLE) or "sqlite-embedded")
IS_LOCAL = Pair("sqlite", "embedded") == PAIR

local_only = pytest.mark.skipif(not IS_LOCAL, reason="about files in a data folder")
about_http = pytest.mark.skipif(not IS_LOCAL, reason="about requests and connections, whatever the stores")
client_side = pytest.mark.skipif(not IS_LOCAL, reason="about the client, whatever the stores")
# A Neo4j server takes most of a minute of a processor until it is warm: what does not ask it much is tested with the
# log on PostgreSQL and the embedded graph.
log_side = pytest.mark.skipif(PAIR.graph == "neo4j", reason="about log and catalog, whatever the graph")
# They need not run once more for every pair.
chooses_stores = pytest.mark.skipif(not IS_LOCAL, reason="chooses its stores itself")


needs_subset = pytest.mark.skipif(
    PAIR.graph != "embedded", reason="about the subset of Cypher that the embedded store runs"
)


class _Servers:
    """A database on the run's PostgreSQL server for each folder; a Neo4j server for each, for it has one database."""

    def __init__(self) -> None:
        self._ended = ExitStack()
        self._stores: dict[Path, dict[str, str]] = {}
        self._graphs: dict[Path, Neo4jServer] = {}
        self._idle: list[Neo4jServer] = []

    def stores(self, folder: Path) -> dict[str, str]:
        """Return the settings that put a service of this folder on its own stores: those that it had before."""
        found = self._stores.get(folder)
        if found is None:
            try:
                found = self._stores[folder] = self._made(folder)
            except ServerUnavailableError as error:
                if os.environ.get("PROVGRAPH_REQUIRE_SERVICES"):
                    pytest.fail(f"A server is required and missing: {error}")
                pytest.skip(str(error))
        return found

    def release(self, folder: Path) -> None:
        """Take back the stores of the folders in ``folder``: nobody starts a service there any more."""
        for taken in [taken for taken in self._stores if taken.is_relative_to(folder)]:
            del self._stores[taken]
            server = self._graphs.pop(taken, None)
            if server is not None:
                server.clear()
                self._idle.append(server)

    def close(self) -> None:
        """End the servers."""
        self._ended.close()

    def _made(self, folder: Path) -> dict[str, str]:
        settings = {}
        if PAIR.log == "postgresql":
            settings["PROVGRAPH_LOG_URL"] = create_database(shared_postgresql(Run.current()).url)
        if PAIR.graph == "neo4j":
            server = self._idle.pop() if self._idle else self._ended.enter_context(start_neo4j())
            self._graphs[folder] = server
            settings["PROVGRAPH_GRAPH_URL"] = server.uri
        return settings


_SERVERS = _Servers()


def stores(folder: Path) -> dict[str, str]:
    """Return the settings that put a service of this folder on its stores; none where they are in the folder."""
    return {} if IS_LOCAL else _SERVERS.stores(folder)


def release(folder: Path) -> None:
    """Take back the stores of the services that ran in ``folder``."""
    _SERVERS.release(folder)


def close() -> None:
    """End every server that was started."""
    _SERVERS.close()
