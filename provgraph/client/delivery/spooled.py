"""The delivery that loses nothing: events go into a spool, and from there to the service."""

from __future__ import annotations

import atexit
import logging
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from provgraph.client import forks
from provgraph.client.answers import SendResult
from provgraph.client.delivery.base import Flushed
from provgraph.client.errors import DeliveryError
from provgraph.client.exchange import without_credentials
from provgraph.client.sender import Sender
from provgraph.client.spool import EVENT, MAX_BYTES, MAX_EVENTS, TAG, Counts, Spool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.client.delivery.base import Connect
    from provgraph.client.pems import Encoded

logger = logging.getLogger(__name__)

_NOTHING = Counts(0, 0, 0, 0)


class SpoolDelivery(forks.Forkable):
    """
    Puts events into a spool, from which a thread delivers them in order as soon as the service takes them.

    `close`, and the end of the program, wait ``close_timeout_seconds`` for what is left. What is left after that stays
    in the spool: whichever process opens it next delivers it. Processes may share one spool.

    A spool is bound to the service whose client opened it first, by its URL: what waits there goes nowhere else.
    Credentials are not kept in it; those of the client that opens it are used.

    :param move: let what waits go to the service of this client from now on, wherever it should have gone before
    :param durable: whether an event that was taken survives the machine too, at the cost of a sync for each call
    """

    def __init__(
        self,
        path: Path | str,
        *,
        move: bool = False,
        durable: bool = True,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
        close_timeout_seconds: float = 5.0,
    ) -> None:
        self.spool = Spool(Path(path), durable=durable, max_events=max_events, max_bytes=max_bytes)
        self.close_timeout_seconds = close_timeout_seconds
        self._move = move
        self._connect: Connect | None = None
        self._told: Counts
        self._begin()
        forks.tell(self)

    def open(self, connect: Connect) -> None:
        """
        See `Delivery.open`. Delivering what others left in the spool begins at once.

        :raises SpoolElsewhereError: what is in the spool is for another service
        """
        try:
            self.spool.bind(without_credentials(connect.url), move=self._move)
        except DeliveryError:
            self.spool.close()
            raise
        self._connect = connect
        self.spool.counts(self._source)  # what is wrong with the file is told now
        self._running()
        _open.add(self)

    def send(self, events: Sequence[Encoded]) -> SendResult:
        """See `Delivery.send`."""
        self._put([(EVENT, event.id, event.content) for event in events])
        return SendResult.told("spooled", [event.id for event in events])

    def set_tag(self, namespace: str, tag: str, event_id: str) -> None:
        """See `Delivery.set_tag`."""
        self._put([(TAG, event_id, orjson.dumps([namespace, tag]))])

    def requeue_refused(self) -> int:
        """
        Send everything in the spool that the service did not take once more, as if it was handed in now.

        `flush` and `close` wait for it, and tell what became of it.

        :returns: how much that is
        """
        sender = self._running()
        moved = self.spool.requeue_refused(source=self._source)
        sender.wake()
        return moved

    def flush(self, *, timeout_seconds: float) -> Flushed:
        """See `Delivery.flush`."""
        # An earlier process may have left something: the service has everything only when it has that as well.
        return self._flush(timeout_seconds, up_to=self.spool.last())

    def _flush(self, timeout_seconds: float, *, up_to: int) -> Flushed:
        sender, source = self._running(), self._source
        sender.wait_until(lambda: self.spool.is_settled(source, up_to=up_to), timeout_seconds=timeout_seconds)
        with self._lock:
            counts = self.spool.counts(source)
            before = self._told
            self._told = counts
        reason = None
        if counts.left or counts.waiting:
            reason = sender.reason or f"not all was delivered within {timeout_seconds:g} s"
        return Flushed(
            delivered=counts.delivered - before.delivered,
            refused=counts.refused - before.refused,
            left=counts.left,
            waiting=counts.waiting,
            reason=reason,
        )

    def close(self) -> None:
        """See `Delivery.close`."""
        if self._connect is None:
            return
        _open.discard(self)
        if self._sender is None:  # a child that has put nothing: at its end no thread may be started any more
            self.spool.close()
            self._connect = None
            return
        # What others left is no reason to end later: whoever opens the spool next delivers it.
        flushed = self._flush(self.close_timeout_seconds, up_to=0)
        if flushed.left:
            logger.warning(
                "%s left in the spool %s, for the next process that opens it: %s",
                "1 event is" if flushed.left == 1 else f"{flushed.left} events are",
                self.spool.path,
                flushed.reason,
            )
        else:
            self.spool.forget(self._source)
        self._running().stop(timeout_seconds=1.0)
        self.spool.close()
        self._connect = None

    def before_fork(self) -> None:
        """See that nothing of it is at work."""
        self._lock.acquire()
        if self._sender is not None:
            self._sender.before_fork()
        self.spool.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self.spool.after_fork_in_parent()
        if self._sender is not None:
            self._sender.after_fork_in_parent()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Go on as a sender of its own: threads and counts stay with the parent."""
        self.spool.after_fork_in_child()
        if self._sender is not None:
            self._sender.after_fork_in_child()
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._source = uuid.uuid4().hex
        self._told = _NOTHING
        self._sender: Sender | None = None

    def _put(self, entries: list[tuple[str, str, bytes]]) -> None:
        sender = self._running()
        self.spool.put(entries, source=self._source)
        sender.wake()

    def _running(self) -> Sender:
        with self._lock:
            if self._connect is None:
                raise DeliveryError(f"The spool {self.spool.path} was closed by this client.")
            if self._sender is None:
                # A file of its own: what it notes of delivered events need not survive the machine, for what is
                # sent once more is a duplicate.
                self._sender = Sender(
                    Spool(self.spool.path, durable=False, url=self.spool.url), self._connect
                )
            return self._sender


# Kept until they are closed, so that the end of the program finds those that nobody closed.
_open: set[SpoolDelivery] = set()


@atexit.register
def _at_exit() -> None:
    for delivery in list(_open):
        try:
            delivery.close()
        except DeliveryError as error:
            logger.warning("%s", error)
