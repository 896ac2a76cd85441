"""Whatever somebody does to the graph in Neo4j by hand: deep verification names it, and a repair puts it right."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from provgraph.catalog import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.errors import CorruptStoreError
from provgraph.eventlog import EventLog, SQLiteEventLog
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import Checkpoint, EmbeddedGraphStore, project
from provgraph.graphstore.neo4j import Neo4jGraphStore
from provgraph.operations.repair import repair
from provgraph.operations.verify import verify
from tests.contract.builders import pem, pem_id, version
from tests.contract.graphstore.neo4j.helpers import eventually, values
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provgraph.graphstore import GraphStore
    from provgraph.operations.verify import Verification
    from tests.contract.graphstore.stores import Neo4jOpener

_LONG = "long" * 1_000
EVENTS = [
    pem(1, at=1, produces=["a", version("b", "v1"), _LONG], Tag="t"),
    pem(
        2,
        at=2,
        uses=["a", version("b", "v1")],
        produces=["a", "c"],
        after=[1, 9],
        Tag="t",
        Outcome="failed",
        Error="no rows",
    ),
    pem(3, at=3, uses=["a", "outside", _LONG], produces=[version("b", "v2")], Emitter="other"),
    pem(4, at=4, uses=["b", version("a", 1), "c"], after=[3], Tag="u"),
    pem(5, at=0, uses=["b"], produces=["b"]),
    # In the moment of 4, and in an order that their ids do not tell; of 7 it was not known at first.
    pem(7, at=4, uses=["c"], produces=["c"], after=[6]),
    pem(6, at=4, uses=["c"], produces=["c"], after=[4]),
    tag_set("n", "latest", pem_id(2)),
]
LATER = [
    pem(12, at=2.5, uses=["c"], produces=["a", version("b", "v1")], Emitter="other"),
    pem(13, at=9, uses=["a", "b", "c", version("b", "v1"), "outside"], after=[4], Tag="t"),
    pem(11, at=0, produces=["outside", "c", "a"], uses=["a"]),
]


class Stores(NamedTuple):
    """A log, its catalog, and a graph in Neo4j that follows them."""

    log: EventLog
    catalog: SQLiteCatalog
    graph: Neo4jGraphStore
    neo4j: Neo4jOpener
    folder: Path

    def follow(self, graph: GraphStore | None = None) -> None:
        """Bring a graph up to the log."""
        graph = graph or self.graph
        here, epoch = graph.checkpoint(), self.log.head().epoch
        events = list(self.log.read(after=here.position, limit=1_000))
        if events:
            graph.apply(project(events), expected=here, to=Checkpoint(epoch, events[-1].position))

    def verify(self, *, deep: bool = True) -> Verification:
        return verify(self.log, self.catalog, self.graph, deep=deep)

    def repair(self) -> int:
        return repair(self.log, self.catalog, self.graph).corrected

    def tamper(self, statement: str) -> None:
        """Change the graph behind everybody's back; ``PEM1`` stands for the id of the first event."""
        for number in (9, 7, 6, 5, 4, 3, 2, 1):
            statement = statement.replace(f"PEM{number}", pem_id(number))
        values(self.neo4j, statement)

    def is_as_it_would_be(self) -> bool:
        """Tell whether the graph is the same as one that was filled from the log just now."""
        with closing(EmbeddedGraphStore(self.folder / "right")) as right:
            self.follow(right)
            same = (self.graph.digest(), self.graph.counts()) == (right.digest(), right.counts())
            return same and all(
                self.graph.versions(name) == right.versions(name) for name in ("a", "b", "c", _LONG)
            )


@pytest.fixture
def stores(neo4j_stores: Neo4jOpener, tmp_path: Path) -> Iterator[Stores]:
    """Stores with some events in them."""
    file = tmp_path / "provgraph.db"
    with (
        closing(SQLiteCatalog(file)) as catalog,
        closing(SQLiteEventLog(file, projections=[SQLiteCatalogProjection()])) as log,
        neo4j_stores.at(tmp_path) as graph,
    ):
        log.append(list(EVENTS))
        opened = Stores(log, catalog, graph, neo4j_stores, tmp_path)
        opened.follow()
        yield opened


