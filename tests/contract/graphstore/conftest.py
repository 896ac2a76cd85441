"""Every graph store, behind one fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.graphstore.stores import OPENERS, Opener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provgraph.graphstore import GraphStore


@pytest.fixture(params=sorted(OPENERS), scope="session")
def stores(request: pytest.FixtureRequest) -> Opener:
    """Opens stores of one kind."""
    return OPENERS[request.param]


@pytest.fixture
def store(stores: Opener, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty store."""
    with stores.at(tmp_path) as opened:
        yield opened
