"""Request bodies: read whole, unpacked, within a limit, or thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from provgraph.errors import OverloadedError, TooLargeError
from provgraph.http.unpacking import Gzip, Plain, reader_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message, Receive

# A refused body is read all the same, for a client that still sends would not see the answer. But not for ever.
_DISCARD_AT_MOST = 256 * 2**20
# Where a request's scope has its `Held`.
BODIES = "provgraph.bodies"


class Bodies:
    """
    How much memory the bodies of all requests together may take.

    Bodies that arrive whole with their request do not count: there is one of them per connection, and it is small.
    """

    def __init__(self, *, limit: int) -> None:
        self.limit = limit  # bytes
        self.size = 0


class Held:
    """What one request's body takes of it, until the request is answered."""

    __slots__ = ("_all", "size")

    def __init__(self, bodies: Bodies) -> None:
        self._all = bodies
        self.size = 0

    def take(self, size: int) -> None:
        """
        Count bytes that arrived.

        :raises OverloadedError: it is too much together with what other requests hold
        """
        if self._all.size + size > self._all.limit:
            raise OverloadedError("Too many large bodies are being received; send it again in a moment")
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
