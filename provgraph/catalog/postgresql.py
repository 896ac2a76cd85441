"""The catalog on PostgreSQL: how rows are written there, and what a rebuild needs of the server."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy.dialects import postgresql as dialects
from sqlalchemy.pool import QueuePool

from provgraph.catalog.rebuilding import NEXT, End, Site, SwitchError
from provgraph.catalog.store import StoredCatalog
from provgraph.catalog.writing import CatalogProjection, Writer
from provgraph.errors import ConflictError, StoreError
from provgraph.eventlog.migrations import migrate
from provgraph.postgresql import (
    LOG_LOCK,
    Server,
    bigints,
    engine,
    roll_back,
    rolled_back,
    some_bigints,
    texts,
    translated,
)
from provgraph.relational.changes import Add, Keep
from provgraph.relational.columns import is_given, is_number, unique_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import LiteralString

    from sqlalchemy import Column, Table

    from provgraph.catalog.store import ReadRows
    from provgraph.postgresql import Connection
    from provgraph.relational.changes import Put, Value, Write

    Rows = Sequence[tuple[Any, ...]]

_WHAT = "catalog"
_ROWS_AT_ONCE = 2_000
# The switch asks for the tables for so long at a time, for everybody else waits for it meanwhile.
_SWITCH_TRY = "500ms"

# Enough for every answer that may be on its way to a slow client; most of the time there are a few.
_LISTS = {"pool_size": 4, "max_overflow": 36, "pool_timeout": 5.0}
_FOR_READING = {"default_transaction_read_only": "on"}
# Between two parts of a list lies the time that its client takes to read.
_FOR_LISTS = {**_FOR_READING, "idle_in_transaction_session_timeout": "2h"}
# The event loop waits for the answer to this one: rather no answer than a late one.
_FOR_CREDENTIALS = {**_FOR_READING, "statement_timeout": "5s"}
_QUICKLY = {"connect_timeout": "2", "tcp_user_timeout": "5000"}
_TRY_AGAIN_SECONDS = 1.0
# What is being built can be built again: only the switch must last. As to plans, see the log's writer.
_FOR_REBUILDING = {"synchronous_commit": "off", "lock_timeout": "30s", "enable_seqscan": "off"}
_LOOK_SECONDS = 0.5

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
COMMIT = "COMMIT"
SELECT_END = "SELECT epoch, position FROM log_state"
SELECT_STAMP = "SELECT catalog FROM log_state"
SET_STAMP = "UPDATE log_state SET catalog = %s"
# One rebuild at a time, whichever process does it; the session holds it.
TRY_REBUILD_LOCK = "SELECT pg_try_advisory_lock(8101729300641506420)"
SELECT_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
)
# What the new tables brought along under names of their own: indexes, and what numbers rows.
SELECT_NAMED = """
SELECT relkind::text, relname FROM pg_class
WHERE relkind IN ('i', 'S') AND starts_with(relname, %s) AND relnamespace = current_schema()::regnamespace
"""
_RENAMED = {"i": "INDEX", "S": "SEQUENCE"}


class PostgreSQLWriter(Writer["Connection"]):
    """Many rows travel as one array for each column; a row for each element, in their order."""

    sql = dialects.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call] # SQLAlchemy's is untyped

    def bulk(self, write: Write, table: Table) -> Callable[[Connection, Rows], None]:
        """See `Writer.bulk`."""
        if isinstance(write, Add):
            columns = [column for column in table.columns if not is_given(column)]
            return partial(_write, statement=_inserting(columns), columns=columns)
        return _keeper(write, table) if isinstance(write, Keep) else _putter(write, table)

    def each(self, connection: Connection, statement: str, values: Sequence[Mapping[str, Value]]) -> None:
        """See `Writer.each`."""
        for one in values:
            connection.execute(statement, one)

    def execute(self, connection: Connection, statement: str) -> None:
        """See `Writer.execute`."""
        connection.execute(statement)

    def insert(self, table: Table) -> Any:
        """See `Writer.insert`."""
        return dialects.insert(table)

    def making(self, table: Table) -> list[str]:
        """See `Writer.making`."""
        return self.created(table, with_indexes=True)

    def tables(self, connection: Connection) -> set[str]:
        """See `Writer.tables`."""
        return {name for (name,) in connection.execute(SELECT_TABLES)}


def _inserting(columns: Sequence[Column[Any]]) -> str:
    names = ", ".join(column.name for column in columns)
    arrays = ", ".join(["%b"] * len(columns))
    return f"INSERT INTO {columns[0].table.name}({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - our own names


def _packed(column: Column[Any], values: Sequence[Any]) -> bytes:
    if not is_number(column):
        return texts(values)
    return some_bigints(values) if column.nullable else bigints(values)


def _write(connection: Connection, rows: Rows, *, statement: str, columns: Sequence[Column[Any]]) -> None:
    values = zip(*rows, strict=True)
    connection.execute(
        statement, [_packed(column, some) for column, some in zip(columns, values, strict=True)]
    )


def _putter(write: Put[Any], table: Table) -> Callable[[Connection, Rows], None]:
    columns = [column for column in table.columns if not is_given(column)]
    changed = ", ".join(
        f"{column.name} = excluded.{column.name}" for column in columns if column.name not in write.key
    )
    conflict = ", ".join(unique_parts(table, write.key))
    statement = f"{_inserting(columns)} ON CONFLICT ({conflict}) DO UPDATE SET {changed}"
    return partial(_write, statement=statement, columns=columns)


def _keeper(write: Keep[Any], table: Table) -> Callable[[Connection, Rows], None]:
    """Return what inserts, and then fills; apart: what says nothing to fill need not touch the stored row."""
    columns = [table.c[name] for name in write.columns]
    conflict = ", ".join(unique_parts(table, write.key))
    insert = f"{_inserting(columns)} ON CONFLICT ({conflict}) DO NOTHING"
    names, arrays = ", ".join(write.columns), ", ".join(["%b"] * len(columns))
    stored, said = (unique_parts(table, write.key, of=of) for of in ("stored", "said"))
    same = [f"{one} = {other}" for one, other in zip(stored, said, strict=True)]
    same += [f"stored.{name} = said.{name}" for name in write.key]
    fill = (
        f"UPDATE {table.name} AS stored SET {write.filled} = said.{write.filled} "  # noqa: S608 - our own names
        f"FROM unnest({arrays}) AS said({names}) "
        f"WHERE {' AND '.join(same)} AND stored.{write.filled} = '{write.empty}'"
    )
    count, filled = len(columns), write.columns.index(write.filled)

    def keep(connection: Connection, rows: Rows) -> None:
        given = [row[:count] for row in rows]
        _write(connection, given, statement=insert, columns=columns)
        filling = [row for row in given if row[filled] != write.empty]
        if filling:
            _write(connection, filling, statement=fill, columns=columns)

    return keep


class PostgreSQLSite(Site["Connection"]):
    """A rebuild's session, which has the lock of rebuilds."""

    def __init__(self, connection: Connection) -> None:
        """Use a session in autocommit mode."""
        self.connection = connection

    def stamp(self) -> str | None:
        """See `Site.stamp`."""
        row = self.connection.execute(SELECT_STAMP).fetchone()
        return None if row is None else row[0]

    def set_stamp(self, text: str) -> None:
        """See `Site.set_stamp`."""
        self.connection.execute(SET_STAMP, (text,))

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """See `Site.rows`."""
        return self.connection.execute(statement).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[object]:
        """See `Site.transaction`."""
        with rolled_back(self.connection):
            self.connection.execute(BEGIN)
            yield None
            self.connection.execute(COMMIT)

    @contextmanager
    def at_end(self) -> Iterator[End]:
        """See `Site.at_end`."""
        with rolled_back(self.connection):
            for statement in (BEGIN, LOG_LOCK, "SET LOCAL synchronous_commit = on"):
                self.connection.execute(statement)
            row = self.connection.execute(SELECT_END).fetchone()
            yield End("", 0) if row is None else End(*row)
            self.connection.execute(COMMIT)

    def applying(self) -> AbstractContextManager[object]:
        """See `Site.applying`."""
        return self.connection.pipeline()

    def settle(self) -> None:
        """See `Site.settle`."""
        names = [name for (name,) in self.connection.execute(SELECT_TABLES) if name.startswith(NEXT)]
        self.connection.execute(f"ANALYZE {', '.join(names)}")

    def switch(self, names: Sequence[str]) -> None:
        """See `Site.switch`."""
        there = {name for (name,) in self.connection.execute(SELECT_TABLES)}.intersection(names)
        served = ", ".join(sorted(there))
        self.connection.execute(f"SET LOCAL lock_timeout = '{_SWITCH_TRY}'")
        if served:
            try:
                self.connection.execute(f"LOCK TABLE {served} IN ACCESS EXCLUSIVE MODE")
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                raise SwitchError from error
            self.connection.execute(f"DROP TABLE {served}")
        for name in names:
            self.connection.execute(f"ALTER TABLE {NEXT}{name} RENAME TO {name}")
        for kind, name in self.connection.execute(SELECT_NAMED, (NEXT,)).fetchall():
            self.connection.execute(f"ALTER {_RENAMED[kind]} {name} RENAME TO {name.removeprefix(NEXT)}")

    def leave(self, tidying: Callable[[], None]) -> None:
        """See `Site.leave`."""
        roll_back(self.connection)
        if not self.connection.closed:
            tidying()


