"""Whether a graph that was built anew is what the log says, before it is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from provgraph.errors import StoreError
from provgraph.graphstore.digest import digest
from provgraph.operations.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from provgraph.eventlog import EventLog
    from provgraph.graphstore.base import ArtifactFacts, GraphStore, PemFacts, TagFacts

_Item = TypeVar("_Item")


class RebuildRefusedError(StoreError):
    """A graph that was built anew is not what the log says."""


class StoppedError(Exception):
    """Nobody waits for the comparison any more."""


def require_what_the_log_says(
    graph: GraphStore, log: EventLog, *, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """
    Replay the log into a temporary embedded graph, up to where ``graph`` is, and compare the digests of both.

    :param is_stopped: is asked all the time whether to go on
    :raises RebuildRefusedError: they differ
    :raises StoppedError: ``is_stopped`` said so
    """
    position = graph.checkpoint().position
    with Replica(log, with_catalog=False) as replica:
        replica.advance(to=position, replayed=lambda _: _go_on(is_stopped))
        right = digest(_Watched(replica.graph, is_stopped))
        found = digest(_Watched(graph, is_stopped))
    if found != right:
        raise RebuildRefusedError(
            f"The graph that was built anew is not what the log says up to position {position} (its digest is "
            f"{found.content[:16]}, the log's {right.content[:16]}). It was dropped, and the one before is served on. "
            "Ask for another rebuild. If that is refused as well, have the log verified (provgraph admin verify "
            "--deep), and look for what else writes to the graph store"
        )


def _go_on(is_stopped: Callable[[], bool]) -> None:
    if is_stopped():
        raise StoppedError


class _Watched:
    """What a graph holds, as long as nobody says stop."""

    def __init__(self, graph: GraphStore, is_stopped: Callable[[], bool]) -> None:
        self._graph = graph
        self._is_stopped = is_stopped

    def pems(self) -> Iterator[PemFacts]:
        return self._watched(self._graph.pems())

    def artifacts(self) -> Iterator[ArtifactFacts]:
        return self._watched(self._graph.artifacts())

    def tags(self) -> Iterator[TagFacts]:
        return self._watched(self._graph.tags())

    def placeholders(self) -> Iterator[str]:
        return self._watched(self._graph.placeholders())

    def _watched(self, items: Iterable[_Item]) -> Iterator[_Item]:
        for item in items:
            _go_on(self._is_stopped)
            yield item
