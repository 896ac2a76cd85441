"""
The floor of `intake`: the rows that the receiver writes, by psycopg's ``executemany``, in one process.

Nothing is checked, read back, chained or looked up while the clock runs: the rows were made beforehand, by the log's
and the catalog's own rules. Tables, indexes and durability are those of the service.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from provgraph.catalog.postgresql import PostgreSQLCatalogProjection
from provgraph.catalog.writing import changes_of
from provgraph.eventlog import Head, recording
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from provgraph.families.artifact.tables import SEEN
from provgraph.families.pem.tables import PEM, REPORTED
from provgraph.families.tag.tables import MOVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.eventlog.recording import Row
    from provgraph.events import NewEvent
    from provgraph.families.pem.tables import PemRow
    from provgraph.families.tag.tables import TagRow

_EVENT = """
INSERT INTO event(position, event_id, kind, recorded_us, payload, digest, salt, sender)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_PEM = f"INSERT INTO pem({', '.join(PEM.c.keys())}) VALUES (%s{', %s' * (len(PEM.c) - 1)})"  # noqa: S608 - our own names
_ARTIFACT = "INSERT INTO artifact(name, properties, created_us, created_at) VALUES (%s, %s, %s, %s)"
_TAG = "INSERT INTO tag(namespace, tag, pem_id, updated_at) VALUES (%s, %s, %s, %s)"
_MOVE_TAG = "UPDATE tag SET pem_id = %s, updated_at = %s WHERE namespace = %s AND tag = %s"
_STATE = "UPDATE log_state SET position = %s, digest = %s, recorded_us = %s"


class _Batch(NamedTuple):
    """What one transaction writes."""

    events: list[Row]
    pems: list[PemRow]
    artifacts: list[tuple[str, str, int, str]]
    tags: list[TagRow]
    moved_tags: list[tuple[str, str, str, str]]
    state: tuple[int, bytes, int]


def load(database: str, events: Sequence[NewEvent], *, size: int) -> float:
    """Store the events in a new database, ``size`` in each transaction, one after the other; seconds it took."""
    with closing(
        PostgreSQLEventLog(database, projections=[PostgreSQLCatalogProjection()])
    ) as log:  # makes the tables
        head = log.head()
    batches = _batches(events, size, head)
    with psycopg.connect(database) as connection:
        began = time.perf_counter()
        for batch in batches:
            _store(connection, batch)
        return time.perf_counter() - began


def _store(connection: psycopg.Connection, batch: _Batch) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_EVENT, batch.events)
        cursor.executemany(_PEM, batch.pems)
        cursor.executemany(_ARTIFACT, batch.artifacts)
        if batch.tags:
            cursor.executemany(_TAG, batch.tags)
        if batch.moved_tags:
            cursor.executemany(_MOVE_TAG, batch.moved_tags)
        cursor.execute(_STATE, batch.state)
    connection.commit()


def _batches(events: Sequence[NewEvent], size: int, head: Head) -> list[_Batch]:
    artifacts: set[str] = set()
    tags: set[tuple[str, str]] = set()
    batches = []
    for start in range(0, len(events), size):
        recorded = recording.record(events[start : start + size], head=head, not_before_us=0)
        last = recorded[-1]
        head = Head(head.epoch, last.position, last.digest)
        said = changes_of(recorded)
        seen, moved = said.rows(SEEN), said.rows(MOVED)
        batches.append(
            _Batch(
                events=recording.rows(recorded),
                pems=list(said.of(REPORTED)),
                # What else is known of an artifact is the graph's.
                artifacts=[row[:4] for name, row in seen.items() if name not in artifacts],
                tags=[row for key, row in moved.items() if key not in tags],
                moved_tags=[(*row[2:], *row[:2]) for key, row in moved.items() if key in tags],
                state=(last.position, last.digest, last.recorded_us),
            )
        )
        artifacts |= seen.keys()
        tags |= moved.keys()
    return batches
