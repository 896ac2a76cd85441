"""
Group commit: many requests, one transaction.

Requests queue to one writing thread, which commits whatever has gathered while the previous commit was syncing. No
timer is involved: the sync in progress is the window in which the next batch gathers. The queue is bounded; when it
is full the caller is told, nothing is lost silently.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import OverloadedError, ProvgraphError, StoreError, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.eventlog.base import Appended, EventLog
    from provgraph.events import NewEvent

# For so long after an event came in more are expected.
_BUSY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class _Request(NamedTuple):
    events: Sequence[NewEvent]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Appended]]


class _Outcome(NamedTuple):
    request: _Request
    verdicts: list[Appended] | None
    error: Exception | None


class GroupCommit:
    """
    Appends to a log from many coroutines with few transactions.

    A context manager: the writing thread runs inside the block; leaving it commits what is queued.
    """

    def __init__(
        self, log: EventLog, *, max_queued_events: int = 20_000, max_batch_events: int = 2_000
    ) -> None:
        """
        Wrap ``log``.

        :param max_queued_events: above this, `append` refuses with `OverloadedError`
        :param max_batch_events: a transaction takes no further request once it holds this many events
        """
        self._log = log
        self._max_queued_events = max_queued_events
        self._max_batch_events = max_batch_events
        self._queue: deque[_Request] = deque()
        self._queued_events = 0
        self._came_at = -_BUSY_SECONDS
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def __enter__(self) -> GroupCommit:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    @property
    def queued_events(self) -> int:
        """How many events wait to be written."""
        return self._queued_events

    @property
    def is_busy(self) -> bool:
        """Whether events came in a moment ago."""
        return time.monotonic() - self._came_at < _BUSY_SECONDS

    async def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """
        Append events as `EventLog.append` does, together with whatever else is waiting.

        :raises OverloadedError: the queue is full; nothing of this call is stored
        :raises StoreError: the log cannot be written; nothing of this call is stored
        """
        loop = asyncio.get_running_loop()
        request = _Request(events, loop, loop.create_future())
        self._enqueue(request)
        return await request.answer

    def _enqueue(self, request: _Request) -> None:
        size = len(request.events)
        with self._wake:
            if self._closing:
                raise OverloadedError("The service is stopping; send it again in a moment")
            # A request larger than the whole queue is taken when nothing else waits, else it would never be.
            if self._queued_events and self._queued_events + size > self._max_queued_events:
                raise OverloadedError(
                    f"The queue is full: {self._queued_events} events wait to be written; send it again in a moment"
                )
            self._queue.append(request)
            self._came_at = time.monotonic()
            self._queued_events += size
            self._wake.notify()

    def _run(self) -> None:
        while batch := self._take():
            self._answer(self._commit(batch))

    def _take(self) -> list[_Request]:
        """Wait for work and return what one transaction shall hold; empty when closing and all is written."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closing)
            batch: list[_Request] = []
            events = 0
            while self._queue and (
                not batch or events + len(self._queue[0].events) <= self._max_batch_events
            ):
                request = self._queue.popleft()
                events += len(request.events)
                batch.append(request)
            self._queued_events -= events
            return batch

    def _commit(self, batch: list[_Request]) -> list[_Outcome]:
        events = [event for request in batch for event in request.events]
        try:
            verdicts = self._log.append(events)
        except Exception as error:
            if isinstance(error, ProvgraphError):
                why = error
                logger.error("append of %d events failed: %s", len(events), error)  # noqa: TRY400 - it says enough
            else:
                why = StoreError(f"The log failed: {told(error)}")
                logger.exception("append of %d events failed", len(events))
            return [_Outcome(request, None, why) for request in batch]
        outcomes = []
        start = 0
        for request in batch:
            end = start + len(request.events)
            outcomes.append(_Outcome(request, verdicts[start:end], None))
            start = end
        return outcomes

    def _answer(self, outcomes: list[_Outcome]) -> None:
        """Hand the outcomes over: one wake-up for each event loop, not one for each request."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
        for outcome in outcomes:
            by_loop.setdefault(outcome.request.loop, []).append(outcome)
        for loop, its_outcomes in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, its_outcomes)
            except RuntimeError:  # the loop is closed: nobody waits there any more
                logger.warning("%d answers had no one waiting", len(its_outcomes))


def _resolve(outcomes: list[_Outcome]) -> None:
    for request, verdicts, error in outcomes:
        if request.answer.done():  # the client went away
            continue
        if verdicts is not None:
            request.answer.set_result(verdicts)
        elif error is not None:
            request.answer.set_exception(error)