_ONE = "MATCH (p:PEM {rk_id: 'PEM1'})"
_TWO = "MATCH (p:PEM {rk_id: 'PEM2'})"
_NODES = {"PEM": "p.rk_id = 'PEM2'", "Artifact": "p.rk_id = 'a'", "Emitter": "p.rk_id = 'other'"}
_PROPERTIES = {
    "PEM": ["rk_id", "type", "emitter", "properties", "timestamp_client", "occurred_at", "position"],
    "Artifact": ["rk_id", "properties", "created_at", *("_key", "_since_us", "_since", "_first", "_last")],
    "Emitter": ["rk_id", "_key"],
}
_PROPERTIES["PEM"] += ["recorded_at", "outcome", "error"]
_PROPERTIES["Artifact"].append("_used")
_OTHER_TYPES = {
    "a number": "-7",
    "a list": "['x']",
    "a time": "datetime()",
    "nothing": "null",
    "a text": "'x'",
}
UNREADABLE = {
    f"{label}.{name} is {what}": f"MATCH (p:{label}) WHERE {where} SET p.{name} = {value}"
    for label, where in _NODES.items()
    for name in _PROPERTIES[label]
    for what, value in _OTHER_TYPES.items()
    # A few seconds each: every property once, and those that all depends on in every way.
    if what == "nothing" or name in {"position", "rk_id"}
} | {
    f"{name} of {label} is {what}": f"MATCH {pattern} SET x.{name} = {value}"
    for label, pattern, names in (
        ("a tag", "(x:Tag {tag: 't'})", ("_key", "namespace", "tag", "_pem")),
        ("a run", "(x:_TagMoves_a {_tag: 't'})",
         ("_key", "_of", "_namespace", "_positions", "_pems", "_moved_us")),
        ("a use", "(:PEM {rk_id: 'PEM2'})-[x:USES]->({rk_id: 'b'})",
         ("version", "_producer", "_named_a", "out_of_order")),
        ("a production", "(:PEM {rk_id: 'PEM1'})-[x:PRODUCES]->({rk_id: 'a'})", ("kind", "properties", "_at_a")),
        ("a cause", "(:PEM {rk_id: 'PEM2'})-[x:INFORMED_BY {artifact: 'a'}]->()",
         ("artifact", "_version", "out_of_order")),
    )
    for name in names
    for what, value in _OTHER_TYPES.items()
    if what == "a list" or (what == "nothing" and name in {"_key", "_of", "_producer", "artifact"})
}  # fmt: skip
MEDDLED = {
    "a position is a text": f"{_TWO} SET p.position = 'x'",
    "a position is a fraction": f"{_TWO} SET p.position = 2.0",
    "an artifact has another long name": f"MATCH (a:Artifact) WHERE a.rk_id = '{_LONG}' SET a.rk_id = a.rk_id + 'x'",
    "an artifact has another long key": f"MATCH (a:Artifact) WHERE a.rk_id = '{_LONG}' SET a._key = a._key + 'x'",
    "a PEM lost its public label": f"{_TWO} REMOVE p:PEM",
    "a placeholder lost its public label": "MATCH (p:Unreported {rk_id: 'PEM9'}) REMOVE p:Unreported",
    "a PEM is called an artifact": f"{_TWO} SET p:Artifact",
    "a placeholder is called a PEM": "MATCH (p:Unreported {rk_id: 'PEM9'}) SET p:PEM",
    "a PEM is called unreported": f"{_TWO} REMOVE p:PEM SET p:Unreported",
    "a PEM is called a placeholder": f"{_TWO} SET p:_Placeholder_a",
    "a placeholder is called none": "MATCH (p:Unreported {rk_id: 'PEM9'}) REMOVE p:_Placeholder_a",
    "an artifact lost its public label": "MATCH (a:Artifact {rk_id: 'b'}) REMOVE a:Artifact",
    "an artifact is called a PEM": "MATCH (a:Artifact {rk_id: 'b'}) SET a:PEM:_PEM_a",
    "an emitter lost its public label": "MATCH (e:Emitter {rk_id: 'other'}) REMOVE e:Emitter",
    "a tag lost its public label": "MATCH (t:Tag {tag: 't'}) REMOVE t:Tag",
    "a run of moves is called a tag": "MATCH (m:_TagMoves_a {_tag: 't'}) SET m:Tag",
    "nobody emitted a PEM": f"{_TWO} MATCH (p)-[r:EMITTED_BY]->() DELETE r",
    "a PEM was emitted twice": f"{_TWO} MATCH (p)-[:EMITTED_BY]->(e) CREATE (p)-[:EMITTED_BY]->(e)",
    "a PEM was emitted by another one": f"{_TWO} MATCH (p)-[r:EMITTED_BY]->() MATCH (e:Emitter {{rk_id: 'other'}}) "
    "DELETE r CREATE (p)-[:EMITTED_BY]->(e)",
    "an emitter was renamed": "MATCH (e:Emitter {rk_id: 'other'}) SET e.rk_id = 'renamed'",
    "an emitter was renamed altogether": "MATCH (e:Emitter {rk_id: 'other'}) SET e.rk_id = 'new', e._key = 'new'",
    "an emitter is gone": "MATCH (e:Emitter {rk_id: 'other'}) DETACH DELETE e",
    "an emitter was made up": "CREATE (:_Emitter_a:Emitter {_key: 'x', rk_id: 'x'})",
    "a latest version is another one": "MATCH (a:Artifact {rk_id: 'a'}) SET a._last = a._first",
    "an earliest version is another one": "MATCH (a:Artifact {rk_id: 'a'}) SET a._first = a._last",
    "a note that uses name versions is gone": "MATCH (a:Artifact {rk_id: 'a'}) SET a._named = null",
    "a PEM lost its place in its moment": "MATCH (p:PEM {rk_id: 'PEM6'}) SET p._rank = null",
    "a PEM has another place in its moment": "MATCH (p:PEM {rk_id: 'PEM6'}) SET p._rank = 'g00000009'",
    "a PEM has no readable place in its moment": "MATCH (p:PEM {rk_id: 'PEM6'}) SET p._rank = 'x'",
    "a place in a moment is a number": "MATCH (p:PEM {rk_id: 'PEM6'}) SET p._rank = 1",
    "a first PEM has another place in its moment": f"{_TWO} SET p._rank = 'g00000001'",
    "it is not noted that a PEM came late": "MATCH (p:PEM {rk_id: 'PEM7'}) SET p._late = null",
    "a PEM came late, and is not called so": "MATCH (p:PEM {rk_id: 'PEM7'}) REMOVE p:_Late_a",
    "a PEM is said to have come late": f"{_TWO} SET p:_Late_a, p._late = 3",
    "what a use says is another thing": f"{_TWO} MATCH (p)-[r:USES]->({{rk_id: 'a'}}) SET r._properties = '[]'",
    "a use states another digest": f"{_TWO} MATCH (p)-[r:USES]->({{rk_id: 'a'}}) SET r._digest = 'x'",
    "a use states another kind": f"{_TWO} MATCH (p)-[r:USES]->({{rk_id: 'a'}}) SET r._kind = 'x'",
    "a note that uses say something is made up": "MATCH (a:Artifact {rk_id: 'b'}) SET a._told = true",
    "a PEM was informed twice": f"{_TWO} MATCH (p)-[r:INFORMED_BY {{artifact: 'a'}}]->(q) "
    "CREATE (p)-[x:INFORMED_BY]->(q) SET x = properties(r)",
    "a PEM was informed by another one too": f"{_TWO} MATCH (q:PEM {{rk_id: 'PEM3'}}) "
    "CREATE (p)-[:INFORMED_BY {artifact: 'outside'}]->(q)",
    "a use is out of order": f"{_TWO} MATCH (p)-[r:USES]->({{rk_id: 'a'}}) SET r.out_of_order = true",
    "an edge leads to something else": f"{_TWO} CREATE (p)-[:PREDECESSOR]->(:Foreign)",
    "a use of something else": f"{_TWO} CREATE (p)-[:USES]->(:Foreign {{rk_id: 7}})",
    "a production left its index": "MATCH (:PEM)-[m:PRODUCES]->(:Artifact {rk_id: 'a'}) SET m._at_a = null",
    "a placeholder says something": "MATCH (p:Unreported {rk_id: 'PEM9'}) SET p.error = 'x'",
    "a placeholder has edges": "MATCH (p:Unreported {rk_id: 'PEM9'}) "
    "MATCH (a:Artifact {rk_id: 'a'}) CREATE (p)-[:USES]->(a)",
    "a PEM was made by hand": "CREATE (:PEM {rk_id: 'PEM2', position: 3})",
    "an artifact was made by hand": "CREATE (:Artifact {rk_id: 'a'})",
    "all kinds of nodes were made by hand": "CREATE (:Unreported {rk_id: 'x'}), (:Emitter), (:Artifact), "
    "(:Tag {tag: 't'})-[:MARKS]->(:PEM)",
    "a PEM was made up": "CREATE (:_PEM_a:PEM {rk_id: 'x', position: 3})",
    "a placeholder without its label was made up": "CREATE (:_PEM_a:Unreported {rk_id: 'x'})",
    "an artifact was made up": "CREATE (:_Artifact_a:Artifact {_key: 'x', rk_id: 'x'})",
    "a node without anything was made up": "CREATE (:_PEM_a), (:_Artifact_a), (:_Emitter_a), (:_Tag_a), (:_TagMoves_a)",
    "a tag was made up": "MATCH (p:PEM {rk_id: 'PEM3'}) "
    "CREATE (t:_Tag_a:Tag {_key: 'n\\u0000x', namespace: 'n', tag: 'x', _pem: 'PEM3'})-[:MARKS]->(p)",
    "a tag was made up, and marks nothing": "CREATE (:_Tag_a:Tag {_key: 'n\\u0000x', namespace: 'n', tag: 'x'})",
    "a tag marks two": "MATCH (t:Tag {tag: 't'}) MATCH (p:PEM {rk_id: 'PEM3'}) CREATE (t)-[:MARKS]->(p)",
    "a tag marks another one": "MATCH (t:Tag {tag: 't'})-[r:MARKS]->() MATCH (p:PEM {rk_id: 'PEM3'}) DELETE r "
    "CREATE (t)-[:MARKS]->(p)",
    "a tag is gone": "MATCH (t:Tag {tag: 't'}) DETACH DELETE t",
    "a tag lost its moves": "MATCH (m:_TagMoves_a {_tag: 't'}) DELETE m",
    "all tags lost their moves": "MATCH (m:_TagMoves_a) DELETE m",
    "the moves of a tag are too few": "MATCH (m:_TagMoves_a {_tag: 't'}) SET m._pems = m._pems[..1]",
    "a PEM left its generation": f"{_TWO} REMOVE p:_PEM_a",
    "a PEM that came late left its generation": "MATCH (p:PEM {rk_id: 'PEM7'}) REMOVE p:_PEM_a",
    "a placeholder left its generation": "MATCH (p:Unreported {rk_id: 'PEM9'}) REMOVE p:_PEM_a",
    "an artifact left its generation": "MATCH (a:Artifact {rk_id: 'b'}) REMOVE a:_Artifact_a",
    "an emitter left its generation": "MATCH (e:Emitter {rk_id: 'other'}) REMOVE e:_Emitter_a",
    "a tag left its generation": "MATCH (t:Tag {tag: 't'}) REMOVE t:_Tag_a",
    "something else uses an artifact": "MATCH (a:Artifact {rk_id: 'b'}) CREATE (:Foreign)-[:USES]->(a)",
    "the last move of a tag was another one": "MATCH (m:_TagMoves_a {_tag: 't'}) "
    "SET m._pems = m._pems[..-1] + ['PEM1']",
    "a tag moved out of time": "MATCH (m:_TagMoves_a {_tag: 't'}) SET m._moved_us = [x IN m._pems | toInteger(2^60)]",
}  # fmt: skip


