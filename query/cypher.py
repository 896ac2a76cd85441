"""Free Cypher with JSON answers: ``POST /api/v1/cypher``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.errors import InvalidInputError
from provgraph.events.canonical import loads
from provgraph.families.credential.events import Right
from provgraph.http import enclosed, read_body
from provgraph.http.openapi import RawRoute, answer, needs, problem_answers, request_body
from provgraph.wire.questions import CypherAnswer, CypherBody
from query.cypherrights import require_cypher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.graphstore import CypherResult
    from provgraph.http import Places, Services

_BODY_LIMIT = 2_000_000  # bytes: a query of 100,000 characters, and parameters


class CypherRequest(NamedTuple):
    """A query with its parameters."""

    query: str
    parameters: dict[str, Any]


def routes(services: Services, places: Places) -> list[BaseRoute]:
    """Return the route."""
    return [
        RawRoute(
            "/api/v1/cypher",
            _Cypher(services, places).post,
            methods=["POST"],
            tags=["cypher"],
            security=needs(Right.READ),
            summary="Ask the graph a question in Cypher",
            description=_DESCRIPTION,
            responses={
                200: answer(CypherAnswer, "The rows"),
                **problem_answers(400, 401, 403, 413, 415, 503),
            },
            body=_BODY,
        )
    ]


class _Cypher:
    def __init__(self, services: Services, places: Places) -> None:
        self._services = services
        self._places = places
        self._turns = services.turns()

    async def post(self, request: Request) -> Response:
        """Run a query."""
        self._services.authenticator.require(request, Right.READ)
        asked = read(await read_body(request, limit=_BODY_LIMIT, what="Query"))
        require_cypher(self._services, request, asked.query)
        result = await self._turns.run(self._services.graph.cypher, asked.query, asked.parameters)
        pieces = enclosed(_rows(result), opening=_opening(result), separator=b",", closing=_closing(result))
        return self._places.stream(pieces)


def read(body: bytes) -> CypherRequest:
    """
    Return the query in a request's body.

    :raises InvalidInputError: it is not JSON, lacks the query, or has a field that is unknown or of another type
    """
    fields = loads(body)
    if not isinstance(fields, dict):
        raise InvalidInputError('The body is not {"query": "..."}', rule="object")
    for name in fields:
        if name not in _FIELDS:
            # A typo must not run another query than the one that was meant, or with other parameters.
            raise InvalidInputError(
                f"Unknown field {name[:40]}; allowed are {', '.join(_FIELDS)}",
                field=name[:40],
                rule="known-field",
            )
    return CypherRequest(_field(fields, "query", str, None), _field(fields, "parameters", dict, {}))


_FIELDS = {"query": "a text", "parameters": "an object"}


def _field(fields: dict[str, Any], name: str, kind: type, default: object) -> Any:
    value = fields.get(name, default)
    if not isinstance(value, kind):
        raise InvalidInputError(f"{name} must be {_FIELDS[name]}", field=name, rule=name)
    return value


def _opening(result: CypherResult) -> bytes:
    return b'{"columns":' + orjson.dumps(result.columns) + b',"rows":['


def _rows(result: CypherResult) -> Iterator[bytes]:
    for row in result.rows:
        yield orjson.dumps(list(row))  # NaN and infinity are null


def _closing(result: CypherResult) -> bytes:
    return b'],"row_count":' + str(len(result.rows)).encode() + b"}"


_DESCRIPTION = """
What may be asked depends on the graph store: the embedded one takes a documented subset of Cypher; Neo4j takes all that
reads, behind a gate, and what is beyond the subset needs the right `cypher`. See the reference page on Cypher. Nodes
and relationships are answered as objects of their properties, paths as lists of those, times as ISO 8601 texts; what
JSON does not have, such as NaN, is null.

A query that would write is *unsupported*, whoever sends it: report an event instead.
"""
_BODY = request_body(
    CypherBody,
    example={
        "query": "MATCH (p:PEM)-[:USES]->(a:Artifact {rk_id: $name}) RETURN p.rk_id, p.type LIMIT 10",
        "parameters": {"name": "table/customers"},
    },
)
