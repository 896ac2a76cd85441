"""A graph on a real Neo4j server, and gates before it."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from provgraph.graphstore.neo4j.gate import Gate
from tests.contract.builders import pem, version
from tests.contract.graphstore.stores import Neo4jOpener
from tests.servers.files import exclusively
from tests.servers.shared import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from neo4j import AsyncDriver, Driver

    from provgraph.events import NewEvent
    from tests.servers.neo4j import Neo4jServer

EVENTS = 40
_PROPERTIES = {5: {"rows": 10}}
PATIENT_SECONDS = 60.0


def story() -> list[NewEvent]:
    """
    Return events that use what the two before them have produced.

    So there are as many paths back as Fibonacci has pairs of rabbits. The first event names a predecessor that never
    came, and some artifacts have texts that have to be quoted.
    """
    return [
        pem(
            number,
            at=number,
            uses=[f"artifact/{earlier}" for earlier in (number - 1, number - 2) if earlier > 0]
            or ['it\'s "x"'],
            produces=[
                {**version(f"artifact/{number}", f"v{number}"), "Properties": _PROPERTIES.get(number, {})}
            ],
            after=[number - 1] if number > 1 else [999],
            Type="train" if number % 3 else "ingest",
            Emitter=f"emitter-{number % 4}",
            **({"TagNamespace": "models", "Tag": "best"} if number == EVENTS else {}),
        )
        for number in range(1, EVENTS + 1)
    ]


class Graph(NamedTuple):
    """A server with a graph, and a driver to look at it from behind the gate."""

    server: Neo4jServer
    driver: Driver
    connect: Callable[[], AsyncDriver]
    gates: dict[tuple[float, int], Gate]

    def gate(self, *, timeout_seconds: float = PATIENT_SECONDS, row_limit: int = 1_000) -> Gate:
        """Return the gate before the graph that has these limits."""
        key = (timeout_seconds, row_limit)
        if key not in self.gates:
            self.gates[key] = Gate(
                self.connect,
                database=self.server.database,
                timeout_seconds=timeout_seconds,
                row_limit=row_limit,
            )
        return self.gates[key]

    def digest(self) -> str:
        """Return a digest of all nodes, relationships, indexes and constraints."""
        found = hashlib.sha256()
        with self.driver.session(database=self.server.database) as session:
            for statement in _EVERYTHING:
                for text in sorted(repr(record.data()) for record in session.run(statement)):
                    found.update(text.encode())
        return found.hexdigest()


_EVERYTHING = (
    "MATCH (n) RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS properties",
    "MATCH (a)-[r]->(b) RETURN elementId(a) AS a, type(r) AS type, properties(r) AS properties, elementId(b) AS b",
    "SHOW INDEXES YIELD name RETURN name",
    "SHOW CONSTRAINTS YIELD name RETURN name",
    "CALL db.labels() YIELD label RETURN label",
)


@pytest.fixture(scope="module")
def graph(worker_neo4j: Neo4jServer) -> Iterator[Graph]:
    """The story's graph on this worker's server, for tests that do not harm it."""
    with ExitStack() as stack:
        if worker_neo4j.shared:
            stack.enter_context(exclusively(Run.current().private_folder() / "neo4j.lock"))
            stack.callback(worker_neo4j.wipe)
        yield stack.enter_context(filled(worker_neo4j))


@contextmanager
def filled(server: Neo4jServer) -> Iterator[Graph]:
    """Fill a server with the story's graph, and nothing else, for the length of a block."""
    server.clear()
    opener = Neo4jOpener(server)
    driver = server.driver()
    gates: dict[tuple[float, int], Gate] = {}
    try:
        with opener.filled(story()):
            yield Graph(server, driver, opener.server.async_driver, gates)
    finally:
        for gate in gates.values():
            gate.close()
        driver.close()
        opener.close()
