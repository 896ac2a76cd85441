"""Assembles the query service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.http import Places
from provgraph.http.rooms import family_routes
from query import cypher, gaps, impact, lineage, path, recordkeeper, state, why

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services

_QUESTIONS = (why.WHY, state.STATE, state.DIFF, path.PATH, gaps.GAPS)


def routes(services: Services) -> list[BaseRoute]:
    """Return the query service's routes, for the application that serves them."""
    places = Places(turns=services.turns())
    # Walks through the past have places of their own, and turns: lists are not kept waiting by them, nor they by lists.
    walks = Places(turns=services.turns())
    return [
        *recordkeeper.routes(services, places),
        *lineage.routes(services, walks),
        *impact.routes(services, walks),
        *(question.route(services, walks) for question in _QUESTIONS),
        *cypher.routes(services, places),
        *family_routes(__package__, services),
    ]
