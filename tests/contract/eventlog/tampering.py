"""Changing a log's events behind everybody's back."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import psycopg

from provgraph.eventlog import EventLog, InMemoryEventLog, SQLiteEventLog
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from provgraph.eventlog.tail import Tail
from provgraph.families.registry import content

if TYPE_CHECKING:
    from provgraph.events import RecordedEvent


def change(log: EventLog, position: int, *, payload: bytes, is_remembered: bool = False) -> None:
    """
    Give the event at a position another payload, and leave its digest alone.

    :param is_remembered: the log's process still has the event in memory as it recorded it
    """
    tail = getattr(log, "_tail", None)
    if isinstance(log, InMemoryEventLog):
        for index, event in enumerate(log._events):
            if event.position == position:
                read = content(event.kind, event.event_id, payload)
                log._events[index] = event._replace(payload=payload, content=read)
        return
    _execute(log, "UPDATE event SET payload = {} WHERE position = {}", payload, position)
    if is_remembered:
        log._tail = tail  # type: ignore[attr-defined] # the others have one


def set_digest(log: EventLog, position: int, digest: bytes) -> None:
    """Give the event at a position another digest, and leave its payload alone."""
    if isinstance(log, InMemoryEventLog):
        log._events[:] = [
            event._replace(digest=digest) if event.position == position else event for event in log._events
        ]
        return
    _execute(log, "UPDATE event SET digest = {} WHERE position = {}", digest, position)


def remove(log: EventLog, position: int) -> RecordedEvent:
    """Take the event at a position out, and return it."""
    (gone,) = log.read(after=position - 1, limit=1)
    if isinstance(log, InMemoryEventLog):
        log._events.remove(gone)
    else:
        _execute(log, "DELETE FROM event WHERE position = {}", position)
    return gone


def _execute(log: EventLog, statement: str, *values: object) -> None:
    if isinstance(log, SQLiteEventLog):
        with contextlib.closing(sqlite3.connect(log._path)) as connection, connection:
            connection.execute(statement.format(*"?" * len(values)), values)
    elif isinstance(log, PostgreSQLEventLog):
        with psycopg.connect(_address(log)) as found:
            found.execute(statement.format(*["%s"] * len(values)), values)
    log._tail = Tail()  # type: ignore[attr-defined] # what was written a moment ago is read from memory otherwise


def _address(log: PostgreSQLEventLog) -> str:
    return psycopg.conninfo.make_conninfo("", **log._server._given)
