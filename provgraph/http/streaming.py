"""
Answers that are built while they are sent: lists of any length in a bounded amount of memory.

Pieces are made in a worker thread, one at a time and only when the client has taken the one before. The first piece
is made before the status is sent, so that an error there is still a proper answer; one that happens later breaks the
connection, so that nobody takes half a list for a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Receive, Scope, Send

PIECE_BYTES = 64 * 1024
# A client that takes nothing for so long is cut off: it holds a place and a reader's view of the stores.
_STALLED_SECONDS = 60.0

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
    A bounded number of places for answers that are being streamed; others wait for one.

    Each holds a connection to a store for as long as its client takes to read.
    """

    def __init__(self, places: int = 24) -> None:
        self._free = asyncio.Semaphore(places)

    def stream(self, pieces: Pieces, *, media_type: str = "application/json") -> StreamedAnswer:
        """Return the answer that sends ``pieces`` once there is a place."""
        return StreamedAnswer(pieces, place=self._free, media_type=media_type)


class StreamedAnswer(Response):
    """A 200 whose body is made while it is sent."""

    def __init__(self, pieces: Pieces, *, place: asyncio.Semaphore, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._pieces = pieces
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces, one at a time as the client takes them."""
        async with self._place:
            try:
                begun = await run_in_threadpool(self._take, 2)
                if len(begun) < 2:  # it is all there: say how long it is
                    await Response(b"".join(begun), media_type=self.media_type)(scope, receive, send)
                    return
                headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                if scope["method"] == "HEAD":
                    await send({"type": "http.response.body", "body": b""})
                else:
                    await self._send(begun, receive, send)
            finally:
                await run_in_threadpool(self._pieces.close)

    async def _send(self, begun: list[bytes], receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            pieces = begun
            while pieces and not gone.done():
                async with asyncio.timeout(_STALLED_SECONDS):
                    for piece in pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                pieces = await run_in_threadpool(self._take, 1)
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
