"""The client for event loops: every method of `Client` that talks to the service, to be awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar

from provgraph.client import calls, exchange
from provgraph.client.admin import AsyncAdmin
from provgraph.client.asking import AsyncAsker
from provgraph.client.client import DEFAULT_URL, Lists
from provgraph.client.questions import Questions
from provgraph.client.tracking.tracks import AsyncTracks
from provgraph.client.transport import AsyncTransport, Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from ssl import SSLContext
    from types import TracebackType

    import httpx

    from provgraph.client.calls import Call, Conversation
    from provgraph.client.tracking.settings import Tracking

T = TypeVar("T")


class AsyncClient(Lists, Questions, AsyncTracks, AsyncAsker):
    """
    Talks to one provgraph service. An asynchronous context manager; see `Client`, whose methods are awaited here.

        async with AsyncClient("https://provenance.example.org", token=token) as client:
            print((await client.why("artifact:model/churn"))["text"])

    Lists that come in pages, and the impact, are iterated over with ``async for``, without ``await``.

    :raises ClientError: every method, see `provgraph.client.errors`
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        timeout_seconds: float = 30.0,
        verify: bool | SSLContext = True,
        retry: Retry | None = None,
        tracking: Tracking | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = AsyncTransport(
            url, token=token, timeout_seconds=timeout_seconds, verify=verify, transport=transport
        )
        self._sleep = sleep
        self.url = self._http.url
        self.retry = retry or Retry()
        self.admin = AsyncAdmin(self)
        self._track_with(tracking)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def ask(self, call: Call[T]) -> T:
        """See `Client.ask`."""
        if call.patient:
            return await self.follow(exchange.patiently(call, self.retry))
        return await self._http.send(call)

    def lines(self, call: Call[Any]) -> AsyncIterator[bytes]:
        """See `Asker.lines`."""
        return self._http.lines(call)

    async def follow(self, conversation: Conversation[T]) -> T:
        """See `Asker.follow`."""
        try:
            step = next(conversation)
            while True:
                try:
                    answer = await self._do(step)
                except Exception as error:  # noqa: BLE001 - the conversation decides what to do about it
                    step = conversation.throw(error)
                else:
                    step = conversation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, step: Call[Any] | calls.Pause) -> Any:
        if isinstance(step, calls.Pause):
            return await self._sleep(step.seconds)
        return await self.ask(step)
