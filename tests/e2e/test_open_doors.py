"""Whoever connects can take no more than their share: the service answers others beside every one of these."""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e.builders import pem
from tests.e2e.pairs import about_http
from tests.e2e.service import Service
from tests.e2e.wire import Wire
from tests.servers.fixtures import REQUIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = about_http
PATIENCE_SECONDS = 60.0
# The probe answers in less, whatever others do.
PROBE_SECONDS = 1.0
PROBES = 10
_WORK_SECONDS = 0.1


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for credentials: none of what comes here has any."""
    settings = {"PROVGRAPH_AUTH_REQUIRED": "true"}
    with Service(tmp_path_factory.mktemp("doors") / "data", settings=settings) as started:
        yield started


@pytest.fixture
def wire(service: Service) -> Wire:
    return Wire(service.url)


class Attackers:
    """Connections that stay until the end of a block."""

    def __init__(self, service: Service, stack: ExitStack) -> None:
        parts = urlsplit(service.url)
        self._address = (str(parts.hostname), int(parts.port or 0))
        self._stack = stack

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=PATIENCE_SECONDS)
        self._stack.callback(connection.close)
        return connection

    def send(self, data: bytes) -> socket.socket:
        connection = self.connect()
        connection.sendall(data)
        return connection

    def flood(self, begin: bytes, piece: bytes) -> None:
        """Send without an end, beside everything else, until the block ends or the service has enough."""
        connection = self.send(begin)
        ended = threading.Event()

        def go_on() -> None:
            try:
                while not ended.is_set():
                    connection.sendall(piece)
            except OSError:
                pass  # it has

        thread = threading.Thread(target=go_on)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(connection.close)
        self._stack.callback(ended.set)


@contextmanager
def attacking(service: Service) -> Iterator[Attackers]:
    with ExitStack() as stack:
        yield Attackers(service, stack)


def probe(wire: Wire) -> float:
    """Return how many seconds the slowest of some probes took, or would have on a machine that nobody shares."""
    slowest = 0.0
    for _ in range(PROBES):
        begun = time.monotonic()
        assert wire.get("/healthz").status == 200
        slowest = max(slowest, time.monotonic() - begun)
    return slowest / _stretch() if slowest > PROBE_SECONDS else slowest


def _stretch() -> float:
    """Return how many times longer work takes now than it would alone: others use the processors as well."""
    begun, worked = time.monotonic(), time.thread_time()
    while time.thread_time() - worked < _WORK_SECONDS:
        pass
    return max(1.0, (time.monotonic() - begun) / _WORK_SECONDS)


def _slow_heads(attackers: Attackers) -> None:
    for _ in range(300):
        attackers.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")


def _endless_headers(attackers: Attackers) -> None:
    attackers.flood(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65_536)
    attackers.flood(b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n" * 8_000)
    attackers.flood(b"GET /", b"a" * 65_536)


def _half_bodies(attackers: Attackers) -> None:
    head = b"POST /receiver/pem HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    for _ in range(300):
        attackers.send(head + b'{"ID": ')


def _stalled_uploads(attackers: Attackers) -> None:
    size = 30 * 2**20
    head = b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n[" % size
    for _ in range(5):
        attackers.send(head + b" " * (size - 1_000))


def _many_connections(attackers: Attackers) -> None:
    for _ in range(2_000):
        attackers.connect()


ATTACKS = (_slow_heads, _endless_headers, _half_bodies, _stalled_uploads, _many_connections)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_probe_answers_at_once_beside_everything_that_others_do(
    service: Service, wire: Wire, attack: Callable[[Attackers], None]
) -> None:
    with enough_files(), attacking(service) as attackers:
        attack(attackers)

        assert probe(wire) < PROBE_SECONDS


@contextmanager
def enough_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4_096 if hard == resource.RLIM_INFINITY else min(4_096, hard)
    if wanted < 3_000:
        without = pytest.fail if os.environ.get(REQUIRED) == "1" else pytest.skip
        without(f"2,000 connections need more files than the {wanted} that this user may open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_head_has_twenty_seconds_and_a_body_that_stops_has_ten(service: Service) -> None:
    body = (
        b"POST /receiver/info HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n" + b"a" * 50_000
    )
    begun = time.monotonic()
    with attacking(service) as attackers:
        stopped, slow, silent = (
            attackers.send(sent) for sent in (body, b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"")
        )
        assert stopped.recv(1_000).startswith(b"HTTP/1.1 408")
        assert 9 < time.monotonic() - begun < 19
        assert slow.recv(1_000).startswith(b"HTTP/1.1 408")
        assert silent.recv(1_000) == b""
        assert 19 < time.monotonic() - begun < PATIENCE_SECONDS


def test_five_stalled_uploads_do_not_keep_others_from_sending(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as own, attacking(own) as attackers:
        _stalled_uploads(attackers)
        events = [pem(Properties={"text": "x" * 9_000}) for _ in range(1_000)]
        judged = _sent(Wire(own.url), events)

    assert judged["accepted"] == len(events)


_NAMED = b'{"request": "%b", ' % (b"0" * 32)
# What these hold is two or three bytes each, and a hundred times as much once it is read.
CROWDS = {
    "numbers": ("/api/v1/events", b"[" + b"1," * 4_000_000 + b"1]"),
    "lists in an event": ("/api/v1/events", b'[{"Properties": {"a": [' + b"[]," * 8_000_000 + b"[]]}}]"),
    "lists in thirty events": (
        "/api/v1/events",
        b"[" + b",".join([b'{"Properties": {"a": [' + b"[]," * 150_000 + b"[]]}}"] * 30) + b"]",
    ),
    "objects": ("/api/v1/objects", _NAMED + b'"objects": [' + b"1," * 450_000 + b"1]}"),
    "ids": ("/api/v1/objects/retire", _NAMED + b'"ids": [' + b'"x",' * 450_000 + b'"x"]}'),
    "members": ("/api/v1/objects", b"{" + b",".join(b'"%d":1' % number for number in range(450_000)) + b"}"),
    "variables": ("/graphql", b'{"query": "{ x }", "variables": {"a": [' + b"{}," * 8_000_000 + b"1]}}"),
}


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("open") / "data") as started:
        yield started


@pytest.mark.parametrize("crowd", CROWDS)
def test_the_probe_answers_beside_bodies_that_hold_very_much(open_service: Service, crowd: str) -> None:
    path, body = CROWDS[crowd]
    statuses: list[int] = []
    sender = threading.Thread(
        target=lambda: statuses.append(Wire(open_service.url).post(path, body).status), daemon=True
    )
    sender.start()
    slowest = 0.0
    while sender.is_alive():
        slowest = max(slowest, probe(Wire(open_service.url)))

    assert slowest < PROBE_SECONDS
    assert statuses[0] < 500


def _sent(wire: Wire, events: list[dict[str, object]]) -> dict[str, object]:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (answer := wire.post_json("/api/v1/events", events)).status == 503:
        assert time.monotonic() < give_up, answer
        time.sleep(1)  # as its Retry-After says
    found: dict[str, object] = answer.json()
    return found
