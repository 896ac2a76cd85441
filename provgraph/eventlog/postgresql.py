"""
The event log on PostgreSQL: any number of processes append and read, each batch is one transaction.

Appends stand in line for one lock, so that positions are given in commit order and without holes, and the digest
chain has its one order. Throughput comes from large batches (`GroupCommit` gathers them): a batch of any size takes two
round trips, one to get the lock and learn where the log ends, one with all its rows and the commit.

The catalog lives in the same database and is written in the same transaction: hand its projection to the
constructor. The tables are made by `provgraph.eventlog.migrations`.
"""

from __future__ import annotations

import logging
import secrets
import threading
import uuid
from json import dumps
from typing import TYPE_CHECKING, NamedTuple, Protocol

import psycopg

from provgraph.errors import StoreError
from provgraph.eventlog import checking, recording
from provgraph.eventlog.base import NOTHING_ACCEPTED, Appended, ChainReport, Head, Loss
from provgraph.eventlog.format import FORMAT
from provgraph.eventlog.lease import SessionLease
from provgraph.eventlog.listening import NOTIFY, HeadWatch
from provgraph.eventlog.migrations import migrate
from provgraph.eventlog.tail import Tail
from provgraph.eventlog.witnesses import STATE, lost_error
from provgraph.events import Kind, RecordedEvent, genesis
from provgraph.families.registry import KINDS
from provgraph.postgresql import (
    LOG_LOCK,
    Connections,
    Server,
    bigints,
    byteas,
    roll_back,
    rolled_back,
    texts,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import LiteralString

    from psycopg import Cursor
    from psycopg.rows import TupleRow

    from provgraph.events.base import NewEvent
    from provgraph.families.acceptance.events import ChangeAccepted
    from provgraph.postgresql import Connection

logger = logging.getLogger(__name__)

_WHAT = "event log"
_READERS = 8
_ID_CONSTRAINT = "event_event_id_key"

_FOR_WRITING = {
    # Whoever has the lock is done within milliseconds, or has stopped answering.
    "lock_timeout": "30s",
    # The writer's statements have plans for tables of any size; planned while the tables were empty, they would
    # read them from one end to the other.
    "enable_seqscan": "off",
}
_FOR_READING = {"lock_timeout": "5s"}

# What a snapshot is, is decided for each statement: the head is read after the lock was given.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
COMMIT = "COMMIT"
# An acknowledged event survives a crash of the server, whatever its defaults for others are; stricter ones stay.
STAY_DURABLE = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
BEGIN_STATE = """
INSERT INTO log_state(epoch, position, digest, recorded_us) VALUES (%s, 0, %s, 0) ON CONFLICT DO NOTHING
"""
# Also into a log that was made before there was one, or whose own is damaged: cursors of before are refused then.
BEGIN_LOG_KEY = "UPDATE log_state SET secret = %s WHERE secret IS NULL OR length(secret) <> 32"
SELECT_LOG_KEY = "SELECT secret FROM log_state"
SELECT_STATE = "SELECT epoch, position, digest, recorded_us, lost, catalog FROM log_state"
# Whether the event is there that the log ended with; in one statement, so that nothing comes in between.
SELECT_END = """
SELECT s.epoch, s.position, s.digest, (SELECT e.digest FROM event e WHERE e.position = s.position) FROM log_state s
"""
SELECT_LAST = "SELECT position, digest FROM event ORDER BY position DESC LIMIT 1"
SET_LOST = "UPDATE log_state SET lost = %s"
SET_STAMP = "UPDATE log_state SET catalog = %s"
UPDATE_STATE = "UPDATE log_state SET epoch = %s, position = %s, digest = %s, recorded_us = %s"
INSERT_EVENTS = """
INSERT INTO event(position, event_id, kind, recorded_us, payload, digest, salt, sender)
SELECT * FROM unnest(%b, %b, %b, %b, %b, %b, %b, %b)
"""
_COLUMNS = "position, event_id, kind, recorded_us, payload, digest, salt, sender"
SELECT_BEHIND = f"SELECT {_COLUMNS} FROM event WHERE position > %s ORDER BY position LIMIT %s"  # noqa: S608 - our own text
SELECT_BY_IDS = f"SELECT {_COLUMNS} FROM event WHERE event_id = ANY(%b)"  # noqa: S608 - our own text
SELECT_KINDS = f"SELECT {_COLUMNS} FROM event WHERE kind = ANY(%b) ORDER BY position"  # noqa: S608 - our own text
SELECT_UNKNOWN = f"SELECT {_COLUMNS} FROM event WHERE kind <> ALL(%b) ORDER BY position"  # noqa: S608 - our own text
SELECT_ACCEPTANCES = f"""
SELECT {_COLUMNS} FROM event WHERE kind IN ('change.accepted', 'loss.accepted') ORDER BY position
"""  # noqa: S608 - our own text
SELECT_DIGEST_AT = "SELECT digest FROM event WHERE position <= %s ORDER BY position DESC LIMIT 1"
SELECT_TAKEN = "SELECT event_id FROM event WHERE event_id = ANY(%b)"
SELECT_SENDERS = "SELECT position, sender FROM event WHERE position = ANY(%b) AND sender IS NOT NULL"
COUNT_BEHIND = "SELECT count(*) FROM event WHERE position > %s"
# What our tables take, with their indexes; also those of a catalog that is being rebuilt.
# The database is ours alone: no list of tables here can forget one.
STORED_BYTES = """
SELECT coalesce(sum(pg_total_relation_size(t.oid)), 0)::bigint
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = current_schema() AND t.relkind = 'r'
"""
# Without indexes: they are not to be trusted here.
WITHOUT_INDEXES = """
SELECT set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true),
    set_config('enable_indexonlyscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""
SELECT_REPEATED = """
SELECT e.position, e.event_id FROM event e JOIN (
    SELECT event_id, min(position) AS first FROM event GROUP BY event_id HAVING count(*) > 1
) r ON r.event_id = e.event_id AND e.position > r.first ORDER BY e.position
"""
# Each row is looked up by the index: what is not found has no entry there.
ONLY_LOOK_UPS = (
    "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
)
SELECT_WITHOUT_ENTRY = """
SELECT e.position FROM event e CROSS JOIN LATERAL (
    SELECT count(*) AS entries FROM event i WHERE i.event_id = e.event_id AND i.position = e.position OFFSET 0) f
WHERE f.entries = 0 ORDER BY e.position LIMIT 100
"""
SELECT_WRONG_CLOCK = """
SELECT s.recorded_us, e.recorded_us FROM log_state s JOIN event e ON e.position = s.position
WHERE e.recorded_us <> s.recorded_us
"""
SELECT_LOWER_FORMAT = "SELECT format FROM log_state WHERE format < %s"
SET_ID = "UPDATE event SET event_id = %s WHERE position = %s"
REINDEX = f"REINDEX INDEX {_ID_CONSTRAINT}"
DELETE_ALL = "DELETE FROM event"
PROBE = """
INSERT INTO log_probe(probed_at) VALUES (now()) ON CONFLICT (is_only) DO UPDATE SET probed_at = excluded.probed_at
"""


class TransactionalProjection(Protocol):
    """A read model that is written in the log's own transaction, in pipeline mode: results come at its end."""

    def begin(self, connection: Connection) -> str | None:
        """
        Make the read model's tables for a log that has no events yet.

        :returns: what they are, to be kept with the log; None: tables of another version are there
        """

    def is_written_to(self, found: str | None) -> bool:
        """Tell whether ``found``, which is kept with the log, are the tables that this read model is written to."""

    def apply(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        """Bring the read model up to ``events``, which follow what it has."""

    def clear(self, connection: Connection) -> None:
        """Remove everything from the read model."""


class _State(NamedTuple):
    """Where the log ends, read under its lock."""

    head: Head
    recorded_us: int  # of the last event
    loss: Loss | None = None
    stamp: str | None = None  # what the tables of the read model are

    def require_whole(self) -> None:
        if self.loss is not None:
            raise lost_error(self.loss, self.head)


class PostgreSQLEventLog:
    """An `EventLog` in a PostgreSQL database."""

    def __init__(
        self, url: str, *, password: str | None = None, projections: Sequence[TransactionalProjection] = ()
    ) -> None:
        """
        Open the log, making or migrating its tables.

        :param url: see `Server`
        :param password: comes before the one in ``url``
        :raises SettingsError: the address cannot be read
        :raises StoreError: the database is not there, or not one that the log can be in
        """
        self._server = Server(url, password=password)
        self._projections = projections
        self._write_lock = threading.Lock()
        self._writer = Connections(self._connect_writer, at_most=1)
        self._readers = Connections(lambda: self._server.connect(session=_FOR_READING), at_most=_READERS)
        self._tail = Tail()
        self._watch = HeadWatch(self._server.connect, look=lambda: self.head().position)
        with translated(_WHAT):
            migrate(self._server)
            self._writer.run(_begin_state)
            self._writer.run(self._begin_projections)
        self._require_end()

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """See `EventLog.append`."""
        if not events:
            return []
        known: dict[str, RecordedEvent] = {}

        def work(connection: Connection) -> list[RecordedEvent]:
            # Nearly every batch is all new: try that first, and look ids up only when one was known.
            try:
                return self._write(connection, lambda _state: recording.distinct(events))
            except psycopg.errors.UniqueViolation as error:
                if error.diag.constraint_name != _ID_CONSTRAINT:
                    raise

            def new(_state: _State) -> Sequence[NewEvent]:
                known.update(_known(connection, events))
                return recording.split(events, known)[0]

            return self._write(connection, new)

        with self._write_lock, translated(_WHAT):
            recorded = self._writer.run(work)
        return recording.judge(events, known=known, recorded=recorded)

    def append_new(self, events: Sequence[NewEvent]) -> list[RecordedEvent] | None:
        """See `EventLog.append_new`."""

        def work(connection: Connection) -> list[RecordedEvent] | None:
            try:
                return self._write(connection, lambda _state: events)
            except psycopg.errors.UniqueViolation as error:
                if error.diag.constraint_name != _ID_CONSTRAINT:
                    raise
                return None

        with self._write_lock, translated(_WHAT):
            return self._writer.run(work)

    def read(
        self, *, after: int = 0, limit: int = 1000, stored: bool = False, unparsed: bool = False
    ) -> list[RecordedEvent]:
        """See `EventLog.read`."""
        if unparsed:
            return list(map(recording.unread, self._rows(SELECT_BEHIND, after, limit)))
        if not stored and self._tail.may_hold(after=after):
            # Another process may have cleaned the log, or appended more: only the head tells what the tail is worth.
            recent = self._tail.read(self.head(), after=after, limit=limit)
            if recent is not None:
                return recent
        return recording.readable(self._rows(SELECT_BEHIND, after, limit))

    def digest_at(self, position: int) -> bytes:
        """See `EventLog.digest_at`."""

        def work(connection: Connection) -> bytes:
            row = connection.execute(SELECT_DIGEST_AT, (position,), binary=True).fetchone()
            if row is not None:
                return recording.digest_in(row[0])
            return genesis(_state(connection.execute(SELECT_STATE, binary=True)).head.epoch)

        with translated(_WHAT):
            return self._readers.run(work)

    def acceptances(self) -> list[RecordedEvent]:
        """See `EventLog.acceptances`."""
        return recording.acceptances(self._rows(SELECT_ACCEPTANCES))

    def get(self, event_id: str) -> RecordedEvent | None:
        """See `EventLog.get`."""
        rows = self._rows(SELECT_BY_IDS, byteas([bytes.fromhex(event_id)]))
        return recording.stored(rows[0]) if rows else None

    def senders(self, positions: Collection[int]) -> dict[int, str]:
        """See `EventLog.senders`."""

        def work(connection: Connection) -> dict[int, str]:
            found = connection.execute(SELECT_SENDERS, (bigints(list(positions)),), binary=True)
            return {position: sender.hex() for position, sender in found}

        with translated(_WHAT):
            return self._readers.run(work)

    @property
    def is_local(self) -> bool:
        """See `EventLog.is_local`."""
        return False

    def head(self) -> Head:
        """See `EventLog.head`."""
        with translated(_WHAT):
            return self._readers.run(
                lambda connection: _state(connection.execute(SELECT_STATE, binary=True)).head
            )

    def count(self, *, after: int = 0) -> int:
        """See `EventLog.count`."""

        def work(connection: Connection) -> int:
            row = connection.execute(COUNT_BEHIND, (after,)).fetchone()
            return 0 if row is None else int(row[0])

        with translated(_WHAT):
            return self._readers.run(work)

    def stored_bytes(self) -> int:
        """See `EventLog.stored_bytes`."""

        def work(connection: Connection) -> int:
            row = connection.execute(STORED_BYTES).fetchone()
            return 0 if row is None else int(row[0])

        with translated(_WHAT):
            return self._readers.run(work)

    def wait(self, *, after: int, timeout_seconds: float) -> bool:
        """See `EventLog.wait`."""
        return self._watch.wait(after=after, timeout_seconds=timeout_seconds)

    def clean(self, *, keep: Collection[Kind], sender: str | None = None, at: int | None = None) -> Head:
        """See `EventLog.clean`."""
        accepted = checking.accepted_changes(self)

        def work(connection: Connection) -> tuple[Head, Head]:
            with rolled_back(connection):
                state = self._begin_writing(connection)
                old, last_us = state.head, state.recorded_us
                recording.check_ends(old, at)
                unknown = connection.execute(SELECT_UNKNOWN, (texts(KINDS),), binary=True)
                recording.require_known(unknown, accepted)
                kinds = texts(recording.read_to_clean(keep))
                rows = connection.execute(SELECT_KINDS, (kinds,), binary=True).fetchall()
                events = recording.counting(rows, accepted)
                new = recording.cleaned(events, old=old, keep=keep, sender=sender)
                epoch = uuid.uuid4().hex
                beginning = Head(epoch, old.position, genesis(epoch))
                recorded = recording.record(new, head=beginning, not_before_us=last_us)
                connection.execute(DELETE_ALL)
                with connection.pipeline():
                    for projection in self._projections:
                        projection.clear(connection)
                return old, self._commit(connection, epoch, recorded)

        with self._write_lock, translated(_WHAT):
            old, head = self._writer.run(work)
        logger.info("log cleaned, epoch %s follows %s", head.epoch, old.epoch)
        return head

    def restore(
        self,
        events: Sequence[RecordedEvent],
        *,
        epoch: str,
        accepted: Mapping[int, ChangeAccepted] = NOTHING_ACCEPTED,
    ) -> Head:
        """See `EventLog.restore`."""

        def work(connection: Connection) -> Head:
            with rolled_back(connection):
                state = self._begin_writing(connection)
                head, last_us = state.head, state.recorded_us
                recording.check_continues(events, epoch=epoch, head=head, accepted=accepted)
                if events:
                    return self._commit(
                        connection, epoch, recording.set_aside(events, _taken(connection, events))
                    )
                if not head.position:
                    head = Head(epoch, 0, genesis(epoch))
                connection.execute(UPDATE_STATE, (*head, last_us))
                connection.execute(COMMIT)
                return head

        with self._write_lock, translated(_WHAT):
            return self._writer.run(work)

    def secret(self) -> bytes:
        """See `EventLog.secret`."""

        def work(connection: Connection) -> bytes | None:
            row = connection.execute(SELECT_LOG_KEY, binary=True).fetchone()
            return None if row is None else row[0]

        with translated(_WHAT):
            found = self._readers.run(work)
        if found is None:
            raise StoreError(f"The {_WHAT} has lost its state: its database was changed by something else")
        return found

    def loss(self) -> Loss | None:
        """See `EventLog.loss`."""
        with translated(_WHAT):
            return self._readers.run(
                lambda connection: _state(connection.execute(SELECT_STATE, binary=True)).loss
            )

    def refuse(self, loss: Loss) -> None:
        """See `EventLog.refuse`."""

        def work(connection: Connection) -> None:
            with rolled_back(connection):
                state = _begin(connection)
                furthest = recording.further(state.loss, loss)
                if furthest == state.loss:
                    roll_back(connection)
                    return
                logger.error("%s", lost_error(furthest, state.head))
                connection.execute(SET_LOST, (dumps(furthest),))
                connection.execute(COMMIT)

        with self._write_lock, translated(_WHAT):
            self._writer.run(work)

    def accept_loss(self, reason: str, *, sender: str | None = None) -> RecordedEvent:
        """See `EventLog.accept_loss`."""

        def work(connection: Connection) -> RecordedEvent:
            with rolled_back(connection):
                state = _begin(connection)
                recording.require_own_tables(self._projections, state.stamp)
                # What is left counts, whatever the state says.
                row = connection.execute(SELECT_LAST, binary=True).fetchone()
                position, digest = row or (0, genesis(state.head.epoch))
                kept = Head(state.head.epoch, position, digest)
                new, behind = recording.loss_accepted(state.loss, kept, reason, sender)
                behind = behind._replace(position=max(behind.position, state.head.position))
                recorded = recording.record([new], head=behind, not_before_us=state.recorded_us)
                connection.execute(SET_LOST, (None,))
                self._commit(connection, behind.epoch, recorded)
                return recorded[0]

        with self._write_lock, translated(_WHAT):
            recorded = self._writer.run(work)
        logger.warning("the loss of events was accepted; the log goes on at position %d", recorded.position)
        return recorded

    def lease(self, name: str) -> SessionLease:
        """See `EventLog.lease`."""
        return SessionLease(self._server, name)

    def verify_chain(self, progress: Callable[[int], None] | None = None) -> ChainReport:
        """See `EventLog.verify_chain`."""
        return checking.verify_chain(self, progress)

    def faults(self) -> list[str]:
        """
        See `EventLog.faults`.

        Of the event table and the index of its ids: what PostgreSQL checks beyond, data checksums and ``amcheck``, is
        for whoever runs the server.
        """

        def work(connection: Connection) -> list[str]:
            with rolled_back(connection):
                connection.execute(BEGIN)
                clocks = connection.execute(SELECT_WRONG_CLOCK).fetchall()
                formats = connection.execute(SELECT_LOWER_FORMAT, (FORMAT,)).fetchall()
                stamp = _state(connection.execute(SELECT_STATE, binary=True)).stamp
                connection.execute(WITHOUT_INDEXES)
                repeated = connection.execute(SELECT_REPEATED, binary=True).fetchall()
                connection.execute("SELECT set_config('enable_indexscan', 'on', true)")
                connection.execute(ONLY_LOOK_UPS)
                missing = connection.execute(SELECT_WITHOUT_ENTRY).fetchall()
                roll_back(connection)
            without_entry = {row[0] for row in missing}
            return [
                *(
                    f"log_state says that the last event was recorded at {stated}, the event says {found}"
                    for stated, found in clocks
                ),
                *(
                    f"log_state says that the log has format {stated}, its tables have format {FORMAT}"
                    for (stated,) in formats
                ),
                *recording.tables_fault(self._projections, stamp),
                *(
                    f"row {row[0]} missing from index {_ID_CONSTRAINT} (of the table event)"
                    for row in missing
                ),
                *(
                    f"row {row[0]} is the second under its id (of the table event)"
                    for row in repeated
                    if row[0] not in without_entry
                ),
            ]

        with translated(_WHAT):
            return self._readers.run(work)

    def mend_ids(self) -> list[int]:
        """See `EventLog.mend_ids`."""

        def work(connection: Connection) -> list[int]:
            with rolled_back(connection):
                _begin(connection)
                connection.execute(WITHOUT_INDEXES)
                repeated = connection.execute(SELECT_REPEATED, binary=True).fetchall()
                for position, raw_id in repeated:
                    connection.execute(SET_ID, (recording.marked_id(raw_id.hex(), position), position))
                connection.execute(REINDEX)
                connection.execute(COMMIT)
            return [position for position, _ in repeated]

        with self._write_lock, translated(_WHAT):
            mended = self._writer.run(work)
            self._tail = Tail()
        logger.warning(
            "the index of the events' ids was made anew; second under their id: %s", mended or "none"
        )
        return mended

    def probe(self) -> None:
        """See `EventLog.probe`."""

        def work(connection: Connection) -> None:
            with rolled_back(connection):
                self._begin_writing(connection)
                with connection.pipeline():
                    for statement in (PROBE, COMMIT):
                        connection.execute(statement)

        with translated(_WHAT):
            self._readers.run(work)

    def close(self) -> None:
        """See `EventLog.close`."""
        self._watch.close()
        with self._write_lock:
            self._writer.close()
            self._readers.close()

    # ------------------------------------------------------------------------------------------- reading

    def _require_end(self) -> None:
        """Take no writes when the event is not there that the log ended with."""
        with translated(_WHAT):
            row = self._readers.run(lambda connection: connection.execute(SELECT_END, binary=True).fetchone())
        if row is None:
            return
        epoch, position, digest, found = row
        if position and found != digest:
            self.refuse(Loss(STATE, epoch, position, digest.hex()))

    def _rows(self, statement: LiteralString, *values: object) -> list[recording.Row]:
        with translated(_WHAT):
            return self._readers.run(lambda connection: _fetch(connection, statement, *values))

    # ------------------------------------------------------------------------------------------- writing

    def _connect_writer(self) -> Connection:
        connection = self._server.connect(session=_FOR_WRITING)
        try:
            connection.execute(STAY_DURABLE)
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def _begin_projections(self, connection: Connection) -> None:
        with rolled_back(connection):
            state = _begin(connection)
            if not state.head.position and state.stamp is None:
                for projection in self._projections:
                    stamp = projection.begin(connection)
                    if stamp is not None:
                        connection.execute(SET_STAMP, (stamp,))
            connection.execute(COMMIT)

    def _begin_writing(self, connection: Connection) -> _State:
        """See `_begin`, and take no writes where something is lost, or the tables are not those that are known here."""
        state = _begin(connection)
        state.require_whole()
        recording.require_own_tables(self._projections, state.stamp)
        return state

    def _write(
        self, connection: Connection, choose: Callable[[_State], Sequence[NewEvent]]
    ) -> list[RecordedEvent]:
        """Append what ``choose`` returns under the log's lock."""
        with rolled_back(connection):
            state = self._begin_writing(connection)
            new = choose(state)
            if not new:
                roll_back(connection)
                return []
            recorded = recording.record(new, head=state.head, not_before_us=state.recorded_us)
            self._commit(connection, state.head.epoch, recorded)
        return recorded

    def _commit(self, connection: Connection, epoch: str, recorded: Sequence[RecordedEvent]) -> Head:
        """Write events and commit, in one round trip; return the new head."""
        last = recorded[-1]
        head = Head(epoch, last.position, last.digest)
        try:
            with connection.pipeline():
                self._insert(connection, recorded)
                connection.execute(UPDATE_STATE, (*head, last.recorded_us))
                connection.execute(NOTIFY)
                connection.execute(COMMIT)
        except psycopg.OperationalError as error:
            if not connection.closed:
                raise
            raise StoreError(
                f"The connection to the {_WHAT} was lost during a commit: it is not known whether the events are "
                "stored; send them again, which is safe"
            ) from error
        self._tail.extend(recorded, epoch=epoch)
        if recording.has_acceptance(recorded):
            self._tail = Tail()  # it has the event as it was recorded; from now on the row counts
        self._watch.note(head.position)
        return head

    def _insert(self, connection: Connection, recorded: Sequence[RecordedEvent]) -> None:
        columns = zip(*recording.rows(recorded), strict=True)
        position, event_id, kind, recorded_us, payload, digest, salt, sender = columns
        connection.execute(
            INSERT_EVENTS,
            (
                *(bigints(position), byteas(event_id), texts(kind)),
                *(bigints(recorded_us), byteas(payload), byteas(digest), byteas(salt), byteas(sender)),
            ),
        )
        for projection in self._projections:
            projection.apply(connection, recorded)


def _begin_state(connection: Connection) -> None:
    """Let a new log begin, with its secret; in one that has both this changes nothing."""
    epoch = uuid.uuid4().hex
    connection.execute(BEGIN_STATE, (epoch, genesis(epoch)))
    connection.execute(BEGIN_LOG_KEY, (secrets.token_bytes(32),))


def _begin(connection: Connection) -> _State:
    """Begin a transaction, wait for the log's lock, and return where the log ends."""
    with connection.pipeline():
        connection.execute(BEGIN)
        connection.execute(LOG_LOCK)
        found = connection.execute(SELECT_STATE, binary=True)
    return _state(found)


def _state(found: Cursor[TupleRow]) -> _State:
    row = found.fetchone()
    if row is None:
        raise StoreError(f"The {_WHAT} has lost its state: its database was changed by something else")
    epoch, position, digest, recorded_us, loss, stamp = row
    head = Head(epoch, position, digest)
    return _State(head, recorded_us, None if loss is None else recording.loss_in(loss, head), stamp)


def _known(connection: Connection, events: Sequence[NewEvent]) -> dict[str, RecordedEvent]:
    """Return those events that are in the log already, by their ids."""
    ids = {bytes.fromhex(event.event_id) for event in events}
    rows = _fetch(connection, SELECT_BY_IDS, byteas(list(ids)))
    return {event.event_id: event for event in map(recording.stated, rows)}


def _taken(connection: Connection, events: Sequence[RecordedEvent]) -> set[str]:
    """Return those ids of events that are in the log already."""
    raw_ids = byteas([bytes.fromhex(event.event_id) for event in events])
    return {raw.hex() for (raw,) in connection.execute(SELECT_TAKEN, (raw_ids,), binary=True)}


def _fetch(connection: Connection, statement: LiteralString, *values: object) -> list[recording.Row]:
    return connection.execute(statement, values, binary=True).fetchall()
