"""Every event log, behind one fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.eventlog import EventLog, InMemoryEventLog, SQLiteEventLog
from provgraph.eventlog.postgresql import PostgreSQLEventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FACTORIES: dict[str, Callable[[pytest.FixtureRequest], EventLog]] = {
    "memory": lambda _request: InMemoryEventLog(),
    "sqlite": lambda request: SQLiteEventLog(request.getfixturevalue("path")),
    # Asked for by name, so that no other parameter starts a server.
    "postgresql": lambda request: PostgreSQLEventLog(request.getfixturevalue("emptied_postgres_url")),
}


@pytest.fixture(params=sorted(_FACTORIES))
def log(request: pytest.FixtureRequest) -> Iterator[EventLog]:
    """An empty log."""
    made = _FACTORIES[request.param](request)
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
