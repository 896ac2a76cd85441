"""Room for bodies: those that hardly come any more give way to those that do."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request

from provgraph.errors import OverloadedError, TooLargeError
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

    def __init__(self, bodies: Bodies, *, encoding: bytes = b"identity", limit: int = 10**9) -> None:
        self._pieces: asyncio.Queue[Message] = asyncio.Queue()
        self.held = Held(bodies)
        scope: dict[str, Any] = {
            "type": "http",
            "headers": [(b"content-encoding", encoding)],
            "method": "POST",
            "path": "/",
            BODIES: self.held,
        }
        body: Awaitable[bytes] = read_body(Request(scope, self._pieces.get), limit=limit, what="Body")
        self.task = asyncio.ensure_future(body)

    async def send(self, piece: bytes = PIECE, *, last: bool = False) -> None:
        self._pieces.put_nowait({"type": "http.request", "body": piece, "more_body": not last})
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


# ------------------------------------------------------------------------------------------------------- packed


def _packed() -> tuple[bytes, bytes]:
    """Return a packed piece in two halves, of which the first holds nearly all of it."""
    packed = gzip.compress(PIECE)
    return packed[:-8], packed[-8:]


def test_packed_uploads_that_stall_give_way_and_count_as_what_comes_out() -> None:
    async def play() -> None:
        clock = Clock()
        bodies = Bodies(limit=5 * len(PIECE), clock=clock)
        most, _rest = _packed()
        stalled = [Upload(bodies, encoding=b"gzip") for _ in range(5)]
        for upload in stalled:
            await upload.send(most)
        assert bodies.size == 5 * len(PIECE)
        clock.now += SECONDS
        moving = Upload(bodies, encoding=b"gzip")
        for part, last in zip(_packed(), (False, True), strict=True):
            await moving.send(part, last=last)

        assert await moving.task == PIECE
        given_way = [upload for upload in stalled if upload.task.done()]
        assert len(given_way) == 1
        with pytest.raises(OverloadedError):
            await given_way[0].task
        for upload in stalled:
            upload.task.cancel()

    asyncio.run(play())


def test_a_packed_body_of_one_piece_counts_too() -> None:
    async def play() -> None:
        bodies = Bodies(limit=len(PIECE) - 1)
        upload = Upload(bodies, encoding=b"gzip")
        await upload.send(gzip.compress(PIECE), last=True)

        with pytest.raises(OverloadedError):
            await upload.task

    asyncio.run(play())


def test_a_packed_body_holds_no_more_than_its_limit() -> None:
    async def play() -> None:
        bodies = Bodies(limit=10**9)
        upload = Upload(bodies, encoding=b"gzip", limit=1_000)
        await upload.send(gzip.compress(PIECE), last=True)

        with pytest.raises(TooLargeError):
            await upload.task
        assert bodies.size == 0

    asyncio.run(play())
