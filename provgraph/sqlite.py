"""
What the SQLite-backed stores share: opening files, bulk inserts, and errors in our own words.

Durability: WAL with ``synchronous=FULL`` syncs the write-ahead log at every commit, so a commit that returned
survives power loss. ``NORMAL`` syncs at checkpoints only: never corrupt, but the last commits may be gone, which is
good enough for a projection that can be built again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from provgraph.errors import CorruptStoreError, StoreError, StoreFullError
from provgraph.private import make_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

logger = logging.getLogger(__name__)

# What its text is about: the machine, and never a statement.
_OF_SURROUNDINGS = frozenset(
    {
        *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
        *(sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_NOLFS),
    }
)
# The text of a schema that cannot be read quotes it.
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT: "database disk image is malformed",
    sqlite3.SQLITE_NOTADB: "file is not a database",
}
# Many short texts differ only in how many rows they insert; keep them all prepared.
_PREPARED_STATEMENTS = 512
_BUSY_TIMEOUT_SECONDS = 30.0
# The log is copied into the file after so many pages (16 MiB): four times SQLite's default, which saves an eighth of
# the time of a bulk load.
_WAL_CHECKPOINT_PAGES = 4_000
# A slow reader keeps the log from being copied, so it grows; afterwards it shrinks to this again.
_WAL_KEPT_BYTES = 64 * 2**20
# One statement inserts this many rows; the GIL is released once per statement, not once per row.
_ROWS_PER_STATEMENT = (512, 64, 8, 1)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn SQLite's errors into ours, with ``what`` (the store's name for people) in the text."""
    try:
        yield
    except sqlite3.Error as error:
        raise our_error(what, error) from error


def our_error(what: str, error: BaseException) -> StoreError:
    """Return the error of ours that says what SQLite's says, as far as that is no part of a statement."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if code is not None else None
    if primary == sqlite3.SQLITE_FULL:
        return StoreFullError(f"The {what} cannot grow, its disk or space is full: {error}")
    if primary in _DAMAGED:
        return CorruptStoreError(f"The {what}'s file is damaged: {_DAMAGED[primary]}")
    if primary is None or primary in _OF_SURROUNDINGS:
        return StoreError(f"The {what} is not available: {error}")
    logger.error("a statement on the %s failed", what, exc_info=error)
    return StoreError(
        f"The {what} is not available: a statement failed; the service's log says which and why"
    )


Synchronous = Literal["FULL", "NORMAL", "OFF"]


def connect(
    path: Path | str,
    *,
    synchronous: Synchronous = "FULL",
    cache_kib: int = 16_384,
    read_only: bool = False,
) -> sqlite3.Connection:
    """
    Open a SQLite file in autocommit mode: transactions are begun and ended in words.

    The connection may be handed from thread to thread, but is used by one at a time.
    """
    with suppress(OSError):  # SQLite says it better
        make_file(Path(path))
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_TIMEOUT_SECONDS,
        cached_statements=_PREPARED_STATEMENTS,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_KEPT_BYTES}")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    connection.execute("PRAGMA temp_store=MEMORY")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run a block in one write transaction: committed at its end, rolled back when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors (a full disk) SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def insert_rows(
    connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], *, on_conflict: str = ""
) -> None:
    """
    Insert rows with few statements.

    :param into: ``INSERT INTO table(columns) VALUES``, up to the values
    :param on_conflict: what follows the values
    """
    if not rows:
        return
    values = "(" + ",".join("?" * len(rows[0])) + ")"
    start = 0
    for size in _ROWS_PER_STATEMENT:
        statement = f"{into} {','.join([values] * size)} {on_conflict}"
        while len(rows) - start >= size:
            flat = chain.from_iterable(rows[start : start + size])
            connection.execute(statement, tuple(flat))
            start += size


def select_in(
    connection: sqlite3.Connection, select: str, values: Sequence[Any]
) -> Iterator[tuple[Any, ...]]:
    """
    Yield the rows of a query for many values.

    :param select: a query that ends with ``IN``
    """
    start = 0
    for size in _ROWS_PER_STATEMENT:
        statement = f"{select} ({','.join('?' * size)})"
        while len(values) - start >= size:
            yield from connection.execute(statement, values[start : start + size])
            start += size


class Readers:
    """
    A few read-only connections, shared by any number of threads.

    The one used last is given out first: its cache is the warmest.
    """

    def __init__(self, path: Path | str, *, cache_kib: int = 4_096, keep: int = 4) -> None:
        """
        Make an empty pool.

        :param cache_kib: memory that each connection may use for pages
        :param keep: how many idle connections stay open; a burst may open more
        """
        self._path = path
        self._cache_kib = cache_kib
        self._keep = keep
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to one thread for the length of a block."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._put_back(connection)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Run a block of reads that all see the same state of the file."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    def close(self) -> None:
        """Close the idle connections now, and each of the others when its block ends."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError("The store is closed")
            if self._idle:
                return self._idle.pop()
        return connect(self._path, cache_kib=self._cache_kib, read_only=True)

    def _put_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < self._keep:
                self._idle.append(connection)
                return
        connection.close()


def stored_bytes(path: Path) -> int:
    """Return how much room a SQLite file takes, with what belongs to it."""
    total = 0
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            total += path.with_name(path.name + suffix).stat().st_size
    return total
