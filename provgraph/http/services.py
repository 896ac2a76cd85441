"""What the composition root hands to each service, so that no service needs to know another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from provgraph.http.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.auth import Authenticator
    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog, GroupCommit
    from provgraph.graphstore.base import GraphStore
    from provgraph.http.metrics import Metrics
    from provgraph.lineage.cursor import Cursors
    from provgraph.lineage.kinds import Kinds
    from provgraph.lineage.recorders import Recorders
    from provgraph.operations.integrity import Integrity
    from provgraph.operations.jobs import Jobs
    from provgraph.operations.rebuild import GraphBuilder
    from provgraph.settings import Settings
    from provgraph.tracking import Tracker


class ProjectorStatus(NamedTuple):
    """What the projector says of itself."""

    lag_events: int  # how many events the graph is behind the log
    lag_seconds: float  # for how long it has been behind; 0 when it is not
    trouble: str | None  # why it does not go on, a sentence; None when it does


class Building(NamedTuple):
    """What parts that need the graph work with."""

    graph: GraphStore
    builder: GraphBuilder
    status: Callable[[], ProjectorStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """
    What a service may use. Each service's ``app.py`` has ``routes(services) -> list[BaseRoute]``.

    Everything in it is safe to use from several threads. ``writer`` is for coroutines; ``log.append`` is for threads.
    """

    settings: Settings
    log: EventLog
    catalog: Catalog
    writer: GroupCommit
    authenticator: Authenticator
    metrics: Metrics
    kinds: Kinds
    recorders: Recorders
    cursors: Cursors
    jobs: Jobs
    tracker: Tracker
    integrity: Integrity
    building: Building | None
    """The graph's side; None in a process that only receives."""

    def turns(self) -> Turns:
        """Return the turns of a kind of heavy questions: they rest while events come in here."""
        return Turns(is_busy=lambda: self.writer.is_busy)

    @property
    def graph(self) -> GraphStore:
        """The graph store. Only for parts that need the graph: a process that serves one of them has it."""
        return self._building.graph

    @property
    def builder(self) -> GraphBuilder:
        """Whoever projects, here or in another process. Only for parts that need the graph."""
        return self._building.builder

    def projector(self) -> ProjectorStatus:
        """Tell what the projector says of itself. Only for parts that need the graph."""
        return self._building.status()

    @property
    def _building(self) -> Building:
        if self.building is None:
            raise RuntimeError("This process serves no part that needs the graph, and has not opened it")
        return self.building
