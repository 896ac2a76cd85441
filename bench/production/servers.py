"""The two servers under everything: this run's own, in temporary folders, alike for service and floor."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import psycopg
from neo4j import GraphDatabase, NotificationMinimumSeverity

from bench import processes
from tests.servers.neo4j import start_neo4j
from tests.servers.postgresql import create_database, drop_database, start_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neo4j import Driver

    from tests.servers.neo4j import Neo4jServer
    from tests.servers.postgresql import PostgreSQLServer

# As docker-compose.yml has it.
HEAP_MEGABYTES = 2_048
NEO4J_SETTINGS = {"server.memory.pagecache.size": "1g", "db.memory.transaction.max": "1g"}


class Servers:
    """PostgreSQL and Neo4j, each started when it is first wanted; use it as a context manager."""

    def __init__(self, *, heap_megabytes: int = HEAP_MEGABYTES, optimises: bool = True) -> None:
        """
        Start nothing yet.

        :param optimises: let Neo4j reach its full speed, see `start_neo4j`
        """
        self._heap_megabytes = heap_megabytes
        self._optimises = optimises
        self._running = ExitStack()
        self.remarks: list[str] = []
        """A sentence about each that was started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @cached_property
    def postgresql(self) -> PostgreSQLServer:
        """
        The PostgreSQL server.

        :raises ServerUnavailableError: this machine has no way to it
        """
        server = self._running.enter_context(start_postgresql())
        self.remarks.append(f"PostgreSQL: {server.route}.")
        return server

    @cached_property
    def neo4j(self) -> Neo4jServer:
        """
        The Neo4j server.

        :raises ServerUnavailableError: this machine has no way to it
        """
        server = self._running.enter_context(
            start_neo4j(
                heap_megabytes=self._heap_megabytes, settings=NEO4J_SETTINGS, optimises=self._optimises
            )
        )
        self.remarks.append(f"Neo4j: {server.route}, heap of {self._heap_megabytes:,} MiB.")
        return server

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a PostgreSQL database for a while; its URL."""
        url = create_database(self.postgresql.url)
        try:
            yield url
        finally:
            drop_database(self.postgresql.url, url)

    def driver(self) -> Driver:
        """Return a new driver for Neo4j, for the caller to close."""
        server = self.neo4j
        return GraphDatabase.driver(
            server.uri,
            auth=(server.user, server.password or "") if server.user else None,
            notifications_min_severity=NotificationMinimumSeverity.OFF,
        )

    def settings(self, database: str, *, graph: bool = False) -> dict[str, str]:
        """Give the settings that have a service use ``database``, and Neo4j too when it wants the graph."""
        settings = {"PROVGRAPH_LOG_URL": database}
        if graph:
            settings["PROVGRAPH_GRAPH_URL"] = self.neo4j.uri
        if graph and self.neo4j.user:
            settings["PROVGRAPH_GRAPH_USER"] = self.neo4j.user
            settings["PROVGRAPH_GRAPH_PASSWORD"] = self.neo4j.password or ""
        return settings

    def postgresql_cpu_seconds(self) -> float | None:
        """Give the processor time PostgreSQL has used so far; None when its processes cannot be seen."""
        return self._postgresql_pid and processes.cpu_seconds(self._postgresql_pid)

    def neo4j_cpu_seconds(self) -> float | None:
        """Give the processor time Neo4j has used so far; None when its process cannot be seen."""
        return self._neo4j_pid and processes.cpu_seconds(self._neo4j_pid)

    @cached_property
    def _postgresql_pid(self) -> int | None:
        return processes.listener(urlsplit(self.postgresql.url).port or 0)

    @cached_property
    def _neo4j_pid(self) -> int | None:
        return processes.listener(urlsplit(self.neo4j.uri).port or 0)


def count(database: str, table: str) -> int:
    """How many rows a table of a database has."""
    with psycopg.connect(database) as connection:
        query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
        row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])
