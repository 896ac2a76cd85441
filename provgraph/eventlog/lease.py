"""Leases on a PostgreSQL server."""

from __future__ import annotations

import logging
import threading
import zlib
from typing import TYPE_CHECKING

import psycopg

from provgraph.postgresql import translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import LiteralString

    from provgraph.postgresql import Connection, Server

logger = logging.getLogger(__name__)

# Who holds a lease is asked often: a server that does not answer within these times is as good as gone, on both ends.
_PATIENCE = {
    "connect_timeout": "3",
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "tcp_user_timeout": "5000",
}
_SESSION = {"tcp_keepalives_idle": "3", "tcp_keepalives_interval": "1", "tcp_user_timeout": "5000"}

# Our leases have numbers of two parts, so they are no other locks of ours.
_LEASES = 1_885_565_042
TRY_LOCK = "SELECT pg_try_advisory_lock(%s, %s)"
UNLOCK = "SELECT pg_advisory_unlock(%s, %s)"
STILL_THERE = "SELECT 1"
IS_LOCKED = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


class SessionLease:
    """
    A `Lease` that is a lock of a session on a PostgreSQL server.

    The session is the lease: it ends with the process, however that happens, and the server then frees the lock.
    """

    def __init__(self, server: Server, name: str) -> None:
        """Name the lease; the first question tries to take it."""
        self._server = server
        self._name = name
        # 31 bits, as the server wants it. Two names with one number would only share a lease.
        self._number = zlib.crc32(name.encode()) & 0x7FFF_FFFF
        self._connection: Connection | None = None
        self._is_held = False
        self._lock = threading.Lock()

    def held(self) -> bool:
        """See `Lease.held`."""
        return self._asked(
            lambda connection: self._is_still_held(connection) if self._is_held else self._take(connection)
        )

    def is_held_by_anyone(self) -> bool:
        """See `Lease.is_held_by_anyone`."""

        def look(connection: Connection) -> bool:
            return _answer(connection, IS_LOCKED, _LEASES, self._number)

        return self._asked(look)

    def release(self) -> None:
        """See `Lease.release`."""
        with self._lock:
            if self._connection is not None and self._is_held:
                self._unlock(self._connection)
            self._end()

    def _asked(self, question: Callable[[Connection], bool]) -> bool:
        with self._lock, translated("lease"):
            try:
                if self._connection is None:
                    self._connection = self._server.connect(session=_SESSION, parameters=_PATIENCE)
                return question(self._connection)
            except psycopg.Error:
                self._end()
                raise

    def _take(self, connection: Connection) -> bool:
        self._is_held = _answer(connection, TRY_LOCK, _LEASES, self._number)
        if self._is_held:
            logger.info("the lease %s was taken", self._name)
        return self._is_held

    def _is_still_held(self, connection: Connection) -> bool:
        try:
            connection.execute(STILL_THERE)
        except psycopg.Error as error:
            logger.warning("the lease %s was lost: %s", self._name, error)
            self._end()
        return self._is_held

    def _unlock(self, connection: Connection) -> None:
        # A server notices a closed session some time after it was closed; who is next shall not wait for that.
        try:
            _answer(connection, UNLOCK, _LEASES, self._number)
        except psycopg.Error as error:
            logger.info("the lease %s was released by leaving: %s", self._name, error)

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        self._is_held = False
        if connection is not None:
            connection.close()


def _answer(connection: Connection, question: LiteralString, *values: int) -> bool:
    row = connection.execute(question, values).fetchone()
    return row is not None and bool(row[0])
