"""A real nginx that tells to whom it would pass a call: whoever a configuration names is played by itself."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
from typing import TYPE_CHECKING

from tests.servers.base import Server, ServerUnavailableError
from tests.servers.processes import ServerProcess, remove_folder, server_folder

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_ANSWERER = "X-Answerer"
_TARGET = "X-Target"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class RealNginx(Server):
    """An nginx with a configuration of one server, whose port and upstreams are sockets in a folder of its own."""

    def __init__(self, configuration: str, upstreams: Collection[str]) -> None:
        """
        Keep what it takes to start it.

        :param configuration: the directives in ``http``
        :param upstreams: to whom it passes calls: hosts with ports
        :raises ServerUnavailableError: there is no nginx on this machine
        """
        program = shutil.which("nginx")
        if program is None:
            raise ServerUnavailableError("no nginx is installed (apt-get install nginx-light)")
        self.route = program
        self._folder = server_folder("nginx")
        self._socket = self._folder / "edge.sock"
        (self._folder / "nginx.conf").write_text(_whole(self._folder, configuration, upstreams))
        command = [program, "-e", "stderr", "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        self._process = ServerProcess(command, folder=self._folder)
        self._connection = _Connection(self._socket)

    def answerer(self, method: str, target: str) -> tuple[str, str | None]:
        """Return to whom a call is passed and as what, or the status that nginx answers by itself and None."""
        self._connection.request(method, target)
        with self._connection.getresponse() as answer:
            answer.read()
            return answer.headers.get(_ANSWERER, str(answer.status)), answer.headers.get(_TARGET)

    def start(self) -> None:
        """See `Server.start`."""
        self._process.start()
        self.wait_ready()

    def stop(self) -> None:
        """See `Server.stop`."""
        self._connection.close()
        self._process.stop()
        for left in self._folder.glob("*.sock"):
            left.unlink()

    def kill(self) -> None:
        """See `Server.kill`."""
        self._process.kill()

    def close(self) -> None:
        """See `Server.close`."""
        self.stop()
        remove_folder(self._folder)

    def trouble(self) -> Exception | None:
        """See `Server.trouble`."""
        try:
            self.answerer("GET", "/")
        except OSError as error:
            self._connection.close()
            return error
        return None

    def require_hope(self) -> None:
        """See `Server.require_hope`."""
        assert self._process.running, f"nginx has ended. It printed:\n{self.last_words()}"

    def last_words(self) -> str:
        """See `Server.last_words`."""
        return self._process.console


class _Connection(http.client.HTTPConnection):
    """A connection through a socket in a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def _whole(folder: Path, configuration: str, upstreams: Collection[str]) -> str:
    """Return a whole configuration, in which each upstream says who it is and what it was sent."""
    played = {upstream: f"unix:{folder}/{number}.sock" for number, upstream in enumerate(sorted(upstreams))}
    edge = re.sub(r"\blisten [^;]*;", f"listen unix:{folder}/edge.sock;", configuration)
    for upstream, place in played.items():
        edge = edge.replace(upstream, place)
    return "\n".join(
        (
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off;",
            *(f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY),
            edge,
            *(_player(upstream, place) for upstream, place in played.items()),
            "}",
        )
    )


def _player(upstream: str, place: str) -> str:
    headers = f'add_header {_ANSWERER} "{upstream}" always; add_header {_TARGET} $request_uri always;'
    return f"server {{ listen {place}; {headers} location / {{ return 204; }} }}"
