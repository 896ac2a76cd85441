"""Every event log, behind one fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.eventlog import EventLog, InMemoryEventLog, SQLiteEventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FACTORIES: dict[str, Callable[[Path], EventLog]] = {
    "memory": lambda _folder: InMemoryEventLog(),
    "sqlite": lambda folder: SQLiteEventLog(folder / "log.db"),
}


@pytest.fixture(params=sorted(_FACTORIES))
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    """An empty log."""
    made = _FACTORIES[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a log on SQLite is."""
    return tmp_path / "log.db"


@pytest.fixture
def sqlite_log(path: Path) -> Iterator[SQLiteEventLog]:
    """An empty log on SQLite."""
    made = SQLiteEventLog(path)
    yield made
    made.close()
