"""The catalog on SQLite: how rows are written there, and what a rebuild needs of the file."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite as dialects
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

from provgraph.catalog.rebuilding import NEXT, End, Site
from provgraph.catalog.store import StoredCatalog
from provgraph.catalog.writing import CatalogProjection, Writer
from provgraph.eventlog.sqlite import CREATE_STATE, SELECT_EPOCH, SELECT_STAMP, SET_STATE, STAMP
from provgraph.eventlog.sqliteformat import prepare
from provgraph.relational.changes import Add, Keep
from provgraph.relational.columns import is_given
from provgraph.sqlite import connect, insert_rows, our_error, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Table
    from sqlalchemy.engine import Engine, ExceptionContext

    from provgraph.catalog.store import ReadRows
    from provgraph.relational.changes import Put, Value, Write

    Rows = Sequence[tuple[Any, ...]]

_WHAT = "catalog"
SELECT_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM event"
SELECT_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


class SQLiteWriter(Writer[sqlite3.Connection]):
    """Many rows travel as the values of one statement."""

    sql = dialects.dialect(paramstyle="named")

    def bulk(self, write: Write, table: Table) -> Callable[[sqlite3.Connection, Rows], None]:
        """See `Writer.bulk`."""
        if isinstance(write, Add):
            return partial(_add, into=_into(table, _columns(table)))
        return _keeper(write, table) if isinstance(write, Keep) else _putter(write, table)

    def each(
        self, connection: sqlite3.Connection, statement: str, values: Sequence[Mapping[str, Value]]
    ) -> None:
        """See `Writer.each`."""
        connection.executemany(statement, values)

    def execute(self, connection: sqlite3.Connection, statement: str) -> None:
        """See `Writer.execute`."""
        connection.execute(statement)

    def insert(self, table: Table) -> Any:
        """See `Writer.insert`."""
        return dialects.insert(table)

    def making(self, table: Table) -> list[str]:
        """See `Writer.making`."""
        return self.created(table, with_indexes=False)

    def tables(self, connection: sqlite3.Connection) -> set[str]:
        """See `Writer.tables`."""
        return {name for (name,) in connection.execute(SELECT_TABLES)}


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns if not is_given(column)]


def _into(table: Table, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table.name}({', '.join(columns)}) VALUES"


def _add(connection: sqlite3.Connection, rows: Rows, *, into: str) -> None:
    insert_rows(connection, into, rows)


def _putter(write: Put[Any], table: Table) -> Callable[[sqlite3.Connection, Rows], None]:
    columns = _columns(table)
    into = _into(table, columns)
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in write.key)
    on_conflict = f"ON CONFLICT({', '.join(write.key)}) DO UPDATE SET {changed}"

    def put(connection: sqlite3.Connection, rows: Rows) -> None:
        insert_rows(connection, into, rows, on_conflict=on_conflict)

    return put


def _keeper(write: Keep[Any], table: Table) -> Callable[[sqlite3.Connection, Rows], None]:
    """Return what inserts, and then fills; apart: what says nothing to fill need not look at the stored row."""
    into, name = _into(table, write.columns), table.name
    on_conflict = f"ON CONFLICT({', '.join(write.key)}) DO NOTHING"
    said = f"WITH said({', '.join(write.columns)}) AS (VALUES"
    same = " AND ".join(f"{name}.{column} = said.{column}" for column in write.key)
    fill = (
        f") UPDATE {name} SET {write.filled} = said.{write.filled} FROM said "  # noqa: S608 - our own names
        f"WHERE {same} AND {name}.{write.filled} = '{write.empty}'"
    )
    count, filled = len(write.columns), write.columns.index(write.filled)

    def keep(connection: sqlite3.Connection, rows: Rows) -> None:
        given = [row[:count] for row in rows]
        insert_rows(connection, into, given, on_conflict=on_conflict)
        filling = [row for row in given if row[filled] != write.empty]
        insert_rows(connection, said, filling, on_conflict=fill)

    return keep


class SQLiteSite(Site[sqlite3.Connection]):
    """A rebuild's session. Only one process has the file, and its jobs run one after the other."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use a connection that is in no transaction."""
        self.connection = connection
        connection.execute(CREATE_STATE)  # a replayed catalog has a file without a log

    def stamp(self) -> str | None:
        """See `Site.stamp`."""
        row = self.connection.execute(SELECT_STAMP).fetchone()
        return None if row is None else str(row[0])

    def set_stamp(self, text: str) -> None:
        """See `Site.set_stamp`."""
        self.connection.execute(SET_STATE, (STAMP, text))

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """See `Site.rows`."""
        return self.connection.execute(statement).fetchall()

    def transaction(self) -> contextlib.AbstractContextManager[object]:
        """See `Site.transaction`."""
        return transaction(self.connection)

    @contextmanager
    def at_end(self) -> Iterator[End]:
        """See `Site.at_end`."""
        with transaction(self.connection):
            epoch = self.connection.execute(SELECT_EPOCH).fetchone()
            (last,) = self.connection.execute(SELECT_LAST_POSITION).fetchone()
            yield End("" if epoch is None else epoch[0], last)

    def applying(self) -> contextlib.AbstractContextManager[object]:
        """See `Site.applying`."""
        return contextlib.nullcontext()

    def settle(self) -> None:
        """See `Site.settle`."""

    def switch(self, names: Sequence[str]) -> None:
        """See `Site.switch`."""
        for name in names:
            self.connection.execute(f"DROP TABLE IF EXISTS {name}")
            self.connection.execute(f"ALTER TABLE {NEXT}{name} RENAME TO {name}")

    def leave(self, tidying: Callable[[], None]) -> None:
        """See `Site.leave`."""
        tidying()


class SQLiteCatalogProjection(CatalogProjection[sqlite3.Connection]):
    """Writes the catalog in the log's SQLite file."""

    def __init__(self) -> None:
        """Prepare the statements."""
        super().__init__(SQLiteWriter())


class SQLiteCatalog(StoredCatalog[sqlite3.Connection]):
    """A `Catalog` in the log's SQLite file."""

    def __init__(self, path: Path) -> None:
        """
        Open the catalog for reading. Its tables are made with the log.

        :raises NewerFormatError: a newer version of provgraph wrote the file
        :raises StoreError: the file cannot be opened, or is no database of ours
        """
        self._path = path
        with translated(_WHAT):
            prepare(path)
            connect(path).close()
        super().__init__(
            SQLiteWriter(),
            _engine(path, pool_size=8, max_overflow=40),
            credentials=_engine(path, pool_size=1, max_overflow=0),
        )

    @contextmanager
    def _site(self, *, looks: bool = False, waits: bool = False) -> Iterator[SQLiteSite]:  # noqa: ARG002 - nobody else has the file
        with translated(_WHAT), contextlib.closing(connect(self._path)) as connection:
            yield SQLiteSite(connection)

    @contextmanager
    def _snapshot(self, _names: Sequence[str]) -> Iterator[ReadRows]:
        with translated(_WHAT), contextlib.closing(connect(self._path, read_only=True)) as connection:
            connection.execute("BEGIN")
            yield connection.execute


def _engine(path: Path, *, pool_size: int, max_overflow: int) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect(path, read_only=True, cache_kib=4_096),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=max_overflow,
    )
    listen(engine, "handle_error", _translate)
    return engine


def _translate(context: ExceptionContext) -> None:
    """Let SQLAlchemy raise our errors instead of the driver's."""
    if isinstance(context.original_exception, sqlite3.Error):
        raise our_error(_WHAT, context.original_exception) from context.original_exception
