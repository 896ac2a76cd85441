"""
Columns and keys that mean the same on every database.

Texts compare and sort by code points, whatever the database's own rules are. Every index is made with its table, as a
constraint or, on PostgreSQL, under the table's name: so it goes along when a rebuilt table takes the place of the
served one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql

from provgraph.relational.spelling import UNIQUE_PARTS

# The names of columns that together are a key.
Key = tuple[str, ...]
# A list of new columns, each with the type of its values.
Columns = Sequence[Column[Any]]

_TEXT: Final = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
# SQLite finds a row by its number only where that is called an INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")
_LONG: Final = "may be longer than an index takes"


def texts(*names: str) -> list[Column[str]]:
    """Return columns of texts that are always there."""
    return [Column(name, _TEXT, nullable=False) for name in names]


def some_texts(*names: str) -> list[Column[str | None]]:
    """Return columns of texts that may be missing."""
    return [Column(name, _TEXT) for name in names]


def long_texts(*names: str) -> list[Column[str]]:
    """Return columns of texts that are always there, are part of a key, and may be as long as an event."""
    return [Column(name, _TEXT, nullable=False, info={_LONG: True}) for name in names]


def numbers(*names: str) -> list[Column[int]]:
    """Return columns of numbers of 64 bits that are always there."""
    return [Column(name, _NUMBER, nullable=False, autoincrement=False) for name in names]


def some_numbers(*names: str) -> list[Column[int | None]]:
    """Return columns of numbers that may be missing."""
    return [Column(name, _NUMBER) for name in names]


def row_number(name: str) -> list[Column[int]]:
    """Return a column of numbers that the database gives, in the order of arrival: the table's key."""
    return [Column(name, _NUMBER, Identity(always=True), primary_key=True)]


def is_long(column: Column[object]) -> bool:
    """Tell whether a column was made by `long_texts`."""
    return bool(column.info.get(_LONG))


def is_given(column: Column[object]) -> bool:
    """Tell whether the database gives a column's values."""
    return column.identity is not None


def is_number(column: Column[object]) -> bool:
    """Tell whether a column holds numbers; the others hold texts."""
    return isinstance(column.type, BigInteger)


def table(
    name: str, *columns: Columns, key: Key = (), unique: tuple[Key, ...] = (), by_key: bool = False
) -> Table:
    """
    Return a table.

    :param columns: lists of columns, in order
    :param key: what each row is found by; empty where the database numbers the rows
    :param unique: other keys; each is an index as well
    :param by_key: store the rows in the order of the key, on databases that can
    """
    keys = [*([PrimaryKeyConstraint(*key)] if key else []), *(UniqueConstraint(*names) for names in unique)]
    listed = [column for some in columns for column in some]
    made = Table(name, MetaData(), *listed, *keys, sqlite_with_rowid=not by_key)
    _index_long_texts(made)
    return made


def beside(served: Table, prefix: str) -> Table:
    """Return the same table under a name with a prefix, as a rebuild fills it; without a prefix, the table itself."""
    if not prefix:
        return served
    copied = served.to_metadata(MetaData(), name=prefix + served.name)
    copied.indexes.clear()
    _index_long_texts(copied)
    return copied


def _index_long_texts(made: Table) -> None:
    """Let what is unique be an index of PostgreSQL's of its own where a text may be longer than such an index takes."""
    for constraint in made.constraints:
        if not isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint):
            continue
        names = tuple(constraint.columns.keys())
        if any(is_long(made.c[name]) for name in names):
            constraint.ddl_if(dialect="sqlite")
            parts = [text(part) for part in unique_parts(made, names)]
            Index(f"{made.name}_{'_'.join(names)}_key", *parts, unique=True, _table=made)


def unique_parts(made: Table, names: Key, *, of: str = "") -> list[str]:
    """
    Return what is unique on PostgreSQL where ``names`` are a key there: names of columns, or expressions.

    :param of: the name that the table has in a statement, if that is needed
    """
    parts = []
    for name in names:
        spelled = f"{of}.{name}" if of else name
        parts += [part.format(spelled) for part in UNIQUE_PARTS] if is_long(made.c[name]) else [spelled]
    return parts
