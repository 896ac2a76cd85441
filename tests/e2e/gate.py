"""An address that stays while the service behind it is killed, restarted, slow, full, or its answers get lost."""

from __future__ import annotations

import random
import threading
import time
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing import Self

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
MODES = ("open", "slow", "full", "deaf", "cut")


class Gate:
    """
    Passes requests on to ``target``, in one of these modes.

    ``open``: as they are; ``slow``: after a while; ``full``: not at all, the answer is 503; ``deaf``: they are passed
    on and the answer is lost; ``cut``: the connection is closed at once. As a context manager it listens inside the
    block.
    """

    def __init__(self) -> None:
        self.target = ""
        self.mode = "open"
        self.passed: dict[str, int] = dict.fromkeys((*MODES, "away"), 0)
        handler = type("Handler", (_Handler,), {"gate": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection of a gate."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    gate: Gate

    def do_GET(self) -> None:
        """Pass a question on."""
        self.do_POST()

    def do_POST(self) -> None:
        """Pass a request on, as the mode says."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mode = self.gate.mode
        self.gate.passed[mode] += 1
        if mode == "cut":
            self.close_connection = True
        elif mode == "full":
            self._answer(503, {"Retry-After": "0"}, b'{"title":"Overloaded","status":503}')
        else:
            if mode == "slow":
                time.sleep(random.uniform(0.2, 1.5))
            self._pass_on(body, is_answered=mode != "deaf")

    def _pass_on(self, body: bytes, *, is_answered: bool) -> None:
        try:
            answer = self._asked(body)
        except (OSError, HTTPException):
            self.gate.passed["away"] += 1
            self.close_connection = True
            return
        if is_answered:
            self._answer(*answer)
        else:
            self.close_connection = True

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(self.gate.target)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        try:
            connection.request(self.command, self.path, body or None, kept)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # whoever asked waits no longer
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing of requests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of connections that broke: that is what they are here for."""
