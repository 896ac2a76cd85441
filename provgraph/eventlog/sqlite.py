"""
The event log on SQLite: one file, one writing connection, durable at every commit.

The catalog lives in the same file and is written in the same transaction: hand its projection to the constructor.
Only one process may have the file open for writing (see `provgraph.lock`); within it any number of threads may
append and read.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import uuid
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from provgraph.errors import CorruptStoreError, ProvgraphError
from provgraph.eventlog import recording
from provgraph.eventlog.base import Appended, ChainReport, Head
from provgraph.events import Kind, content, genesis, log_cleaned
from provgraph.events.base import NewEvent, RecordedEvent
from provgraph.sqlite import Readers, connect, insert_rows, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

_WHAT = "event log"
_CACHE_KIB = 24_576
# The projector mostly reads what was written a moment ago: keep that in memory, already parsed.
_TAIL_EVENTS = 5_000
_TAIL_BYTES = 8 * 2**20
_CHAIN_CHUNK = 5_000

# `position` is never used again, not even after cleaning: hence AUTOINCREMENT.
SCHEMA = """
CREATE TABLE IF NOT EXISTS log_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    recorded_us INTEGER NOT NULL,
    payload BLOB NOT NULL,
    digest BLOB NOT NULL
);
"""
INSERT_EVENTS = "INSERT INTO event(position, event_id, kind, recorded_us, payload, digest) VALUES"
SELECT_BEHIND = """
SELECT position, event_id, kind, recorded_us, payload, digest FROM event WHERE position > ? ORDER BY position LIMIT ?
"""
SELECT_BY_ID = "SELECT position, event_id, kind, recorded_us, payload, digest FROM event WHERE event_id = ?"
SELECT_LAST = "SELECT position, recorded_us, digest FROM event ORDER BY position DESC LIMIT 1"
SELECT_SEQUENCE = "SELECT seq FROM sqlite_sequence WHERE name = 'event'"
SELECT_EPOCH = "SELECT value FROM log_state WHERE key = 'epoch'"
SET_STATE = "INSERT OR REPLACE INTO log_state(key, value) VALUES (?, ?)"
COUNT_BEHIND = "SELECT count(*) FROM event WHERE position > ?"
DELETE_ALL = "DELETE FROM event"

_KINDS = {kind.value: kind for kind in Kind}


class TransactionalProjection(Protocol):
    """A read model that is written in the log's own transaction."""

    def apply(self, connection: sqlite3.Connection, events: Sequence[RecordedEvent]) -> None:
        """Bring the read model up to ``events``, which follow what it has."""

    def clear(self, connection: sqlite3.Connection) -> None:
        """Remove everything from the read model."""


