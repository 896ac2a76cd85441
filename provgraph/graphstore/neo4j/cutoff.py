"""Work with a driver that can be cut off at any moment, whatever the server does meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

from provgraph.graphstore.neo4j.complaints import CutOffError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from neo4j import AsyncDriver

_T = TypeVar("_T")
_CLOSING_SECONDS = 5.0


class Cutter:
    """
    A driver in an event loop, which runs in a thread of its own. Safe to use from several threads.

    Who waits for a server in a thread waits as long as the server. In an event loop the waiting can be ended: the
    driver closes the connection then, and the server gives up what it does for it as soon as it can.
    """

    def __init__(self, connect: Callable[[], AsyncDriver]) -> None:
        """Note how the driver is made; nothing is begun yet."""
        self._connect = connect
        self._driver: AsyncDriver | None = None
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[AsyncDriver], Awaitable[_T]], *, seconds: float) -> _T:
        """
        Return what ``work`` does with the driver.

        :raises CutOffError: it took longer than so many seconds
        """
        try:
            return asyncio.run_coroutine_threadsafe(self._bounded(work, seconds), self._running()).result()
        except TimeoutError as error:
            raise CutOffError from error

    def close(self) -> None:
        """Close the connections, and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result(2 * _CLOSING_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="cypher", daemon=True)
                self._thread.start()
            return self._loop

    async def _bounded(self, work: Callable[[AsyncDriver], Awaitable[_T]], seconds: float) -> _T:
        if self._driver is None:
            self._driver = self._connect()
        async with asyncio.timeout(seconds):
            return await work(self._driver)

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._driver is not None:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._driver.close()
