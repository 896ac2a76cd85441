"""
HTTP/1.1 as uvicorn speaks it, with bounds on what anybody can take who has shown no credential yet.

How large a request's head may be and how long it may take, how slowly a body may come, and how many connections there
may be. Timers run only for requests that are not there whole with the first piece of them, which nearly all are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from provgraph.http.browsers import SAFE_HEADERS
from provgraph.http.edge import MAX_TARGET_BYTES

if TYPE_CHECKING:
    import asyncio

# A refused client may still be sending. If its connection were closed at once, it would not see the answer: so what it
# sends is thrown away for a moment.
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 16 * 2**20
# What a request line that is much too long may have before it is not even thrown away any more.
_LONGEST_TARGET_BYTES = 16 * 2**20


class Limits(NamedTuple):
    """What a connection may take."""

    head_bytes: int = 64 * 2**10  # of a request's headers, without its target
    head_seconds: float = (
        20.0  # from the connection, or the first byte of a later request, to the end of its head
    )
    body_seconds: float = 10.0  # a body is looked at so often
    body_bytes_per_second: int = 2**10  # and has to have brought so much since the last look
    connections: int = 1_000


class Connections:
    """
    How many connections a service has, and which of them wait for a request's head, the one that waits longest first.

    When there are too many, that one goes: whoever means to ask something has asked by then.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.count = 0
        self._waiting: dict[BoundedHttpProtocol, None] = {}

    def opened(self, connection: BoundedHttpProtocol) -> bool:
        """Count a connection, which waits for a head; False: there is no place for it."""
        self.count += 1
        if self.count > self.limits.connections:
            longest = next(iter(self._waiting), None)
            if longest is None:
                return False
            del self._waiting[longest]
            longest.give_way()
        self._waiting[connection] = None
        return True

    def closed(self, connection: BoundedHttpProtocol) -> None:
        """Count a connection no more."""
        self.count -= 1
        self._waiting.pop(connection, None)

    def waits(self, connection: BoundedHttpProtocol) -> None:
        """Note that a connection waits for a head from now on."""
        self._waiting[connection] = None

    def asked(self, connection: BoundedHttpProtocol) -> None:
        """Note that a connection has sent a whole head."""
        self._waiting.pop(connection, None)


