"""Our own questions: ``GET /api/v1/lineage``."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the endpoint's annotations
from starlette.responses import Response

from provgraph.errors import InvalidInputError, OverloadedError
from provgraph.events import Role
from provgraph.http.openapi import problem_answers
from provgraph.lineage import DEFAULT_LIMIT, LARGEST_LIMIT, Direction, LineageRequest, lineage

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services

_WAIT_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05


def routes(services: Services) -> list[BaseRoute]:
    """Return the route."""

    async def endpoint(
        request: Request,
        node: Annotated[
            str,
            Query(
                description="`artifact:NAME`, `pem:ID`, or bare: an event id if one is known under it, else a name"
            ),
        ],
        direction: Annotated[Direction, Query()] = Direction.UPSTREAM,
        depth: Annotated[int | None, Query(ge=1, description="events to walk over; absent: all")] = None,
        limit: Annotated[
            int, Query(ge=1, le=LARGEST_LIMIT, description="most nodes in one answer")
        ] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, Query(description="from the answer before")] = None,
        version: Annotated[
            str | None,
            Query(description="start from this version: a label, or the id of the producing event"),
        ] = None,
        wait: Annotated[
            int | None, Query(ge=0, description="a log position: wait, at most 30 s, until the graph has it")
        ] = None,
    ) -> Response:
        services.authenticator.require(request, Role.READER)
        if wait is not None:
            await wait_for(services, position=wait)
        asked = LineageRequest(node, direction, depth, limit, cursor, version)
        answer = await run_in_threadpool(lineage, services.graph, asked)
        return Response(answer, media_type="application/json")

    return [
        APIRoute(
            "/api/v1/lineage",
            endpoint,
            methods=["GET"],
            tags=["lineage"],
            name="lineage",
            summary="What led to a node, and what it led to",
            description=_DESCRIPTION,
            responses=problem_answers(400, 401, 403, 404, 409, 503),
        )
    ]


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
