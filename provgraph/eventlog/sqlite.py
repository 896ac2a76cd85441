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

from provgraph.eventlog import checking, recording
from provgraph.eventlog.base import NOTHING_ACCEPTED, Appended, ChainReport, Head, Loss
from provgraph.eventlog.local import LocalLease
from provgraph.eventlog.sqliteformat import prepare
from provgraph.eventlog.tail import Tail
from provgraph.eventlog.witnesses import HEAD_FILE, SEQUENCE, ask, lost_error
from provgraph.events import Kind, genesis
from provgraph.families.registry import KINDS
from provgraph.sqlite import (
    Readers,
    connect,
    insert_rows,
    select_in,
    stored_bytes,
    transaction,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from provgraph.eventlog.headfile import HeadFile
    from provgraph.events import RecordedEvent
    from provgraph.events.base import NewEvent
    from provgraph.families.acceptance.events import ChangeAccepted

logger = logging.getLogger(__name__)

_WHAT = "event log"
_CACHE_KIB = 24_576

# `position` is never used again, not even after cleaning: hence AUTOINCREMENT.
CREATE_STATE = """
CREATE TABLE IF NOT EXISTS log_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
"""
SCHEMA = f"""
{CREATE_STATE};
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
CREATE INDEX IF NOT EXISTS event_by_acceptance ON event(position)
    WHERE kind IN ('change.accepted', 'loss.accepted');
"""
_COLUMNS = "position, event_id, kind, recorded_us, payload, digest, salt, sender"
INSERT_EVENTS = f"INSERT INTO event({_COLUMNS}) VALUES"
SELECT_BEHIND = f"SELECT {_COLUMNS} FROM event WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608 - our own text
SELECT_BY_ID = f"SELECT {_COLUMNS} FROM event WHERE event_id = ?"  # noqa: S608 - our own text
SELECT_UNKNOWN = f"""
SELECT {_COLUMNS} FROM event WHERE kind NOT IN (SELECT value FROM json_each(?)) ORDER BY position
"""  # noqa: S608 - our own text
SELECT_KINDS = f"""
SELECT {_COLUMNS} FROM event WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY position
"""  # noqa: S608 - our own text
SELECT_TAKEN = "SELECT event_id FROM event WHERE event_id IN"
SELECT_SENDERS = """
SELECT position, sender FROM event WHERE position IN (SELECT value FROM json_each(?)) AND sender IS NOT NULL
"""
SELECT_ACCEPTANCES = f"""
SELECT {_COLUMNS} FROM event INDEXED BY event_by_acceptance
WHERE kind IN ('change.accepted', 'loss.accepted') ORDER BY position
"""  # noqa: S608 - our own text
SELECT_DIGEST_AT = "SELECT digest FROM event WHERE position <= ? ORDER BY position DESC LIMIT 1"
SELECT_LAST = "SELECT position, recorded_us, digest FROM event ORDER BY position DESC LIMIT 1"
SELECT_SEQUENCE = "SELECT seq FROM sqlite_sequence WHERE name = 'event'"
SELECT_EPOCH = "SELECT value FROM log_state WHERE key = 'epoch'"
SELECT_LOG_KEY = "SELECT value FROM log_state WHERE key = 'secret'"
# Also into a log that was made before there was one, or whose own is damaged: cursors of before are refused then.
BEGIN_LOG_KEY = """
INSERT INTO log_state(key, value) VALUES ('secret', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value
WHERE typeof(value) <> 'text' OR length(value) <> 64 OR value GLOB '*[^0-9a-f]*'
"""
CHECK_FILE = "PRAGMA integrity_check(100)"
SELECT_INDEXES = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'"
# NOT INDEXED: the index of the ids is not to be trusted here.
SELECT_REPEATED = """
SELECT e.position, e.event_id FROM event e NOT INDEXED JOIN (
    SELECT event_id, min(position) AS first FROM event NOT INDEXED GROUP BY event_id HAVING count(*) > 1
) r ON r.event_id = e.event_id AND e.position > r.first ORDER BY e.position
"""
# Without it the database lets an id in twice, and its own check finds nothing wrong with that.
SELECT_ID_INDEX = """
SELECT 1 FROM pragma_index_list('event') l WHERE l."unique" AND NOT l.partial
    AND (SELECT group_concat(name) FROM pragma_index_info(l.name)) = 'event_id'
"""
CREATE_ID_INDEX = "CREATE UNIQUE INDEX event_by_id ON event(event_id)"
SELECT_COUNT_OF_POSITIONS = """
SELECT coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'event'), 0),
    coalesce((SELECT max(position) FROM event), 0)
"""
DELETE_SEQUENCE = "DELETE FROM sqlite_sequence WHERE name = 'event'"
INSERT_SEQUENCE = """
INSERT INTO sqlite_sequence(name, seq) SELECT 'event', max(position) FROM event HAVING max(position) IS NOT NULL
"""
SET_ID = "UPDATE event SET event_id = ? WHERE position = ?"
REINDEX = "REINDEX event"
# So that a row whose entry in an index is not there can be changed.
_SCHEMA_PRAGMA = "PRAGMA writable_schema = {}"
# What the tables of the read model are that is written with the log.
STAMP = "catalog"
SELECT_STAMP = f"SELECT value FROM log_state WHERE key = '{STAMP}'"  # noqa: S608 - our own name
SELECT_LOST = "SELECT value FROM log_state WHERE key = 'lost'"
DELETE_LOST = "DELETE FROM log_state WHERE key = 'lost'"
SET_STATE = "INSERT OR REPLACE INTO log_state(key, value) VALUES (?, ?)"
COUNT_BEHIND = "SELECT count(*) FROM event WHERE position > ?"
DELETE_ALL = "DELETE FROM event"


class TransactionalProjection(Protocol):
    """A read model that is written in the log's own transaction."""

    def begin(self, connection: sqlite3.Connection) -> str | None:
        """
        Make the read model's tables for a log that has no events yet.

        :returns: what they are, to be kept with the log; None: tables of another version are there
        """

    def is_written_to(self, found: str | None) -> bool:
        """Tell whether ``found``, which is kept with the log, are the tables that this read model is written to."""

    def apply(self, connection: sqlite3.Connection, events: Sequence[RecordedEvent]) -> None:
        """Bring the read model up to ``events``, which follow what it has."""

    def clear(self, connection: sqlite3.Connection) -> None:
        """Remove everything from the read model."""


class SQLiteEventLog:
    """An `EventLog` in one SQLite file."""

    def __init__(
        self,
        path: Path | str,
        *,
        projections: Sequence[TransactionalProjection] = (),
        head_file: HeadFile | None = None,
    ) -> None:
        """
        Open the log, making the file when it is not there.

        :param head_file: is a witness of how far the log went, and is written before the log is cleaned
        :raises NewerFormatError: a newer version of provgraph wrote the file
        :raises StoreError: the file cannot be opened, or is no database of ours
        """
        self._path = Path(path)
        self._projections = projections
        self._head_file = head_file
        self._write_lock = threading.Lock()
        self._changed = threading.Condition()
        with translated(_WHAT):
            prepare(self._path)
            self._writer = connect(path, synchronous="FULL", cache_kib=_CACHE_KIB)
            self._writer.executescript(SCHEMA)
            self._writer.execute(BEGIN_LOG_KEY, (secrets.token_hex(32),))
            self._readers = Readers(path)
            self._head, self._last_us = self._load_head()
            self._loss = self._load_loss()
            self._begin_projections()
        self._tail = Tail()
        self._acceptances: list[RecordedEvent] | None = None  # None: look them up; each answer asks for them
        self.acceptances()
        if head_file is not None:
            ask(self, HEAD_FILE, head_file.read)

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

    def read(
        self, *, after: int = 0, limit: int = 1000, stored: bool = False, unparsed: bool = False
    ) -> list[RecordedEvent]:
        """See `EventLog.read`."""
        head = self._head  # asked for before the rows: those after it may be of an append that has not ended
        recent = None if stored or unparsed else self._tail.read(head, after=after, limit=limit)
        if recent is not None:
            return recent
        with translated(_WHAT), self._readers.connection() as connection:
            try:
                rows = connection.execute(SELECT_BEHIND, (after, limit)).fetchall()
            except (
                sqlite3.OperationalError
            ):  # a text that is none, perhaps: then the row can be told at least
                rows = _rows_of_any_text(connection, SELECT_BEHIND, after, limit)
            if unparsed:
                return list(map(recording.unread, rows))
            # Committed is not yet said: who followed such a row would be ahead of the log, and a witness of a loss.
            return recording.readable(row for row in rows if row[0] <= head.position)

    def digest_at(self, position: int) -> bytes:
        """See `EventLog.digest_at`."""
        with translated(_WHAT), self._readers.connection() as connection:
            row = connection.execute(SELECT_DIGEST_AT, (position,)).fetchone()
        return genesis(self._head.epoch) if row is None else recording.digest_in(row[0])

    def acceptances(self) -> list[RecordedEvent]:
        """See `EventLog.acceptances`."""
        known = self._acceptances
        if known is None:
            with self._write_lock, translated(_WHAT):
                known = recording.acceptances(self._writer.execute(SELECT_ACCEPTANCES))
                self._acceptances = known
        return known

    def get(self, event_id: str) -> RecordedEvent | None:
        """See `EventLog.get`."""
        with translated(_WHAT), self._readers.connection() as connection:
            row = connection.execute(SELECT_BY_ID, (bytes.fromhex(event_id),)).fetchone()
        return None if row is None else recording.stored(row)

    def senders(self, positions: Collection[int]) -> dict[int, str]:
        """See `EventLog.senders`."""
        with translated(_WHAT), self._readers.connection() as connection:
            rows = connection.execute(SELECT_SENDERS, (dumps(list(positions)),))
            return {position: sender.hex() for position, sender in rows if isinstance(sender, bytes)}

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
        accepted = checking.accepted_changes(self)
        with self._write_lock, translated(_WHAT):
            self._require_whole()
            if self._head_file is not None:
                self._head_file.keep(self)
            old = self._head
            recording.check_ends(old, at)
            epoch = uuid.uuid4().hex
            with transaction(self._writer):
                unknown = _rows_of_any_text(self._writer, SELECT_UNKNOWN, dumps(list(KINDS)))
                recording.require_known(unknown, accepted)
                rows = self._writer.execute(SELECT_KINDS, (dumps(recording.read_to_clean(keep)),))
                events = recording.counting(rows, accepted)
                new = recording.cleaned(events, old=old, keep=keep, sender=sender)
                self._require_own_tables()
                self._writer.execute(DELETE_ALL)
                self._writer.execute(SET_STATE, ("epoch", epoch))
                for projection in self._projections:
                    projection.clear(self._writer)
                beginning = Head(epoch, old.position, genesis(epoch))
                recorded = recording.record(new, head=beginning, not_before_us=self._last_us)
                self._insert(recorded)
            self._advance(beginning, recorded)
        logger.info("log cleaned, epoch %s follows %s", epoch, old.epoch)
        return self._head

    def restore(
        self,
        events: Sequence[RecordedEvent],
        *,
        epoch: str,
        accepted: Mapping[int, ChangeAccepted] = NOTHING_ACCEPTED,
    ) -> Head:
        """See `EventLog.restore`."""
        with self._write_lock, translated(_WHAT):
            self._require_whole()
            recording.check_continues(events, epoch=epoch, head=self._head, accepted=accepted)
            before = self._head if self._head.position else Head(epoch, 0, genesis(epoch))
            events = recording.set_aside(events, self._taken(events))
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

    def loss(self) -> Loss | None:
        """See `EventLog.loss`."""
        return self._loss

    def refuse(self, loss: Loss) -> None:
        """See `EventLog.refuse`."""
        with self._write_lock, translated(_WHAT):
            before, self._loss = self._loss, recording.further(self._loss, loss)
            if self._loss != before:
                # What is in the file counts, also where it was cut while this service had it open.
                self._reload()
                logger.error("%s", lost_error(self._loss, self._head))
                with transaction(self._writer):
                    self._writer.execute(SET_STATE, ("lost", dumps(self._loss)))

    def accept_loss(self, reason: str, *, sender: str | None = None) -> RecordedEvent:
        """See `EventLog.accept_loss`."""
        with self._write_lock, translated(_WHAT):
            head = self._head
            new, behind = recording.loss_accepted(self._loss, head, reason, sender)
            recorded = recording.record([new], head=behind, not_before_us=self._last_us)
            with transaction(self._writer):
                self._insert(recorded)
                self._writer.execute(DELETE_LOST)
            self._loss = None
            self._advance(head, recorded)
        logger.warning(
            "the loss of events was accepted; the log goes on at position %d", recorded[0].position
        )
        return recorded[0]

    def lease(self, name: str) -> LocalLease:  # noqa: ARG002 - nobody else could hold any
        """See `EventLog.lease`."""
        return LocalLease()

    def verify_chain(self, progress: Callable[[int], None] | None = None) -> ChainReport:
        """See `EventLog.verify_chain`."""
        return checking.verify_chain(self, progress)

    def faults(self) -> list[str]:
        """See `EventLog.faults`."""
        with translated(_WHAT), self._readers.connection() as connection:
            tables = dict(connection.execute(SELECT_INDEXES))
            found = [str(fault) for (fault,) in connection.execute(CHECK_FILE)]
            sequence, last = connection.execute(SELECT_COUNT_OF_POSITIONS).fetchone()
            if sequence != last:
                found.append(
                    f"the count of positions (sqlite_sequence) is at {sequence}, the table event ends at {last}"
                )
            if connection.execute(SELECT_ID_INDEX).fetchone() is None:
                found.append("the table event has no unique index on its ids: the same event may come twice")
            found += [
                f"row {position} is the second under its id (of the table event)"
                for position, _ in connection.execute(SELECT_REPEATED)
            ]
            stamp = connection.execute(SELECT_STAMP).fetchone()
            found += recording.tables_fault(self._projections, None if stamp is None else stamp[0])
        return [_with_table(fault, tables) for fault in found if fault != "ok"]

    def mend_ids(self) -> list[int]:
        """See `EventLog.mend_ids`."""
        with self._write_lock, translated(_WHAT):
            self._writer.execute(_SCHEMA_PRAGMA.format("ON"))
            try:
                with transaction(self._writer):
                    repeated = [
                        (position, raw_id)
                        for position, raw_id in self._writer.execute(SELECT_REPEATED)
                        if isinstance(raw_id, bytes)
                    ]
                    for position, raw_id in repeated:
                        marked = recording.marked_id(raw_id.hex(), position)
                        self._writer.execute(SET_ID, (marked, position))
                    self._writer.execute(REINDEX)
                    if self._writer.execute(SELECT_ID_INDEX).fetchone() is None:
                        self._writer.execute(CREATE_ID_INDEX)
                    self._raise_count_of_positions()
            finally:
                self._writer.execute(_SCHEMA_PRAGMA.format("OFF"))
            self._tail = Tail()
        mended = [position for position, _ in repeated]
        logger.warning(
            "the index of the events' ids was made anew; second under their id: %s", mended or "none"
        )
        return mended

    def probe(self) -> None:
        """See `EventLog.probe`."""
        with self._write_lock, translated(_WHAT):
            self._require_whole()
            with transaction(self._writer):
                self._writer.execute(SET_STATE, ("probe", uuid.uuid4().hex))

    def close(self) -> None:
        """See `EventLog.close`."""
        with self._write_lock:
            self._readers.close()
            self._writer.close()

    def _require_whole(self) -> None:
        if self._loss is not None:
            raise lost_error(self._loss, self._head)

    def _load_loss(self) -> Loss | None:
        """Return what was found to be lost before; or what the file's count of positions tells now."""
        row = self._writer.execute(SELECT_LOST).fetchone()
        if row is not None:
            return recording.loss_in(row[0], self._head)
        sequence = self._writer.execute(SELECT_SEQUENCE).fetchone()
        if sequence is None or sequence[0] <= self._head.position:
            return None
        loss = Loss(SEQUENCE, self._head.epoch, sequence[0], "")
        logger.error("%s", lost_error(loss, self._head))
        return loss

    def _raise_count_of_positions(self) -> None:
        """See that no position is given again. A count that is ahead of the rows is a witness, and stays."""
        count = self._writer.execute(SELECT_SEQUENCE).fetchone()
        last = self._writer.execute(SELECT_LAST).fetchone()
        if last is not None and (count is None or not isinstance(count[0], int) or count[0] < last[0]):
            self._writer.execute(DELETE_SEQUENCE)
            self._writer.execute(INSERT_SEQUENCE)

    def _reload(self) -> None:
        with self._changed:
            self._head, self._last_us = self._load_head()
            self._tail = Tail()
            self._acceptances = None

    def _load_head(self) -> tuple[Head, int]:
        epoch = self._writer.execute(SELECT_EPOCH).fetchone()
        if epoch is None:
            epoch = (uuid.uuid4().hex,)
            self._writer.execute(SET_STATE, ("epoch", epoch[0]))
        last = self._writer.execute(SELECT_LAST).fetchone()
        if last is not None:
            return Head(epoch[0], last[0], last[2]), last[1]
        return Head(epoch[0], 0, genesis(epoch[0])), 0

    def _write(self, new: Sequence[NewEvent]) -> list[RecordedEvent]:
        self._require_whole()
        if not new:
            return []
        head = self._head
        recorded = recording.record(new, head=head, not_before_us=self._last_us)
        with transaction(self._writer):
            self._insert(recorded)
        self._advance(head, recorded)
        return recorded

    def _begin_projections(self) -> None:
        if self._head.position or self._stamp() is not None:
            return
        with transaction(self._writer):
            for projection in self._projections:
                stamp = projection.begin(self._writer)
                if stamp is not None:
                    self._writer.execute(SET_STATE, (STAMP, stamp))

    def _stamp(self) -> str | None:
        row = self._writer.execute(SELECT_STAMP).fetchone()
        return None if row is None else row[0]

    def _require_own_tables(self) -> None:
        recording.require_own_tables(self._projections, self._stamp())

    def _insert(self, recorded: Sequence[RecordedEvent]) -> None:
        self._require_own_tables()
        insert_rows(self._writer, INSERT_EVENTS, recording.rows(recorded))
        for projection in self._projections:
            projection.apply(self._writer, recorded)

    def _advance(self, head: Head, recorded: Sequence[RecordedEvent]) -> None:
        last = recorded[-1]
        with self._changed:
            epoch_begins = head.epoch != self._head.epoch
            # The head first: nobody may read events that stand behind it.
            self._head = Head(head.epoch, last.position, last.digest)
            self._last_us = last.recorded_us
            self._tail.extend(recorded, epoch=head.epoch)
            if epoch_begins or recording.has_acceptance(recorded):
                self._acceptances = None
                self._tail = Tail()  # it has the event as it was recorded; from now on the row counts
            self._changed.notify_all()

    def _known(self, events: Sequence[NewEvent]) -> dict[str, RecordedEvent]:
        known = {}
        for event_id in {event.event_id for event in events}:
            row = self._writer.execute(SELECT_BY_ID, (bytes.fromhex(event_id),)).fetchone()
            if row is not None:
                known[event_id] = recording.stated(row)
        return known

    def _taken(self, events: Sequence[RecordedEvent]) -> set[str]:
        """Return those ids of events that are in the log already."""
        raw_ids = [bytes.fromhex(event.event_id) for event in events]
        return {raw.hex() for (raw,) in select_in(self._writer, SELECT_TAKEN, raw_ids)}


def _rows_of_any_text(connection: sqlite3.Connection, statement: str, *values: object) -> list[recording.Row]:
    """Return the rows of a statement, where some have texts that are not UTF-8."""
    connection.text_factory = lambda raw: raw.decode(errors="backslashreplace")
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.text_factory = str


def _with_table(fault: str, tables: Mapping[str, str]) -> str:
    """Return what the database says of itself, with the table of the index that it names."""
    for index, table in tables.items():
        if index in fault:
            return f"{fault} (of the table {table})"
    return fault
