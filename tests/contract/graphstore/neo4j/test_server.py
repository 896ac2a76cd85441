"""The server: what it must be, and what becomes of it."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import SettingsError, StoreError
from provgraph.graphstore import (
    Checkpoint,
    GraphCounts,
)
from provgraph.graphstore.neo4j import Neo4jGraphStore
from provgraph.graphstore.neo4j.generations import GRAPH
from provgraph.graphstore.neo4j.statements import graphs
from tests.contract.builders import pem
from tests.contract.graphstore.neo4j.helpers import eventually, public_names, values
from tests.contract.graphstore.stores import EPOCH, apply

if TYPE_CHECKING:
    from tests.contract.graphstore.stores import Neo4jOpener
    from tests.servers.fixtures import NewTCPProxy


def test_a_server_that_writes_in_read_mode_is_not_used(
    store: Neo4jGraphStore, monkeypatch: pytest.MonkeyPatch, neo4j_stores: Neo4jOpener
) -> None:
    monkeypatch.setattr(graphs, "WRITE_IN_READ_MODE", "RETURN 1")  # as if it had written
    given = neo4j_stores.neo4j
    with (
        closing(Neo4jGraphStore(given.uri, user=given.user or "neo4j", password=given.password)) as opened,
        pytest.raises(StoreError, match="READ access mode"),
    ):
        opened.counts()


def test_a_server_that_is_away_is_told_and_used_again_when_it_is_back(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener, tcp_proxy: NewTCPProxy
) -> None:
    apply(store, pem(1))
    proxy = tcp_proxy(neo4j_stores.neo4j.uri)
    url = f"bolt://{proxy.address}"
    with closing(Neo4jGraphStore(url, user="me", password=neo4j_stores.neo4j.password or "secret")) as opened:
        proxy.cut()
        for _ in range(2):
            with pytest.raises(StoreError, match=re.escape(proxy.address)) as told:
                opened.probe()
            assert "secret" not in str(told.value)

        proxy.heal()
        assert opened.counts().pems == 1

        proxy.cut()
        with pytest.raises(StoreError):
            opened.counts()
        with pytest.raises(StoreError):
            opened.apply(
                [], expected=opened._asker.current() and Checkpoint(EPOCH, 1), to=Checkpoint(EPOCH, 2)
            )

        proxy.heal()
        apply(opened, pem(2))
        assert store.counts().pems == 2


def test_a_store_is_made_before_its_server_is_there() -> None:
    with (
        closing(Neo4jGraphStore("bolt://127.0.0.1:1", password="secret")) as opened,
        pytest.raises(StoreError, match=r"127\.0\.0\.1:1") as told,
    ):
        opened.checkpoint()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:7687", "bolt://", "bolt://host:port", "nonsense", "", "bolt://a b"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        Neo4jGraphStore(url)


def test_an_address_is_told_without_its_password() -> None:
    with pytest.raises(SettingsError) as told:
        Neo4jGraphStore("bolt://me:secret@host:7687")
    assert "secret" not in str(told.value)


def test_a_graph_that_was_wiped_under_a_store_begins_anew(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    apply(store, pem(1))
    neo4j_stores._wipe(GRAPH)

    assert (store.counts(), store.checkpoint()) == (GraphCounts(0, 0, 0), Checkpoint())
    apply(store, pem(2))
    assert store.counts().pems == 1


def test_a_graph_whose_checkpoint_was_removed_begins_anew(
    store: Neo4jGraphStore, neo4j_stores: Neo4jOpener
) -> None:
    apply(store, pem(1, uses=["a"]))
    values(neo4j_stores, "MATCH (c:Checkpoint) DELETE c")

    assert (store.counts(), store.checkpoint()) == (GraphCounts(0, 0, 0), Checkpoint())
    apply(store, pem(1, uses=["b"]))
    assert eventually(lambda: public_names(neo4j_stores) == [["b"]])
