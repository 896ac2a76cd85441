"""
What the PostgreSQL-backed stores share: the way to the server, connections, packed arrays, and errors in our words.

Connections are opened in the thread that needs one, not by a pool's own workers: while the server is away a caller
is told so at once, with the reason, instead of waiting out a time limit; and once it is back the very next call works.
"""

from __future__ import annotations

import logging
import struct
import threading
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg import adapt, conninfo, pq
from psycopg.pq import TransactionStatus
from sqlalchemy import create_engine
from sqlalchemy.event import listen

from provgraph.errors import (
    CorruptStoreError,
    OtherTablesError,
    OverloadedError,
    SettingsError,
    StoreError,
    StoreFullError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from psycopg.rows import TupleRow
    from sqlalchemy.engine import Engine, ExceptionContext

    Connection = psycopg.Connection[TupleRow]

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

_SCHEMES = ("postgresql://", "postgres://")
_OLDEST_VERSION = 140_000
# The classes of SQLSTATE that are about what a statement says: data, constraints, syntax, the server's own mistakes.
_OF_STATEMENTS = ("0A", "21", "22", "23", "42", "54", "XX")
_NO_RIGHT = "42501"
# What a statement meets that was written for tables of another shape.
_OTHER_TABLES = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
# How long a call waits for a free connection before it is told to come back.
_PLACE_SECONDS = 5.0

# Whoever appends to the log, or changes its tables, stands in line here until the transaction before has ended. What it
# wrote is visible by then, so positions are given in commit order, and a reader can never pass an event that commits
# later. The number is ours; it must be the same in every process and every version.
LOG_LOCK = "SELECT pg_advisory_xact_lock(8101729300641506419)"

# What the address may say otherwise. The first packets to a server that is not there are given up early; one that
# vanished later is noticed within half a minute, even in the middle of a statement.
_DEFAULTS: Final = {
    "application_name": "provgraph",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
# What a session of ours needs, whatever the server's own defaults are. The server notices a client whose machine
# vanished within half a minute too, and frees its locks. A transaction that nobody goes on with holds up everyone.
_SESSION: Final = {
    "idle_in_transaction_session_timeout": "60s",
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Compiling a statement takes longer than any of ours runs.
    "jit": "off",
}


# ---------------------------------------------------------------------------------------------------- errors


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn PostgreSQL's errors into ours, with ``what`` (the store's name for people) in the text."""
    try:
        yield
    except psycopg.Error as error:
        raise our_error(what, error) from error


def our_error(what: str, error: BaseException) -> StoreError:
    """Return the error of ours that says what PostgreSQL's says."""
    reason = _reason(error)
    if isinstance(error, _OTHER_TABLES):
        return OtherTablesError("Nothing was read")
    if isinstance(error, psycopg.errors.DiskFull):
        return StoreFullError(f"The {what} cannot grow, its disk or space is full: {reason}")
    if isinstance(error, psycopg.errors.DataCorrupted | psycopg.errors.IndexCorrupted):
        return CorruptStoreError(f"The {what}'s files are damaged: {reason}")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return StoreError(f"The {what} is busy, another process has held it for long: {reason}")
    return StoreError(f"The {what} is not available: {reason}")


def _reason(error: BaseException) -> str:
    """Return an error's text as one line; what is about a statement, or quotes it, is for the service's log."""
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(_OF_STATEMENTS) and state != _NO_RIGHT:
        logger.error("a statement failed", exc_info=error)
        return "a statement failed; the service's log says which and why"
    stated = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    return " ".join(str(stated).split())


# ---------------------------------------------------------------------------------------------------- the server


class Server:
    """A database on a PostgreSQL server, and how our sessions on it are set up."""

    def __init__(self, url: str, *, password: str | None = None) -> None:
        """
        Note the address; nothing is connected yet.

        :param url: ``postgresql://user:password@host:port/database``, with libpq's parameters behind ``?``
        :param password: comes before the one in ``url``
        :raises SettingsError: it is not such an address
        """
        if not url.startswith(_SCHEMES):
            raise SettingsError("The address of a PostgreSQL database begins with postgresql://")
        try:
            self._given = {name: str(value) for name, value in conninfo.conninfo_to_dict(url).items()}
        except psycopg.Error:
            # libpq's own text would repeat the address, password and all.
            raise SettingsError(
                "The address of the PostgreSQL database cannot be read; "
                "it looks like postgresql://user:password@host:5432/database"
            ) from None
        if password is not None:
            self._given["password"] = password

    def connect(
        self,
        *,
        autocommit: bool = True,
        session: Mapping[str, str] = NOTHING,
        parameters: Mapping[str, str] = NOTHING,
    ) -> Connection:
        """
        Open a session.

        :param autocommit: transactions are begun and ended in words
        :param session: settings of the server for this session, beyond those that all of ours have
        :param parameters: libpq's, where they differ from ours and from the address
        :raises psycopg.Error: the server does not let us in
        """
        options = " ".join(f"-c {name}={value}" for name, value in {**_SESSION, **session}.items())
        stated = {
            **_DEFAULTS,
            **self._given,
            **parameters,
            # What the address says comes later, and so wins.
            "options": f"{options} {self._given.get('options', '')}".strip(),
            "client_encoding": "utf8",
        }
        connection = psycopg.connect(conninfo.make_conninfo("", **stated), autocommit=autocommit)
        connection.server_cursor_factory = _ServerCursor
        return connection

    def check(self, connection: Connection) -> None:
        """
        Refuse a server that cannot keep what we store.

        :raises StoreError: it is too old, or the database has an encoding other than UTF-8
        """
        if connection.info.server_version < _OLDEST_VERSION:
            raise StoreError(f"PostgreSQL {connection.info.server_version // 10_000} is too old: 14 or newer")
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreError(f"The PostgreSQL database has the encoding {encoding}: create it with UTF8")


class _ServerCursor(psycopg.ServerCursor[Any]):
    """A cursor on the server that is closed when it is closed, even if its server has gone."""

    def close(self) -> None:
        try:
            super().close()
        except psycopg.Error:
            if not self.connection.closed:
                raise
            super().close()  # asks nobody now


class Connections:
    """
    A bounded number of connections, shared by any number of threads.

    The one used last is given out first: what it prepared and cached is the warmest.
    """

    def __init__(self, connect: Callable[[], Connection], *, at_most: int) -> None:
        """
        Make an empty pool.

        :param connect: opens a connection
        :param at_most: how many there may be; all of them are kept open once they are
        """
        self._connect = connect
        self._places = threading.BoundedSemaphore(at_most)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def run(self, work: Callable[[Connection], _T]) -> _T:
        """
        Return what ``work`` makes of a connection.

        It is begun anew on a new connection when it raises because the one it had was lost while nobody used it: the
        server was restarted, say. So a lost connection must leave nothing half done that matters.

        :raises psycopg.Error: the server is not there, or refuses
        :raises OverloadedError: no connection became free
        """
        if not self._places.acquire(timeout=_PLACE_SECONDS):
            raise OverloadedError("Too much is being read; ask again in a moment")
        try:
            connection = self._take()
            if connection is not None:
                try:
                    return self._work(connection, work)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
                    self._forget_idle()  # they were lost with it
            return self._work(self._connect(), work)
        finally:
            self._places.release()

    def close(self) -> None:
        """Close the idle connections now, and each of the others when its work ends."""
        with self._lock:
            self._closed = True
        self._forget_idle()

    def _work(self, connection: Connection, work: Callable[[Connection], _T]) -> _T:
        try:
            return work(connection)
        finally:
            self._put_back(connection)

    def _take(self) -> Connection | None:
        with self._lock:
            if self._closed:
                raise StoreError("The store is closed")
            return self._idle.pop() if self._idle else None

    def _put_back(self, connection: Connection) -> None:
        # One that is in the middle of something was left there by an error.
        is_usable = connection.info.transaction_status == TransactionStatus.IDLE
        with self._lock:
            if is_usable and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _forget_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """Roll back the transaction that a block was in when it raises."""
    try:
        yield
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: Connection) -> None:
    """Roll back, if there is a transaction and still a server to tell."""
    if connection.closed or connection.info.transaction_status == TransactionStatus.IDLE:
        return
    try:
        # Not as a statement: this also forgets what was prepared in a pipeline that was given up, and so is not there.
        connection.rollback()
    except psycopg.Error:
        connection.close()  # ends the transaction as well


