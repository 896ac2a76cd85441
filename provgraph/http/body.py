"""Request bodies: read whole, within a limit, or thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from provgraph.errors import TooLargeError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive

# A refused body is read all the same, for a client that still sends would not see the answer. But not for ever.
_DISCARD_AT_MOST = 256 * 2**20


async def read_body(request: Request, *, limit: int, what: str) -> bytes:
    """
    Return a request's body of at most ``limit`` bytes; never more than that is held.

    :param what: what the body is, for the refusal
    :raises TooLargeError: it is larger; the whole of it was read, so the client will see the answer
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
    pieces = [first]
    size = len(first)
    more = True
    while more and size <= limit:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message.get("more_body", False)
    if size <= limit:
        return b"".join(pieces)
    pieces.clear()
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
