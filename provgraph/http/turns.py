"""
Turns: how much of the machine heavy questions may take from those who send events.

A question that is computed in a thread shares one interpreter with the event loop and the log's writer, and of ten such
threads each takes its share before the writer goes on. So while events come in, one of each kind of questions is worked
on at a time, and after a piece of work its turn rests. Without events nobody waits.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from provgraph.errors import OverloadedError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

# How long a turn rests for each second of work: one kind of questions gets an eighth of a processor. Several kinds work
# at the same time, and most of the time not one of them should.
_REST = 7.0
_LONGEST_REST_SECONDS = 5.0
# So much rest may be owed: short questions now and then do not wait for any.
_BURST_SECONDS = 0.5
# How long a piece waits for its turn; then the client is told to come back.
_WAIT_SECONDS = 60.0


def _never() -> bool:
    return False


class Turns:
    """The turns of one kind of heavy questions, in the order in which they were wanted; needed while events come in."""

    def __init__(self, *, is_busy: Callable[[], bool] = _never) -> None:
        """
        Begin with nobody at work.

        :param is_busy: tells whether events come in; in a process that takes none, they never do
        """
        self._turn = asyncio.Semaphore(1)
        self._is_busy = is_busy
        self._rested_at = 0.0  # when there has been a rest for all the work so far

    async def run(self, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
        """
        Return what a piece of work returns, done in a thread when it is its turn.

        :raises OverloadedError: its turn did not come in time
        """
        if not self._is_busy():
            return await run_in_threadpool(work, *arguments, **options)
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise OverloadedError("Too many long answers are being made; ask again in a moment") from None
        try:
            rest = self._rested_at - _BURST_SECONDS - time.monotonic()
            if rest > 0:
                await asyncio.sleep(min(rest, _LONGEST_REST_SECONDS))
            return await self._worked(work, *arguments, **options)
        finally:
            self._turn.release()

    async def _worked(self, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
        begun = time.monotonic()
        try:
            return await run_in_threadpool(work, *arguments, **options)
        finally:
            seconds = time.monotonic() - begun
            self._rested_at = max(self._rested_at, begun) + (1 + _REST) * seconds
