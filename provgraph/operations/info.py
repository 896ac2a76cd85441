"""Info: how the two projections stand against the log and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.catalog import ListQuery
from provgraph.errors import ChangedEventError, NewerEventError
from provgraph.events.clock import now_us
from provgraph.operations.flush import require_known_next

if TYPE_CHECKING:
    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog, Head
    from provgraph.graphstore.base import Checkpoint, GraphStore

_EVERYTHING = ListQuery()


class Lag(NamedTuple):
    """How far the graph is behind the log."""

    events: int
    seconds: float  # how long the oldest event that is missing has been in the log


class Counts(NamedTuple):
    """How many items the catalog and the graph hold, and how well they agree."""

    catalog_pems: int
    catalog_artifacts: int
    graph_pems: int  # without placeholders
    graph_artifacts: int
    graph_placeholders: int

    @property
    def pems_sync(self) -> str:
        """How well the numbers of PEMs agree, in percent: ``100.00%`` only when they are equal."""
        return sync_percent(self.catalog_pems, self.graph_pems)

    @property
    def artifacts_sync(self) -> str:
        """How well the numbers of artifacts agree, in percent: ``100.00%`` only when they are equal."""
        return sync_percent(self.catalog_artifacts, self.graph_artifacts)


class Status(NamedTuple):
    """Where the log ends, and how the projections stand."""

    head: Head
    events: int  # in the log
    checkpoint: Checkpoint
    lag: Lag
    counts: Counts
    tags: int


def status(log: EventLog, catalog: Catalog, graph: GraphStore) -> Status:
    """Return how everything stands. The parts are read one after the other, while events may arrive."""
    return Status(
        head=log.head(),
        events=log.count(),
        checkpoint=graph.checkpoint(),
        lag=lag(log, graph),
        counts=counts(catalog, graph),
        tags=catalog.tags_count(),
    )


def counts(catalog: Catalog, graph: GraphStore) -> Counts:
    """Return how many items both projections hold."""
    # The graph first: it only ever has what the catalog has, so counting while events arrive shows no surplus.
    in_graph = graph.counts()
    return Counts(
        catalog_pems=catalog.pems_count(_EVERYTHING),
        catalog_artifacts=catalog.artifacts_count(_EVERYTHING),
        graph_pems=in_graph.pems,
        graph_artifacts=in_graph.artifacts,
        graph_placeholders=in_graph.placeholders,
    )


def lag(log: EventLog, graph: GraphStore) -> Lag:
    """Return how far the graph is behind the log."""
    checkpoint, head = graph.checkpoint(), log.head()
    after = checkpoint.position if checkpoint.epoch == head.epoch else 0
    if after >= head.position:
        return Lag(0, 0.0)
    oldest = log.read(after=after, limit=1)
    if not oldest:
        return Lag(0, 0.0)
    return Lag(log.count(after=after), max(0, now_us() - oldest[0].recorded_us) / 1e6)


def newer_position(log: EventLog, graph: GraphStore) -> int:
    """Return the position of the event that a newer version recorded and at which the graph stops, 0 without one."""
    try:
        require_known_next(log, graph)
    except NewerEventError as error:
        return error.position
    except ChangedEventError:
        return 0
    return 0


def changed_position(log: EventLog, graph: GraphStore) -> int:
    """Return the position of the event that was changed and at which the graph stops, 0 without one."""
    try:
        require_known_next(log, graph)
    except ChangedEventError as error:
        return error.position
    except NewerEventError:
        return 0
    return 0


def sync_percent(catalog: int, graph: int) -> str:
    """Return how well two numbers agree, as ``99.98%``: 100 when both are 0, and rounded down."""
    larger, smaller = max(catalog, graph), min(catalog, graph)
    hundredths = 10_000 if larger == 0 else smaller * 10_000 // larger
    return f"{hundredths // 100}.{hundredths % 100:02d}%"
