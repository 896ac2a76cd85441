"""Rebuild: make a projection anew from the log, beside the one that is served."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from provgraph.errors import StoreError
from provgraph.families.operation.events import REBUILD_REQUESTED, rebuild_requested
from provgraph.operations.progress import RebuildProgress, unreported

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.graphstore.base import GraphStore
    from provgraph.operations.progress import Report

_PAUSE_SECONDS = 0.01
# A rebuild that cannot go on is tried again and again; whoever waits for it is told after this long.
_PATIENCE_SECONDS = 10.0
# How many events behind the graph's checkpoint are searched for a request that it has not met yet.
_SEARCHED_EVENTS = 2_000


class GraphBuilder(Protocol):
    """Whoever projects the log into the graph, as far as a rebuild is concerned."""

    @property
    def should_rebuild(self) -> bool:
        """Whether a rebuild was asked for and its graph is not served yet."""

    @property
    def rebuilding(self) -> RebuildProgress | None:
        """How far the running rebuild is, None when none runs."""

    @property
    def rebuild_failure(self) -> str | None:
        """Why the running rebuild cannot go on at the moment, None when it can."""

    def request_rebuild(self, sender: str | None = None) -> int:
        """
        Ask for a rebuild, begin it when none runs, and return the position of the request in the log.

        :param sender: the id of the credential that asks for it
        :raises StoreError: the log cannot be written
        """

    def has_rebuilt(self, position: int) -> bool:
        """Tell whether the graph that is served was built after the request at ``position``."""

    def gave_up(self, position: int) -> str | None:
        """Tell why the request at ``position`` will not be met, None when it may be yet."""


class DistantGraphBuilder:
    """A `GraphBuilder` that works in another process: the stores say how far it is."""

    def __init__(self, log: EventLog, graph: GraphStore, *, trouble: Callable[[], str | None]) -> None:
        """
        Watch whoever projects ``log`` into ``graph``.

        :param trouble: tells why nobody does so at the moment, None when somebody does
        """
        self._log = log
        self._graph = graph
        self._trouble = trouble

    @property
    def should_rebuild(self) -> bool:
        """See `GraphBuilder.should_rebuild`."""
        return is_rebuild_due(self._log, self._graph)

    @property
    def rebuilding(self) -> RebuildProgress | None:
        """See `GraphBuilder.rebuilding`."""
        return rebuilding_elsewhere(self._log, self._graph)

    @property
    def rebuild_failure(self) -> str | None:
        """See `GraphBuilder.rebuild_failure`."""
        return self._trouble()

    def request_rebuild(self, sender: str | None = None) -> int:
        """See `GraphBuilder.request_rebuild`."""
        return request_rebuild(self._log, sender)

    def has_rebuilt(self, position: int) -> bool:
        """See `GraphBuilder.has_rebuilt`."""
        return position <= self._graph.covers()

    def gave_up(self, position: int) -> str | None:
        """See `GraphBuilder.gave_up`."""
        return given_up(self._log, self._graph, position)


def rebuilding_elsewhere(log: EventLog, graph: GraphStore) -> RebuildProgress | None:
    """Return how far a rebuild in another process is, by what stands in the stores: in log positions."""
    following = graph.next_checkpoint()
    if following is None:
        return None
    return RebuildProgress(following.position, max(following.position, log.head().position))


def given_up(log: EventLog, graph: GraphStore, position: int) -> str | None:
    """
    Tell why the request at ``position`` will not be met, by what stands in the stores; None when it may be yet.

    A rebuild that is begun anew looks like one that was given up, for a moment.
    """
    # In this order: a next generation is begun before the checkpoint passes the request, and goes when it is served.
    checkpoint = graph.checkpoint()
    is_over = checkpoint.epoch == log.head().epoch and checkpoint.position >= position
    if not is_over or graph.has_next_generation() or position <= graph.covers():
        return None
    return "what was built anew is not what the log says, and was dropped; the graph builder's own log tells more"


def request_rebuild(log: EventLog, sender: str | None = None) -> int:
    """
    Ask whichever process projects for a rebuild of the graph, and return the position of the request.

    :param sender: the id of the credential that asks for it
    :raises StoreError: the log cannot be written
    """
    return log.append([rebuild_requested().sent_by(sender)])[0].recorded.position


def is_rebuild_due(log: EventLog, graph: GraphStore) -> bool:
    """
    Tell whether a rebuild was asked for and is not finished.

    A request that stands further behind the graph's checkpoint than any ordinary lag is not seen here; the process
    that projects knows of those it took itself.
    """
    if graph.has_next_generation():
        return True
    checkpoint, head = graph.checkpoint(), log.head()
    if checkpoint.epoch not in ("", head.epoch):
        return False  # the log was cleaned: the graph starts over, which is what a request asks for
    behind = log.read(after=checkpoint.position, limit=_SEARCHED_EVENTS)
    return any(event.kind is REBUILD_REQUESTED for event in behind)


def rebuild_graph(builder: GraphBuilder, *, sender: str | None = None, report: Report = unreported) -> int:
    """
    Have the graph built anew, wait until it is served, and return the position of the request.

    :param sender: the id of the credential that asks for it
    :param report: called with how many events of how many are in the new graph
    :raises StoreError: it was given up; or it cannot go on, and while the builder keeps trying, this does not wait any
        longer
    """
    position = builder.request_rebuild(sender)
    failing, stuck = _Patience(), _Patience()
    while not builder.has_rebuilt(position):
        progress, failure = builder.rebuilding, builder.rebuild_failure
        if progress is not None:
            report(*progress)
        reason = None if progress is not None else builder.gave_up(position)
        if stuck.is_over(reason):
            raise StoreError(f"The rebuild was given up: {reason}")
        if failing.is_over(failure):
            raise StoreError(f"The rebuild cannot go on: {failure}; the graph builder keeps trying")
        time.sleep(_PAUSE_SECONDS)
    return position


class _Patience:
    """How long something has been wrong."""

    def __init__(self) -> None:
        self._since: float | None = None

    def is_over(self, failure: str | None) -> bool:
        """Tell whether this, if it is something, or others like it have been told for too long without a break."""
        if failure is None:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()
        return self._since is not None and time.monotonic() - self._since > _PATIENCE_SECONDS


def rebuild_catalog(log: EventLog, catalog: Catalog, *, report: Report = unreported) -> int:
    """
    Build the catalog anew from the log, and return how many events were read.

    :param report: called with how many events of how many were read
    :raises StoreError: it cannot be written; the served catalog stays
    """
    total = log.count()
    events = catalog.rebuild(log, lambda done: report(done, max(done, total)))
    report(events, events)
    return events
