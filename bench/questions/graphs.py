"""The graphs that are asked, written straight into a store: no log, no HTTP."""

from __future__ import annotations

import itertools
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from bench import workload
from bench.production.servers import HEAP_MEGABYTES, NEO4J_SETTINGS
from provgraph.events import RecordedEvent
from provgraph.families.pem.events import accept
from provgraph.graphstore import Checkpoint, EmbeddedGraphStore, project
from provgraph.graphstore.neo4j import Neo4jGraphStore
from tests.servers.neo4j import start_neo4j

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from provgraph.graphstore import GraphStore

EPOCH = "bench"
HOT = "table/hot"
_BATCH = 5_000
FIRST_SECOND = 1_767_225_600  # 2026-01-01


class Stores(Protocol):
    """Where graphs lie."""

    def open(self) -> AbstractContextManager[GraphStore]:
        """Give an empty store, which is gone afterwards."""


class EmbeddedStores:
    """Each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / f"graph-{number}" for number in itertools.count(1))

    def open(self) -> AbstractContextManager[GraphStore]:
        """See `Stores`."""
        return closing(EmbeddedGraphStore(next(self._folders)))


class Neo4jStores:
    """Each on a server of its own, so that a large graph and a small one share nothing."""

    @contextmanager
    def open(self) -> Iterator[GraphStore]:
        """See `Stores`."""
        with (
            start_neo4j(heap_megabytes=HEAP_MEGABYTES, settings=NEO4J_SETTINGS, optimises=True) as server,
            closing(
                Neo4jGraphStore(server.uri, user=server.user or "neo4j", password=server.password)
            ) as store,
        ):
            yield store


@contextmanager
def filled(stores: Stores, pems: Iterable[dict[str, Any]]) -> Iterator[GraphStore]:
    """Give a store that has these PEMs, recorded in this order, one microsecond apart."""
    with stores.open() as store:
        at = store.checkpoint()
        numbered = enumerate((accept(pem) for pem in pems), 1)
        while batch := list(itertools.islice(numbered, _BATCH)):
            recorded = [
                RecordedEvent(
                    position,
                    new.event_id,
                    new.kind,
                    FIRST_SECOND * 1_000_000 + position,
                    new.payload,
                    b"",
                    new.content,
                )
                for position, new in batch
            ]
            to = Checkpoint(EPOCH, batch[-1][0])
            store.apply(project(recorded), expected=at, to=to)
            at = to
        yield store


def usual(count: int, shape: workload.Shape) -> Iterator[dict[str, Any]]:
    """Yield the common work in one of its shapes."""
    return (workload.pem(event) for event in workload.generate(count, shape=shape))


def hot(count: int) -> Iterator[dict[str, Any]]:
    """Yield one table produced and used ``count`` times, in turn."""
    for number in range(count):
        yield _pem(f"write-{number}", "write", 2 * number, uses=[f"raw/{number}"], produces=[HOT])
        yield _pem(f"read-{number}", "read", 2 * number + 1, uses=[HOT], produces=[f"report/{number}"])


def diamonds(layers: int, width: int) -> Iterator[dict[str, Any]]:
    """Yield layers of events, each of which uses what every one of the layer before produced."""
    for layer in range(layers):
        used = [f"d/{layer - 1}/{place}" for place in range(width)] if layer else []
        for place in range(width):
            name = f"d/{layer}/{place}"
            yield _pem(name, "mix", layer, uses=used, produces=[name])


def event_id(name: str) -> str:
    """Return the id of the event that a generator above calls so."""
    return workload.identifier(name)


def _pem(name: str, type_: str, second: int, *, uses: list[str], produces: list[str]) -> dict[str, Any]:
    minutes, seconds = divmod(second, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return {
        "ID": event_id(name),
        "Type": type_,
        "Emitter": f"{type_}r",
        "TimestampClient": f"2026-01-{days + 1:02} {hours:02}:{minutes:02}:{seconds:02}",
        "UsesArtifacts": [{"Name": artifact} for artifact in uses],
        "ProducesArtifacts": [{"Name": artifact} for artifact in produces],
    }
