"""Record Keeper's GraphBuilder: ``/graph_builder/info``, ``rebuild``, ``flush`` and ``verify``."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool

import provgraph
from provgraph.errors import InvalidInputError
from provgraph.events import canonical
from provgraph.families.credential.events import Right
from provgraph.http import json, read_body, text
from provgraph.http.openapi import JSON, OPEN, TEXT, RawRoute, answer, needs, problem_answers, request_body
from provgraph.operations.flush import flush_async
from provgraph.operations.info import counts
from provgraph.operations.verify import Verification, verify
from provgraph.wire.recordkeeper import TAG, Comparison, GraphBuilderInfo, ScopeBody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.http import Services
    from provgraph.http.openapi import Spec

    Endpoint = Callable[[Request], Awaitable[Response]]

_BODY_LIMIT = 65_536  # bytes
# Record Keeper's client stops waiting long before; the work goes on all the same.
_FLUSH_SECONDS = 600.0
_VERIFY_SECONDS = 60.0


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes, each with the right that it needs."""
    builder = _GraphBuilder(services)

    def post(
        path: str,
        endpoint: Endpoint,
        right: Right,
        summary: str,
        *,
        shape: object = str,
        body: Spec | None = None,
    ) -> RawRoute:
        async def guarded(request: Request) -> Response:
            services.authenticator.require(request, right)
            return await endpoint(request)

        return RawRoute(
            f"/graph_builder/{path}",
            guarded,
            methods=["POST"],
            security=needs(right),
            tags=[TAG],
            summary=summary,
            description=endpoint.__doc__,
            responses={200: answer(shape, "The answer", media_type=TEXT if shape is str else JSON)},
            body=body,
        )

    return [
        RawRoute(
            "/graph_builder/info",
            builder.info,
            methods=["GET"],
            security=OPEN,
            tags=[TAG],
            summary="The graph builder, and how much catalog and graph hold",
            responses={
                200: answer(GraphBuilderInfo, "The fields that Record Keeper's client knows"),
                **problem_answers(503),
            },
            answers_head=True,
        ),
        post("rebuild", builder.rebuild, Right.ADMIN, "Begin to build the graph anew"),
        post("flush", builder.flush, Right.READ, "Wait until the graph has everything"),
        post(
            "verify",
            builder.verify,
            Right.READ,
            "Compare catalog and graph",
            shape=Comparison,
            body=request_body(
                ScopeBody, example={"check_pems": True, "check_artifacts": True}, required=False
            ),
        ),
    ]


class _GraphBuilder:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._flushes = 0  # under way; the event loop's thread alone counts them
        self._comparisons = _Comparisons(services)

    async def info(self, _request: Request) -> Response:
        """Answer with exactly the fields that Record Keeper's client knows."""
        services = self._services
        found = await run_in_threadpool(counts, services.catalog, services.graph)
        should_rebuild = await run_in_threadpool(lambda: services.builder.should_rebuild)
        return json(
            {
                "version": provgraph.__version__,
                "pg_pems_count": found.catalog_pems,
                "pg_artifacts_count": found.catalog_artifacts,
                "neo4j_pems_count": found.graph_pems,
                "neo4j_artifacts_count": found.graph_artifacts,
                "pems_sync_pct": found.pems_sync,
                "artifacts_sync_pct": found.artifacts_sync,
                "loop_iteration_interval": services.settings.loop_interval_seconds,
                # Texts, not booleans: that is the contract.
                "loop_state_should_rebuild": str(should_rebuild),
                "loop_state_should_flush": str(self._flushes > 0),
            }
        )

    async def rebuild(self, request: Request) -> Response:
        """Begin a rebuild of the graph; ``loop_state_should_rebuild`` tells when it is done."""
        sender = self._services.authenticator.sender(request)
        await run_in_threadpool(self._services.builder.request_rebuild, sender.id)
        return text("Starting to rebuild the graph")

    async def flush(self, _request: Request) -> Response:
        """Answer once everything that is in the log is in the graph."""
        self._flushes += 1
        try:
            flushed = await flush_async(
                self._services.log, self._services.graph, timeout_seconds=_FLUSH_SECONDS
            )
        finally:
            self._flushes -= 1
        return text(f"The graph has everything up to position {flushed.position}")

    async def verify(self, request: Request) -> Response:
        """Compare catalog and graph."""
        asked = _read_scope(await read_body(request, limit=_BODY_LIMIT, what="Body"))
        return json(_answer(await self._comparisons.compare(asked)))


class _Scope(NamedTuple):
    """What to compare."""

    pems: bool
    artifacts: bool


class _Comparisons:
    """
    Compares catalog and graph, once at a time: it takes memory and a processor for as long as it lasts.

    Whoever asks while one runs shares the next with all who ask for the same. Not the one that runs: it may not have
    seen what was stored last.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running = asyncio.Lock()
        # A thread of its own: the ones that all requests share are not to be taken by this.
        self._thread = CapacityLimiter(1)
        self._next: dict[_Scope, asyncio.Task[Verification]] = {}

    async def compare(self, asked: _Scope) -> Verification:
        """Compare what stands now, or a little later."""
        task = self._next.get(asked)
        if task is None:
            task = self._next[asked] = asyncio.create_task(self._run(asked))
        return await asyncio.shield(task)  # one who leaves takes nothing from the others

    async def _run(self, asked: _Scope) -> Verification:
        try:
            await self._running.acquire()
        finally:
            del self._next[asked]
        services = self._services
        comparing = partial(
            verify,
            services.log,
            services.catalog,
            services.graph,
            pems=asked.pems,
            artifacts=asked.artifacts,
            timeout_seconds=_VERIFY_SECONDS,
        )
        try:
            return await to_thread.run_sync(comparing, limiter=self._thread)
        finally:
            self._running.release()


def _read_scope(body: bytes) -> _Scope:
    stated = canonical.loads(body) if body.strip() else {}
    if not isinstance(stated, dict):
        raise InvalidInputError("Body is not a JSON object", rule="object")
    return _Scope(_flag(stated, "check_pems"), _flag(stated, "check_artifacts"))


def _flag(stated: dict[str, object], name: str) -> bool:
    value = stated.get(name)
    if value is None:
        return True
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name} is neither true nor false", field=name, rule="boolean")
    return value


def _answer(found: Verification) -> dict[str, object]:
    return {
        "msg": found.message,
        "in_sync": found.in_sync,
        "position": found.position,
        "differences": [difference._asdict() for difference in found.differences],
    }
