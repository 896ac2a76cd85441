"""
The outermost layer of every application: what came in is bounded and counted, what went wrong is answered once.

Pure ASGI, for every request passes it.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from provgraph.errors import ProvgraphError
from provgraph.http.answers import (
    DOORS,
    RefusedError,
    UnexpectedError,
    error_answer,
    from_framework,
    from_validation,
)
from provgraph.http.body import BODIES, Bodies, Held, discard
from provgraph.http.browsers import SAFE_HEADERS
from provgraph.http.doors import Doors

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from provgraph.http.browsers import BrowserGuard
    from provgraph.http.metrics import Metrics

logger = logging.getLogger(__name__)

# Path and query string together. The HTTP parser itself cannot take 64 KiB.
MAX_TARGET_BYTES = 64_000
_CLIENT_WENT_AWAY = 0


class Edge:
    """
    Counts requests by group and status, and refuses overlong targets and what a foreign web page may have sent.

    Every answer gets the headers that keep browsers from doing more with it than they should.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        doors: Doors | None = None,
        bodies: Bodies | None = None,
        guard: BrowserGuard | None = None,
    ) -> None:
        """
        Wrap an application.

        :param doors: what the services that it serves say of themselves
        :param bodies: what the bodies of all requests together may take; without it as much as they like
        :param guard: who tells foreign web pages; without it nobody does
        """
        self._app = app
        self._metrics = metrics
        self._doors = doors or Doors()
        self._bodies = bodies
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CLIENT_WENT_AWAY

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *SAFE_HEADERS]}
            await send(message)

        scope[DOORS] = self._doors
        held = None
        if self._bodies is not None:
            scope[BODIES] = held = Held(self._bodies)
        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await discard(receive)
                await error_answer(scope, refusal)(scope, receive, noting_status)
            else:
                await self._app(scope, receive, noting_status)
        finally:
            if held is not None and held.size:
                held.release()
            self._metrics.count_request(self._doors.group(scope["path"]), status)

    def _refusal(self, scope: Scope) -> ProvgraphError | None:
        if target_bytes(scope) > MAX_TARGET_BYTES:
            return _too_long()
        return None if self._guard is None else self._guard.refusal(scope)


class Errors:
    """
    Turns every exception into an answer, unless an answer has begun already.

    A refused request's body is read to its end first: a client that still sends would not see the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer what it raises."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body_ended = answering = False

        async def noting_end(*_: object) -> Message:
            nonlocal body_ended
            message = await receive()
            body_ended = not message.get("more_body", False)
            return message

        async def noting_start(message: Message) -> None:
            nonlocal answering
            if not answering:
                answering = True
                # By now nothing else wants the rest of the body.
                if not body_ended and message["status"] >= 400:
                    await discard(receive)
            await send(message)

        try:
            await self._app(scope, noting_end, noting_start)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as error:
            if answering:
                raise  # the server breaks the connection, so that nobody takes half an answer for a whole one
            await _answer(error, scope)(scope, noting_end, noting_start)


def install(app: FastAPI) -> None:
    """Let an application answer its errors as all of provgraph does."""
    app.add_middleware(Errors)
    app.add_exception_handler(ProvgraphError, _on_exception)
    app.add_exception_handler(HTTPException, _on_exception)
    app.add_exception_handler(RequestValidationError, _on_exception)


def target_bytes(scope: Scope) -> int:
    """Return how long path and query string of a request are."""
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return len(raw_path) + len(scope["query_string"])


async def _on_exception(request: Request, error: Exception) -> Response:
    return _answer(error, request.scope)


def _answer(error: Exception, scope: Scope) -> Response:
    if isinstance(error, HTTPException):
        error = from_framework(error, scope)
    elif isinstance(error, RequestValidationError):
        error = from_validation(error)
    elif not isinstance(error, ProvgraphError):
        incident = uuid.uuid4().hex[:12]
        logger.error("incident %s: %s %s failed", incident, scope["method"], scope["path"], exc_info=error)
        error = UnexpectedError(f"Something went wrong here; the service's log has it as incident {incident}")
    return error_answer(scope, error)


def _too_long() -> ProvgraphError:
    return RefusedError(f"The request's path and query are longer than {MAX_TARGET_BYTES} bytes", status=414)
