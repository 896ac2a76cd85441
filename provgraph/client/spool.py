"""
The spool: a SQLite file in which events wait for the service.

An event that `put` took survives the process, and with ``durable`` the machine. Any number of processes may put into
one spool; order is that of putting. Who delivers takes from the front (`head`), and says what became of it (`settle`):
what the service has is gone from the file, what it refused stays in a list of its own until somebody looks through it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from provgraph import private
from provgraph.client.errors import DeliveryError, SpoolElsewhereError, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from provgraph.client.base import Verdict

EVENT, TAG = "event", "tag"
MAX_EVENTS = 1_000_000
MAX_BYTES = 512 * 2**20

_BUSY_SECONDS = 60.0
_FORM = 2
# Who put events is told apart for its flushes only; a process that was killed leaves its line behind.
_FORGET_AFTER_SECONDS = 30 * 86_400

_SERVICE = "CREATE TABLE service (url TEXT NOT NULL)"
_SCHEMA = """
CREATE TABLE pending (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    content BLOB NOT NULL,
    source TEXT NOT NULL
);
CREATE INDEX pending_source ON pending (source);
CREATE TABLE refused (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    content BLOB NOT NULL,
    source TEXT NOT NULL,
    verdict TEXT NOT NULL,
    field TEXT,
    rule TEXT,
    detail TEXT,
    refused_at REAL NOT NULL
);
CREATE TABLE source (
    source TEXT PRIMARY KEY,
    delivered INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    seen_at REAL NOT NULL
);
CREATE TABLE held (events INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO held VALUES (0, 0);
"""


class Entry(NamedTuple):
    """Something that waits: an event, or a tag that is to be set."""

    seq: int
    kind: str
    id: str
    content: bytes
    source: str


class Counts(NamedTuple):
    """How far the entries of one source have come, since it began."""

    delivered: int
    refused: int
    left: int
    waiting: int  # of all sources


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that the service did not take."""

    id: str
    kind: str  # event, tag
    content: bytes  # as it was sent
    verdict: str
    field: str | None
    rule: str | None
    detail: str | None
    refused_at: float  # seconds since 1970


class Spool:
    """
    A spool, in one file and two beside it. Threads may share one, processes the file; a local disk is needed.

    :param durable: whether what was put survives the machine too, at the cost of a sync for each `put`
    :param url: the service that it is bound to, see `bind`; None: whichever it is
    :raises DeliveryError: every method: the file cannot be read or written, or is no spool
    """

    def __init__(
        self,
        path: Path,
        *,
        durable: bool = True,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
        url: str | None = None,
    ) -> None:
        self.path = path.absolute()
        self.url = url
        self.max_events = max_events
        self.max_bytes = max_bytes
        self._durable = durable
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        # What a fork that told nobody left behind is neither used nor closed: SQLite's locks belong to the parent.
        self._left_behind: list[sqlite3.Connection] = []

    def before_fork(self) -> None:
        """
        Close the file, which the next call opens again; calls of other threads wait until the fork is over.

        SQLite notes within the process who holds which lock of a file. A child would find what connections held
        at the fork held for ever, those that it opens itself included.
        """
        self._lock.acquire()
        if self._connection is not None and not self._connection.in_transaction:
            self.close()

    def after_fork_in_parent(self) -> None:
        """Let calls go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Be of use: whatever thread of the parent held the lock is not here to give it back."""
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def bind(self, url: str, *, move: bool = False) -> None:
        """
        Say which service it is for. The file keeps it, from the first time on.

        :param move: let it be for this one even if it was for another; who has it open for that one can
            no longer use it
        :raises SpoolElsewhereError: it is for another one
        """
        with self._transaction() as connection:
            if not move:
                self._check_service(connection, url)
            connection.execute("DELETE FROM service")
            connection.execute("INSERT INTO service VALUES (?)", (url,))
        self.url = url

    def _check_service(self, connection: sqlite3.Connection, url: str | None) -> None:
        """Refuse another service than the file is for: it may have been moved since this spool was opened."""
        found = connection.execute("SELECT url FROM service").fetchone()
        if url is not None and found is not None and found[0] != url:
            raise SpoolElsewhereError(str(self.path), bound_to=found[0], url=url)

    def put(self, entries: Sequence[tuple[str, str, bytes]], *, source: str) -> None:
        """
        Take entries (kind, id, content), all of them or none.

        :raises SpoolFullError: there is no room for them
        :raises SpoolElsewhereError: it was moved to another service
        """
        size = sum(len(content) for _, _, content in entries)
        with self._transaction() as connection:
            self._check_service(connection, self.url)
            events, bytes_ = connection.execute("SELECT events, bytes FROM held").fetchone()
            if events + len(entries) > self.max_events or bytes_ + size > self.max_bytes:
                raise SpoolFullError(
                    str(self.path),
                    events=events,
                    size=bytes_,
                    max_events=self.max_events,
                    max_bytes=self.max_bytes,
                )
            connection.executemany(
                "INSERT INTO pending (kind, id, content, source) VALUES (?, ?, ?, ?)",
                [(*entry, source) for entry in entries],
            )
            connection.execute("UPDATE held SET events = events + ?, bytes = bytes + ?", (len(entries), size))

    def head(self, *, limit: int, max_bytes: int) -> list[Entry]:
        """
        Return entries from the front: at most ``limit``, and no more bytes than that except of a single one.

        :raises SpoolElsewhereError: it was moved to another service
        """
        taken: list[Entry] = []
        size = 0
        with self._reading() as connection:
            self._check_service(connection, self.url)
            rows = connection.execute(
                "SELECT seq, kind, id, content, source FROM pending ORDER BY seq LIMIT ?", (limit,)
            )
            for row in rows:
                size += len(row[3])
                if taken and size > max_bytes:
                    break
                taken.append(Entry(*row))
            rows.close()
        return taken

    def settle(self, delivered: Iterable[Entry], refused: Iterable[tuple[Entry, Verdict]]) -> None:
        """Take entries from the front for good: those the service has, and those it did not take."""
        done, judged = list(delivered), list(refused)
        now = time.time()
        with self._transaction() as connection:
            # Whoever else settled them already has counted them too.
            present = {
                seq
                for entry in (*done, *(entry for entry, _ in judged))
                for (seq,) in connection.execute("SELECT seq FROM pending WHERE seq = ?", (entry.seq,))
            }
            done = [entry for entry in done if entry.seq in present]
            judged = [(entry, verdict) for entry, verdict in judged if entry.seq in present]
            connection.executemany("DELETE FROM pending WHERE seq = ?", [(seq,) for seq in present])
            connection.executemany(
                "INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (*entry, verdict.verdict, verdict.field, verdict.rule, verdict.detail, now)
                    for entry, verdict in judged
                ],
            )
            counted = [(entry.source, 1, 0, now) for entry in done]
            counted += [(entry.source, 0, 1, now) for entry, _ in judged]
            connection.executemany(
                "INSERT INTO source VALUES (?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET "
                "delivered = delivered + excluded.delivered, refused = refused + excluded.refused, "
                "seen_at = excluded.seen_at",
                counted,
            )
            connection.execute(
                "UPDATE held SET events = events - ?, bytes = bytes - ?",
                (len(done), sum(len(entry.content) for entry in done)),
            )

    def counts(self, source: str) -> Counts:
        """Return what became of the entries that a source put, and how many wait in all."""
        with self._reading() as connection:
            connection.execute("BEGIN")  # both are of one moment
            try:
                row = connection.execute(
                    "SELECT delivered, refused FROM source WHERE source = ?", (source,)
                ).fetchone()
                waiting, left = connection.execute(
                    "SELECT (SELECT events FROM held) - (SELECT count(*) FROM refused), "
                    "(SELECT count(*) FROM pending WHERE source = ?)",
                    (source,),
                ).fetchone()
            finally:
                connection.execute("COMMIT")
        delivered, refused = row or (0, 0)
        return Counts(delivered, refused, left, waiting)

    def last(self) -> int:
        """Return the number of the last entry that waits, whoever put it; 0 when none does."""
        with self._reading() as connection:
            (found,) = connection.execute("SELECT coalesce(max(seq), 0) FROM pending").fetchone()
        return int(found)

    def is_settled(self, source: str, *, up_to: int = 0) -> bool:
        """Tell whether nothing waits any more that a source put, or that anybody put up to the entry ``up_to``."""
        with self._reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM pending WHERE source = ? UNION ALL SELECT 1 FROM pending WHERE seq <= ? LIMIT 1",
                (source, up_to),
            ).fetchone()
        return found is None

    def refused(self) -> list[Refused]:
        """Return what the service did not take, oldest first. It counts against the limits until it is discarded."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, kind, content, verdict, field, rule, detail, refused_at FROM refused ORDER BY seq"
            ).fetchall()
        return [Refused(*row) for row in rows]

    def discard_refused(self) -> int:
        """Remove what the service did not take, for good; returns how many."""
        with self._transaction() as connection:
            events, bytes_ = connection.execute(
                "SELECT count(*), coalesce(sum(length(content)), 0) FROM refused"
            ).fetchone()
            connection.execute("DELETE FROM refused")
            connection.execute("UPDATE held SET events = events - ?, bytes = bytes - ?", (events, bytes_))
        return int(events)

    def requeue_refused(self, *, source: str) -> int:
        """
        Let everything that the service did not take wait once more, after what waits; returns how much.

        :param source: who puts it this time, and wants to know what becomes of it
        """
        with self._transaction() as connection:
            moved = connection.execute(
                "INSERT INTO pending (kind, id, content, source) "
                "SELECT kind, id, content, ? FROM refused ORDER BY seq",
                (source,),
            ).rowcount
            connection.execute("DELETE FROM refused")
        return moved

    def forget(self, source: str) -> None:
        """Remove the counts of a source that will not ask for them again."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM source WHERE source = ?", (source,))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._opened()
            except sqlite3.Error as error:
                raise DeliveryError(f"The spool {self.path} cannot be used: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._owner == os.getpid():
                return self._connection
            self._left_behind.append(self._connection)
        self._connection = self._open()
        self._owner = os.getpid()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        try:
            private.make_folder(self.path.parent)
            private.make_file(self.path)
        except OSError as error:
            raise DeliveryError(f"The spool {self.path} cannot be used: {error}") from error
        private.tell_if_open_to_others(self.path, "which holds events")
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        form = self._make_tables(connection)
        if form != _FORM:
            connection.close()
            raise DeliveryError(f"The spool {self.path} is of another version of this client ({form})")
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> int:
        """Make the tables of an empty file; return what form the file has then."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            (form,) = connection.execute("PRAGMA user_version").fetchone()
            if form < _FORM:
                # A spool of form 1 knew of no service: it is bound to the one that it is opened for next.
                for statement in (*(_SCHEMA.split(";") if form == 0 else ()), _SERVICE):
                    connection.execute(statement)
                form = _FORM
                connection.execute(f"PRAGMA user_version = {_FORM}")
            if form == _FORM:
                old = time.time() - _FORGET_AFTER_SECONDS
                connection.execute("DELETE FROM source WHERE seen_at < ?", (old,))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            connection.close()
            raise
        return int(form)
