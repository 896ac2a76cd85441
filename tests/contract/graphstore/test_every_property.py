"""
Deep verification sees a change of each property, each label and each relationship in Neo4j.

The same walk as that of `tests.contract.formats.test_every_column`. What there is to change is taken from the graph:
each set of labels and each type of relationship in it, with their properties. What no log can prove is listed here and
in docs/howto/operate.md, with the reason.
"""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.eventlog import SQLiteEventLog
from provgraph.graphstore import Checkpoint, project
from provgraph.graphstore.neo4j import Neo4jGraphStore
from provgraph.graphstore.neo4j.statements import statement
from tests.contract.builders import pem, version
from tests.contract.formats.walk import finding, others, undocumented
from tests.contract.graphstore.test_tampering import EVENTS, LATER
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.graphstore import GraphStore
    from tests.contract.graphstore.stores import Neo4jOpener

# A property, or (after a colon) a label, where a change is nobody's business, and why.
UNPROVABLE = {
    "Checkpoint._applied": "random: it names the last batch",
    "Checkpoint._locked": "random: what takes the lock",
    "Checkpoint._revision": "what walks go by: only that it changes counts",
    "Checkpoint._token": "random: it names the generation",
    "Checkpoint.covers": "what the graph builder notes for itself",
    "Checkpoint.resolutions_changed_at": "what the graph builder notes for itself",
    "GraphState._locked": "random: what takes the lock",
    "GraphState.name": "where there is no node of that name, it is made anew",
    "GraphState.publishing": "the public labels are put where they belong once more",
    ":GraphState": "where there is no such node, it is made anew",
}
# The same for a property that is gone: another value is noticed.
UNPROVABLE_WHEN_GONE = {"Checkpoint.digest": "a graph that has none is no witness of how far the log went"}

# What events can say of what they use and produce; and uses that only later versions explain.
SAYING = [
    pem(
        21,
        at=20,
        uses=[
            {**version("b", "v1"), "Properties": {"y": 2}},
            {"Name": "outside", "Properties": {"x": 1}, "Digest": "d", "Kind": "k"},
        ],
    ),
    pem(22, at=-5, uses=["d", version("d", "v9")]),
    pem(23, at=20, produces=[{"Name": "d", "Kind": "table", "Digest": f"sha256:{5:064x}", "Properties": {"rows": 3}}]),
    pem(24, at=21, produces=[version("d", "v9")]),
]  # fmt: skip
# In the default set each sixth change is made: a third of the properties, each in one way.
STEP = quick_or_long(6, 1)

NODES = "MATCH (n) RETURN elementId(n), labels(n), properties(n), '', true"
RELATIONSHIPS = """
MATCH (n)-[r]->(m)
RETURN elementId(r), [type(r)], properties(r), type(r) + coalesce(n.rk_id, n._key) + ' ' + m.rk_id, false
"""
SET_NODE = "MATCH (x) WHERE elementId(x) = $id SET x = $properties"
SET_RELATIONSHIP = "MATCH ()-[x]->() WHERE elementId(x) = $id SET x = $properties"
DELETE_RELATIONSHIP = "MATCH ()-[x]->() WHERE elementId(x) = $id DELETE x"
REMOVE_LABEL = "MATCH (x) WHERE elementId(x) = $id REMOVE x:`{}`"
ADD_LABEL = "MATCH (x) WHERE elementId(x) = $id SET x:`{}`"


class Element(NamedTuple):
    """A node or a relationship."""

    id: str
    labels: list[str]  # of a relationship: its type
    properties: dict[str, Any]
    ends: str  # of a relationship
    is_node: bool

    @property
    def kind(self) -> str:
        return ":".join(sorted(self.labels))

    @property
    def told(self) -> str:
        """The element as a text that stays the same when the graph is filled anew."""
        return repr((self.ends, sorted(self.properties.items())))


class Change(NamedTuple):
    """A change of one element of its kind."""

    kind: str
    nth: int  # of the kind
    name: str | None = None  # of a property
    value: Any = None  # of the property; None: it goes
    label: str | None = None  # it goes; neither it nor a property: the relationship goes

    @property
    def place(self) -> str:
        return f"{self.kind}.{self.name}" if self.name else f":{self.label or self.kind}"

    @property
    def is_provable(self) -> bool:
        is_gone = self.name is not None and self.value is None
        return self.place not in UNPROVABLE and not (is_gone and self.place in UNPROVABLE_WHEN_GONE)


class Opened(NamedTuple):
    """A log with its catalog, and a graph."""

    log: EventLog
    catalog: Catalog
    graph: GraphStore


