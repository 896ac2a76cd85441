"""What the suites of all stores share: a PostgreSQL database that many short tests use one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from tests.servers.postgresql import create_database, drop_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.shared import SharedServer

_DISCONNECT_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_FILLED_TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'provgraph_schema'
"""


@pytest.fixture(scope="session")
def kept_postgres_url(shared_postgres: SharedServer) -> Iterator[str]:
    """A database that stays for all tests of this worker."""
    url = create_database(shared_postgres.url)
    yield url
    drop_database(shared_postgres.url, url)


@pytest.fixture
def emptied_postgres_url(kept_postgres_url: str) -> str:
    """
    A database whose tables, if it has any, are empty.

    Making a new one (`postgres_url`) takes ten times as long as most tests.
    """
    with psycopg.connect(kept_postgres_url) as connection:
        connection.execute(_DISCONNECT_OTHERS)
        tables = [sql.Identifier(row[0]) for row in connection.execute(_FILLED_TABLES)]
        if tables:
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(tables)))
    return kept_postgres_url