class PostgreSQLCatalogProjection(CatalogProjection["Connection"]):
    """Writes the catalog in the log's PostgreSQL database."""

    def __init__(self) -> None:
        """Prepare the statements."""
        super().__init__(PostgreSQLWriter())


class PostgreSQLCatalog(StoredCatalog["Connection"]):
    """A `Catalog` in the log's PostgreSQL database."""

    def __init__(self, url: str, *, password: str | None = None) -> None:
        """
        Open the catalog for reading. Its tables are made with the log.

        :param url: see `Server`
        :param password: comes before the one in ``url``
        :raises SettingsError: the address cannot be read
        :raises StoreError: the database is not there, or not one that the catalog can be in
        """
        self._server = Server(url, password=password)
        self._refuse_until = 0.0  # monotonic seconds
        with translated(_WHAT):
            migrate(self._server)
        options = {"poolclass": QueuePool, "pool_pre_ping": True, "pool_use_lifo": True}
        super().__init__(
            PostgreSQLWriter(),
            engine(
                _WHAT, lambda: self._server.connect(autocommit=False, session=_FOR_LISTS), **options, **_LISTS
            ),
            credentials=engine(
                _WHAT,
                self._connect_quickly,
                isolation_level="AUTOCOMMIT",
                pool_size=1,
                max_overflow=0,
                **options,
            ),
        )

    @contextmanager
    def _site(self, *, looks: bool = False, waits: bool = False) -> Iterator[PostgreSQLSite]:
        with translated(_WHAT), self._server.connect(session=_FOR_REBUILDING) as connection:
            while not looks and not _is(connection, TRY_REBUILD_LOCK):
                if not waits:
                    raise ConflictError("The catalog is being rebuilt already")
                time.sleep(_LOOK_SECONDS)
            yield PostgreSQLSite(connection)

    @contextmanager
    def _snapshot(self, names: Sequence[str]) -> Iterator[ReadRows]:
        with translated(_WHAT), self._server.connect(session=_FOR_LISTS) as connection:
            connection.execute(BEGIN_SNAPSHOT)
            # Before the snapshot is taken, which the first query does: no switch of tables comes in between.
            connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS SHARE MODE")

            def read(statement: str) -> Iterator[Sequence[Any]]:
                with connection.cursor("content") as rows:
                    rows.itersize = _ROWS_AT_ONCE
                    yield from rows.execute(statement)

            yield read

    def _connect_quickly(self) -> Connection:
        """Connect for credentials, but not again right after a try that failed: the event loop waits for each."""
        if time.monotonic() < self._refuse_until:
            raise StoreError(f"The {_WHAT} is not available: its server did not answer a moment ago")
        try:
            return self._server.connect(autocommit=False, session=_FOR_CREDENTIALS, parameters=_QUICKLY)
        except psycopg.Error:
            self._refuse_until = time.monotonic() + _TRY_AGAIN_SECONDS
            raise


def _is(connection: Connection, question: LiteralString) -> bool:
    row = connection.execute(question).fetchone()
    return row is not None and bool(row[0])
