"""
The way to a Neo4j server: one driver, reads and writes with a bounded number of attempts, errors in our words.

What is retried: a read, when its connection turned out dead or the server said that the next attempt may succeed; a
write, for the same reasons, when its work can be run again (every one of ours begins by looking at what is there).
A server that is away is told at once, not after half a minute; the next call tries again by itself.
"""

from __future__ import annotations

import logging
import random
import re
import time
import uuid
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    AsyncGraphDatabase,
    GraphDatabase,
    NotificationMinimumSeverity,
    Query,
)
from neo4j.exceptions import (
    AuthError,
    ConfigurationError,
    ConstraintError,
    DriverError,
    IncompleteCommit,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from provgraph.errors import (
    CorruptStoreError,
    SettingsError,
    StoreError,
    StoreFullError,
    TooMuchAtOnceError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from neo4j import AsyncDriver, Driver, Session, Transaction

logger = logging.getLogger(__name__)

OLDEST = (5, 26)
_VERSION = re.compile(r"Neo4j/(\d+)\.(\d+)").match

Row = list[Any]
_T = TypeVar("_T")

# Codes of errors that are about what a statement says.
_OF_STATEMENTS = ("Neo.ClientError.Statement", "Neo.ClientError.Schema", "Neo.DatabaseError.Statement")
_CONNECT_SECONDS = 4.0
_ACQUIRE_SECONDS = 6.0
# A connection that lay idle for so long is tried before it is used: the server may have been restarted meanwhile.
_TRUSTED_IDLE_SECONDS = 5.0
_OPTIONS: Final[dict[str, Any]] = {
    "user_agent": "provgraph",
    "connection_timeout": _CONNECT_SECONDS,
    "connection_acquisition_timeout": _ACQUIRE_SECONDS,
    "liveness_check_timeout": _TRUSTED_IDLE_SECONDS,
    "keep_alive": True,
    "notifications_min_severity": NotificationMinimumSeverity.OFF,
    "telemetry_disabled": True,
}
_READ_SECONDS = 120.0
_WRITE_SECONDS = 600.0
_FETCH_ROWS = 1_000
_READ_ATTEMPTS = 3
_WRITE_ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.05
# A lost connection shows at once, and the next one may work. One that takes long to fail will do so again.
_QUICK_FAILURE_SECONDS = 1.0
_LOST_CONNECTION: Final = (ServiceUnavailable, SessionExpired)
_SCHEMES = frozenset({"neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"})
_HOST = re.compile(r"[\w.:-]+").fullmatch
# What our transactions that write say of themselves: which graph or generation they write, and who they are of.
_WRITES, _WRITER = "provgraph_writes", "provgraph_writer"
_END_OTHERS: Final = f"""
SHOW TRANSACTIONS YIELD transactionId AS id, database, metaData AS marks
WHERE database = $database AND marks.{_WRITES} IN $graphs AND marks.{_WRITER} <> $writer
TERMINATE TRANSACTIONS id YIELD message
RETURN count(*)
"""
_TERMINATED = "Neo.ClientError.Transaction.Terminated"
_OUT_OF_SPACE = "No space left on device"


class Server:
    """A database on a Neo4j server. Safe to use from several threads; not across a fork."""

    def __init__(
        self, url: str, *, user: str = "neo4j", password: str | None = None, database: str = "neo4j"
    ) -> None:
        """
        Note where the server is; nothing is connected yet.

        :param url: ``neo4j://host:port`` or ``bolt://host:port``, with ``+s`` for TLS
        :param password: None asks the server without credentials
        :raises SettingsError: it is not such an address
        """
        self.address = _checked(url)
        self.database = database
        self._writer = uuid.uuid4().hex
        self._done: set[str] = set()
        self._url = url
        self._auth = None if password is None else (user, password)
        try:
            self._driver = GraphDatabase.driver(url, auth=self._auth, **_OPTIONS)
        except (ConfigurationError, ValueError) as error:
            raise SettingsError(f"The Neo4j server at {self.address} cannot be used so: {error}") from error

    @property
    def driver(self) -> Driver:
        """The driver itself, for what is no statement of ours."""
        return self._driver

    def async_driver(self) -> AsyncDriver:
        """Return another driver of the same kind, for an event loop. Whoever asks for it closes it."""
        return AsyncGraphDatabase.driver(self._url, auth=self._auth, **_OPTIONS)

    def close(self) -> None:
        """Close all connections."""
        self._driver.close()

    def once(self, name: str, do: Callable[[], None]) -> None:
        """Call ``do`` unless it was called under that name before, and ended well."""
        if name not in self._done:
            do()
            self._done.add(name)

    def require_version(self) -> None:
        """
        Refuse a server whose Cypher lacks what our statements need.

        :raises StoreError: it is older than `OLDEST`, or not there
        """

        def run() -> str:
            return self._driver.get_server_info().agent

        agent = self._attempt(run, most=_READ_ATTEMPTS)
        found = _VERSION(agent)
        if found and tuple(map(int, found.groups())) < OLDEST:
            raise StoreError(
                f"The graph server at {self.address} is {agent}; provgraph needs Neo4j {OLDEST[0]}.{OLDEST[1]} or later"
            )

    # -------------------------------------------------------------------------------------------- reading

    def read(self, statement: str, **parameters: Any) -> Row | None:
        """
        Run a statement that reads, in READ access mode, and return its first row, or None when it has none.

        :raises StoreError: the server is not there, or refuses
        """
        query = Query(statement, timeout=_READ_SECONDS)

        def run() -> Row | None:
            with self._session(READ_ACCESS) as session:
                record = session.run(query, parameters).single()
                return None if record is None else list(record.values())

        return self._attempt(run, most=_READ_ATTEMPTS)

    def read_together(self, work: Callable[[Transaction], _T]) -> _T:
        """
        Return what ``work`` makes of a transaction in READ access mode. It may be called several times.

        :raises StoreError: the server is not there, or refuses
        """

        def run() -> _T:
            with (
                self._session(READ_ACCESS) as session,
                session.begin_transaction(timeout=_READ_SECONDS) as tx,
            ):
                return work(tx)

        return self._attempt(run, most=_READ_ATTEMPTS)

    # -------------------------------------------------------------------------------------------- writing

    def write(self, work: Callable[[Transaction], _T], *, graph: str) -> _T:
        """
        Run ``work`` in a transaction, commit it, and return what it returned.

        It may be called several times, and once more after a commit whose acknowledgement was lost: it has to find out
        for itself whether its work is done already. What it raises rolls the transaction back.

        :param graph: the graph or generation that it writes, for `end_others`
        :raises StoreError: the server is not there, or refuses
        """
        marks = {_WRITES: graph, _WRITER: self._writer}

        def run() -> _T:
            with (
                self._session(WRITE_ACCESS) as session,
                session.begin_transaction(timeout=_WRITE_SECONDS, metadata=marks) as tx,
            ):
                result = work(tx)
                tx.commit()
                return result

        return self._attempt(run, most=_WRITE_ATTEMPTS)

    def end_others(self, graphs: Collection[str]) -> int:
        """
        End the transactions in which others write these graphs or generations, and return how many there were.

        A process that was stopped, or lost its network, keeps the locks of what it was about to write for minutes.
        Whose transaction was ended so tries again when it can.

        :raises StoreError: the server is not there, or refuses
        """

        def run() -> int:
            with self._session(WRITE_ACCESS) as session:
                found = session.run(
                    _END_OTHERS, database=self.database, graphs=list(graphs), writer=self._writer
                )
                return int(found.single(strict=True)[0])

        return self._attempt(run, most=_WRITE_ATTEMPTS)

    def command(self, statement: str, *, passing_over: Collection[str] = (), **parameters: Any) -> None:
        """
        Run a statement in a transaction of its own that is not read or written by `read` or `write`: a schema command.

        :param passing_over: codes of Neo4j's errors that are none here
        :raises StoreError: the server is not there, or refuses
        """

        def run() -> None:
            try:
                with self._session(WRITE_ACCESS) as session:
                    session.run(statement, parameters).consume()
            except Neo4jError as error:
                if error.code not in passing_over:
                    raise

        self._attempt(run, most=_WRITE_ATTEMPTS)

    def accepts_in_read_mode(self, statement: str) -> bool:
        """
        Tell whether the server would run a statement that writes in READ access mode; it is rolled back if so.

        :raises StoreError: the server is not there
        """

        def run() -> bool:
            with self._session(READ_ACCESS) as session, closing(session.begin_transaction()) as tx:
                try:
                    tx.run(statement).consume()
                except Neo4jError as error:
                    if error.code == "Neo.ClientError.Statement.AccessMode":
                        return False
                    raise
                return True

        return self._attempt(run, most=_READ_ATTEMPTS)

    # -------------------------------------------------------------------------------------------- attempts

    @contextmanager
    def _session(self, access_mode: str) -> Iterator[Session]:
        with self._driver.session(
            database=self.database, default_access_mode=access_mode, fetch_size=_FETCH_ROWS
        ) as session:
            yield session

    def _attempt(self, run: Callable[[], _T], *, most: int) -> _T:
        for attempt in range(1, most + 1):
            begun = time.monotonic()
            try:
                return run()
            except (DriverError, Neo4jError) as error:
                if attempt == most or not _is_worth_another(error, time.monotonic() - begun, attempt):
                    raise self.our_error(error) from error
                logger.debug("attempt %d on %s failed: %s", attempt, self.address, error)
                if not isinstance(error, _LOST_CONNECTION):
                    time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - spreads attempts
        raise AssertionError("unreachable")

    def our_error(self, error: Exception) -> StoreError:
        """Return the error of ours that says what the driver's says."""
        reason = _reason(error)
        if isinstance(error, AuthError):
            return StoreError(f"The graph server at {self.address} does not take our credentials: {reason}")
        if isinstance(error, ConstraintError):
            return CorruptStoreError(
                f"The graph at {self.address} holds what it should not hold yet, rebuild it: {reason}"
            )
        if _is_out_of_memory(error):
            return TooMuchAtOnceError(
                f"The graph server at {self.address} has not the memory for this transaction: {reason}"
            )
        if _OUT_OF_SPACE in reason:
            return StoreFullError(f"The graph at {self.address} cannot grow, its disk is full: {reason}")
        return StoreError(f"The graph at {self.address} is not available: {reason}")


def _is_worth_another(error: DriverError | Neo4jError, seconds: float, attempt: int) -> bool:
    if isinstance(error, IncompleteCommit):
        return True
    if isinstance(error, _LOST_CONNECTION):
        return attempt == 1 and seconds < _QUICK_FAILURE_SECONDS
    if isinstance(error, Neo4jError) and error.code == _TERMINATED:
        return True  # by one who took over, see `Server.end_others`: nothing was written
    # What took too much memory would take it again.
    return error.is_retryable() and not _is_out_of_memory(error)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, Neo4jError) and "OutOfMemory" in (error.code or "")


def _reason(error: Exception) -> str:
    """Return an error's text as one line; what is about a statement, or quotes it, is for the service's log."""
    if isinstance(error, Neo4jError) and (error.code or "").startswith(_OF_STATEMENTS):
        logger.error("a statement failed", exc_info=error)
        return "a statement failed; the service's log says which and why"
    text = error.message if isinstance(error, Neo4jError) and error.message else str(error)
    return " ".join(text.split())[:500]


def _checked(url: str) -> str:
    """
    Return an address as people read it.

    :raises SettingsError: it is not one of a Neo4j server; the text does not repeat it, it may hold a password
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in _SCHEMES or parts.username is not None or not _HOST(host):
        raise SettingsError(
            "The address of a Neo4j server looks like neo4j://host:7687 or bolt://host:7687 (with +s for TLS); "
            "user and password are given apart from it"
        )
    return f"{parts.scheme}://{host}" if port is None else f"{parts.scheme}://{host}:{port}"
