"""
Load generators: many connections in one thread, or one connection asking one question after the other.

The many-connection driver is a bare ``epoll`` loop over non-blocking sockets. It sends bytes that were made before
the clock started and reads no more of an answer than its length and status; what the answers say is for the caller
to look at afterwards.
"""

from __future__ import annotations

import itertools
import select
import socket
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple, Self

from bench.wire import Framing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.wire import Address, Response

_READ = 1 << 18
_PATIENCE_SECONDS = 60.0


class Outcome(NamedTuple):
    """What a drive did."""

    seconds: float
    """From the first request sent to the last answer read."""
    cpu_seconds: float
    """What the generator itself used of the processor in that time."""
    latencies: list[float]
    """Seconds from sending to the last byte of the answer, in order of the answers."""
    statuses: Counter[int]
    responses: list[Response]
    """Only if asked for; in order of the answers."""

    @property
    def refused(self) -> int:
        """How many answers were not 2xx."""
        return sum(count for status, count in self.statuses.items() if not 200 <= status < 300)


class NoAnswerError(Exception):
    """The service closed a connection, or said nothing for a minute, with requests outstanding."""


class _Connection:
    """One keep-alive connection with at most one request outstanding."""

    def __init__(self, address: Address) -> None:
        self.socket = _connect(address)
        self.socket.setblocking(False)
        self.fileno = self.socket.fileno()
        self.sent_at = 0.0
        self.unsent = memoryview(b"")
        self.framing = Framing()

    def send(self, request: bytes) -> bool:
        """Start a request; False if the kernel did not take all of it yet."""
        self.sent_at = time.perf_counter()
        self.unsent = memoryview(request)
        return self.push()

    def push(self) -> bool:
        """Go on sending; False if some of the request is still left."""
        while self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
            except BlockingIOError:
                return False
        return True


def drive(
    address: Address,
    requests: Sequence[bytes],
    *,
    connections: int,
    per_second: float | None = None,
    keep: bool = False,
    also: Sequence[Address] = (),
) -> Outcome:
    """
    Send all requests over ``connections`` keep-alive connections, each with one outstanding.

    Processes that listen ``also`` get their share of the connections; whoever is idle gets the next request.

    With ``per_second`` a request is not sent before its turn at that rate; when the service is slower than that, the
    rate is what it manages.

    :raises NoAnswerError: the service closed a connection or fell silent
    """
    driver = _Driver([address, *also], connections, keep=keep)
    try:
        return driver.run(requests, interval=0.0 if per_second is None else 1.0 / per_second)
    finally:
        driver.close()


class _Driver:
    def __init__(self, addresses: Sequence[Address], connections: int, *, keep: bool) -> None:
        in_turn = itertools.islice(itertools.cycle(addresses), connections)
        self._connections = [_Connection(address) for address in in_turn]
        self._by_fileno = {connection.fileno: connection for connection in self._connections}
        self._idle = deque(self._connections)
        self._keep = keep
        self._latencies: list[float] = []
        self._statuses: Counter[int] = Counter()
        self._responses: list[Response] = []
        self._poll = select.epoll()
        for connection in self._connections:
            self._poll.register(connection.fileno, select.EPOLLIN)

    def close(self) -> None:
        self._poll.close()
        for connection in self._connections:
            connection.socket.close()

    def run(self, requests: Sequence[bytes], *, interval: float) -> Outcome:
        upcoming, turn = iter(requests), itertools.count()
        due = began = time.perf_counter()
        cpu = time.thread_time()
        left, unsent = len(requests), len(requests)
        while left:
            while unsent and self._idle and (not interval or due <= time.perf_counter()):
                self._start(next(upcoming))
                unsent -= 1
                due = began + interval * (next(turn) + 1)
            waits_for_turn = unsent and self._idle
            wait = max(0.0, due - time.perf_counter()) if waits_for_turn else _PATIENCE_SECONDS
            left -= self._turn(wait, may_be_silent=bool(waits_for_turn))
        seconds, cpu = time.perf_counter() - began, time.thread_time() - cpu
        return Outcome(seconds, cpu, self._latencies, self._statuses, self._responses)

    def _start(self, request: bytes) -> None:
        connection = self._idle.popleft()
        if not connection.send(request):
            self._poll.modify(connection.fileno, select.EPOLLIN | select.EPOLLOUT)

    def _turn(self, wait: float, *, may_be_silent: bool) -> int:
        """Wait for something to happen and handle it; how many answers became whole."""
        happened = self._poll.poll(wait)
        if not happened and not may_be_silent:
            raise NoAnswerError(f"nothing came back for {_PATIENCE_SECONDS:g} s")
        finished = 0
        for fileno, mask in happened:
            connection = self._by_fileno[fileno]
            if mask & select.EPOLLOUT and connection.push():
                self._poll.modify(fileno, select.EPOLLIN)
            if mask & ~select.EPOLLOUT:
                finished += self._read(connection)
        return finished

    def _read(self, connection: _Connection) -> bool:
        data = connection.socket.recv(_READ)
        if not data:
            raise NoAnswerError("the service closed a connection in the middle of the work")
        response = connection.framing.feed(data)
        if response is None:
            return False
        self._latencies.append(time.perf_counter() - connection.sent_at)
        self._statuses[response.status] += 1
        if self._keep:
            self._responses.append(response)
        self._idle.append(connection)
        return True


class Asker:
    """One keep-alive connection that asks one question after the other; use it as a context manager."""

    def __init__(self, address: Address) -> None:
        self._socket = _connect(address)
        self._framing = Framing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> tuple[Response, float]:
        """
        Send a request; its answer and the seconds to the answer's last byte.

        :raises NoAnswerError: the service closed the connection
        """
        began = time.perf_counter()
        self._socket.sendall(request)
        response = None
        while response is None:
            data = self._socket.recv(_READ)
            if not data:
                raise NoAnswerError("the service closed the connection before it had answered")
            response = self._framing.feed(data)
        return response, time.perf_counter() - began


def _connect(address: Address) -> socket.socket:
    made = socket.create_connection(address, timeout=_PATIENCE_SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