# ---------------------------------------------------------------------------------------------------- SQLAlchemy


def engine(what: str, connect: Callable[[], Connection], **options: Any) -> Engine:
    """
    Return an engine over sessions of ours, whose errors are ours.

    :param what: the store's name for people
    :param connect: opens a session, not in autocommit mode
    :param options: those of `sqlalchemy.create_engine`
    """

    def translate(context: ExceptionContext) -> None:
        original = context.original_exception
        # An idle connection that is tried and found lost is replaced; nobody has failed yet.
        if isinstance(original, psycopg.Error) and not context.is_pre_ping:
            raise our_error(what, original) from original

    # Looking for the type hstore would cost each process a query.
    made = create_engine("postgresql+psycopg://", creator=connect, use_native_hstore=False, **options)
    listen(made, "handle_error", translate)
    return made


# ---------------------------------------------------------------------------------------------------- arrays
#
# Many rows travel as one array for each column. Packing the binary form here takes a third of the time that the
# driver's general way takes, which looks at each element's type.

_HEADER = struct.Struct(
    ">iiIii"
)  # dimensions, whether there are nulls, type of the elements, their number, first index
_NULL = b"\xff\xff\xff\xff"
_BIGINT, _TEXT, _BYTEA = 20, 25, 17


class Bigints(bytes):
    """A ``bigint[]`` in PostgreSQL's binary form."""

    __slots__ = ()