def test_what_nobody_touched_has_no_flaws(stores: Stores) -> None:
    assert list(stores.graph.flaws()) == []
    assert stores.verify().in_sync
    assert stores.repair() == 0


# What was repaired is as it was, so it is damaged in another way next; what comes later is projected at the end.
_ALL_DAMAGE = {**UNREADABLE, **MEDDLED}
_AT_ONCE = quick_or_long(8, 1)
_ROUNDS = [sorted(_ALL_DAMAGE)[first : first + _AT_ONCE] for first in range(0, len(_ALL_DAMAGE), _AT_ONCE)]


@pytest.mark.parametrize("damages", _ROUNDS, ids=lambda damages: damages[0])
def test_what_somebody_did_by_hand_is_named_and_mended(stores: Stores, damages: list[str]) -> None:
    for damage in damages:
        stores.tamper(_ALL_DAMAGE[damage])
        stores.verify(deep=False)  # it may see it or not, but does not stumble

        assert not stores.verify().in_sync, damage
        assert stores.repair() > 0, damage

        found = stores.verify()
        assert found.in_sync, (damage, found.message)
        assert stores.is_as_it_would_be(), damage
    stores.log.append(list(LATER))
    stores.follow()
    assert list(stores.graph.flaws()) == []
    assert stores.is_as_it_would_be()


