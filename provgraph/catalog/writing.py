"""The catalog's projection: from events to rows, in the log's own transaction; the same for every database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy.schema import CreateIndex, CreateTable

from provgraph.catalog.fingerprints import is_same, stamp
from provgraph.events import Kind, UnknownKind, newer
from provgraph.families.registry import ALONE, FAMILIES, note_rows
from provgraph.relational.changes import Changes
from provgraph.relational.columns import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy import Insert, Table
    from sqlalchemy.engine import Dialect

    from provgraph.events import RecordedEvent
    from provgraph.families.base import Family
    from provgraph.relational.changes import Statement, Value, Write
    from provgraph.relational.columns import Key

C = TypeVar("C")  # the driver's connection


def runs(events: Sequence[RecordedEvent]) -> list[Sequence[RecordedEvent]]:
    """Cut events so that one whose rows depend on those before it is always the last of its run."""
    if not any(event.kind in ALONE for event in events):
        return [events]
    cut, start = [], 0
    for index, event in enumerate(events):
        if event.kind in ALONE:
            cut.append(events[start : index + 1])
            start = index + 1
    if start < len(events):
        cut.append(events[start:])
    return cut


def changes_of(events: Sequence[RecordedEvent]) -> Changes:
    """
    Return what one run of events changes.

    :raises NewerEventError: one of them is of an unknown kind, whose rows are not known here either
    """
    changes = Changes()
    for event in events:
        if type(event.kind) is Kind:
            note_rows(event, changes)
        elif type(event.kind) is UnknownKind:
            raise newer(event)
        # What was set aside counts nowhere, whatever its row says.
    return changes


class Writer(ABC, Generic[C]):
    """How rows come into the tables of a database."""

    sql: Dialect
    """Spells statements; their parameters are named."""

    @abstractmethod
    def bulk(self, write: Write, table: Table) -> Callable[[C, Sequence[tuple[Any, ...]]], None]:
        """Return what writes many rows of a change to a table at once."""

    @abstractmethod
    def each(self, connection: C, statement: str, values: Sequence[Mapping[str, Value]]) -> None:
        """Execute a statement with each of some values."""

    @abstractmethod
    def execute(self, connection: C, statement: str) -> None:
        """Execute a statement that has no parameters."""

    @abstractmethod
    def insert(self, table: Table) -> Any:
        """Return an INSERT of SQLAlchemy's that can say what to do on conflict."""

    @abstractmethod
    def making(self, table: Table) -> list[str]:
        """Return the statements that make a table."""

    @abstractmethod
    def tables(self, connection: C) -> set[str]:
        """Return the names of all tables that are there."""

    def text(self, statement: Any) -> str:
        """Return a statement as the driver takes it."""
        return str(statement.compile(dialect=self.sql))

    def created(self, table: Table, *, with_indexes: bool) -> list[str]:
        """Return the statements that make a table, and what are indexes of their own beside it."""
        indexes = sorted(table.indexes, key=lambda index: str(index.name)) if with_indexes else []
        return [self.text(CreateTable(table)), *(self.text(CreateIndex(index)) for index in indexes)]


class Tables(Generic[C]):
    """One set of the catalog's tables: the served ones, or those beside them that a rebuild fills (a `Target`)."""

    def __init__(self, writer: Writer[C], families: Collection[Family], prefix: str = "") -> None:
        """Note which tables, and the prefix of their names."""
        self._writer = writer
        self.served = tuple(table for family in families for table in family.tables)
        self._tables = {table: beside(table, prefix) for table in self.served}

    def __getitem__(self, served: Table) -> Table:
        """See `Target.__getitem__`."""
        return self._tables[served]

    def __contains__(self, served: object) -> bool:
        return served in self._tables

    def putting(self, served: Table, *, key: Key, fixed: Key = ()) -> Insert:
        """See `Target.putting`."""
        table = self._tables[served]
        adding = self._writer.insert(table)
        changed = [column.name for column in table.columns if column.name not in {*key, *fixed}]
        values = {name: adding.excluded[name] for name in changed}
        putting: Insert = adding.on_conflict_do_update(index_elements=list(key), set_=values)
        return putting

    def names(self) -> list[str]:
        """Return the names of these tables."""
        return [table.name for table in self._tables.values()]

    def made(self) -> list[str]:
        """Return the statements that make them."""
        return [statement for table in self._tables.values() for statement in self._writer.making(table)]


class CatalogProjection(Generic[C]):
    """Writes the catalog inside the log's transaction (a `TransactionalProjection`)."""

    def __init__(
        self, writer: Writer[C], *, families: Collection[Family] = FAMILIES, prefix: str = ""
    ) -> None:
        """
        Prepare the statements.

        :param families: those whose tables are written to; what their events change elsewhere is left out
        :param prefix: of the tables' names
        """
        self._writer = writer
        self.tables = Tables(writer, families, prefix)
        self._bulk = [
            (write, writer.bulk(write, self.tables[write.table]))
            for family in families
            for write in family.writes
        ]
        self._texts: dict[Statement, str] = {}
        self._own = stamp()

    def apply(self, connection: C, events: Sequence[RecordedEvent]) -> None:
        """See `TransactionalProjection.apply`."""
        for run in runs(events):
            changes = changes_of(run)
            for write, bulk in self._bulk:
                rows = changes.of(write)
                if rows:
                    bulk(connection, rows)
            for table, statement, values in changes.ordered:
                if table in self.tables:
                    self._writer.each(connection, self._text(statement), values)

    def clear(self, connection: C) -> None:
        """See `TransactionalProjection.clear`."""
        for name in self.tables.names():
            self._writer.execute(connection, f"DELETE FROM {name}")  # noqa: S608 - our own names

    def begin(self, connection: C) -> str | None:
        """See `TransactionalProjection.begin`."""
        if not self._writer.tables(connection).isdisjoint(self.tables.names()):
            return None  # of another version: they are built anew once the log is open
        for statement in self.tables.made():
            self._writer.execute(connection, statement)
        return self._own

    def is_written_to(self, found: str | None) -> bool:
        """See `TransactionalProjection.is_written_to`."""
        return is_same(found, self._own)

    def _text(self, statement: Statement) -> str:
        text = self._texts.get(statement)
        if text is None:
            text = self._texts[statement] = self._writer.text(statement(self.tables))
        return text