class Texts(bytes):
    """A ``text[]`` in PostgreSQL's binary form."""

    __slots__ = ()


class Byteas(bytes):
    """A ``bytea[]`` in PostgreSQL's binary form."""

    __slots__ = ()


def bigints(values: Sequence[int]) -> Bigints:
    """Pack 64-bit integers, none of them missing (see `some_bigints`)."""
    flat = [8] * (2 * len(values))
    flat[1::2] = values
    return Bigints(_HEADER.pack(1, 0, _BIGINT, len(values), 1) + struct.pack(">" + "iq" * len(values), *flat))


def some_bigints(values: Sequence[int | None]) -> Bigints:
    """Pack 64-bit integers; None is null."""
    parts = [_NULL if value is None else struct.pack(">iq", 8, value) for value in values]
    return Bigints(_HEADER.pack(1, int(None in values), _BIGINT, len(parts), 1) + b"".join(parts))


def texts(values: Iterable[str | None]) -> Texts:
    """Pack texts; None is null."""
    parts = [b""]
    add = parts.append
    count = nulls = 0
    for value in values:
        count += 1
        if value is None:
            nulls = 1
            add(_NULL)
        else:
            encoded = value.encode()
            add(len(encoded).to_bytes(4))
            add(encoded)
    parts[0] = _HEADER.pack(1, nulls, _TEXT, count, 1)
    return Texts(b"".join(parts))


def byteas(values: Sequence[bytes | None]) -> Byteas:
    """Pack byte strings; None is null."""
    parts = [_HEADER.pack(1, int(None in values), _BYTEA, len(values), 1)]
    add = parts.append
    for value in values:
        if value is None:
            add(_NULL)
        else:
            add(len(value).to_bytes(4))
            add(value)
    return Byteas(b"".join(parts))


class _PackedDumper(adapt.Dumper):
    """Hands an array over as it is."""

    format = pq.Format.BINARY

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


class _BigintsDumper(_PackedDumper):
    oid = 1016


class _TextsDumper(_PackedDumper):
    oid = 1009


class _ByteasDumper(_PackedDumper):
    oid = 1001


psycopg.adapters.register_dumper(Bigints, _BigintsDumper)
psycopg.adapters.register_dumper(Texts, _TextsDumper)
psycopg.adapters.register_dumper(Byteas, _ByteasDumper)
