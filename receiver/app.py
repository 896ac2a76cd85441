"""Assembles the receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.http.rooms import family_routes
from receiver import native, recordkeeper
from receiver.ingest import Ingest

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services


def routes(services: Services) -> list[BaseRoute]:
    """Return the receiver's routes, for the application that serves them."""
    ingest = Ingest(services)
    return [
        *recordkeeper.routes(services, ingest),
        *native.routes(services, ingest),
        *family_routes(__package__, services),
    ]
