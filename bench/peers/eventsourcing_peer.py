"""
The Python library ``eventsourcing``: a durable log on SQLite, and the tools to follow it.

It has no graph, so the adapter adds what an application would: a table of edges in a second SQLite file, fed from
the library's notification log and walked by one recursive statement. Catching up from nothing is its rebuild.
"""

from __future__ import annotations

import importlib
import sqlite3
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bench import workload
from bench.peers import base

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.workload import Event

# Imported by name: it is no dependency of this project, so type checkers need not find it.
_application: Any = importlib.import_module("eventsourcing.application")
_domain: Any = importlib.import_module("eventsourcing.domain")

_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE edge (made TEXT, used TEXT, PRIMARY KEY (made, used)) WITHOUT ROWID;
CREATE TABLE checkpoint (position INTEGER);
INSERT INTO checkpoint VALUES (0);
"""

_UPSTREAM = """
WITH RECURSIVE up (name, hop) AS (
    SELECT ?, 0
    UNION
    SELECT edge.used, up.hop + 1 FROM up JOIN edge ON edge.made = up.name WHERE up.hop < ?
)
SELECT DISTINCT name FROM up
"""

_SECTION = 500


@dataclass(eq=False)
class Occurrence(_domain.Aggregate):  # type: ignore[misc]  # the library is untyped for us: see above
    """One event of the work as an aggregate that is created and never changes."""

    event_id: str
    kind: str
    emitter: str
    time: int
    predecessor: str
    uses: list[str]
    produces: str
    properties: dict[str, str]
    artifact_properties: dict[str, str]

    @staticmethod
    def create_id(event_id: str) -> UUID:
        """Let the event's own id be the aggregate's."""
        return UUID(hex=event_id)


class Log(_application.Application):  # type: ignore[misc]  # as above
    """The application that stores the aggregates."""

    log_section_size = _SECTION  # with the library's ten, catching up would be needlessly slow


class Eventsourcing:
    """See :class:`bench.peers.base.Peer`."""

    name = "eventsourcing"
    version = version("eventsourcing")
    durable = "its SQLite log with the library's defaults, one transaction for each save"

    def __init__(self, folder: Path) -> None:
        self._log = Log(
            env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "log.db")}
        )
        self._graph = sqlite3.connect(folder / "graph.db", isolation_level=None)
        self._graph.executescript(_SCHEMA)

    def prepare(self, events: Sequence[Event]) -> list[tuple[Any, ...]]:
        """See ``Peer.prepare``."""
        return [_statement(event) for event in events]

    def record(self, prepared: Sequence[tuple[Any, ...]], *, size: int) -> None:
        """See ``Peer.record``."""
        for start in range(0, len(prepared), size):
            self._log.save(*(Occurrence(*statement) for statement in prepared[start : start + size]))

    def project(self) -> None:
        """See ``Peer.project``."""
        (position,) = self._graph.execute("SELECT position FROM checkpoint").fetchone()
        while section := self._log.notification_log.select(start=position + 1, limit=_SECTION):
            recorded = [self._log.mapper.to_domain_event(notification) for notification in section]
            position = section[-1].id
            self._graph.execute("BEGIN")
            edges = [(one.produces, used) for one in recorded for used in one.uses]
            self._graph.executemany("INSERT INTO edge VALUES (?, ?)", edges)
            self._graph.execute("UPDATE checkpoint SET position = ?", (position,))
            self._graph.execute("COMMIT")

    def upstream(self, number: int, *, depth: int) -> set[int]:
        """See ``Peer.upstream``."""
        rows = self._graph.execute(_UPSTREAM, (workload.artifact_name(number), depth)).fetchall()
        return {workload.artifact_number(name) for (name,) in rows} - {number}

    def forget_projection(self) -> None:
        """See ``Peer.forget_projection``."""
        self._graph.executescript("DELETE FROM edge; UPDATE checkpoint SET position = 0;")

    def close(self) -> None:
        """See ``Peer.close``."""
        self._graph.close()
        self._log.close()


def _statement(event: Event) -> tuple[Any, ...]:
    """Give the fields of an :class:`Occurrence` in their order."""
    predecessor = event.predecessor
    return (
        event.id,
        event.type,
        event.emitter,
        event.time,
        "" if predecessor is None else workload.Event(predecessor, ()).id,
        [workload.artifact_name(used) for used in event.uses],
        workload.artifact_name(event.produces),
        event.properties,
        event.artifact_properties,
    )


if __name__ == "__main__":
    base.run(Eventsourcing)
