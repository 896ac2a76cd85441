"""
The client that waits and the client for event loops, behind one face: a behaviour is written once and both owe it.

A test is a coroutine. What a client's method returns goes through `Side.do`, which awaits what can be awaited.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import orjson

from provgraph.client import AsyncClient, Client
from tests.e2e.builders import unique

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from provgraph.client.tracking import Group, Run, Tracking


class Sent(NamedTuple):
    """A request that went out."""

    method: str
    path: str
    parameters: dict[str, str]
    body: Any

    @classmethod
    def of(cls, request: httpx.Request) -> Sent:
        """Return what a request says."""
        body = orjson.loads(request.content) if request.content else None
        return cls(request.method, request.url.path, dict(request.url.params), body)

    @property
    def what(self) -> str:
        """The call without its ids, such as ``POST runs close``."""
        parts = [part for part in self.path.removeprefix("/api/v1/").split("/") if len(part) != 32]
        return " ".join((self.method, *parts))


class Wire:
    """What lies between a client and the service: remembers what went out, and loses answers when asked to."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._lose: Callable[[Sent], bool] = lambda _: False

    def lose_answer_once(self, what: str) -> None:
        """Break the connection before the next answer to such a call arrives."""

        def lose(sent: Sent) -> bool:
            if sent.what != what:
                return False
            self._lose = lambda _: False
            return True

        self._lose = lose

    def note(self, request: httpx.Request) -> bool:
        """Remember a request, and tell whether its answer is to be lost."""
        sent = Sent.of(request)
        self.sent.append(sent)
        return self._lose(sent)

    def what(self, method: str | None = None) -> list[str]:
        """Return which calls went out, in order."""
        return [each.what for each in self.sent if method in (None, each.method)]


class _Transport(httpx.HTTPTransport):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_lost = self._wire.note(request)
        response = super().handle_request(request)
        if is_lost:
            response.read()
            raise httpx.ReadError("the connection broke", request=request)
        return response


class _AsyncTransport(httpx.AsyncHTTPTransport):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_lost = self._wire.note(request)
        response = await super().handle_async_request(request)
        if is_lost:
            await response.aread()
            raise httpx.ReadError("the connection broke", request=request)
        return response


class Side(ABC):
    """A client with an identifier and a kind of objects that no other test has."""

    def __init__(self, url: str, tracking: Tracking | None = None) -> None:
        self.url = url
        self.wire = Wire()
        self.identifier = unique("script-")
        self.kind = unique("Node")
        self.client: Any = self._made(tracking)
        self._others: list[Side] = []

    @abstractmethod
    def _made(self, tracking: Tracking | None) -> Any:
        """Return a client."""

    @abstractmethod
    def barrier(self, parties: int) -> Callable[[], Coroutine[Any, Any, None]]:
        """Return what several bodies that run `together` meet at."""

    @abstractmethod
    async def together(self, *bodies: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run bodies at once: in threads, or in tasks."""

    def another(self, tracking: Tracking | None = None) -> Side:
        """Return another client for the same objects, as another program would have."""
        other = type(self)(self.url, tracking)
        other.identifier, other.kind = self.identifier, self.kind
        self._others.append(other)
        return other

    async def close(self) -> None:
        """Close the clients."""
        for other in self._others:
            await other.close()
        await self.do(self.client.close())

    async def do(self, result: Any) -> Any:
        """Return what a method returned, awaited where it can be."""
        return await result if inspect.isawaitable(result) else result

    @asynccontextmanager
    async def tracking(self, identifier: str | None = None, **how: Any) -> AsyncIterator[Any]:
        """Track in a block, under this side's identifier unless another is given."""
        block = self.client.tracking.start_tracking(identifier or self.identifier, **how)
        async with self.entered(block) as tracking:
            yield tracking

    @asynccontextmanager
    async def entered(self, block: Any) -> AsyncIterator[Any]:
        """Enter what ``start_tracking`` returned, the way that the client has."""
        if isinstance(self, AsyncSide):
            async with block as tracking:
                yield tracking
        else:
            with block as tracking:
                yield tracking

    async def create(self, name: str, **how: Any) -> Any:
        """Return a new object of this side's kind."""
        return await self.do(self.client.tracking.create(self.kind, name=name, **how))

    async def save(self, name: str, *, member: bool | None = None, **how: Any) -> Any:
        """Create or update an object of this side's kind, and return it."""
        node = await self.create(name, **how)
        await self.do(node.save(allow_upsert=True, update_group_context=member))
        return node

    async def run(self, *names: str, **how: Any) -> Any:
        """Track a run that saves these, and return its context."""
        async with self.tracking(**how) as tracking:
            for name in names:
                await self.save(name)
            return tracking.group_context

    async def group(self, identifier: str | None = None, **properties: Any) -> Group | None:
        """Return the group of an identifier and parameters, asked for by another program."""
        other = self.another()
        other.client.tracking.set_context_properties(identifier or self.identifier, **properties)
        group: Group | None = await other.do(other.client.tracking.group_context.get_group())
        return group

    async def members(self, identifier: str | None = None, **properties: Any) -> set[str | None] | None:
        """Return the keys of the members of a group, None when there is no such group."""
        group = await self.group(identifier, **properties)
        return None if group is None else {member.key for member in group.members or ()}

    async def live(self, **how: Any) -> set[str]:
        """Return the keys of the live objects of this side's kind."""
        other = self.another()
        return {node.key for node in await other.do(other.client.tracking.all(self.kind, **how))}

    async def runs(self, **which: Any) -> list[Run]:
        """Return the runs of this side's identifier, the newest first."""
        listed = self.client.tracking.runs.list(**({"identifier": self.identifier} | which))
        return [run async for run in listed] if isinstance(self, AsyncSide) else list(listed)


class SyncSide(Side):
    """The client that waits."""

    def _made(self, tracking: Tracking | None) -> Client:
        return Client(self.url, tracking=tracking, transport=_Transport(self.wire), sleep=lambda _: None)

    def barrier(self, parties: int) -> Callable[[], Coroutine[Any, Any, None]]:
        barrier = threading.Barrier(parties, timeout=60)

        async def meet() -> None:
            barrier.wait()

        return meet

    async def together(self, *bodies: Callable[[], Coroutine[Any, Any, None]]) -> None:
        failures: list[BaseException] = []

        def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
            try:
                asyncio.run(body())
            except BaseException as error:  # noqa: BLE001 - told below, in the thread of the test
                failures.append(error)

        threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]


class AsyncSide(Side):
    """The client for event loops."""

    def _made(self, tracking: Tracking | None) -> AsyncClient:
        return AsyncClient(
            self.url,
            tracking=tracking,
            transport=_AsyncTransport(self.wire),
            sleep=lambda _: asyncio.sleep(0),
        )

    def barrier(self, parties: int) -> Callable[[], Coroutine[Any, Any, None]]:
        barrier = asyncio.Barrier(parties)

        async def meet() -> None:
            await barrier.wait()

        return meet

    async def together(self, *bodies: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await asyncio.gather(*(asyncio.create_task(body()) for body in bodies))
