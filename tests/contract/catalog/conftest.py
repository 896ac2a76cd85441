"""Every catalog, behind one fixture."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.catalog.postgresql import PostgreSQLCatalog, PostgreSQLCatalogProjection
from provgraph.eventlog import SQLiteEventLog
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from tests.contract.catalog.stores import Stores
from tests.contract.catalog.tracked import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

# What there is, but for the rows.
_SQLITE_TABLES = "SELECT type || ' ' || name FROM sqlite_master"
_POSTGRESQL_TABLES = """
SELECT relkind::text || ' ' || relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace
UNION ALL SELECT concat_ws(' ', table_name, column_name, ordinal_position, data_type, collation_name, is_nullable,
    is_identity)
FROM information_schema.columns WHERE table_schema = current_schema()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a catalog on SQLite is, with its log."""
    return tmp_path / "catalog.db"


@contextmanager
def sqlite_stores(path: Path) -> Iterator[Stores]:
    """Open a log and its catalog in one file."""

    def run(statement: str) -> list[tuple[str]]:
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(statement).fetchall()

    def stamp(text: str | None) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM log_state WHERE key = 'catalog'")
            if text is not None:
                connection.execute("INSERT INTO log_state VALUES ('catalog', ?)", (text,))

    with (
        closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
        closing(SQLiteCatalog(path)) as catalog,
    ):
        yield Stores(log, catalog, run, lambda: {row[0] for row in run(_SQLITE_TABLES)}, stamp)


@contextmanager
def postgresql_stores(url: str) -> Iterator[Stores]:
    """Open a log and its catalog in one database."""

    def tamper(statement: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(statement)

    def stamp(text: str | None) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE log_state SET catalog = %s", (text,))

    def tables() -> set[str]:
        with psycopg.connect(url) as connection:
            return {row[0] for row in connection.execute(_POSTGRESQL_TABLES)}

    with (
        closing(PostgreSQLEventLog(url, projections=[PostgreSQLCatalogProjection()])) as log,
        closing(PostgreSQLCatalog(url)) as catalog,
    ):
        yield Stores(log, catalog, tamper, tables, stamp)


_FACTORIES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Stores]]] = {
    "sqlite": lambda request: sqlite_stores(request.getfixturevalue("path")),
    # Asked for by name, so that no other parameter starts a server.
    "postgresql": lambda request: postgresql_stores(request.getfixturevalue("emptied_postgres_url")),
}


@pytest.fixture(params=sorted(_FACTORIES))
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """An empty log with its catalog."""
    with _FACTORIES[request.param](request) as made:
        yield made


@pytest.fixture
def script(stores: Stores) -> Script:
    """A script whose runs are tracked."""
    return Script(stores, one=1, two="two")
