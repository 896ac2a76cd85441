"""One way to drive both clients, so that a behaviour is written once and owed by each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import httpx

from provgraph.client import AsyncClient, AsyncImpact, AsyncPages, Client, Run, current
from provgraph.client.admin import AsyncAdmin

Handler = Callable[[httpx.Request], httpx.Response]


class Driver(Protocol):
    """Makes clients whose methods return what they return to whoever waits or awaits."""

    is_async: bool

    def client(self, url: str = "http://service.test", **options: Any) -> Any:
        """Return a client."""

    def current(self) -> Run | None:
        """Return the activity that the clients' calls are within."""

    def close(self) -> None:
        """Close what was made."""


class SyncDriver:
    """The client that waits, as it is."""

    is_async = False

    def __init__(self) -> None:
        self._made: list[Client] = []

    def client(self, url: str = "http://service.test", **options: Any) -> Any:
        """See `Driver.client`."""
        pauses = options.pop("pauses", [])
        client = Client(url, **options, sleep=pauses.append)
        self._made.append(client)
        return client

    def current(self) -> Run | None:
        """See `Driver.current`."""
        return current()

    def close(self) -> None:
        """See `Driver.close`."""
        for client in self._made:
            client.close()


class AsyncDriver:
    """The client for event loops, on a loop that runs while a call does."""

    is_async = True

    def __init__(self) -> None:
        # Its runs share one context, as the steps of a coroutine do.
        self._runner = asyncio.Runner()
        self._made: list[AsyncClient] = []

    def client(self, url: str = "http://service.test", **options: Any) -> Any:
        """See `Driver.client`."""
        pauses = options.pop("pauses", [])

        async def rest(seconds: float) -> None:
            pauses.append(seconds)

        client = AsyncClient(url, **options, sleep=rest)
        self._made.append(client)
        return _Waiting(client, self._runner)

    def current(self) -> Run | None:
        """See `Driver.current`."""

        async def ask() -> Run | None:
            return current()

        return self._runner.run(ask())

    def close(self) -> None:
        """See `Driver.close`."""
        for client in self._made:
            self._runner.run(client.close())
        self._runner.close()


class _Waiting:
    """An object whose coroutines are waited for, and whose asynchronous iterators and contexts are plain ones."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if isinstance(value, AsyncAdmin):
            return _Waiting(value, self._runner)
        if not callable(value) or name in ("reports", "prepare_pem", "prepare_artifact"):
            return value
        return lambda *arguments, **named: self._done(value(*arguments, **named))

    def __enter__(self) -> Any:
        self._runner.run(self._target.__aenter__())
        return self

    def __exit__(self, *exception: Any) -> None:
        self._runner.run(self._target.__aexit__(*exception))

    def __iter__(self) -> Iterator[Any]:
        iterator = aiter(self._target)
        while True:
            try:
                yield self._runner.run(_step(iterator))
            except StopAsyncIteration:
                return

    def _done(self, result: Any) -> Any:
        if asyncio.iscoroutine(result):
            return self._runner.run(result)
        if isinstance(result, AsyncPages | AsyncImpact | AsyncIterator):
            return _Waiting(result, self._runner)
        if hasattr(result, "__aenter__"):
            return self._activity(result)
        return result

    @contextmanager
    def _activity(self, activity: Any) -> Iterator[Any]:
        run = self._runner.run(activity.__aenter__())
        try:
            yield run
        except BaseException as error:
            self._runner.run(activity.__aexit__(type(error), error, error.__traceback__))
            raise
        else:
            self._runner.run(activity.__aexit__(None, None, None))


async def _step(iterator: AsyncIterator[Any]) -> Any:
    return await anext(iterator)
