"""Names of any length."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from provgraph.graphstore import (
    Direction,
    EmbeddedGraphStore,
    WalkQuery,
    WalkStart,
)
from tests.contract.builders import pem, pem_id, version
from tests.contract.graphstore.stores import apply

if TYPE_CHECKING:
    from pathlib import Path

    from provgraph.graphstore.neo4j import Neo4jGraphStore


def long_ones(size: int) -> list[str]:
    """Return names of some size that begin alike, and shorter ones that lie between them."""
    return ["n" * size + end for end in ("b", "a", "Ä", "")] + ["n" * 1_900, "n" * 2_000, "n" * 1_901, "n"]


def test_names_versions_tags_and_properties_may_be_very_long(store: Neo4jGraphStore, tmp_path: Path) -> None:
    names = long_ones(100_000)
    label, other_label = "v" * 50_000 + "1", "v" * 50_000 + "2"
    events = [
        pem(1, at=1, produces=[version(names[0], label), *names[1:]], Properties={"x": "y" * 1_000_000}),
        pem(2, at=2, produces=[version(names[0], other_label)], Type="t" * 30_000, Emitter="e" * 30_000),
        pem(
            3, at=3, uses=[version(names[0], label), version(names[0], other_label), *names], Tag="t" * 20_000
        ),
        pem(4, at=1.5, produces=[names[2]], Tag="t" * 20_000 + "u", TagNamespace="n" * 20_000),
    ]
    with closing(EmbeddedGraphStore(tmp_path / "embedded")) as right:
        for graph in (store, right):
            for event in events:
                apply(graph, event)
        assert store.digest() == right.digest()
        assert [artifact.name for artifact in store.artifacts()] == sorted(names)
        assert list(store.tags()) == list(right.tags())
        for name in names:
            assert store.has_artifact(name)
            assert store.versions(name) == right.versions(name)
        assert store.versions(names[0], version=label) == [pem_id(1)]
        for direction in Direction:
            for start in (WalkStart((pem_id(3),)), WalkStart((pem_id(1), pem_id(2)), names[0])):
                query = WalkQuery(start, direction, None, 1_000)
                ours, theirs = store.walk(query), right.walk(query)
                assert sorted(ours.pems) == sorted(theirs.pems)
                assert set(ours.uses) == set(theirs.uses)
                assert set(ours.produces) == set(theirs.produces)


def test_a_name_does_not_pass_for_the_key_of_a_longer_one(store: Neo4jGraphStore) -> None:
    name = "n" * 5_000
    apply(store, pem(1, produces=[name]))
    (key,) = store._server.read("MATCH (a:_Artifact_a) RETURN a._key") or [None]
    assert isinstance(key, str)
    apply(store, pem(2, uses=[key]))

    assert key != name
    assert not store.walk(WalkQuery(WalkStart((pem_id(2),)), Direction.UPSTREAM, None, 10)).produces
    assert {artifact.name for artifact in store.artifacts()} == {name, key}
