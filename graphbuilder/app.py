"""Assembles the graph builder's HTTP side; its work is done by the projector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphbuilder import recordkeeper

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services


def routes(services: Services) -> list[BaseRoute]:
    """Return the graph builder's routes, for the application that serves them."""
    return recordkeeper.routes(services)
