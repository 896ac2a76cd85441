"""
Deep verification sees a change in each column of each table.

The tables and their columns are those that the files have, so a column that is added one day is walked as well. What no
log can prove is listed here and in docs/howto/operate.md, with the reason.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.operations.flush import flush
from provgraph.operations.verify import verify
from tests.contract.formats.fixture import unpacked
from tests.contract.formats.walk import EVENTS, finding, others, undocumented
from tests.unit.operations.stores import open_stores

if TYPE_CHECKING:
    from pathlib import Path

# Table and column (of tables that hold values by name: the name) where a change is nobody's business, and why.
UNPROVABLE = {
    ("log_state", "probe"): "what a probe writes to see that the log can be written",
    ("log_state", "secret"): "random: it shows who wrote a cursor, and says nothing of events",
    (
        "log_state",
        "catalog",
    ): "where it is another text, the catalog's tables are built anew at start",
    ("artifact", "sequence"): "only the order of these numbers counts: in it artifacts are listed",
    ("state", "resolutions_changed_at"): "what the graph builder notes for itself",
    ("state", "covers"): "what the graph builder notes for itself",
    ("state", "mended"): "what the graph builder notes for itself",
}
BY_NAME = ("log_state", "state")
# What SQLite keeps for itself; its own check is for whoever doubts it.
OWN = ("sqlite_stat1", "sqlite_stat4")


def file_of(folder: Path, database: str) -> Path:
    if database == "log":
        return folder / "provgraph.db"
    graph = folder / "graph"
    served: str = json.loads((graph / "generations.json").read_text())["served"]
    return graph / served


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which nearly every table has rows: an old one, brought to the newest format and added to."""
    folder = unpacked("sqlite", tmp_path_factory.mktemp("walk") / "data")
    with open_stores(folder) as stores, stores.following():
        stores.append(*EVENTS)
        stores.log.probe()
        flush(stores.log, stores.graph, timeout_seconds=60)
        stores.catalog.rebuild(stores.log)
        assert verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync
    return folder


def tables_of(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return sorted(name for (name,) in found if name not in OWN)


def planted(
    file: Path, table: str, column: str, row: tuple[Any, ...], columns: list[str], value: object
) -> bool:
    """Change one column of a row; tell whether the database let that happen."""
    where = " AND ".join(f"{name} IS ?" for name in columns)
    with closing(sqlite3.connect(file)) as connection, connection:
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *row))  # noqa: S608 - our own names
        except sqlite3.IntegrityError:
            return False
    return True


def changes(file: Path, table: str) -> list[tuple[str, tuple[Any, ...], list[str]]]:
    """Return the columns of a table, each with a row to change it in, and all columns; of tables by name every row."""
    with closing(sqlite3.connect(file)) as connection:
        columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own name
    if not rows:
        return []
    if table in BY_NAME:
        return [("value", row, columns) for row in rows]
    chosen = []
    for index, column in enumerate(columns):
        # A row that says something there, where one does.
        row = next((row for row in reversed(rows) if row[index] not in (None, "", b"")), rows[-1])
        chosen.append((column, row, columns))
    return chosen


@pytest.mark.parametrize("database", ["log", "graph"])
def test_a_change_in_any_column_is_noticed(filled: Path, tmp_path: Path, database: str) -> None:
    unnoticed = []
    for table in tables_of(file_of(filled, database)):
        for column, row, columns in changes(file_of(filled, database), table):
            name = str(row[0]) if table in BY_NAME else column
            there = row[columns.index(column)]
            for value in ["7"] if there is None else others(there):
                folder = tmp_path / "changed"
                shutil.copytree(filled, folder)
                is_planted = planted(file_of(folder, database), table, column, row, columns, value)
                if is_planted and finding(lambda: open_stores(tmp_path / "changed")) is None:
                    unnoticed.append((table, name))
                shutil.rmtree(folder)

    assert set(unnoticed) <= set(UNPROVABLE)


def test_what_cannot_be_proved_is_documented() -> None:
    assert undocumented(".".join(place) for place in UNPROVABLE) == []


def test_nearly_every_table_has_rows_to_change(filled: Path) -> None:
    empty = [
        table
        for database in ("log", "graph")
        for table in tables_of(file_of(filled, database))
        if not changes(file_of(filled, database), table)
    ]
    assert empty == []
