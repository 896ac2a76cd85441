"""Flush: wait until the graph has everything that is in the log."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import OverloadedError
from provgraph.eventlog.checking import CheckedReader
from provgraph.events import known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.eventlog import EventLog, Head
    from provgraph.graphstore.base import GraphStore

# The graph usually follows within milliseconds: look again soon, then less and less often.
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05
# Who has waited for so long asks whether there is a reason.
_LOOK_CLOSER_SECONDS = 0.25


class Flushed(NamedTuple):
    """A wait that ended well."""

    position: int  # the log's head when it began; the graph has everything up to here
    seconds: float  # how long it took


def flush(log: EventLog, graph: GraphStore, *, timeout_seconds: float) -> Flushed:
    """
    Wait until the graph has everything that is in the log now, and no rebuild is running.

    :raises OverloadedError: not within ``timeout_seconds``; the graph goes on following, so ask again
    :raises ChangedEventError: the graph stops before an event that was changed
    :raises NewerEventError: the graph stops before an event that a newer version recorded
    """
    waiting = _Waiting(log, graph, timeout_seconds)
    for pause in _pauses():
        if waiting.is_over():
            break
        time.sleep(pause)
    return waiting.result()


async def flush_async(log: EventLog, graph: GraphStore, *, timeout_seconds: float) -> Flushed:
    """See `flush`: the same for a coroutine, so that no thread is held while it waits."""
    waiting = _Waiting(log, graph, timeout_seconds)
    for pause in _pauses():
        if await asyncio.to_thread(waiting.is_over):
            break
        await asyncio.sleep(pause)
    return waiting.result()


def has_followed(log: EventLog, graph: GraphStore, *, head: Head) -> bool:
    """Tell whether the graph has everything up to ``head``, a head of the log that may have moved on since."""
    if head.position == 0:
        return True
    checkpoint = graph.checkpoint()
    # Positions go on rising when the log is cleaned, so a graph of the new epoch has passed the old head.
    return checkpoint.position >= head.position and checkpoint.epoch == log.head().epoch


def require_known_next(log: EventLog, graph: GraphStore) -> None:
    """
    Raise when the graph cannot go on: the next event was changed, or is of a kind that this version does not know.

    :raises ChangedEventError: it was changed
    :raises NewerEventError: it is of an unknown kind
    """
    checkpoint = graph.checkpoint()
    if checkpoint.epoch == log.head().epoch:
        known(CheckedReader(log).read(after=checkpoint.position, limit=1))


class _Waiting:
    """A wait for the graph, from now on."""

    def __init__(self, log: EventLog, graph: GraphStore, timeout_seconds: float) -> None:
        self._log = log
        self._graph = graph
        self._timeout_seconds = timeout_seconds
        self._head = log.head()
        self._began = time.monotonic()

    def is_over(self) -> bool:
        """
        Tell whether the graph is there.

        :raises OverloadedError: it is not, and the time is up
        :raises StoreError: it is not, and cannot be
        """
        followed = has_followed(self._log, self._graph, head=self._head)
        if followed and not self._graph.has_next_generation():
            return True
        waited = time.monotonic() - self._began
        if waited >= _LOOK_CLOSER_SECONDS and not followed:
            require_known_next(self._log, self._graph)
        if waited >= self._timeout_seconds:
            raise OverloadedError(f"{self._state(followed)} after {self._timeout_seconds:g} s; ask again")
        return False

    def result(self) -> Flushed:
        return Flushed(self._head.position, time.monotonic() - self._began)

    def _state(self, followed: bool) -> str:
        if followed:
            return "The graph is still being rebuilt"
        checkpoint = self._graph.checkpoint()
        if checkpoint.position and checkpoint.epoch != self._log.head().epoch:
            return "The graph has followed another epoch of the log, and not yet this one,"
        return f"The graph is at position {checkpoint.position}, not yet at {self._head.position},"


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
