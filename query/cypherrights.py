"""Who may ask what in Cypher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.families.credential.events import Right
from provgraph.graphstore import cypher

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from provgraph.http import Services


def require_cypher(services: Services, request: HTTPConnection, query: str) -> None:
    """
    Let a query pass if whoever sends it may ask it: the subset of every store needs no more than to read.

    :raises UnsupportedQueryError: it would write, whoever sends it
    :raises ForbiddenError: it needs the right `cypher`, and the credential has not got it
    """
    if not services.graph.reads_all_of_cypher or cypher.is_in_subset(query):
        return
    if cypher.is_write(query) and not services.authenticator.allows(request, Right.CYPHER):
        raise cypher.would_write()
    services.authenticator.require(request, Right.CYPHER)
