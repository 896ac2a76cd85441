"""Flush: wait until the graph has everything that is in the log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import OverloadedError

if TYPE_CHECKING:
    from provgraph.eventlog import EventLog, Head
    from provgraph.graphstore.base import GraphStore

# The graph usually follows within milliseconds: look again soon, then less and less often.
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05


class Flushed(NamedTuple):
    """A wait that ended well."""

    position: int  # the log's head when it began; the graph has everything up to here
    seconds: float  # how long it took


def flush(log: EventLog, graph: GraphStore, *, timeout_seconds: float) -> Flushed:
    """
    Wait until the graph has everything that is in the log now, and no rebuild is running.

    :raises OverloadedError: not within ``timeout_seconds``; the graph goes on following, so ask again
    """
    head = log.head()
    began = time.monotonic()
    pause = _FIRST_PAUSE_SECONDS
    while not has_followed(log, graph, head=head) or graph.has_next_generation():
        if time.monotonic() - began >= timeout_seconds:
            raise OverloadedError(_reason(log, graph, head=head, waited_seconds=timeout_seconds))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return Flushed(head.position, time.monotonic() - began)


def has_followed(log: EventLog, graph: GraphStore, *, head: Head) -> bool:
    """Tell whether the graph has everything up to ``head``, a head of the log that may have moved on since."""
    if head.position == 0:
        return True
    checkpoint = graph.checkpoint()
    # Positions go on rising when the log is cleaned, so a graph of the new epoch has passed the old head.
    return checkpoint.position >= head.position and checkpoint.epoch == log.head().epoch


def _reason(log: EventLog, graph: GraphStore, *, head: Head, waited_seconds: float) -> str:
    waited = f"after {waited_seconds:g} s"
    if has_followed(log, graph, head=head):
        return f"The graph is still being rebuilt {waited}; the work goes on, ask again"
    at = graph.checkpoint().position
    return f"The graph is at position {at}, not yet at {head.position}, {waited}; the work goes on, ask again"
