"""
Knowing that a log on PostgreSQL has grown, whichever process appended.

A notification is only a wake-up: it is lost while nobody listens. So the head is looked up after each one, and at least
once a second all the same.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING

import psycopg

from provgraph.errors import ProvgraphError

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.postgresql import Connection

logger = logging.getLogger(__name__)

_CHANNEL = "provgraph_log"
_POLL_SECONDS = 1.0
_RECONNECT_SECONDS = 0.5
_STOPPING_SECONDS = 5.0

NOTIFY = f"NOTIFY {_CHANNEL}"
LISTEN = f"LISTEN {_CHANNEL}"
SELECT_POSITION = "SELECT position FROM log_state"


class HeadWatch:
    """
    Knows how far a log goes, and wakes those who wait for more. Safe to use from several threads.

    A connection and a thread of its own, from the first wait on.
    """

    def __init__(self, connect: Callable[[], Connection], *, look: Callable[[], int]) -> None:
        """
        Prepare to watch.

        :param connect: opens a connection to listen on
        :param look: returns the position of the log's head
        """
        self._connect = connect
        self._look = look
        self._changed = threading.Condition()
        self._position = 0
        self._is_closed = False
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread: threading.Thread | None = None

    def note(self, position: int) -> None:
        """Take note that the log goes up to a position at least."""
        with self._changed:
            if position > self._position:
                self._position = position
                self._changed.notify_all()

    def wait(self, *, after: int, timeout_seconds: float) -> bool:
        """See `EventLog.wait`."""
        give_up_at = time.monotonic() + timeout_seconds
        with self._changed:
            if self._position > after:
                return True
            self._start()
        while not self._waited(after, min(give_up_at - time.monotonic(), _POLL_SECONDS)):
            # What was appended a moment ago may not have been heard of yet.
            self._look_once()
            if self._is_closed or time.monotonic() >= give_up_at:
                return self._position > after
        return True

    def close(self) -> None:
        """Stop watching, and wake everyone who waits."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        os.eventfd_write(self._stop, 1)
        if thread is not None:
            thread.join(_STOPPING_SECONDS)
        # A server that does not answer may hold the thread a while longer; it ends by itself.
        if thread is None or not thread.is_alive():
            os.close(self._stop)

    def _waited(self, after: int, seconds: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._position > after or self._is_closed, seconds)
            return self._position > after

    def _start(self) -> None:
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="log-listener", daemon=True)
            self._thread.start()

    def _look_once(self) -> None:
        try:
            self.note(self._look())
        except ProvgraphError:  # the waiting goes on: the log may be back before its time is over
            logger.debug("the log cannot be asked", exc_info=True)

    # ------------------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        is_down = False
        while not self._is_closed:
            try:
                with self._connect() as connection:
                    self._begin(connection)
                    if is_down:
                        logger.info("listening to the log again")
                    is_down = False
                    self._follow(connection)
            except psycopg.Error as error:
                if not is_down:
                    logger.warning("cannot listen to the log, looking for it meanwhile: %s", error)
                is_down = True
                self._pause(_RECONNECT_SECONDS)

    def _begin(self, connection: Connection) -> None:
        # Without a handler the driver would collect the notifications for somebody to fetch.
        connection.add_notify_handler(lambda _notification: None)
        connection.execute(LISTEN)
        position = _position(connection)
        with self._changed:
            # Not only upwards: a log that was away may have been put back to an earlier state.
            self._position = position
            self._changed.notify_all()

    def _follow(self, connection: Connection) -> None:
        waking = select.poll()
        waking.register(connection.fileno(), select.POLLIN)
        waking.register(self._stop, select.POLLIN)
        while not self._is_closed:
            waking.poll(_POLL_SECONDS * 1_000)
            if not self._is_closed:
                self.note(_position(connection))

    def _pause(self, seconds: float) -> None:
        waking = select.poll()
        waking.register(self._stop, select.POLLIN)
        waking.poll(seconds * 1_000)


def _position(connection: Connection) -> int:
    row = connection.execute(SELECT_POSITION).fetchone()
    return 0 if row is None else int(row[0])
