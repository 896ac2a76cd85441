"""
HTTP/1.1 as the load generator needs it: requests made beforehand, answers recognised with little work.

It shares the machine's cores with the service it measures, so every microsecond spent here is missing there.
"""

from __future__ import annotations

from typing import NamedTuple

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_CHUNKED = b"\r\ntransfer-encoding: chunked"


class Address(NamedTuple):
    """Where the service listens."""

    host: str
    port: int


class Response(NamedTuple):
    """A whole answer; the body without its chunk marks."""

    status: int
    body: bytes


def get(path: str) -> bytes:
    """Write a GET; ``path`` holds the query string too and is escaped already."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n".encode("ascii")


def post(path: str, body: bytes, *, content_type: str = "application/json") -> bytes:
    """Write a POST with its body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


class Framing:
    """Puts the answers of one connection together; at most one may be outstanding (no pipelining)."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Response | None:
        """Take what arrived; the answer once it is whole, None until then."""
        if self._pending:
            self._pending += data
            data = bytes(self._pending)
        response = _parse(data)
        if response is None:
            if not self._pending:
                self._pending += data
        else:
            self._pending.clear()
        return response


def _parse(data: bytes) -> Response | None:
    end = data.find(_END_OF_HEAD)
    if end < 0:
        return None
    head = data[:end].lower()
    start = end + len(_END_OF_HEAD)
    at = head.find(_LENGTH)
    if at >= 0:
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        body = data[start:] if len(data) - start == length else None
    elif _CHUNKED in head:
        body = _joined_chunks(data, start)
    else:
        body = b""
    return None if body is None else Response(int(head[9:12]), body)


def _joined_chunks(data: bytes, at: int) -> bytes | None:
    if not data.endswith(b"0\r\n\r\n"):  # cheap, and the last chunk is always the last thing to arrive
        return None
    parts: list[bytes] = []
    while (line_end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line_end].split(b";", 1)[0], 16)
        if size == 0:
            return b"".join(parts)
        at = line_end + 2 + size + 2
        parts.append(data[line_end + 2 : at - 2])
    return None
