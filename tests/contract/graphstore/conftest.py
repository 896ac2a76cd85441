"""Every graph store, behind one fixture."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.contract.graphstore.stores import EmbeddedOpener, Neo4jOpener, Opener
from tests.servers.files import exclusively
from tests.servers.shared import Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provgraph.graphstore import GraphStore
    from tests.servers.neo4j import Neo4jServer


@pytest.fixture(params=["embedded", "neo4j"], scope="module")
def stores(request: pytest.FixtureRequest) -> Opener:
    """Opens stores of one kind."""
    if request.param == "embedded":
        return EmbeddedOpener()
    # Asked for by name, so that the other parameter starts no server.
    opener: Opener = request.getfixturevalue("neo4j_stores")
    return opener


@pytest.fixture(scope="module")
def neo4j_stores(worker_neo4j: Neo4jServer) -> Iterator[Neo4jOpener]:
    """Opens stores on this worker's Neo4j server; it is cleared once, and between tests only what they wrote."""
    with ExitStack() as stack:
        if worker_neo4j.shared:
            stack.enter_context(exclusively(Run.current().private_folder() / "neo4j.lock"))
            stack.callback(worker_neo4j.wipe)
        worker_neo4j.clear()
        opener = Neo4jOpener(worker_neo4j)
        stack.callback(opener.close)
        yield opener


@pytest.fixture
def store(stores: Opener, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty store."""
    with stores.at(tmp_path) as opened:
        yield opened
