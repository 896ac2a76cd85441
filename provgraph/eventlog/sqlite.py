"""
The event log on SQLite: one file, one writing connection, durable at every commit.

The catalog lives in the same file and is written in the same transaction: hand its projection to the constructor.
Only one process may have the file open for writing (see `provgraph.lock`); within it any number of threads may
append and read.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import uuid
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from provgraph.eventlog import recording
from provgraph.eventlog.base import Appended, ChainReport, Head
from provgraph.eventlog.local import LocalLease
from provgraph.eventlog.sqliteformat import prepare
from provgraph.eventlog.tail import Tail
from provgraph.events import Kind, genesis, log_cleaned, newer
from provgraph.sqlite import Readers, connect, insert_rows, stored_bytes, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from provgraph.events import RecordedEvent
    from provgraph.events.base import NewEvent

logger = logging.getLogger(__name__)

_WHAT = "event log"
_CACHE_KIB = 24_576
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
    digest BLOB NOT NULL,
    salt BLOB NOT NULL DEFAULT x'',
    sender BLOB
);
"""
_COLUMNS = "position, event_id, kind, recorded_us, payload, digest, salt, sender"
INSERT_EVENTS = f"INSERT INTO event({_COLUMNS}) VALUES"
SELECT_BEHIND = f"SELECT {_COLUMNS} FROM event WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608 - our own text
SELECT_BY_ID = f"SELECT {_COLUMNS} FROM event WHERE event_id = ?"  # noqa: S608 - our own text
SELECT_UNKNOWN = f"""
SELECT {_COLUMNS} FROM event WHERE kind NOT IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT 1
"""  # noqa: S608 - our own text
SELECT_SENDERS = """
SELECT position, sender FROM event WHERE position IN (SELECT value FROM json_each(?)) AND sender IS NOT NULL
"""
SELECT_LAST = "SELECT position, recorded_us, digest FROM event ORDER BY position DESC LIMIT 1"
SELECT_SEQUENCE = "SELECT seq FROM sqlite_sequence WHERE name = 'event'"
SELECT_EPOCH = "SELECT value FROM log_state WHERE key = 'epoch'"
SELECT_LOG_KEY = "SELECT value FROM log_state WHERE key = 'secret'"
BEGIN_LOG_KEY = "INSERT OR IGNORE INTO log_state(key, value) VALUES ('secret', ?)"
SET_STATE = "INSERT OR REPLACE INTO log_state(key, value) VALUES (?, ?)"
COUNT_BEHIND = "SELECT count(*) FROM event WHERE position > ?"
DELETE_ALL = "DELETE FROM event"


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

        :raises NewerFormatError: a newer version of provgraph wrote the file
        :raises StoreError: the file cannot be opened, or is no database of ours
        """
        self._path = Path(path)
        self._projections = projections
        self._write_lock = threading.Lock()
        self._changed = threading.Condition()
        with translated(_WHAT):
            prepare(self._path)
            self._writer = connect(path, synchronous="FULL", cache_kib=_CACHE_KIB)
            self._writer.executescript(SCHEMA)
            self._writer.execute(BEGIN_LOG_KEY, (secrets.token_hex(32),))
            self._readers = Readers(path)
            self._head, self._last_us = self._load_head()
        self._tail = Tail()

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """See `EventLog.append`."""
        with self._write_lock, translated(_WHAT):
            try:
                # Nearly every batch is all new: try that first, and look ids up only when one was known.
                known: dict[str, RecordedEvent] = {}
                recorded = self._write(recording.distinct(events))
            except sqlite3.IntegrityError:
                known = self._known(events)
                new, _ = recording.split(events, known)
                recorded = self._write(new)
        return recording.judge(events, known=known, recorded=recorded)

    def append_new(self, events: Sequence[NewEvent]) -> list[RecordedEvent] | None:
        """See `EventLog.append_new`."""
        with self._write_lock, translated(_WHAT):
            try:
                return self._write(events)
            except sqlite3.IntegrityError:
                return None

    def read(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        """See `EventLog.read`."""
        recent = self._tail.read(self._head, after=after, limit=limit)
        if recent is not None:
            return recent
        with translated(_WHAT), self._readers.connection() as connection:
            return [recording.stored(row) for row in connection.execute(SELECT_BEHIND, (after, limit))]

    def get(self, event_id: str) -> RecordedEvent | None:
        """See `EventLog.get`."""
        with translated(_WHAT), self._readers.connection() as connection:
            row = connection.execute(SELECT_BY_ID, (bytes.fromhex(event_id),)).fetchone()
        return None if row is None else recording.stored(row)

    def senders(self, positions: Collection[int]) -> dict[int, str]:
        """See `EventLog.senders`."""
        with translated(_WHAT), self._readers.connection() as connection:
            rows = connection.execute(SELECT_SENDERS, (dumps(list(positions)),))
            return {position: sender.hex() for position, sender in rows}

    @property
    def is_local(self) -> bool:
        """See `EventLog.is_local`."""
        return True

    def head(self) -> Head:
        """See `EventLog.head`."""
        return self._head

    def count(self, *, after: int = 0) -> int:
        """See `EventLog.count`."""
        with translated(_WHAT), self._readers.connection() as connection:
            row = connection.execute(COUNT_BEHIND, (after,)).fetchone()
        return int(row[0])

    def stored_bytes(self) -> int:
        """See `EventLog.stored_bytes`."""
        return stored_bytes(self._path)

    def wait(self, *, after: int, timeout_seconds: float) -> bool:
        """See `EventLog.wait`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._head.position > after, timeout_seconds)

    def clean(self, *, keep: Collection[Kind], sender: str | None = None, at: int | None = None) -> Head:
        """See `EventLog.clean`."""
        with self._write_lock, translated(_WHAT):
            old = self._head
            recording.check_ends(old, at)
            epoch = uuid.uuid4().hex
            opening = log_cleaned(
                previous_epoch=old.epoch, previous_position=old.position, previous_digest=old.digest
            ).sent_by(sender)
            with transaction(self._writer):
                unknown = self._writer.execute(SELECT_UNKNOWN, (dumps(list(Kind)),)).fetchone()
                if unknown is not None:
                    raise newer(recording.stored(unknown))
                kept = recording.again(self._all_events(), keep=keep)
                self._writer.execute(DELETE_ALL)
                self._writer.execute(SET_STATE, ("epoch", epoch))
                for projection in self._projections:
                    projection.clear(self._writer)
                beginning = Head(epoch, old.position, genesis(epoch))
                recorded = recording.record([opening, *kept], head=beginning, not_before_us=self._last_us)
                self._insert(recorded)
            self._advance(beginning, recorded)
        logger.info("log cleaned, epoch %s follows %s", epoch, old.epoch)
        return self._head

    def restore(self, events: Sequence[RecordedEvent], *, epoch: str) -> Head:
        """See `EventLog.restore`."""
        with self._write_lock, translated(_WHAT):
            recording.check_continues(events, epoch=epoch, head=self._head)
            before = self._head if self._head.position else Head(epoch, 0, genesis(epoch))
            with transaction(self._writer):
                self._writer.execute(SET_STATE, ("epoch", epoch))
                if events:
                    self._insert(events)
            if events:
                self._advance(before, events)
            else:
                self._head = before
            return self._head

    def secret(self) -> bytes:
        """See `EventLog.secret`."""
        with translated(_WHAT), self._readers.connection() as connection:
            return bytes.fromhex(connection.execute(SELECT_LOG_KEY).fetchone()[0])

    def lease(self, name: str) -> LocalLease:  # noqa: ARG002 - nobody else could hold any
        """See `EventLog.lease`."""
        return LocalLease()

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
        insert_rows(self._writer, INSERT_EVENTS, recording.rows(recorded))
        for projection in self._projections:
            projection.apply(self._writer, recorded)

    def _advance(self, head: Head, recorded: Sequence[RecordedEvent]) -> None:
        last = recorded[-1]
        with self._changed:
            # The head first: nobody may read events that stand behind it.
            self._head = Head(head.epoch, last.position, last.digest)
            self._last_us = last.recorded_us
            self._tail.extend(recorded, epoch=head.epoch)
            self._changed.notify_all()

    def _known(self, events: Sequence[NewEvent]) -> dict[str, RecordedEvent]:
        known = {}
        for event_id in {event.event_id for event in events}:
            row = self._writer.execute(SELECT_BY_ID, (bytes.fromhex(event_id),)).fetchone()
            if row is not None:
                known[event_id] = recording.stored(row)
        return known

    def _read_file(self, after: int, limit: int) -> list[RecordedEvent]:
        with translated(_WHAT), self._readers.connection() as connection:
            connection.text_factory = _leniently
            try:
                return [recording.unread(row) for row in connection.execute(SELECT_BEHIND, (after, limit))]
            finally:
                connection.text_factory = str

    def _all_events(self) -> Iterator[RecordedEvent]:
        return (recording.stored(row) for row in self._writer.execute(SELECT_BEHIND, (0, -1)))


def _leniently(text: bytes) -> str:
    """Return a text, whatever somebody put there: that it is wrong is for its digest to show."""
    return text.decode(errors="replace")
