"""
Answers that are built while they are sent: lists of any length in a bounded amount of memory.

Pieces are made in a worker thread, one at a time and only when the client has taken the one before. The first piece
is made before the status is sent, so that an error there is still a proper answer; one that happens later breaks the
connection, so that nobody takes half a list for a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from provgraph.errors import OverloadedError
from provgraph.http.turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.types import Receive, Scope, Send

PIECE_BYTES = 64 * 1024
# A client that takes nothing for so long is cut off: it holds a place and a reader's view of the stores.
_STALLED_SECONDS = 60.0
# And so is one that takes a little now and then, in the end.
_LONGEST_SECONDS = 3_600.0
# How long an answer waits for its turn; then the client is told to come back.
_WAIT_SECONDS = 5.0

Pieces = Generator[bytes, None, None]


def enclosed(items: Iterable[bytes], *, opening: bytes, separator: bytes, closing: bytes) -> Pieces:
    """Yield a list's text in pieces of about 64 KiB; closing it closes ``items``."""
    piece = bytearray(opening)
    first = True
    try:
        for item in items:
            if not first:
                piece += separator
            first = False
            piece += item
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        piece += closing
        yield bytes(piece)
    finally:
        if isinstance(items, Generator):
            items.close()


def json_list(items: Iterable[bytes]) -> Pieces:
    """Yield a JSON list of items that are JSON already."""
    return enclosed(items, opening=b"[", separator=b",", closing=b"]")


class Places:
    """
    A bounded number of places for answers that are being streamed; others wait for one, but not for long.

    Each holds a connection to a store for as long as its client takes to read. An answer that is all there at its
    beginning needs none: it is not kept waiting by slow readers of long ones.
    """

    def __init__(self, places: int = 24, *, beginning: int = 8, turns: Turns | None = None) -> None:
        """
        Open the places.

        :param places: how many answers may be on their way to slow clients
        :param beginning: how many may be begun at a time, and as many wait for a place
        """
        self._beginning = asyncio.Semaphore(beginning)
        self._streaming = asyncio.Semaphore(places)
        self._may_wait = beginning
        self.turns = turns or Turns()
        self._waiting = 0

    def stream(self, pieces: Pieces, *, media_type: str = "application/json") -> StreamedAnswer:
        """Return the answer that sends ``pieces``; without a place in time it is an `OverloadedError`."""
        return StreamedAnswer(pieces, places=self, media_type=media_type)

    @asynccontextmanager
    async def to_begin(self) -> AsyncIterator[None]:
        """Let a block run that makes the beginning of an answer."""
        await _acquired(self._beginning)
        try:
            yield
        finally:
            self._beginning.release()

    @asynccontextmanager
    async def to_stream(self) -> AsyncIterator[None]:
        """Let a block run that sends what a client takes at its own speed."""
        # Those who wait hold a connection to a store already.
        if self._streaming.locked() and self._waiting >= self._may_wait:
            raise _crowded()
        self._waiting += 1
        try:
            await _acquired(self._streaming)
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._streaming.release()


class StreamedAnswer(Response):
    """A 200 whose body is made while it is sent."""

    def __init__(self, pieces: Pieces, *, places: Places, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._pieces = pieces
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces, one at a time as the client takes them."""
        try:
            async with self._places.to_begin():
                begun = await self._places.turns.run(self._take, 2)
            if len(begun) == 2:
                async with self._places.to_stream():
                    await self._stream(begun, scope, receive, send)
                return
        finally:
            await run_in_threadpool(self._pieces.close)
        # It is all there: say how long it is.
        await Response(b"".join(begun), media_type=self.media_type)(scope, receive, send)

    async def _stream(self, begun: list[bytes], scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        async with asyncio.timeout(_LONGEST_SECONDS):
            await self._send(begun, receive, send)

    async def _send(self, begun: list[bytes], receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            pieces = begun
            while pieces and not gone.done():
                async with asyncio.timeout(_STALLED_SECONDS):
                    for piece in pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                pieces = await self._places.turns.run(self._take, 1)
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    def _take(self, pieces: int) -> list[bytes]:
        return list(islice(self._pieces, pieces))


async def _disconnected(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _acquired(places: asyncio.Semaphore) -> None:
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            await places.acquire()
    except TimeoutError:
        raise _crowded() from None


def _crowded() -> OverloadedError:
    return OverloadedError("Too many long answers are being made or read; ask again in a moment")