class Graph:
    """A log in a file, and a graph in Neo4j that follows it."""

    def __init__(self, neo4j: Neo4jOpener, folder: Path) -> None:
        self._neo4j = neo4j
        self._file = folder / "provgraph.db"
        with self.opened() as stores:
            stores.log.append([*EVENTS, *SAYING])
            stores.log.append(LATER)
        self.fill()

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        with (
            closing(SQLiteCatalog(self._file)) as catalog,
            closing(SQLiteEventLog(self._file, projections=[SQLiteCatalogProjection()])) as log,
            closing(Neo4jGraphStore.on(self._neo4j.server)) as graph,
        ):
            yield Opened(log, catalog, graph)

    def fill(self) -> None:
        """Have in the graph what the log says and nothing else."""
        self._neo4j.neo4j.clear()
        with self.opened() as stores:
            epoch, events = stores.log.head().epoch, stores.log.read()
            for batch in (events[: -len(LATER)], events[-len(LATER) :]):
                stores.graph.apply(
                    project(batch),
                    expected=stores.graph.checkpoint(),
                    to=Checkpoint(epoch, batch[-1].position),
                    digest=batch[-1].digest.hex(),
                )
        self._kept = self._elements()

    def kinds(self) -> dict[str, list[Element]]:
        """Return what was in the graph at first, by its kind, in an order that is always the same."""
        ordered = sorted(self._kept.values(), key=lambda element: (element.kind, element.told))
        return {kind: list(elements) for kind, elements in groupby(ordered, lambda element: element.kind)}

    def make(self, change: Change) -> None:
        element = self.kinds()[change.kind][change.nth]
        if change.name is not None:
            self._set(element, {**element.properties, change.name: change.value})
        elif change.label is not None:
            self._ask(REMOVE_LABEL.format(change.label), id=element.id)
        else:
            self._ask(DELETE_RELATIONSHIP, id=element.id)

    def put_back(self) -> None:
        """Have each element as it was; where one came or went, the graph is filled anew."""
        now = self._elements()
        if now.keys() != self._kept.keys() or any(now[id_].ends != self._kept[id_].ends for id_ in now):
            self.fill()
            return
        for id_, element in self._kept.items():
            there = now[id_]
            if there.properties != element.properties:
                self._set(element, element.properties)
            for label in {*there.labels} - {*element.labels}:
                self._ask(REMOVE_LABEL.format(label), id=id_)
            for label in {*element.labels} - {*there.labels}:
                self._ask(ADD_LABEL.format(label), id=id_)

    def _set(self, element: Element, properties: dict[str, Any]) -> None:
        self._ask(SET_NODE if element.is_node else SET_RELATIONSHIP, id=element.id, properties=properties)

    def _elements(self) -> dict[str, Element]:
        found = [Element(*row) for statement in (NODES, RELATIONSHIPS) for row in self._ask(statement)]
        # The ids of nodes and of relationships differ.
        return {element.id: element for element in found}

    def _ask(self, text: str, **parameters: Any) -> list[list[Any]]:
        server = self._neo4j.server
        records, _, _ = server.driver.execute_query(text, parameters, database_=server.database)
        return [list(record.values()) for record in records]


@pytest.fixture(scope="module")
def graph(neo4j_stores: Neo4jOpener, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """A graph that has something of every kind."""
    return Graph(neo4j_stores, tmp_path_factory.mktemp("walk"))


def changes_in(graph: Graph) -> list[Change]:
    """Return all there is to change: each property of each kind in each way, and each label or the relationship."""
    kinds = graph.kinds()
    found: list[Change] = []
    for kind, elements in kinds.items():
        for name, value in sorted(_said_by_those_like(kind, kinds).items()):
            found += _of_property(kind, elements, name, value)
        labels = elements[0].labels if elements[0].is_node else [None]
        found += [Change(kind, -1, label=label) for label in labels]
    return found


def _said_by_those_like(kind: str, kinds: dict[str, list[Element]]) -> dict[str, Any]:
    """Return the properties of all that may become one another: a placeholder may get those of an event."""
    said: dict[str, Any] = {}
    for like, elements in kinds.items():
        if _called(like) == _called(kind):
            for element in elements:
                said.update(element.properties)
    return said


def _called(kind: str) -> str:
    """Return what users call it, and a placeholder what it will be."""
    label = kind.partition(":")[0]
    return "PEM" if label == "Unreported" else label


def _of_property(kind: str, elements: list[Element], name: str, value: Any) -> Iterator[Change]:
    """Yield the changes of one property, where it is and where it is not; ``value`` is one that it can have."""
    having = [nth for nth, element in enumerate(elements) if name in element.properties]
    if having:
        # One that says something, where one does.
        nth = max(having, key=lambda nth: (elements[nth].properties[name] != "{}", nth))
        for other in (*others(elements[nth].properties[name]), None):
            yield Change(kind, nth, name, other)
    lacking = [nth for nth, element in enumerate(elements) if name not in element.properties]
    if lacking:
        yield Change(kind, lacking[-1], name, value)


def test_a_change_of_anything_is_noticed(graph: Graph) -> None:
    assert finding(graph.opened) is None
    unnoticed = []
    for change in changes_in(graph)[::STEP]:
        graph.make(change)
        if finding(graph.opened) is None and change.is_provable:
            unnoticed.append(change)
        graph.put_back()

    assert unnoticed == []
    assert finding(graph.opened) is None


def test_there_is_something_of_every_kind_to_change(graph: Graph) -> None:
    kinds = graph.kinds()
    names = {name for elements in kinds.values() for element in elements for name in element.properties}

    assert {*kinds} >= {"PEM:_PEM_a", "PEM:_Late_a:_PEM_a", "Unreported:_PEM_a:_Placeholder_a", "_TagMoves_a"}
    assert {*re.findall("^``(_[a-z_]+)``", statement.__doc__ or "", re.MULTILINE)} - names == set()
    assert names >= {"outcome", "error", "digest", "kind", "version", "out_of_order"}


def test_what_cannot_be_proved_is_documented() -> None:
    assert undocumented({*UNPROVABLE, *UNPROVABLE_WHEN_GONE}) == []
