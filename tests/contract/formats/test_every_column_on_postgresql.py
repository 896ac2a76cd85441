"""
Deep verification sees a change in each column of each table on PostgreSQL.

The same walk as that of `tests.contract.formats.test_every_column`. Tables and columns are those that the database has.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from graphbuilder.projector import Projector
from provgraph.cli.stores import opened_place
from provgraph.eventlog import PROJECTOR_LEASE
from provgraph.graphstore import EmbeddedGraphStore
from provgraph.operations.flush import flush
from provgraph.operations.verify import verify
from tests.contract.formats.fixture import FORMAT_1
from tests.contract.formats.walk import EVENTS, finding, others, undocumented
from tests.servers.postgresql import create_database, drop_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.graphstore import GraphStore
    from tests.servers.shared import SharedServer

# Table and column where a change is nobody's business, and why.
UNPROVABLE = {
    ("log_probe", "probed_at"): "what a probe writes to see that the log can be written",
    ("log_state", "secret"): "random: it shows who wrote a cursor, and says nothing of events",
    (
        "log_state",
        "catalog",
    ): "where it is another text, the catalog's tables are built anew at start",
}
# What the database itself lets nobody change with a statement like ours: see the migrations.
REFUSED = {("artifact", "sequence"), ("log_probe", "is_only"), ("log_state", "is_only")}

_COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES'
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""
# A row that says something there, where one does.
_VALUE = """
SELECT ctid, {column} FROM {table} ORDER BY {column} IS NULL OR {column}::text IN ('', '\\x'), ctid DESC LIMIT 1
"""
_CHANGE = "UPDATE {table} SET {column} = %s WHERE ctid = %s"
# Where there is nothing: something.
_SOMETHING: dict[str, object] = {
    **dict.fromkeys(("bigint", "integer"), 7),
    "boolean": True,
    "bytea": b"7",
    "jsonb": Jsonb("7"),
    "text": "7",
    "timestamp with time zone": datetime(2026, 1, 2, tzinfo=UTC),
    "ARRAY": [],
}
_SAYS_NO = (psycopg.IntegrityError, psycopg.errors.GeneratedAlways, psycopg.errors.RaiseException)


class Column(NamedTuple):
    """A column of a table."""

    schema: str
    table: str
    name: str
    type: str
    is_nullable: bool

    @property
    def place(self) -> tuple[str, str]:
        return self.table, self.name

    def statement(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(
            table=sql.Identifier(self.schema, self.table), column=sql.Identifier(self.name)
        )


class Opened(NamedTuple):
    """A log with its catalog in the database, and a graph."""

    log: EventLog
    catalog: Catalog
    graph: GraphStore


class Database:
    """A database, what was in it at first, and a graph that follows its log."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._connection = psycopg.connect(url, autocommit=True)
        self._kept: dict[tuple[str, str], bytes] = {}

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        with opened_place(self.url) as facts, closing(EmbeddedGraphStore(self._folder)) as graph:
            yield Opened(facts.log, facts.catalog, graph)

    def fill(self) -> None:
        """Bring an old log to the newest format and add to it."""
        self._connection.execute((FORMAT_1 / "postgresql.sql").read_bytes())
        self._connection.execute("SELECT set_config('search_path', 'public', false)")  # the dump cleared it
        with self.opened() as stores:
            lease = stores.log.lease(PROJECTOR_LEASE)
            with Projector(stores.log, stores.graph, lease=lease, interval_seconds=0.02):
                stores.log.append(EVENTS)
                stores.log.probe()
                flush(stores.log, stores.graph, timeout_seconds=60)
            stores.catalog.rebuild(stores.log)
            assert verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync
        tables = dict.fromkeys((column.schema, column.table) for column in self.columns())
        self._kept = {table: self._content(table) for table in tables}

    def columns(self) -> list[Column]:
        return [Column(*row) for row in self._connection.execute(_COLUMNS)]

    def changes(self, column: Column) -> list[tuple[str, object]]:
        """Return a row of the column's table, with each value that it can have there instead."""
        found = self._connection.execute(column.statement(_VALUE)).fetchone()
        if found is None:
            return []
        row, value = found
        if value is None:
            return [(row, _SOMETHING[column.type])]
        return [(row, Jsonb(each) if column.type == "jsonb" else each) for each in others(value)]

    def is_planted(self, column: Column, row: str, value: object) -> bool:
        """Change one column of a row; tell whether the database let that happen."""
        try:
            self._connection.execute(column.statement(_CHANGE), (value, row))
        except _SAYS_NO:
            return False
        return True

    def put_back(self) -> None:
        """Have each table as it was, whoever changed it meanwhile."""
        for table, content in self._kept.items():
            if self._content(table) != content:
                name = sql.Identifier(*table)
                with self._connection.transaction(), self._connection.cursor() as cursor:
                    cursor.execute(sql.SQL("TRUNCATE {}").format(name))
                    with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(name)) as copy:
                        copy.write(content)

    def _content(self, table: tuple[str, str]) -> bytes:
        statement = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(sql.Identifier(*table))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            return b"".join(map(bytes, copy))


@pytest.fixture(scope="module")
def filled(shared_postgres: SharedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database in which every table has rows."""
    url = create_database(shared_postgres.url)
    with closing(Database(url, tmp_path_factory.mktemp("walk") / "graph")) as database:
        database.fill()
        yield database
    drop_database(shared_postgres.url, url)


def test_a_change_in_any_column_is_noticed(filled: Database) -> None:
    changed, unnoticed = set(), set()
    for column in filled.columns():
        for row, value in filled.changes(column):
            if filled.is_planted(column, row, value):
                changed.add(column.place)
                if finding(filled.opened) is None:
                    unnoticed.add(column.place)
                filled.put_back()

    assert {column.place for column in filled.columns()} - changed == REFUSED
    assert unnoticed == {*UNPROVABLE}
    assert finding(filled.opened) is None


def test_what_cannot_be_proved_is_documented() -> None:
    assert undocumented(".".join(place) for place in UNPROVABLE) == []


def test_every_table_has_rows_to_change(filled: Database) -> None:
    assert [column.place for column in filled.columns() if not filled.changes(column)] == []
