"""
Transactions that end in time and bring in no more than is allowed, whatever their statement does.

A server stops a transaction only between two steps of its plan. Inside one expression it cannot, and a single value may
be as large as its memory. So the time is watched on this side as well, and so is what comes in: both where the driver
reads from its socket, because it takes in a whole record before it hands anything out, and waits as long as the server.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from provgraph.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from neo4j import Driver, Session, Transaction

_T = TypeVar("_T")

# A record, and all of an answer together, as they come in.
RECORD_BYTES: Final = 8 * 2**20
ANSWER_BYTES: Final = 64 * 2**20
# The server stops a transaction up to a second after its time; then its own word is better than a cut connection.
_GRACE_SECONDS = 2.0
_LEAST_SECONDS = 0.001


class CutOffError(asyncio.CancelledError):
    """
    A transaction was cut off by ending its connection.

    For the driver that is a caller who gave up: it ends this connection and has no doubts about the others.
    """

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.rule = rule
        """What it exceeded: ``time``, ``record`` or ``answer``."""


class Meter:
    """What a transaction may still take."""

    def __init__(self, *, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._record = RECORD_BYTES
        self._answer = ANSWER_BYTES

    def begin_record(self) -> None:
        """Count the bytes of a record from here."""
        self._record = RECORD_BYTES

    def seconds_left(self) -> float:
        """
        Return how long the transaction may still take, more than nothing.

        :raises CutOffError: no longer
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise CutOffError("time")
        return max(left, _LEAST_SECONDS)

    def take(self, size: int) -> None:
        """
        Count bytes that came in.

        :raises CutOffError: they are too many
        """
        self._record -= size
        self._answer -= size
        if self._record < 0:
            raise CutOffError("record")
        if self._answer < 0:
            raise CutOffError("answer")


class _MeteredSocket:
    """Stands before a connection's socket for as long as a transaction lasts."""

    def __init__(self, socket: Any, meter: Meter) -> None:
        self._socket = socket
        self._meter = meter
        self._patience = socket.get_read_timeout() or float("inf")

    def recv_into(self, buffer: memoryview, nbytes: int) -> int:
        """Read what comes next, as the socket does."""
        left = self._meter.seconds_left()
        self._socket.set_read_timeout(min(left, self._patience))
        try:
            size: int = self._socket.recv_into(buffer, nbytes)
        except TimeoutError:
            self._meter.seconds_left()
            raise  # nothing was heard for as long as the server itself finds possible
        self._meter.take(size)
        return size


def run(
    driver: Driver,
    work: Callable[[Transaction, Meter], _T],
    *,
    seconds: float,
    mark: str,
    **session: Any,
) -> _T:
    """
    Return what ``work`` makes of a transaction, which is committed then. It is called once.

    :param seconds: how long the transaction may take
    :param mark: is in the transaction's metadata, so that it can be found on the server
    :param session: database, access mode and what else a session takes
    :raises CutOffError: it took too long, or too much came in; the server may be at it still
    """
    with driver.session(**session) as opened:
        transaction = opened.begin_transaction(metadata={"provgraph": mark}, timeout=seconds)
        with _metered(opened, Meter(seconds=seconds + _GRACE_SECONDS)) as meter:
            try:
                result = work(transaction, meter)
                transaction.commit()
            finally:
                transaction.close()
        return result


@contextmanager
def _metered(session: Session, meter: Meter) -> Iterator[Meter]:
    """Let a session's connection take no more than the meter allows."""
    try:
        # The driver has no other place for this. Should a version of it have none at all, no user's query is run.
        inbox = session._connection.inbox  # type: ignore[union-attr] # noqa: SLF001 - see above
        socket = inbox._socket  # noqa: SLF001 - see above
        patience = socket.get_read_timeout()
        inbox._socket = _MeteredSocket(socket, meter)  # noqa: SLF001 - see above
    except AttributeError as error:
        raise StoreError(
            "This version of the neo4j driver does not let us bound what a query takes; use one that is known to work"
        ) from error
    try:
        yield meter
    finally:
        inbox._socket = socket  # noqa: SLF001 - see above
        socket.set_read_timeout(patience)
