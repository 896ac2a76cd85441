"""Room for bodies: those that hardly come any more give way to those that do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request

from provgraph.errors import OverloadedError
from provgraph.http import Bodies, read_body
from provgraph.http.body import BODIES, Held

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import Message

PIECE = b"x" * 100_000
SECONDS = 10.0  # more than a body has to show how fast it comes


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Upload:
    """A request whose body comes piece by piece, as a test says."""

    def __init__(self, bodies: Bodies) -> None:
        self._pieces: asyncio.Queue[Message] = asyncio.Queue()
        self.held = Held(bodies)
        scope: dict[str, Any] = {
            "type": "http",
            "headers": [],
            "method": "POST",
            "path": "/",
            BODIES: self.held,
        }
        body: Awaitable[bytes] = read_body(Request(scope, self._pieces.get), limit=10**9, what="Body")
        self.task = asyncio.ensure_future(body)

    async def send(self, *, last: bool = False) -> None:
        self._pieces.put_nowait({"type": "http.request", "body": PIECE, "more_body": not last})
        for _ in range(5):
            await asyncio.sleep(0)


def test_five_stalled_uploads_do_not_keep_others_out() -> None:
    async def play() -> None:
        clock = Clock()
        bodies = Bodies(limit=5 * len(PIECE), clock=clock)
        stalled = [Upload(bodies) for _ in range(5)]
        for upload in stalled:
            await upload.send()
        clock.now += SECONDS
        moving = Upload(bodies)
        for number in range(5):
            await moving.send(last=number == 4)

        assert len(await moving.task) == 5 * len(PIECE)
        for upload in stalled:
            with pytest.raises(OverloadedError):
                await upload.task

    asyncio.run(play())


def test_uploads_that_trickle_give_way_the_slowest_first() -> None:
    async def play() -> None:
        clock = Clock()
        bodies = Bodies(limit=5 * len(PIECE), clock=clock)
        slow, slower = Upload(bodies), Upload(bodies)
        for upload in (slower, slow, slow, slow):
            await upload.send()
            clock.now += SECONDS
        moving = Upload(bodies)
        await moving.send()
        await moving.send(last=True)

        await moving.task
        moving.held.release()  # it was answered
        with pytest.raises(OverloadedError):
            await slower.task
        assert not slow.task.done()
        await slow.send(last=True)
        assert len(await slow.task) == 4 * len(PIECE)

    asyncio.run(play())


def test_uploads_that_come_well_do_not_give_way() -> None:
    async def play() -> None:
        bodies = Bodies(limit=2 * len(PIECE), clock=Clock())
        first, second = Upload(bodies), Upload(bodies)
        await first.send()
        await second.send()
        third = Upload(bodies)
        await third.send()

        with pytest.raises(OverloadedError):
            await third.task
        assert not first.task.done()
        first.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first.task
        second.task.cancel()

    asyncio.run(play())


def test_what_gave_way_holds_nothing() -> None:
    async def play() -> Bodies:
        clock = Clock()
        bodies = Bodies(limit=2 * len(PIECE), clock=clock)
        stalled, moving = Upload(bodies), Upload(bodies)
        await stalled.send()
        clock.now += SECONDS
        await moving.send()
        await moving.send(last=True)
        await moving.task
        with pytest.raises(OverloadedError):
            await stalled.task
        stalled.held.release()
        moving.held.release()
        return bodies

    bodies = asyncio.run(play())

    assert (bodies.size, bodies.coming) == (0, set())
