"""Request bodies: read whole, within a limit, or thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from provgraph.errors import OverloadedError, TooLargeError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive

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
    Return a request's body of at most ``limit`` bytes; never more than that is held.

    :param what: what the body is, for the refusal
    :raises TooLargeError: it is larger; the whole of it was read, so the client will see the answer
    :raises OverloadedError: the bodies of all requests together take too much
    :raises ClientDisconnect: the client went away
    """
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):  # nearly always: small bodies arrive whole
        if len(body) > limit:
            raise TooLargeError(size=len(body), limit=limit, what=what)
        return body
    return await _read_rest(body, request, limit, what)


async def _read_rest(first: bytes, request: Request, limit: int, what: str) -> bytes:
    held: Held | None = request.scope.get(BODIES)
    pieces = [first]
    size = len(first)
    if held is not None:
        held.take(size)
    more = True
    while more and size <= limit:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        if held is not None:
            held.take(len(piece))
        pieces.append(piece)
        size += len(piece)
        more = message.get("more_body", False)
    if size <= limit:
        return b"".join(pieces)
    pieces.clear()
    if held is not None:
        held.release()
    if more:
        size += await discard(request.receive)
    raise TooLargeError(size=size, limit=limit, what=what)


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
