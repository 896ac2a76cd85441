"""What a connection may take before anybody knows who is at its other end: over real sockets, with short times."""

from __future__ import annotations

import functools
import gzip
import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from provgraph.http import Bodies, Edge, Metrics, read_body
from provgraph.http.protocol import BoundedHttpProtocol, Connections, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

SHORT = Limits(head_seconds=0.5, body_seconds=0.5, body_bytes_per_second=1_000, connections=20)
# Longer than anything here may take, on a machine that has a lot else to do.
PATIENCE_SECONDS = 30.0
HEAD = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def _root(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("here")


async def _body(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await read_body(request, limit=10**6, what="Body"))))


@contextmanager
def listening(limits: Limits) -> Iterator[int]:
    """Serve within limits, and give the port."""
    app = Starlette(routes=[Route("/", _root), Route("/body", _body, methods=["POST"])])
    config = uvicorn.Config(
        Edge(app, Metrics(), bodies=Bodies(limit=10**7)),
        loop="uvloop",
        http=functools.partial(BoundedHttpProtocol, connections=Connections(limits)),  # type: ignore[arg-type] # it is called
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=95,
        timeout_graceful_shutdown=1,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(SHORT) as listened:
        yield listened


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)


def answer(connection: socket.socket) -> bytes:
    """Return what comes until the service closes, or has answered."""
    got = bytearray()
    while piece := connection.recv(65_536):
        got += piece
        if got.endswith((b"here", b"100000")):
            break
    return bytes(got)


def status(got: bytes) -> int:
    return int(got.split(b" ", 2)[1])


def test_a_head_that_does_not_come_in_time_is_told_so(port: int) -> None:
    with closing(dial(port)) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost")
        got = answer(slow)

    assert status(got) == 408
    assert b"x-content-type-options: nosniff" in got


def test_a_head_that_comes_byte_by_byte_has_no_more_time(port: int) -> None:
    begun = time.monotonic()
    with closing(dial(port)) as slow:
        slow.settimeout(0.05)
        got = b""
        while not got and time.monotonic() - begun < PATIENCE_SECONDS:
            slow.sendall(b"G" if time.monotonic() == begun else b"a")
            try:
                got = slow.recv(1_000)
            except TimeoutError:
                continue

    assert status(got) in (400, 408)


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    with closing(dial(port)) as silent:
        assert silent.recv(100) == b""


def test_a_later_head_has_its_time_from_its_first_byte(port: int) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(GET)
        assert status(answer(connection)) == 200
        time.sleep(2 * SHORT.head_seconds)  # idle, which is no matter
        connection.sendall(GET[:10])
        assert status(answer(connection)) == 408


@pytest.mark.parametrize(
    "endless",
    [b"X-A: " + b"a" * 200_000, b"X-A: b\r\n" * 30_000, b"a" * 100_000, b"X-A:" + b" " * 100_000],
    ids=["value", "headers", "name", "blanks"],
)
def test_headers_without_an_end_are_refused(port: int, endless: bytes) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + endless)
        got = answer(connection)

    assert status(got) in (400, 431), got
    assert b"a" * 1_000 not in got


@pytest.mark.parametrize(("size", "expected"), [(64_000, 200), (66_000, 431)])
def test_headers_may_have_64_kib_together(port: int, size: int, expected: int) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * size + b"\r\n\r\n")

        assert status(answer(connection)) == expected


@pytest.mark.parametrize("size", [64_100, 1_000_000])
def test_a_target_that_is_too_long_is_told_as_that(port: int, size: int) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        assert status(answer(connection)) == 414


@pytest.mark.parametrize("sent", [b"", b"a", b"a" * 50_000])
def test_a_body_that_stops_coming_is_told_so(port: int, sent: bytes) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(HEAD + sent)

        assert status(answer(connection)) == 408


def test_a_packed_body_that_stops_coming_is_told_so(port: int) -> None:
    head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    with closing(dial(port)) as connection:
        connection.sendall(head + gzip.compress(b"a" * 1_000_000)[:500])

        assert status(answer(connection)) == 408


