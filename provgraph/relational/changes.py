"""
What events change in tables: a family says it in these words, and each database has its way to do it.

Most changes are gathered table by table for a run of events, and written with one statement each. What depends on the
rows before it is a `Statement`: those are executed one by one after the rest, in the order of the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Delete, Insert, Table, Update

    from provgraph.relational.columns import Key

    # From the tables to a statement with a parameter for each value, by name.
    Statement = Callable[["Target"], Insert | Update | Delete]

Value = str | int | None
_R = TypeVar("_R", bound=tuple[Any, ...])


@dataclass(frozen=True, eq=False)
class Add(Generic[_R]):
    """Rows that are new, each with the values of all columns."""

    table: Table


@dataclass(frozen=True, eq=False)
class Keep(Generic[_R]):
    """
    Rows that are added unless one with the same key is there: the first stays.

    :param key: the columns that are unique
    :param columns: what is given of each row: its first values, as many as these
    :param filled: a column that is filled from a later row as long as it is empty
    :param empty: what an empty value of that column is
    """

    table: Table
    key: Key
    columns: Key
    filled: str
    empty: str


@dataclass(frozen=True, eq=False)
class Put(Generic[_R]):
    """Rows that take the place of those with the same key, each with the values of all columns."""

    table: Table
    key: Key


Write = Add[Any] | Keep[Any] | Put[Any]


class Target(Protocol):
    """The tables that are written to: the served ones, or those that a rebuild fills."""

    def __getitem__(self, served: Table) -> Table:
        """Return the table that takes the place of a served one."""

    def putting(self, served: Table, *, key: Key, fixed: Key = ()) -> Insert:
        """Return a statement that adds a row or changes the one with its key, but for the columns ``fixed``."""


class Ordered(NamedTuple):
    """A statement that is executed in the order of the log, with each of its values."""

    changed: Table
    statement: Statement
    values: Sequence[Mapping[str, Value]]


class Changes:
    """What a run of events changes."""

    __slots__ = ("_added", "_by_key", "ordered")

    def __init__(self) -> None:
        self._added: dict[Write, list[Any]] = {}
        self._by_key: dict[Write, dict[Any, Any]] = {}
        self.ordered: list[Ordered] = []

    def add(self, write: Add[_R], row: _R) -> None:
        """Add a new row."""
        rows = self._added.get(write)
        if rows is None:
            rows = self._added[write] = []
        rows.append(row)

    def rows(self, write: Keep[_R] | Put[_R]) -> dict[Any, _R]:
        """Return what is gathered so far by its key, to be added to: the values that count at the end of the run."""
        rows = self._by_key.get(write)
        if rows is None:
            rows = self._by_key[write] = {}
        return rows

    def then(self, changed: Table, statement: Statement, *values: Mapping[str, Value]) -> None:
        """Change a table by a statement with each of these values, after everything that was said before."""
        if values:
            self.ordered.append(Ordered(changed, statement, values))

    def of(self, write: Write) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a change."""
        return self._added.get(write) or list(self._by_key.get(write, {}).values())
