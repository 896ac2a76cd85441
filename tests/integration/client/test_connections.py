"""Connections on real sockets: kept open, and to nobody but whom the certificate names."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client import AsyncClient, Client, UnreachableError
from provgraph.client.recordkeeper import RKQuery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Server(ThreadingHTTPServer):
    """Answers every GET with an empty list, and counts connections."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, *arguments: Any) -> None:
        self.connections += 1
        super().process_request(*arguments)

    def handle_error(self, *_: Any) -> None:
        """Say nothing of handshakes that fail: they are to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    """A server that speaks plainly."""
    yield from _serving(_Server())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that no authority has signed, with its key behind it."""
    folder = tmp_path_factory.mktemp("tls")
    key, path = folder / "key.pem", folder / "certificate.pem"
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
                *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(key), "-out", str(path)),
            ],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[_Server]:
    """A server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield from _serving(_Server(context))


def _serving(server: _Server) -> Iterator[_Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _url(server: _Server, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_address[1]}"


async def _asynchronously(url: str, calls: int, **options: Any) -> None:
    async with AsyncClient(url, **options) as client:
        for _ in range(calls):
            await client.tags()


def test_one_connection_serves_many_calls(server: _Server) -> None:
    with Client(_url(server)) as client:
        for _ in range(5):
            client.tags()
    asyncio.run(_asynchronously(_url(server), 5))
    query = RKQuery(_url(server))
    for _ in range(5):
        assert query.get_tags() == ([], "OK", True)

    assert server.connections == 3


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: _Server) -> None:
    url = _url(secure, "https")

    with Client(url) as client, pytest.raises(UnreachableError, match="certificate verify failed"):
        client.tags()
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        asyncio.run(_asynchronously(url, 1))
    assert "certificate verify failed" in RKQuery(url, insecure=False).get_tags()[1]


def test_a_certificate_that_the_program_vouches_for_will_do(secure: _Server, certificate: Path) -> None:
    url, context = _url(secure, "https"), ssl.create_default_context(cafile=certificate)

    with Client(url, verify=context) as client:
        assert client.tags() == []
    asyncio.run(_asynchronously(url, 1, verify=context))


def test_record_keepers_programs_take_any_certificate_unless_told_otherwise(secure: _Server) -> None:
    assert RKQuery(_url(secure, "https")).get_tags() == ([], "OK", True)
