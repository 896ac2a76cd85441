"""One graph in Neo4j, seen by one process or two."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from provgraph.graphstore.neo4j import Neo4jGraphStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.graphstore.stores import Neo4jOpener


@pytest.fixture
def store(neo4j_stores: Neo4jOpener, tmp_path: Path) -> Iterator[Neo4jGraphStore]:
    """An empty store."""
    with neo4j_stores.at(tmp_path) as opened:
        yield opened


@pytest.fixture
def other(neo4j_stores: Neo4jOpener, store: Neo4jGraphStore) -> Iterator[Neo4jGraphStore]:
    """The same graph as another process sees it."""
    with closing(Neo4jGraphStore.on(neo4j_stores.server)) as opened:
        yield opened
