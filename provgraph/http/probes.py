"""Operations: does the process answer, can it serve, and how much has it done."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, create_task_group, move_on_after, to_thread
from starlette.responses import Response

from provgraph.errors import ProvgraphError
from provgraph.http.answers import json, text
from provgraph.http.metrics import CONTENT_TYPE
from provgraph.http.openapi import OPEN, TEXT, RawRoute, answer, problem_answers
from provgraph.wire.operations import Readiness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from provgraph.http.openapi import Spec
    from provgraph.http.services import Services

# A projector that is behind and has not moved for so long is stuck, whatever it says.
_STUCK_SECONDS = 30.0
# A store that does not answer a probe for so long is as good as away. It may go on thinking in its thread.
_PATIENCE_SECONDS = 10.0
_THREADS = 4
_METRICS = "metrics"


class NotReadyError(ProvgraphError):
    """A part of the service cannot do its work."""

    status = 503
    title = "Not ready"

    def __init__(self, parts: dict[str, str]) -> None:
        super().__init__("; ".join(f"{part}: {state}" for part, state in parts.items() if state != "ok"))
        self.parts = parts

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"parts": self.parts}


def routes(services: Services) -> list[BaseRoute]:
    """Return ``/healthz``, ``/readyz`` and ``/metrics``; none of them asks for a credential."""
    probes = _Probes(services)
    return [
        _probe(
            "healthz", probes.healthz, "Whether the process answers", answer(str, "It does", media_type=TEXT)
        ),
        _probe("readyz", probes.readyz, "Whether it can serve", answer(Readiness, "It can"), 503),
        _probe("metrics", probes.metrics, "How much it has done", answer(str, "Metrics", media_type=TEXT)),
    ]


def _probe(
    name: str, endpoint: Callable[[Request], Awaitable[Response]], summary: str, told: Spec, *refusals: int
) -> RawRoute:
    return RawRoute(
        f"/{name}",
        endpoint,
        methods=["GET"],
        security=OPEN,
        tags=["operations"],
        summary=summary,
        responses={200: told, **problem_answers(*refusals)},
        answers_head=True,
    )


class _Probes:
    """
    The endpoints.

    Those that ask the stores have threads of their own: a probe tells of load, it is not its victim.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._position = -1
        self._moved_at = time.monotonic()
        # Those of one part may all be waiting for it: the others have their own.
        self._limits = {part: CapacityLimiter(_THREADS) for part in (*self._parts(), _METRICS)}

    async def healthz(self, _request: Request) -> Response:
        """Answer: that is all there is to it."""
        return text("OK")

    async def readyz(self, _request: Request) -> Response:
        """Tell whether events can be stored and questions be answered."""
        states = dict.fromkeys(self._parts(), "")
        async with create_task_group() as asking:
            for part, ask in self._parts().items():
                asking.start_soon(self._note, states, part, ask)
        if any(state != "ok" for state in states.values()):
            raise NotReadyError(states)
        return json({"ready": True, "parts": states})

    async def metrics(self, _request: Request) -> Response:
        """Answer in Prometheus' text format."""
        shown = await to_thread.run_sync(self._services.metrics.render, limiter=self._limits[_METRICS])
        return Response(shown, headers={"Content-Type": CONTENT_TYPE})

    def _parts(self) -> dict[str, Callable[[], str]]:
        """Return what to ask for the state of each part."""
        services = self._services
        parts: dict[str, Callable[[], str]] = {"log": partial(_state, self._log)}
        # A process that only receives goes on receiving while the graph is away.
        if services.building is not None:
            parts |= {"graph": partial(_state, services.graph.probe), "projector": self._projector}
        return parts

    def _log(self) -> None:
        self._services.log.probe()
        self._services.integrity.probe()

    async def _note(self, states: dict[str, str], part: str, ask: Callable[[], str]) -> None:
        states[part] = f"It did not answer within {_PATIENCE_SECONDS:g} seconds"
        with move_on_after(_PATIENCE_SECONDS):
            states[part] = await to_thread.run_sync(ask, limiter=self._limits[part], abandon_on_cancel=True)

    def _projector(self) -> str:
        try:
            status = self._services.projector()
            position = self._services.graph.checkpoint().position
        except ProvgraphError as error:
            return str(error)
        if status.trouble is not None:
            return status.trouble
        if position != self._position:
            self._position, self._moved_at = position, time.monotonic()
        if min(time.monotonic() - self._moved_at, status.lag_seconds) > _STUCK_SECONDS:
            return f"stuck at position {position}, {status.lag_events} events behind"
        return "ok"


def _state(probe: Callable[[], None]) -> str:
    try:
        probe()
    except ProvgraphError as error:
        return str(error)
    return "ok"
