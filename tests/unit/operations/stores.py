"""The stores of one data folder, and events to put into them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphbuilder.projector import Projector
from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.eventlog import PROJECTOR_LEASE, SQLiteEventLog
from provgraph.families.pem.events import accept
from provgraph.families.tag.events import tag_set
from provgraph.graphstore.embedded import EmbeddedGraphStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from provgraph.eventlog import Lease
    from provgraph.events import NewEvent


@dataclass(frozen=True)
class Stores:
    """Log, catalog and graph in one folder."""

    folder: Path
    log: SQLiteEventLog
    catalog: SQLiteCatalog
    graph: EmbeddedGraphStore

    @contextmanager
    def following(self, *, lease: Lease | None = None) -> Iterator[Projector]:
        """Run a projector in the block."""
        lease = lease or self.log.lease(PROJECTOR_LEASE)
        with Projector(self.log, self.graph, lease=lease, interval_seconds=0.02) as projector:
            yield projector

    def append(self, *events: NewEvent) -> int:
        """Append events and return the position of the last one."""
        return self.log.append(events)[-1].recorded.position

    def tamper_with_graph(self, statement: str, *values: object) -> None:
        """Change the served graph behind everybody's back."""
        folder = self.folder / "graph"
        served = json.loads((folder / "generations.json").read_text())["served"]
        _execute(folder / served, statement, values)

    def tamper_with_database(self, statement: str, *values: object) -> None:
        """Change log or catalog behind everybody's back."""
        _execute(self.folder / "provgraph.db", statement, values)


@contextmanager
def open_stores(folder: Path) -> Iterator[Stores]:
    """Open the stores in ``folder``, made when it is empty."""
    with (
        contextlib.closing(
            SQLiteEventLog(folder / "provgraph.db", projections=[SQLiteCatalogProjection()])
        ) as log,
        contextlib.closing(SQLiteCatalog(folder / "provgraph.db")) as catalog,
        contextlib.closing(EmbeddedGraphStore(folder / "graph")) as graph,
    ):
        catalog.upgrade(log)
        yield Stores(folder, log, catalog, graph)


def pem(
    number: int | None = None, *, uses: Sequence[str] = (), produces: Sequence[str] = (), **fields: Any
) -> NewEvent:
    """Return a PEM; its id is ``number`` when one is given."""
    stated = {
        "ID": uuid.uuid4().hex if number is None else pem_id(number),
        "Type": "train",
        "Emitter": "trainer",
        "TimestampClient": "2026-01-02 03:04:05",
        "UsesArtifacts": [{"Name": name} for name in uses],
        "ProducesArtifacts": [{"Name": name, "Properties": {"of": name}} for name in produces],
    }
    return accept(stated | fields)


def pem_id(number: int) -> str:
    """Return the id of the PEM with this number."""
    return f"{number:032x}"


def chain_of_pems(count: int, *, start: int = 1) -> list[NewEvent]:
    """Return PEMs that each use what the one before produced, and follow it."""
    return [
        pem(
            number,
            uses=[f"a{number - 1}"],
            produces=[f"a{number}"],
            Predecessor=pem_id(number - 1) if number > 1 else None,
        )
        for number in range(start, start + count)
    ]


def tag(name: str, number: int) -> NewEvent:
    """Return the event that puts a tag on a PEM."""
    return tag_set("space", name, pem_id(number))


def eventually(condition: Callable[[], bool], *, within_seconds: float = 30.0) -> bool:
    """Tell whether ``condition`` comes true."""
    give_up_at = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.005)
    return True


def _execute(file: Path, statement: str, values: Sequence[object]) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, tuple(values))
