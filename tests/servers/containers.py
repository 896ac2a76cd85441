"""
The Docker route: a server in a container, through testcontainers, where that is installed and Docker answers.

The import is optional and happens here alone. Containers that outlive a killed test process are removed by the
library's own reaper.
"""

from __future__ import annotations

import gc
import importlib
import warnings
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.servers.base import ServerUnavailableError
from tests.servers.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STOP_SECONDS = 20


class Image(NamedTuple):
    """What to run: an image, the port it listens on, its environment and command line."""

    name: str
    port: int
    environment: Mapping[str, str]
    command: Sequence[str] = ()


class Container:
    """One container with a port of its own on 127.0.0.1, which it keeps when it is killed and started again."""

    def __init__(self, image: Image) -> None:
        self._library = _answering_library()
        self._image = image
        self._container: Any = None
        self.port = free_port()

    def start(self) -> None:
        """Start it; :raises ServerUnavailableError: the first time, as when there is no image."""
        if self._container is not None:
            self._engine().start()
            return
        container = self._library.DockerContainer(self._image.name)
        container.with_bind_ports(self._image.port, self.port)
        for name, value in self._image.environment.items():
            container.with_env(name, value)
        if self._image.command:
            container.with_command(list(self._image.command))
        try:
            self._container = container.start()
        except Exception as error:
            raise ServerUnavailableError(f"Docker does not start {self._image.name} ({error})") from error

    def stop(self) -> None:
        """Let the server in it finish."""
        if self._container is not None:
            self._engine().stop(timeout=_STOP_SECONDS)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._container is not None:
            # The engine refuses to kill what has ended.
            with suppress(Exception):
                self._engine().kill()

    def remove(self) -> None:
        """Remove it with its data."""
        if self._container is not None:
            self._container.stop(force=True, delete_volume=True)
            self._container = None

    def last_words(self) -> str:
        """See :meth:`tests.servers.base.Server.last_words`."""
        if self._container is None:
            return ""
        return str(self._engine().logs(tail=100).decode(errors="replace"))

    def _engine(self) -> Any:  # the engine's client ships no types
        return self._container.get_wrapped_container()


def _answering_library() -> Any:
    try:
        library = importlib.import_module("testcontainers.core.container")
        docker = importlib.import_module("docker")
    except ImportError:
        raise ServerUnavailableError(
            "testcontainers is not installed (pip install testcontainers; it needs a running Docker)"
        ) from None
    if not _answers(docker):
        raise ServerUnavailableError("testcontainers is installed, but no Docker answers (docker info)")
    return library


def _answers(docker: Any) -> bool:
    with warnings.catch_warnings():
        # A client that finds no engine forgets to close its socket, and says so when it is collected.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with closing(docker.from_env()) as client:
                client.ping()
        except Exception:  # noqa: BLE001 — which errors there are differs from one version of the library to the next
            answers = False
        else:
            answers = True
        gc.collect()
    return answers
