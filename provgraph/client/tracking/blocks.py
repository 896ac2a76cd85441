"""What ``start_tracking`` returns: the client as it tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from provgraph.client.aio import AsyncClient
    from provgraph.client.client import Client
    from provgraph.client.tracking.context import AsyncGroupContext, GroupContext
    from provgraph.client.tracking.nodes import AsyncNode, Node
    from provgraph.client.tracking.session import Frame, Session


class Tracked:
    """
    The client while it tracks. In a ``with`` statement the run ends with the block; else it goes on.

    Everything the client can do, this can.
    """

    def __init__(
        self, client: Client, session: Session[Node, GroupContext], frame: Frame[GroupContext]
    ) -> None:
        self._client = client
        self._session = session
        self._frame = frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def __enter__(self) -> Client:
        self._session.enter(self._frame)
        return self._client

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._client.follow(self._session.end(self._frame, error))
        finally:
            self._session.leave(self._frame)


class AsyncTracked:
    """The client for event loops while it tracks, see `Tracked`. Awaiting it gives the client, without a wait."""

    def __init__(
        self,
        client: AsyncClient,
        session: Session[AsyncNode, AsyncGroupContext],
        frame: Frame[AsyncGroupContext],
    ) -> None:
        self._client = client
        self._session = session
        self._frame = frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def __await__(self) -> Generator[Any, None, AsyncClient]:
        return _at_once(self._client).__await__()

    async def __aenter__(self) -> AsyncClient:
        self._session.enter(self._frame)
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # A coroutine that is thrown away (GeneratorExit) may not wait for anything any more.
            if not isinstance(error, GeneratorExit):
                await self._client.follow(self._session.end(self._frame, error))
        finally:
            self._session.leave(self._frame)


class Settled:
    """Something that is done already, and may be awaited all the same."""

    def __await__(self) -> Generator[Any, None, None]:
        return _at_once(None).__await__()


async def _at_once(what: Any) -> Any:
    return what