def test_a_body_that_comes_too_slowly_is_told_so(port: int) -> None:
    begun = time.monotonic()
    with closing(dial(port)) as connection:
        connection.sendall(HEAD)
        connection.settimeout(0.1)
        got = b""
        while not got and time.monotonic() - begun < PATIENCE_SECONDS:
            connection.sendall(b"a" * 10)  # 100 bytes a second
            try:
                got = connection.recv(1_000)
            except TimeoutError:
                continue

    assert status(got) == 408


def test_a_body_that_comes_steadily_may_take_as_long_as_it_likes(port: int) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(HEAD)
        for _ in range(100):
            connection.sendall(b"a" * 1_000)
            time.sleep(0.03)  # three seconds: six times as long as it may pause
        got = answer(connection)

    assert got.endswith(b"100000")


def test_a_body_that_is_waited_for_is_not_too_slow(port: int) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"a" * 100_000)

        assert answer(connection).endswith(b"100000")


def test_what_comes_behind_a_body_is_bounded_and_no_header(port: int) -> None:
    chunked = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    with closing(dial(port)) as connection:
        connection.sendall(chunked)
        time.sleep(0.05)
        for _ in range(30):
            connection.sendall(b"X-A: " + b"a" * 10_000 + b"\r\n")
        got = answer(connection)

    assert status(got) == 431
    with closing(dial(port)) as connection:
        connection.sendall(chunked + b"X-A: b\r\n\r\n")
        assert connection.recv(1_000).endswith(b"\r\n\r\n1")


def test_two_hosts_are_refused(port: int) -> None:
    for second in (b"Host: x", b"host: y", b"HOST:"):
        with closing(dial(port)) as connection:
            connection.sendall(GET.replace(b"\r\n\r\n", b"\r\n" + second + b"\r\n\r\n"))

            assert status(answer(connection)) == 400


def test_what_is_no_http_is_refused_with_the_headers_of_every_answer(port: int) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        got = answer(connection)

    assert status(got) == 400
    assert b"x-frame-options: DENY" in got


def test_requests_that_follow_each_other_at_once_are_answered_in_order(port: int) -> None:
    with closing(dial(port)) as connection:
        connection.sendall(GET + HEAD + b"a" * 100_000 + GET[:-2] + b"Connection: close\r\n\r\n")
        got = bytearray()
        while piece := connection.recv(65_536):
            got += piece

    assert [part[:3] for part in bytes(got).split(b"HTTP/1.1 ")[1:]] == [b"200"] * 3
    assert got.count(b"here") == 2


def test_of_too_many_connections_the_one_that_waits_longest_for_a_head_goes() -> None:
    limits = SHORT._replace(head_seconds=PATIENCE_SECONDS, connections=5)
    with listening(limits) as port:
        idle = [dial(port) for _ in range(5)]
        for connection in (*idle, idle[0]):
            connection.sendall(GET)
            assert status(answer(connection)) == 200  # so it waits since now
        others = [dial(port) for _ in range(2)]
        for connection in (*others, idle[0]):
            connection.sendall(GET)
            assert status(answer(connection)) == 200
        gone = [idle[1].recv(1), idle[2].recv(1)]
        for connection in (*idle, *others):
            connection.close()

    assert gone == [b"", b""]


def test_a_connection_that_is_answered_does_not_give_way() -> None:
    limits = SHORT._replace(body_seconds=PATIENCE_SECONDS, connections=3)
    with listening(limits) as port:
        busy = [dial(port) for _ in range(3)]
        for connection in busy:
            connection.sendall(HEAD)
            time.sleep(0.1)
        with closing(dial(port)) as refused:
            got = answer(refused)
        for connection in busy:
            connection.sendall(b"a" * 100_000)
            assert answer(connection).endswith(b"100000")
            connection.close()

    assert status(got) == 503


def test_connections_that_ended_leave_their_place() -> None:
    with listening(SHORT._replace(connections=3)) as port:
        for _ in range(20):
            with closing(dial(port)) as connection:
                connection.sendall(GET)
                assert status(answer(connection)) == 200
