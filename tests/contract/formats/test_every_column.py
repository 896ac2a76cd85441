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
from pathlib import Path
from typing import Any

import pytest

import provgraph
from provgraph.errors import ProvgraphError
from provgraph.operations.flush import flush
from provgraph.operations.verify import verify
from tests.contract.formats.fixture import unpacked
from tests.unit.operations.stores import chain_of_pems, open_stores, pem, pem_id, tag

# Table and column (of tables that hold values by name: the name) where a change is nobody's business, and why.
UNPROVABLE = {
    ("log_state", "probe"): "what a probe writes to see that the log can be written",
    ("log_state", "secret"): "random: it shows who wrote a cursor, and says nothing of events",
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
        stores.append(
            *chain_of_pems(3),
            pem(9, uses=["a1", "outside"], produces=["b"], Predecessors=[pem_id(3), pem_id(2), pem_id(77)]),
            pem(10, uses=["b"], Outcome="failed", Error="no rows"),
            pem(
                11,
                UsesArtifacts=[{"Name": "outside", "Properties": {"x": 1}, "Digest": "d", "Kind": "k"}],
                Predecessor=pem_id(12),
            ),
            pem(12),
            tag("t", 1),
            tag("t", 2),
        )
        stores.log.probe()
        flush(stores.log, stores.graph, timeout_seconds=60)
        stores.catalog.rebuild(stores.log)
        assert verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync
    return folder


def tables_of(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return sorted(name for (name,) in found if name not in OWN)


def is_noticed(folder: Path) -> bool:
    """Tell whether deep verification of a folder, opened anew, finds anything; an error is a finding, too."""
    try:
        with open_stores(folder) as stores:
            found = verify(stores.log, stores.catalog, stores.graph, deep=True, timeout_seconds=0.3)
    except ProvgraphError:
        return True
    return not found.in_sync


def other(value: object) -> object:
    if value is None:
        return "7"
    if isinstance(value, int | float):
        return value + 1_000_003
    if isinstance(value, bytes):
        return bytes([*value[:-1], value[-1] ^ 1]) if value else b"\x01"
    return f"{value}x"


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
            folder = tmp_path / "changed"
            shutil.copytree(filled, folder)
            value = other(row[columns.index(column)])
            if planted(file_of(folder, database), table, column, row, columns, value) and not is_noticed(
                folder
            ):
                unnoticed.append((table, name))
            shutil.rmtree(folder)

    assert set(unnoticed) <= set(UNPROVABLE)


def test_what_cannot_be_proved_is_documented() -> None:
    page = (Path(provgraph.__file__).parents[1] / "docs" / "howto" / "operate.md").read_text()
    assert [name for name in UNPROVABLE if f"`{name[0]}.{name[1]}`" not in page] == []


def test_nearly_every_table_has_rows_to_change(filled: Path) -> None:
    empty = [
        table
        for database in ("log", "graph")
        for table in tables_of(file_of(filled, database))
        if not changes(file_of(filled, database), table)
    ]
    assert empty == []
