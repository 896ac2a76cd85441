"""Our own questions: ``GET /api/v1/lineage``."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the endpoint's annotations
from starlette.responses import Response

from provgraph.errors import InvalidInputError, OverloadedError, TakesLongerError
from provgraph.events import Role
from provgraph.http.openapi import RawRoute, problem_answers
from provgraph.lineage import DEFAULT_LIMIT, LARGEST_LIMIT, Direction, LineageRequest, lineage
from query.params import form, number

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services

_WAIT_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05


def routes(services: Services) -> list[BaseRoute]:
    """Return the route."""
    return [
        RawRoute(
            "/api/v1/lineage",
            _Lineage(services).get,
            methods=["GET"],
            tags=["lineage"],
            name="lineage",
            summary="What led to a node, and what it led to",
            description=_DESCRIPTION,
            responses=problem_answers(400, 401, 403, 404, 409, 503),
            openapi_extra={"parameters": _PARAMETERS},
        )
    ]


class _Lineage:
    """The endpoint. It reads its parameters itself: FastAPI's way takes a tenth of the time of a short answer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """Answer a lineage question."""
        self._services.authenticator.require(request, Role.READER)
        asked, wait = question(request.scope["query_string"])
        if wait is not None:
            await wait_for(self._services, position=wait)
        return Response(await self._answer(asked), media_type="application/json")

    async def _answer(self, asked: LineageRequest) -> bytes:
        # Handing a question to a thread takes as long as answering a small one.
        brief = self._services.graph.brief()
        if brief is not None and is_brief(asked):
            with suppress(TakesLongerError):
                return lineage(brief, asked)
        return await run_in_threadpool(lineage, self._services.graph, asked)


def is_brief(asked: LineageRequest) -> bool:
    """Tell whether an answer may be small: not one for everything downstream, nor without a bound on its depth."""
    return asked.direction is Direction.UPSTREAM and asked.depth is not None


def question(query_string: bytes) -> tuple[LineageRequest, int | None]:
    """
    Read a query string: what is asked, and the log position to wait for.

    :raises InvalidInputError: an unknown parameter, a missing node, or a value that is not one
    """
    given = _read(query_string)
    node = given.get("node")
    if not node:
        raise InvalidInputError(
            "node is missing: artifact:NAME, pem:ID, or bare", field="node", rule="required"
        )
    asked = LineageRequest(
        node=node,
        direction=_direction(given.get("direction", Direction.UPSTREAM)),
        depth=number(given, "depth", at_least=1),
        limit=number(given, "limit", at_least=1) or DEFAULT_LIMIT,
        cursor=given.get("cursor"),
        version=given.get("version"),
    )
    return asked, number(given, "wait", at_least=0)


def _read(query_string: bytes) -> dict[str, str]:
    given = dict(form(query_string))
    for name in given:
        if name not in _KNOWN:
            # A typo must not answer another question than the one that was meant.
            raise InvalidInputError(
                f"Unknown parameter {name[:40]}; allowed are {', '.join(_KNOWN)}",
                field=name,
                rule="known-parameter",
            )
    return given


def _direction(stated: str) -> Direction:
    try:
        return Direction(stated)
    except ValueError:
        raise InvalidInputError(
            f"direction must be upstream or downstream: {stated[:40]!r}", field="direction", rule="direction"
        ) from None


def _parameter(
    name: str, schema: dict[str, Any], description: str, *, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}


_PARAMETERS = [
    _parameter(
        "node",
        {"type": "string"},
        "`artifact:NAME`, `pem:ID`, or bare: an event id if one is known under it, else a name",
        required=True,
    ),
    _parameter(
        "direction", {"enum": [*Direction], "default": "upstream"}, "towards the causes, or the effects"
    ),
    _parameter("depth", {"type": "integer", "minimum": 1}, "events to walk over; absent: all"),
    _parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
        "most nodes in one answer",
    ),
    _parameter("cursor", {"type": "string"}, "from the answer before"),
    _parameter(
        "version",
        {"type": "string"},
        "start from this version of the artifact: a label, or the id of the producing event",
    ),
    _parameter(
        "wait",
        {"type": "integer", "minimum": 0},
        "a log position: wait, at most 30 s, until the graph has it",
    ),
]
_KNOWN = tuple(parameter["name"] for parameter in _PARAMETERS)

_DESCRIPTION = """
Walks over events, nearest first, and answers with the nodes and edges it found. Only exact versions are followed: a use
counts for the version of the artifact that the event used. `position` is the log position the answer is true for;
`complete` is false when `limit` or `depth` cut it (`reason`), and `cursor` goes on after a `limit`.
"""


async def wait_for(services: Services, *, position: int) -> None:
    """
    Wait until the graph has everything up to a log position.

    :raises InvalidInputError: the log itself does not go so far
    :raises OverloadedError: not within 30 seconds
    """
    head = services.log.head().position
    if position > head:
        raise InvalidInputError(
            f"wait={position} is beyond the log's end at {head}", field="wait", rule="in-the-log"
        )
    give_up_at = time.monotonic() + _WAIT_SECONDS
    pause = _FIRST_PAUSE_SECONDS
    while (reached := (await run_in_threadpool(services.graph.checkpoint)).position) < position:
        if time.monotonic() > give_up_at:
            raise OverloadedError(f"The graph is at position {reached}, not yet at {position}; ask again")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
