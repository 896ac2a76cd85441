"""
The constraints and indexes of the graph: made where they are missing, made again where they came to nothing.

Neo4j makes a constraint in two steps: an index first, then the constraint that owns it. A server that dies in between
comes back with an index that belongs to nothing, is never filled, and lets nobody have its name.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from provgraph.graphstore.neo4j.statements import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.graphstore.neo4j.server import Server

logger = logging.getLogger(__name__)

_ONLINE, _FAILED = "ONLINE", "FAILED"
# Another process makes the same at this moment, and was first.
_MADE_ALREADY: Final = frozenset(
    {
        "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists",
        "Neo.ClientError.Schema.ConstraintAlreadyExists",
        "Neo.ClientError.Schema.IndexAlreadyExists",
    }
)
# It was about to belong to a constraint when it was looked at, and does now.
_IN_USE: Final = frozenset(
    {"Neo.ClientError.Schema.ForbiddenOnConstraintIndex", "Neo.DatabaseError.Schema.IndexDropFailed"}
)


class _Found(NamedTuple):
    name: str
    state: str
    owned: bool  # by a constraint


def make_schema(server: Server, letters: Iterable[str]) -> None:
    """
    See that a database has the constraints and indexes for generations of the graph; several processes may at once.

    :raises StoreError: the server is not there, or refuses
    """
    wanted = dict(schema.SHARED_SCHEMA)
    for letter in letters:
        for name, statement in schema.GENERATION_SCHEMA.items():
            wanted[name.replace("@", letter)] = statement.of(letter)
    row = server.read(schema.FOUND)
    found = {each.name: each for each in (_Found(*each) for each in (row[0] if row else ()))}
    for name in sorted(wanted):
        there = found.get(name)
        if there is not None and _came_to_nothing(there, wanted[name]):
            logger.warning("the index %s in Neo4j is of no use and made again", name)
            server.command(
                schema.DROP_CONSTRAINT if there.owned else schema.DROP_INDEX, passing_over=_IN_USE, name=name
            )
            there = None
        if there is None:
            server.command(wanted[name], passing_over=_MADE_ALREADY)
    if any(name not in found or found[name].state != _ONLINE for name in wanted):
        server.command(schema.AWAIT)


def _came_to_nothing(found: _Found, statement: str) -> bool:
    is_of_constraint = statement.lstrip().startswith("CREATE CONSTRAINT")
    return found.state == _FAILED or (is_of_constraint and not found.owned)
