from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.servers.proxy import TCPProxy

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo: str) -> Iterator[TCPProxy]:
    with TCPProxy(echo) as proxy:
        yield proxy


def test_bytes_pass_in_both_directions(proxy: TCPProxy) -> None:
    with _connection(proxy) as connection:
        assert _echoed(connection, b"hello") == b"hello"


def test_a_cut_network_drops_what_was_open(proxy: TCPProxy) -> None:
    with _connection(proxy) as connection:
        _echoed(connection, b"hello")

        proxy.cut()

        assert connection.recv(10) == b""
        assert proxy.connections == 0


def test_a_cut_network_refuses_new_connections(proxy: TCPProxy) -> None:
    proxy.cut()

    with pytest.raises(ConnectionRefusedError):
        _connection(proxy)


def test_a_healed_network_has_the_same_port(proxy: TCPProxy) -> None:
    before = proxy.port
    proxy.cut()

    proxy.heal()

    assert proxy.port == before
    with _connection(proxy) as connection:
        assert _echoed(connection, b"again") == b"again"


def test_a_swallowing_network_accepts_and_never_answers(proxy: TCPProxy) -> None:
    with _connection(proxy) as old:
        _echoed(old, b"hello")

        proxy.cut(swallow=True)

        assert old.recv(10) == b""
        with _connection(proxy) as new:
            assert _is_silent(new)


def test_a_silent_network_holds_back_and_closes_nothing(proxy: TCPProxy) -> None:
    with _connection(proxy) as connection:
        _echoed(connection, b"hello")
        proxy.silence()
        assert _is_silent(connection)

        proxy.heal()

        connection.settimeout(None)
        assert connection.recv(10) == b"?"


def test_a_connection_ends_when_nobody_is_behind_the_proxy(echo: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it; it does not listen

        with TCPProxy(f"127.0.0.1:{nobody.getsockname()[1]}") as proxy, _connection(proxy) as connection:
            assert connection.recv(10) == b""


def test_its_url_is_the_targets_with_another_address() -> None:
    with TCPProxy("postgresql://me:secret@127.0.0.1:1/db?application_name=x") as proxy:
        assert proxy.url == f"postgresql://me:secret@127.0.0.1:{proxy.port}/db?application_name=x"


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(client,), daemon=True).start()


def _echo(client: socket.socket) -> None:
    with client:
        while received := client.recv(100):
            client.sendall(received)


def _connection(proxy: TCPProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port))


def _echoed(connection: socket.socket, sent: bytes) -> bytes:
    connection.sendall(sent)
    return connection.recv(len(sent))


def _is_silent(connection: socket.socket) -> bool:
    """Ask once and wait a moment; that nothing comes is what a client sees of it."""
    connection.sendall(b"?")
    connection.settimeout(0.2)
    try:
        connection.recv(10)
    except TimeoutError:
        return True
    return False
