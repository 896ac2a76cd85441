"""What tests of the graph in Neo4j share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.graphstore.stores import Neo4jOpener

_SOON_SECONDS = 20.0


def values(opener: Neo4jOpener, query: str, **parameters: Any) -> list[list[Any]]:
    """Return what a query of a user gives."""
    with opener.neo4j.driver() as driver:
        records, _, _ = driver.execute_query(query, parameters, database_=opener.neo4j.database)
    return [list(record.values()) for record in records]


def public_names(opener: Neo4jOpener) -> list[list[Any]]:
    """Return the artifacts that users' queries see."""
    return values(opener, "MATCH (a:Artifact) RETURN a.rk_id ORDER BY a.rk_id")


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait for something that happens in the background."""
    give_up_at = time.monotonic() + _SOON_SECONDS
    while not holds():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.02)
    return True
