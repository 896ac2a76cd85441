"""Request bodies: read whole, unpacked, within a limit, or thrown away."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, nullcontext
from math import exp
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from provgraph.errors import OverloadedError, TooLargeError
from provgraph.http.unpacking import Gzip, Plain, reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request
    from starlette.types import Message, Receive

# A refused body is read all the same, for a client that still sends would not see the answer. But not for ever.
_DISCARD_AT_MOST = 256 * 2**20
# A body that comes more slowly than this over some seconds gives way when others need the room.
_SLOW_BYTES_PER_SECOND = 64 * 2**10
_RECENT_SECONDS = 2.0
# Where a request's scope has its `Held`.
BODIES = "provgraph.bodies"


class Bodies:
    """
    How much memory the bodies of all requests together may take.

    Bodies that arrive whole with their request do not count: there is one of them per connection, and it is small.
    When there is no room, a body that hardly comes any more gives way to those that do: it can be sent again.
    """

    def __init__(self, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Begin with nothing.

        :param limit: how much memory, in bytes
        :param clock: seconds that never go back
        """
        self.limit = limit
        self.size = 0
        self.clock = clock
        self.coming: set[Held] = set()  # those that are being received

    def make_room(self, size: int, *, wanted_by: Held) -> bool:
        """Have the slowest bodies give way until there is room for ``size`` bytes; False: there is none."""
        while self.size + size > self.limit:
            others = [each for each in self.coming if each is not wanted_by and each.is_slow()]
            if not others:
                return False
            min(others, key=Held.speed).give_way()
        return True


class Held:
    """What one request's body takes of it, until the request is answered."""

    __slots__ = ("_all", "_at", "_has_given_way", "_recent", "_task", "size")

    def __init__(self, bodies: Bodies) -> None:
        self._all = bodies
        self.size = 0
        self._at = 0.0  # when the last piece came
        self._recent = 0.0  # bytes of the last seconds: those of a while ago count less and less
        self._task: asyncio.Task[Any] | None = None
        self._has_given_way = False

    @contextmanager
    def coming(self) -> Iterator[None]:
        """
        Let a block receive a body.

        :raises OverloadedError: it came so slowly that others got its room
        """
        self._task = asyncio.current_task()
        self._at = self._all.clock()
        # A body has a moment to show how fast it comes.
        self._recent = 4.0 * _SLOW_BYTES_PER_SECOND * _RECENT_SECONDS
        self._all.coming.add(self)
        try:
            yield
        except asyncio.CancelledError:
            if not self._has_given_way or self._task is None or self._task.uncancel() > 0:
                raise
            raise _crowded() from None
        finally:
            self._all.coming.discard(self)

    def speed(self) -> float:
        """Return how many bytes a second came in the last seconds, about."""
        return self._recent * exp((self._at - self._all.clock()) / _RECENT_SECONDS) / _RECENT_SECONDS

    def is_slow(self) -> bool:
        """Tell whether it may have to give way."""
        return bool(self.size) and self.speed() < _SLOW_BYTES_PER_SECOND

    def give_way(self) -> None:
        """Give everything back, and stop whoever receives it."""
        self._all.coming.discard(self)
        self._has_given_way = True
        self.release()
        if self._task is not None:
            self._task.cancel()

    def take(self, size: int) -> None:
        """
        Count bytes that arrived.

        :raises OverloadedError: it is too much together with what other requests hold
        """
        now = self._all.clock()
        self._recent = self._recent * exp((self._at - now) / _RECENT_SECONDS) + size
        self._at = now
        if self._all.size + size > self._all.limit and not self._all.make_room(size, wanted_by=self):
            raise _crowded()
        self._all.size += size
        self.size += size

    def release(self) -> None:
        """Give back what was taken."""
        self._all.size -= self.size
        self.size = 0


async def read_body(request: Request, *, limit: int, what: str) -> bytes:
    """
    Return a request's body, unpacked, of at most ``limit`` bytes; never more than that is held.

    :param what: what the body is, for the refusal
    :raises UnsupportedEncodingError: it is encoded in a way that is not read here
    :raises InvalidInputError: it is not what its encoding says
    :raises TooLargeError: it is larger; the whole of it was read, so the client will see the answer
    :raises OverloadedError: the bodies of all requests together take too much
    :raises ClientDisconnect: the client went away
    """
    reader = reader_of(request.scope["headers"], limit=limit)
    message = await _received(request)
    if reader is None and not message.get("more_body", False):  # nearly always: small bodies arrive whole
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise TooLargeError(size=len(body), limit=limit, what=what)
        return body
    held: Held | None = request.scope.get(BODIES)
    with nullcontext() if held is None else held.coming():
        return await _read_rest(message, request, reader or Plain(), limit, what)


async def _read_rest(
    message: Message, request: Request, reader: Plain | Gzip, limit: int, what: str
) -> bytes:
    held: Held | None = request.scope.get(BODIES)
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = reader.read(message.get("body", b""), at_most=limit + 1 - size)
        if held is not None:
            held.take(len(piece))
        pieces.append(piece)
        size += len(piece)
        more = message.get("more_body", False)
        if not more or size > limit or reader.has_too_much:
            break
        message = await _received(request)
    if size <= limit and not reader.has_too_much:
        reader.end()
        return b"".join(pieces)
    pieces.clear()
    if held is not None:
        held.release()
    rest = await discard(request.receive) if more else 0
    raise TooLargeError(size=reader.whole(size + rest), limit=limit, what=what)


async def _received(request: Request) -> Message:
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message


def _crowded() -> OverloadedError:
    return OverloadedError("Too many large bodies are being received; send it again in a moment")


async def discard(receive: Receive) -> int:
    """Read what is left of a body, within reason, and return how many bytes that was."""
    size = 0
    while size <= _DISCARD_AT_MOST:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return size
