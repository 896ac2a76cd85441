from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.graphstore.cypher.graph import open_graph

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def graph() -> Iterator[sqlite3.Connection]:
    connection = open_graph()
    yield connection
    connection.close()