class BoundedHttpProtocol(HttpToolsProtocol):
    """
    A connection within `Limits`.

    Of a request's target it keeps no more than is needed to see that it is too long. The parser would collect it
    without end, and then answer with a bare 400; like this the edge says what is wrong.
    """

    def __init__(self, *arguments: Any, connections: Connections | None = None, **options: Any) -> None:
        """
        Make what uvicorn makes of a connection.

        :param connections: those of the service; without it the connection is on its own
        """
        super().__init__(*arguments, **options)
        self._all = connections or Connections(Limits())
        self._limits = self._all.limits
        self._timer: asyncio.TimerHandle | None = None
        self._is_refused = False
        self._is_in_head = True
        self._is_in_body = False
        self._head_bytes = self._target_bytes = self._body_bytes = 0
        self._hosts = 0

    # ------------------------------------------------------------------------------------------------ connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin: a head has to come, in time."""
        super().connection_made(transport)
        if self._all.opened(self):
            self._watch_head()
        else:
            self._refuse(503, "Too many connections: try again in a moment")
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_watching()
        self._all.closed(self)
        super().connection_lost(exc)

    def give_way(self) -> None:
        """Close a connection that waits for a head, because others need the place."""
        if not self.transport.is_closing():
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._is_refused:
            self._throw_away(data)
            return
        # What is not of a target or a body, since the last piece of either: headers, and trailers behind a body.
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_refused or self.transport.is_closing():
            return
        self._check_head()
        if self._timer is None:
            if self._is_in_body:
                self._watch_body()
            elif self._head_bytes + self._target_bytes > 0:
                self._watch_head()

    # ---------------------------------------------------------------------------------------------- parser's calls

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._hosts = 0
        self._target_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Collect a part of the target."""
        self._target_bytes += len(url)
        self._head_bytes -= len(url)
        # One byte too many for the edge, and one for the question mark, which the edge does not count.
        self.url = (self.url + url)[: MAX_TARGET_BYTES + 2]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header. Those behind a body say nothing here: the request is being answered already."""
        if self._is_in_body:
            return
        super().on_header(name, value)
        if self.headers[-1][0] == b"host":
            self._hosts += 1

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is refused."""
        if self._is_refused:
            return
        self._is_in_head = False
        self._stop_watching()
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > self._limits.head_bytes:
            self._refuse_head()
        elif self._hosts > 1:
            self._refuse(400, "There is more than one Host header: send one")
        else:
            self._all.asked(self)
            self._is_in_body = True
            self._head_bytes = self._body_bytes = 0
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._is_refused:
            self._body_bytes += len(body)
            self._head_bytes = 0
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request: the next one may come."""
        if self._is_refused:
            return
        self._stop_watching()
        self._is_in_body = False
        self._is_in_head = True
        self._head_bytes = self._target_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer."""
        super().on_response_complete()
        if self._is_in_head and not self.transport.is_closing() and not self.pipeline:
            self._all.waits(self)

    # ----------------------------------------------------------------------------------------------------- limits

    def _check_head(self) -> None:
        if self._target_bytes > _LONGEST_TARGET_BYTES:
            self.transport.abort()
        elif self._head_bytes > self._limits.head_bytes:
            self._refuse_head()

    def _refuse_head(self) -> None:
        kibibytes = self._limits.head_bytes // 2**10
        self._refuse(431, f"The request's headers are longer than {kibibytes} KiB")

    def _watch_head(self) -> None:
        self._timer = self.loop.call_later(self._limits.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._timer = None
        if self._is_answering():
            self._watch_head()  # a later request has time until the one before is answered
        elif self._head_bytes or self._target_bytes:
            self._refuse(
                408, f"The request's headers did not come within {self._limits.head_seconds:g} seconds"
            )
        else:
            self.transport.close()

    def _watch_body(self) -> None:
        self._body_bytes = 0
        self._timer = self.loop.call_later(self._limits.body_seconds, self._look_at_body)

    def _look_at_body(self) -> None:
        self._timer = None
        if not self._is_answering():
            self.transport.close()  # nobody waits for the rest
            return
        least = self._limits.body_seconds * self._limits.body_bytes_per_second
        # It is not the client that keeps a body waiting which is not read, or which it was not told to send.
        if self.flow.read_paused or self.cycle.waiting_for_100_continue or self._body_bytes >= least:
            self._watch_body()
            return
        self._refuse(
            408,
            f"The body came more slowly than {self._limits.body_bytes_per_second} bytes a second: send it again",
        )

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # --------------------------------------------------------------------------------------------------- refusals

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400, msg)

    def _refuse(self, status: int, message: str) -> None:
        """Answer, if no other answer has begun, and end the connection once the client has had time to see it."""
        self._is_refused = True
        self._stop_watching()
        self._all.asked(self)
        has_begun = self._is_answering() and self.cycle.response_started
        if self._is_answering():
            self.cycle.disconnected = True  # whoever works for it is told that nobody waits any more
            self.cycle.message_event.set()
        self.pipeline.clear()
        if has_begun or self.transport.is_closing():
            self.transport.abort()
            return
        self.transport.write(_answer(status, message))
        self.flow.resume_reading()
        self._head_bytes = 0
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _throw_away(self, data: bytes) -> None:
        self._head_bytes += len(data)
        if self._head_bytes > _LINGER_BYTES:
            self.transport.abort()


def _answer(status: int, message: str) -> bytes:
    body = message.encode("ascii")
    headers = (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *SAFE_HEADERS,
    )
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return STATUS_LINE[status] + lines + b"\r\n" + body