@pytest.mark.parametrize("label", ["PEM", "Artifact", "Emitter", "Tag"])
def test_public_labels_that_are_gone_altogether_are_named_and_mended(stores: Stores, label: str) -> None:
    counted = f"MATCH (n:{label}) RETURN count(n)"
    before = values(stores.neo4j, counted)
    stores.tamper(f"MATCH (n:{label}) REMOVE n:{label}")

    assert any(difference.details == "labels" for difference in stores.verify().differences)
    stores.repair()

    assert stores.verify().in_sync
    assert values(stores.neo4j, counted) == before


def test_the_changed_facts_of_an_event_are_named(stores: Stores) -> None:
    stores.tamper(f"{_TWO} SET p.position = 'x' REMOVE p.type")

    for deep in (False, True):
        (difference, *_) = stores.verify(deep=deep).differences
        assert difference[1:] == ("PEM", pem_id(2), "type, position")


def test_a_question_about_an_event_that_cannot_be_read_says_so(stores: Stores) -> None:
    stores.tamper(f"{_TWO} SET p.occurred_at = 'x'")

    with pytest.raises(CorruptStoreError, match=pem_id(2)):
        stores.graph.events([pem_id(2)])


@pytest.mark.parametrize(
    "change", ["c.position = 'x'", "c.epoch = null", "c.covers = 0.5", "c._revision = null"]
)
def test_a_checkpoint_that_cannot_be_read_says_what_to_do(stores: Stores, change: str) -> None:
    stores.tamper(f"MATCH (c:Checkpoint {{served: true}}) SET {change}")

    with pytest.raises(CorruptStoreError, match="Delete its node"):
        stores.verify()
    stores.tamper("MATCH (c:Checkpoint {served: true}) DELETE c")
    stores.follow()
    assert stores.verify().in_sync