class SQLiteEventLog:
    """An `EventLog` in one SQLite file."""

    def __init__(self, path: Path | str, *, projections: Sequence[TransactionalProjection] = ()) -> None:
        """
        Open the log, making the file when it is not there.

        :raises StoreError: the file cannot be opened, or is no database
        """
        self._projections = projections
        self._write_lock = threading.Lock()
        self._changed = threading.Condition()
        with translated(_WHAT):
            self._writer = connect(path, synchronous="FULL", cache_kib=_CACHE_KIB)
            self._writer.executescript(SCHEMA)
            self._readers = Readers(path)
            self._head, self._last_us = self._load_head()
        self._tail: deque[RecordedEvent] = deque()
        self._tail_bytes = 0

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """See `EventLog.append`."""
        with self._write_lock, translated(_WHAT):
            try:
                # Nearly every batch is all new: try that first, and look ids up only when one was known.
                known: dict[str, RecordedEvent] = {}
                recorded = self._write(self._distinct(events))
            except sqlite3.IntegrityError:
                known = self._known(events)
                new, _ = recording.split(events, known)
                recorded = self._write(new)
        return recording.judge(events, known=known, recorded=recorded)

    def read(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        """See `EventLog.read`."""
        recent = self._read_tail(after, limit)
        if recent is not None:
            return recent
        with translated(_WHAT), self._readers.connection() as connection:
            return [_recorded(row) for row in connection.execute(SELECT_BEHIND, (after, limit))]

    def get(self, event_id: str) -> RecordedEvent | None:
        """See `EventLog.get`."""
        with translated(_WHAT), self._readers.connection() as connection:
            row = connection.execute(SELECT_BY_ID, (bytes.fromhex(event_id),)).fetchone()
        return None if row is None else _recorded(row)

    def head(self) -> Head:
        """See `EventLog.head`."""
        return self._head

    def count(self, *, after: int = 0) -> int:
        """See `EventLog.count`."""
        with translated(_WHAT), self._readers.connection() as connection:
            row = connection.execute(COUNT_BEHIND, (after,)).fetchone()
        return int(row[0])

    def wait(self, *, after: int, timeout_seconds: float) -> bool:
        """See `EventLog.wait`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._head.position > after, timeout_seconds)

    def clean(self, *, keep: Collection[Kind]) -> Head:
        """See `EventLog.clean`."""
        with self._write_lock, translated(_WHAT):
            old = self._head
            epoch = uuid.uuid4().hex
            opening = log_cleaned(
                previous_epoch=old.epoch, previous_position=old.position, previous_digest=old.digest
            )
            with transaction(self._writer):
                kept = [event for event in self._all_events() if event.kind in keep]
                self._writer.execute(DELETE_ALL)
                self._writer.execute(SET_STATE, ("epoch", epoch))
                for projection in self._projections:
                    projection.clear(self._writer)
                beginning = Head(epoch, old.position, genesis(epoch))
                new = [opening, *(NewEvent(e.event_id, e.kind, e.payload, e.content) for e in kept)]
                recorded = recording.record(new, head=beginning, not_before_us=self._last_us)
                self._insert(recorded)
            self._forget_tail()
            self._advance(beginning, recorded)
        logger.info("log cleaned, epoch %s follows %s", epoch, old.epoch)
        return self._head

    def verify_chain(self, progress: Callable[[int], None] | None = None) -> ChainReport:
        """See `EventLog.verify_chain`."""
        epoch, expected = self._head.epoch, self._highest_position()
        report = ChainReport(True, 0, None, "digest chain intact, the log is empty")
        digest, after = b"", 0
        while chunk := self._read_file(after, _CHAIN_CHUNK):
            report = recording.verify(chunk, epoch=epoch, checked=report.events, before=digest)
            if progress is not None:
                progress(report.events)
            if not report.intact:
                break
            digest, after = chunk[-1].digest, chunk[-1].position
        if self._head.epoch != epoch:  # cleaned meanwhile
            return self.verify_chain(progress)
        if report.intact and after < expected:
            message = f"the events behind position {after} are missing, up to {expected}"
            return ChainReport(False, report.events, after + 1, message)
        return report

    def probe(self) -> None:
        """See `EventLog.probe`."""
        with self._write_lock, translated(_WHAT), transaction(self._writer):
            self._writer.execute(SET_STATE, ("probe", uuid.uuid4().hex))

    def close(self) -> None:
        """See `EventLog.close`."""
        with self._write_lock:
            self._readers.close()
            self._writer.close()

    def _highest_position(self) -> int:
        """Return the highest position ever given, whether or not its event is still there."""
        with translated(_WHAT), self._readers.connection() as connection:
            row = connection.execute(SELECT_SEQUENCE).fetchone()
        return 0 if row is None else int(row[0])

    def _load_head(self) -> tuple[Head, int]:
        epoch = self._writer.execute(SELECT_EPOCH).fetchone()
        if epoch is None:
            epoch = (uuid.uuid4().hex,)
            self._writer.execute(SET_STATE, ("epoch", epoch[0]))
        last = self._writer.execute(SELECT_LAST).fetchone()
        if last is not None:
            return Head(epoch[0], last[0], last[2]), last[1]
        sequence = self._writer.execute(SELECT_SEQUENCE).fetchone()
        return Head(epoch[0], 0 if sequence is None else sequence[0], genesis(epoch[0])), 0

    def _distinct(self, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
        ids = {event.event_id for event in events}
        return events if len(ids) == len(events) else recording.split(events, {})[0]

    def _write(self, new: Sequence[NewEvent]) -> list[RecordedEvent]:
        if not new:
            return []
        head = self._head
        recorded = recording.record(new, head=head, not_before_us=self._last_us)
        with transaction(self._writer):
            self._insert(recorded)
        self._advance(head, recorded)
        return recorded

    def _insert(self, recorded: Sequence[RecordedEvent]) -> None:
        rows = [
            (e.position, bytes.fromhex(e.event_id), e.kind, e.recorded_us, e.payload, e.digest)
            for e in recorded
        ]
        insert_rows(self._writer, INSERT_EVENTS, rows)
        for projection in self._projections:
            projection.apply(self._writer, recorded)

    def _advance(self, head: Head, recorded: Sequence[RecordedEvent]) -> None:
        last = recorded[-1]
        with self._changed:
            self._head = Head(head.epoch, last.position, last.digest)
            self._last_us = last.recorded_us
            self._tail.extend(recorded)
            self._tail_bytes += sum(len(event.payload) for event in recorded)
            while len(self._tail) > _TAIL_EVENTS or self._tail_bytes > _TAIL_BYTES:
                self._tail_bytes -= len(self._tail.popleft().payload)
            self._changed.notify_all()

    def _forget_tail(self) -> None:
        with self._changed:
            self._tail.clear()
            self._tail_bytes = 0

    def _read_tail(self, after: int, limit: int) -> list[RecordedEvent] | None:
        """Return events from memory, or None when the first ones wanted are not there any more."""
        with self._changed:
            if after >= self._head.position:
                return []
            if not self._tail or self._tail[0].position > after + 1:
                return None
            # Positions in the tail have no holes: each batch continues where the last one ended.
            start = after + 1 - self._tail[0].position
            return list(islice(self._tail, start, start + limit))

    def _known(self, events: Sequence[NewEvent]) -> dict[str, RecordedEvent]:
        known = {}
        for event_id in {event.event_id for event in events}:
            row = self._writer.execute(SELECT_BY_ID, (bytes.fromhex(event_id),)).fetchone()
            if row is not None:
                known[event_id] = _recorded(row)
        return known

    def _read_file(self, after: int, limit: int) -> list[RecordedEvent]:
        with translated(_WHAT), self._readers.connection() as connection:
            return [_raw(row) for row in connection.execute(SELECT_BEHIND, (after, limit))]

    def _all_events(self) -> Iterator[RecordedEvent]:
        return (_recorded(row) for row in self._writer.execute(SELECT_BEHIND, (0, -1)))


def _recorded(row: tuple[int, bytes, str, int, bytes, bytes]) -> RecordedEvent:
    position, raw_id, kind, recorded_us, payload, digest = row
    event_id = raw_id.hex()
    try:
        read = content(kind, event_id, payload)
    except (LookupError, ValueError, TypeError, ProvgraphError) as error:
        raise CorruptStoreError(
            f"The event at position {position} of the {_WHAT} cannot be read: {error!r}"
        ) from error
    return RecordedEvent(position, event_id, _KINDS[kind], recorded_us, payload, digest, read)


def _raw(row: tuple[int, bytes, str, int, bytes, bytes]) -> RecordedEvent:
    """Return a row as an event whose content nobody will read: enough for its digest."""
    position, raw_id, kind, recorded_us, payload, digest = row
    stated: Kind = kind  # type: ignore[assignment] # whatever the file says: a changed one shows in the digest
    return RecordedEvent(position, raw_id.hex(), stated, recorded_us, payload, digest, None)
