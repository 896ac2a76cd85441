"""What the suites of all stores share: a PostgreSQL database that many short tests use one after the other."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from provgraph.catalog.fingerprints import stamp
from provgraph.events import genesis
from provgraph.families.registry import TABLES
from tests.servers.postgresql import create_database, drop_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.rows import TupleRow

    from tests.servers.shared import SharedServer

_DISCONNECT_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_SELECT_STAMP = "SELECT catalog FROM log_state"
# A log that has not begun, but whose tables are there.
_KEEP_STAMP = """
INSERT INTO log_state(epoch, position, digest, recorded_us, catalog) VALUES (%s, 0, %s, 0, %s)
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
        _empty(connection)
    return kept_postgres_url


def _empty(connection: psycopg.Connection[TupleRow]) -> None:
    there = {row[0] for row in connection.execute(_TABLES)} - {"provgraph_schema"}
    if not there:
        return
    row = connection.execute(_SELECT_STAMP).fetchone()
    if row is None or row[0] != stamp() or not {table.name for table in TABLES} <= there:
        catalog = {name for name in there if name not in {"event", "log_state", "log_probe"}}
        for name in sorted(catalog):
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        there -= catalog
    names = sql.SQL(", ").join(map(sql.Identifier, sorted(there)))
    connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))
    if len(there) > len(TABLES):
        epoch = uuid.uuid4().hex
        connection.execute(_KEEP_STAMP, (epoch, genesis(epoch), stamp()))
