"""The client for event loops: every method of `Client` that talks to the service, to be awaited."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from provgraph.client import exchange, lenient
from provgraph.client.activities import AsyncActivity
from provgraph.client.admin import AsyncAdmin
from provgraph.client.base import AsyncAsker, Pause, Retry
from provgraph.client.client import BEGINNING, Stored, addressed, open_delivery
from provgraph.client.delivery.base import Flushed
from provgraph.client.emitting import SIZE_LIMIT, Emitting, one, send, set_tag
from provgraph.client.errors import DeliveryError
from provgraph.client.pems import id_of
from provgraph.client.questions import Questions
from provgraph.client.transport import AsyncTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from ssl import SSLContext
    from types import TracebackType

    from provgraph.client.answers import SendResult
    from provgraph.client.base import Call, Conversation, OnError, Verdict
    from provgraph.client.delivery.base import Delivery
    from provgraph.client.pems import EventRef, Pem
    from provgraph.client.tracking.client import AsyncTrackingClient
    from provgraph.client.tracking.settings import Tracking

T = TypeVar("T")

logger = logging.getLogger(__name__)


class AsyncClient(Emitting[AsyncActivity], Stored, Questions, AsyncAsker):
    """
    Talks to one provgraph service. An asynchronous context manager; see `Client`, whose methods are awaited here.

        spool = SpoolDelivery("spool.db")
        async with AsyncClient("https://prov.example.org", token=token, emitter="trainer", delivery=spool) as client:
            async with client.activity("train", uses=["table/customers"]) as run:
                run.produces("model/churn")
            await client.flush()
            print((await client.why("artifact:model/churn")).text)

    Lists that come in pages, and the impact, are iterated over with ``async for``, without ``await``. A delivery works
    on threads of its own.

    :raises ClientError: every method, see `provgraph.client.errors`
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        emitter: str | None = None,
        delivery: Delivery | None = None,
        timeout_seconds: float = 30.0,
        verify: bool | SSLContext = True,
        retry: Retry | None = None,
        size_limit: int = SIZE_LIMIT,
        tracking: Tracking | None = None,
        on_error: OnError = "warn",
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        url, token = addressed(url, token)
        self._http = AsyncTransport(
            url, token=token, timeout_seconds=timeout_seconds, verify=verify, transport=transport
        )
        self._sleep = sleep
        self.url = self._http.url
        self.retry = retry or Retry()
        self.emitter = emitter
        self.on_error = lenient.on_error(on_error)
        self.size_limit = size_limit
        self.admin = AsyncAdmin(self)
        self._tracking_settings = tracking
        self._tracking: AsyncTrackingClient | None = None
        self._delivery = delivery
        if delivery is not None:
            open_delivery(
                delivery,
                self.url,
                token=token,
                timeout_seconds=timeout_seconds,
                verify=verify,
                transport=transport if isinstance(transport, httpx.BaseTransport) else None,
            )

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """See `Client.from_environment`."""
        from provgraph.client import environment  # noqa: PLC0415 - brings in what only it needs

        described = environment.read()
        return cls(**{"delivery": described.delivery, **described.options, **options})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except DeliveryError as problem:
            if error is None and self.on_error == "raise":
                raise
            logger.warning("%s", problem)

    async def close(self) -> None:
        """See `Client.close`."""
        try:
            if self._delivery is not None:
                await asyncio.to_thread(self._delivery.close)
        finally:
            await self._http.close()

    async def send_pem(self, pem: Pem) -> Verdict:
        """See `Client.send_pem`."""
        return one(await self.send_pems([pem]))

    async def send_pems(self, pems: Iterable[Pem]) -> SendResult:
        """See `Client.send_pems`."""
        events = self._encoded(pems)
        if self._delivery is not None:
            return await asyncio.to_thread(self._delivery.send, events)
        return await self.follow(send(events))

    async def set_tag(self, namespace: str, tag: str, event: EventRef) -> None:
        """See `Client.set_tag`."""
        if self._delivery is not None:
            await asyncio.to_thread(self._delivery.set_tag, namespace, tag, id_of(event))
        else:
            await self.ask(set_tag(namespace, tag, event))

    async def flush(self, *, timeout_seconds: float = 30.0) -> Flushed:
        """See `Client.flush`."""
        if self._delivery is None:
            return Flushed(0, 0, 0)
        return await asyncio.to_thread(self._delivery.flush, timeout_seconds=timeout_seconds)

    @property
    def tracking(self) -> AsyncTrackingClient:
        """See `Client.tracking`."""
        if self._tracking is None:
            from provgraph.client.tracking.client import (  # noqa: PLC0415 - most programs only emit
                AsyncTrackingClient,
            )

            with BEGINNING:
                if self._tracking is None:
                    self._tracking = AsyncTrackingClient(self, self._tracking_settings)
        return self._tracking

    def _activity(self, type_: str, **stated: Any) -> AsyncActivity:
        return AsyncActivity(self, type_, **stated)

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

    async def _do(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Pause):
            return await self._sleep(step.seconds)
        return await self.ask(step)