def test_a_served_graph_that_says_that_it_is_not_served_says_what_to_do(stores: Stores) -> None:
    stores.tamper("MATCH (c:Checkpoint {served: true}) SET c.served = false")

    with pytest.raises(CorruptStoreError, match="Delete its node"):
        stores.verify()


def test_a_graph_whose_state_names_a_generation_that_cannot_be_is_filled_anew(stores: Stores) -> None:
    stores.tamper("MATCH (s:GraphState {name: 'graph'}) SET s.generation = 'ax'")

    with closing(Neo4jGraphStore.on(stores.neo4j.server)) as opened_anew:
        stores.follow(opened_anew)
        assert verify(stores.log, stores.catalog, opened_anew, deep=True).in_sync


def test_labels_on_their_way_are_no_flaws(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.follow(stores.graph.next_generation())
    assert list(stores.graph.next_generation().flaws()) == []

    stores.graph.switch()

    assert list(stores.graph.flaws()) == []
    assert eventually(lambda: not stores.graph.is_publishing())
    stores.tamper(f"{_TWO} REMOVE p:PEM")
    monkeypatch.setattr("provgraph.graphstore.neo4j.flaws._PUBLISHING_SECONDS", 0)
    monkeypatch.setattr("provgraph.graphstore.neo4j.reader.Asker.are_labels_public", lambda _: None)
    assert list(stores.graph.flaws()) == []


def described(flaws: Any) -> list[tuple[str, str]]:
    return [(flaw.what, flaw.details) for flaw in flaws]


def test_flaws_say_what_is_wrong(stores: Stores) -> None:
    for damage in (
        "a PEM lost its public label",
        "a PEM was emitted twice",
        "an emitter was renamed",
        "a latest version is another one",
        "a tag marks two",
    ):
        stores.tamper(MEDDLED[damage].replace("(p:PEM {", "(p:_PEM_a {"))

    assert described(stores.graph.flaws()) == [
        ("PEM", "labels, EMITTED_BY"),
        ("artifact", "what is kept of its versions"),
        ("emitter", "name"),
        ("tag", "MARKS"),
    ]
