"""Calls applications as a server would, without one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from provgraph.cli.parts import PARTS
from provgraph.http import Doors, Edge, Metrics, front_door, install

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Scope


EVERY_DOOR = Doors(front_door(part) for part in PARTS)


class Answer:
    """What an application sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


class Client:
    """Sends a body in pieces, and notes how much of it was taken."""

    def __init__(self, pieces: Sequence[bytes] = (b"",), *, leaves: bool = False) -> None:
        self.left = list(pieces)
        self._leaves = leaves

    async def receive(self) -> Message:
        if self.left:
            body = self.left.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self.left) or self._leaves}
        if self._leaves:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()  # stays, and says nothing more
        raise AssertionError


def scope_of(path: str, method: str = "GET", query: bytes = b"") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [],
    }


def call(app: ASGIApp, scope: Scope, client: Client | None = None) -> Answer:
    answer = Answer()

    async def send(message: Message) -> None:
        answer.messages.append(message)

    asyncio.run(app(scope, (client or Client()).receive, send))  # type: ignore[arg-type] # an ASGI app is a coroutine
    return answer


def app_with(endpoint: Callable[..., Any], path: str = "/api/x", metrics: Metrics | None = None) -> ASGIApp:
    app = FastAPI(routes=[Route(path, endpoint)], redirect_slashes=False)
    install(app)
    return Edge(app, metrics or Metrics(), doors=EVERY_DOOR)


def raising(error: Exception) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        raise error

    return endpoint


async def plain(_request: Request) -> Response:
    return PlainTextResponse("ok")
