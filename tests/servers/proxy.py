"""A network between two processes that can be cut and healed: a TCP proxy for tests."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from tests.servers.processes import free_port

_CHUNK_BYTES = 65536


class TCPProxy:
    """
    Forwards a port of 127.0.0.1 to a server, until told otherwise.

    - :meth:`cut` drops every connection and refuses new ones, as when the server's host is up without the server;
    - ``cut(swallow=True)`` drops every connection and accepts new ones that nobody answers;
    - :meth:`silence` leaves every connection open but lets nothing pass, as when a cable is pulled;
    - :meth:`heal` lets everything pass again, also what was held back; the port stays the same.

    The server may be away when the proxy starts: a connection to it then ends at once.
    """

    def __init__(self, target: str) -> None:
        """
        Listen at once.

        :param target: ``host:port``, or a URL with both, such as ``bolt://127.0.0.1:7687``
        """
        self._target = _address(target)
        self._url = target if "://" in target else None
        self.port = free_port()
        self._lock = threading.Lock()
        self._pass = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.heal()

    @property
    def address(self) -> str:
        """Where clients connect to: ``127.0.0.1:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The target's URL with the proxy in the target's place, user and password unchanged."""
        assert self._url is not None, "the target is no URL"
        parts = urlsplit(self._url)
        account, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{account}{at}{self.address}").geturl()

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        with self._lock:
            return len(self._open) // 2

    def cut(self, *, swallow: bool = False) -> None:
        """Drop every connection; refuse new ones, or leave them without an answer."""
        if swallow:
            self._pass.clear()
        else:
            self._stop_listening()
        self._drop_all()

    def silence(self) -> None:
        """Let nothing pass any more, in either direction, and close nothing."""
        self._pass.clear()

    def heal(self) -> None:
        """Let everything pass, and accept new connections."""
        self._pass.set()
        if self._listener is None:
            self._listener = listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Drop every connection and give the port back."""
        self._stop_listening()
        self._drop_all()
        self._pass.set()  # wakes the threads that hold something back, so that they find their sockets closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            _close(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open.update((client, server))
        if self._listener is None:  # cut in the meantime
            self._drop(client, server)
            return
        threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
        self._forward(server, client)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry bytes one way until either side is closed; then close both."""
        with suppress(OSError):
            while received := source.recv(_CHUNK_BYTES):
                self._pass.wait()
                sink.sendall(received)
        self._pass.wait()
        self._drop(source, sink)

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            _close(listener)

    def _drop_all(self) -> None:
        with self._lock:
            dropped = list(self._open)
        self._drop(*dropped)

    def _drop(self, *connections: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(connections)
        for connection in connections:
            _close(connection)


def _close(connection: socket.socket) -> None:
    """Close a socket that another thread may be reading from: shutting it down wakes that thread."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _address(target: str) -> tuple[str, int]:
    parts = urlsplit(target if "://" in target else f"//{target}")
    assert parts.hostname is not None, f"{target} names no host"
    assert parts.port is not None, f"{target} names no port"
    return parts.hostname, parts.port
