"""What the catalog on SQLite owes beyond: its file."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import ListQuery, SQLiteCatalog, SQLiteCatalogProjection
from provgraph.errors import CorruptStoreError, StoreError
from provgraph.eventlog import SQLiteEventLog
from tests.contract.builders import pem, pem_id
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
