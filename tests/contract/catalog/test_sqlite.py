"""What the catalog on SQLite owes beyond: its file."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import ListQuery, SQLiteCatalog, SQLiteCatalogProjection
from provgraph.errors import CorruptStoreError, StoreError
from provgraph.eventlog import SQLiteEventLog
from provgraph.events import Grant, Role
from tests.contract.builders import old_credential, pem, pem_id
from tests.contract.catalog.stores import filtered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_file_that_is_no_database_is_a_damaged_store(path: Path) -> None:
    path.write_bytes(b"no database at all" * 500)

    with pytest.raises(CorruptStoreError):
        SQLiteCatalog(path)


def test_a_file_damaged_while_it_is_served_is_a_damaged_store(path: Path) -> None:
    with (
        closing(SQLiteCatalog(path)),
        closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
    ):
        log.append([pem(number, uses=[f"a{number}"], Tag=f"t{number}") for number in range(2_000)])
    with closing(SQLiteCatalog(path)) as catalog:
        damaged = bytearray(path.read_bytes())
        damaged[4_096:] = b"\xaa" * (len(damaged) - 4_096)
        path.write_bytes(damaged)

        questions: list[Callable[[], object]] = [
            lambda: list(catalog.pems(ListQuery())),
            lambda: catalog.pems_count(filtered(Type="x")),
            lambda: list(catalog.artifacts(ListQuery())),
            lambda: catalog.pem(pem_id(1)),
            lambda: catalog.tag("trainer", "t1"),
            catalog.digest,
        ]
        for question in questions:
            with pytest.raises(CorruptStoreError):
                question()


def test_a_file_that_went_away_is_an_unavailable_store(path: Path) -> None:
    with closing(SQLiteCatalog(path)) as catalog:
        catalog.close()
        path.unlink()
        path.mkdir()

        with pytest.raises(StoreError):
            catalog.tags_count()


def test_an_append_that_the_log_is_about_to_notice_is_not_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hold an append between its commit and the log's taking note of it, and rebuild meanwhile."""
    held, going_on = threading.Event(), threading.Event()
    advance = SQLiteEventLog._advance

    def late(log: SQLiteEventLog, *arguments: object) -> None:
        held.set()
        going_on.wait(5)
        advance(log, *arguments)  # type: ignore[arg-type] # handed through

    with (
        closing(SQLiteCatalog(path)) as catalog,
        closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
    ):
        log.append([pem(1)])
        monkeypatch.setattr(SQLiteEventLog, "_advance", late)
        appending = threading.Thread(target=log.append, args=([pem(2)],))
        appending.start()
        held.wait()
        rebuilding = threading.Thread(target=catalog.rebuild, args=(log,))
        rebuilding.start()
        rebuilding.join(0.2)
        going_on.set()
        rebuilding.join()
        appending.join()

        assert catalog.pems_count(ListQuery()) == 2


# What a file of format 1 had otherwise.
_BACK_TO_FORMAT_1 = """
ALTER TABLE credential ADD COLUMN role TEXT NOT NULL DEFAULT 'reader';
UPDATE credential SET role = substr(name, 1, instr(name, ' ') - 1);
ALTER TABLE credential DROP COLUMN rights;
ALTER TABLE credential DROP COLUMN emitters;
ALTER TABLE credential DROP COLUMN exclusive;
ALTER TABLE credential DROP COLUMN expires_us;
ALTER TABLE event DROP COLUMN salt;
ALTER TABLE event DROP COLUMN sender;
PRAGMA application_id = 0;
PRAGMA user_version = 0;
"""


def test_a_file_of_before_says_of_its_credentials_what_its_log_says(path: Path) -> None:
    with (
        closing(SQLiteCatalog(path)),
        closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
    ):
        log.append([old_credential(number, role) for number, role in enumerate(Role, 1)])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_BACK_TO_FORMAT_1)

    with (
        closing(SQLiteCatalog(path)) as catalog,
        closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
    ):
        migrated, listed = catalog.digest(), catalog.credentials()
        catalog.rebuild(log)

        assert [one.grant for one in listed] == [Grant.of(role) for role in Role]
        assert (catalog.digest(), catalog.credentials()) == (migrated, listed)
