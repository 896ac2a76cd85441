"""
Answers that take a few milliseconds at most, for callers that cannot wait: the event loop.

Handing a question to another thread and its answer back takes as long as answering a small one. So a small one is
answered where it is asked, and what turns out to be large is given up early.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provgraph.errors import TakesLongerError
from provgraph.graphstore.embedded import reader, state, walker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from provgraph.graphstore.base import Walk, WalkQuery
    from provgraph.graphstore.embedded.walker import WalkMemory

# SQLite does about 20 of them in a microsecond.
_MOST_STEPS = 50_000
_MOST_EVENTS = 1_000

Reading = tuple[sqlite3.Connection, "WalkMemory"]


class BriefReader:
    """A `GraphReader` that raises `TakesLongerError` rather than take longer."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Reading]]) -> None:
        """
        Wrap a store.

        :param reading: gives a connection inside one snapshot, and what walks over it remember
        """
        self._reading = reading

    def has_pem(self, pem_id: str) -> bool:
        """See `GraphReader.has_pem`."""
        with self._bounded() as (connection, _):
            return reader.has_pem(connection, pem_id)

    def has_artifact(self, name: str) -> bool:
        """See `GraphReader.has_artifact`."""
        with self._bounded() as (connection, _):
            return reader.has_artifact(connection, name)

    def versions(self, artifact: str, *, version: str | None = None, limit: int | None = None) -> list[str]:
        """See `GraphReader.versions`."""
        with self._bounded() as (connection, _):
            return reader.versions(connection, artifact, version, limit)

    def walk(self, query: WalkQuery) -> Walk:
        """See `GraphReader.walk`."""
        with self._bounded() as (connection, memory):
            return walker.walk(connection, query, memory, most_events=_MOST_EVENTS)

    def resolutions_changed_at(self) -> int:
        """See `GraphReader.resolutions_changed_at`."""
        with self._bounded() as (connection, _):
            return state.state(connection).resolutions_changed_at

    @contextmanager
    def _bounded(self) -> Iterator[Reading]:
        with self._reading() as (connection, memory):
            connection.set_progress_handler(_enough, _MOST_STEPS)
            try:
                yield connection, memory
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                raise TakesLongerError(f"The answer takes over {_MOST_STEPS:,} steps") from error
            finally:
                connection.set_progress_handler(None, 0)


def _enough() -> bool:
    return True
