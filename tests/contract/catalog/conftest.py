"""Every catalog, behind one fixture."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.eventlog import SQLiteEventLog
from tests.contract.catalog.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a catalog on SQLite is, with its log."""
    return tmp_path / "catalog.db"


def _sqlite(path: Path) -> Iterator[Stores]:
    with (
        closing(SQLiteCatalog(path)) as catalog,
        closing(SQLiteEventLog(path, projections=[SQLiteCatalogProjection()])) as log,
    ):
        yield Stores(log, catalog)


@pytest.fixture(params=["sqlite"])
def stores(request: pytest.FixtureRequest, path: Path) -> Iterator[Stores]:
    """An empty log with its catalog."""
    yield from _sqlite(path)
