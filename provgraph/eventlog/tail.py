"""The end of a log in memory: the projector mostly reads what was written a moment ago."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.eventlog.base import Head
    from provgraph.events import RecordedEvent

_EVENTS = 5_000
_BYTES = 8 * 2**20


class Recent(list["RecordedEvent"]):
    """Events that this process recorded itself a moment ago, without a hole, and as it recorded them."""

    __slots__ = ()


class Tail:
    """
    A run of committed events of one epoch without a hole, already parsed. Safe to use from several threads.

    Events never change while their epoch lasts, unless an operator accepts that one was. So what is here is what the
    log would answer, as long as the log's head, asked for before, is of the same epoch, and not beyond the last event
    here: then another process appended something, which may be that acceptance.
    """

    def __init__(self, *, max_events: int = _EVENTS, max_bytes: int = _BYTES) -> None:
        """
        Make an empty tail.

        :param max_events: how many events it keeps
        :param max_bytes: how many bytes of payload it keeps
        """
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[RecordedEvent] = deque()
        self._bytes = 0
        self._epoch = ""
        self._lock = threading.Lock()

    def extend(self, recorded: Sequence[RecordedEvent], *, epoch: str) -> None:
        """Add events that were committed; what does not stand right before them is forgotten."""
        with self._lock:
            if (
                epoch != self._epoch
                or not self._events
                or self._events[-1].position + 1 != recorded[0].position
            ):
                self._events.clear()
                self._bytes = 0
                self._epoch = epoch
            self._events.extend(recorded)
            self._bytes += sum(len(event.payload) for event in recorded)
            while len(self._events) > self._max_events or self._bytes > self._max_bytes:
                self._bytes -= len(self._events.popleft().payload)

    def may_hold(self, *, after: int) -> bool:
        """Tell whether the event behind ``after`` is here; not whether it is still what the log has."""
        with self._lock:
            return bool(self._events) and self._events[0].position <= after + 1 <= self._events[-1].position

    def read(self, head: Head, *, after: int, limit: int) -> Recent | None:
        """
        Return what a log that ends with ``head`` has behind ``after``, or None when not all of it is here.

        Events that were appended since ``head`` was asked for may be among them.
        """
        if after >= head.position:
            return Recent()
        with self._lock:
            if head.epoch != self._epoch or not self._events:
                return None
            first, last = self._events[0].position, self._events[-1].position
            if after + 1 < first or last < head.position:
                return None
            start = after + 1 - first
            return Recent(islice(self._events, start, start + limit))
