"""Assembles the query service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.http import Places
from query import cypher, lineage, recordkeeper

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services


def routes(services: Services) -> list[BaseRoute]:
    """Return the query service's routes, for the application that serves them."""
    places = Places()
    return [
        *recordkeeper.routes(services, places),
        *lineage.routes(services),
        *cypher.routes(services, places),
    ]
