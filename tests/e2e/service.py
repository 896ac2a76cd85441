"""
A real ``provgraph serve`` process: started in a folder, stopped or killed by its id, its output kept.

The tests see the service only from outside: command line, environment, HTTP.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e import pairs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "provgraph.cli")
# Generous: two busy cores and a cold disk must not fail a test.
START_SECONDS = 90
STOP_SECONDS = 60
_LISTENING = re.compile(r"^provgraph is listening on (http://\S+?)/?\s*$", re.MULTILINE)

# The services that run at this moment, so that a failing test can show what they said.
running: list[Service] = []


class ServiceFailedError(Exception):
    """The process ended, or never said where it listens; the text holds its output."""


class Service:
    """
    One ``provgraph serve`` on a data folder. As a context manager it runs inside the block.

    Several may follow each other on the same folder: that is a restart.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        project: Path = PROJECT,
    ) -> None:
        self._project = project
        self.folder = folder
        self.url = ""
        self._settings = {**pairs.stores(folder), **(settings or {})}
        self._arguments = ("serve", "--data", str(folder), "--port", "0", *arguments)
        stem = f"{folder.name}-{uuid.uuid4().hex[:8]}"
        self._outputs = tuple(folder.with_name(f"{stem}.{stream}") for stream in ("stdout", "stderr"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start() if self._process is None else self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self._forget()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, running or ended."""
        if self._process is None:
            raise ServiceFailedError("The service was never started")
        return self._process

    def start(self) -> Self:
        """
        Start the process and wait until it says where it listens.

        :raises ServiceFailedError: it ended before, or took too long
        """
        with self._outputs[0].open("wb") as stdout, self._outputs[1].open("wb") as stderr:
            self._process = subprocess.Popen(
                [*COMMAND, *self._arguments],
                cwd=self._project,
                env=environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        running.append(self)
        try:
            self.url = self._listening_address()
        except ServiceFailedError:
            self.kill()
            raise
        return self

    def stop(self) -> int:
        """Ask the process to end (SIGTERM) and return its exit code; one that does not listen is killed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServiceFailedError(f"The service did not stop when asked to\n{self.output()}") from None

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a power cut would."""
        self.process.kill()
        self.process.wait()
        self._forget()

    def output(self) -> str:
        """Return what the process wrote so far, standard output first."""
        return "\n".join(_content(stream) for stream in self._outputs)

    def _listening_address(self) -> str:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            ended = self.process.poll() is not None
            if found := _LISTENING.search(_content(self._outputs[0])):
                return found.group(1)
            if ended:
                code = self.process.returncode
                raise ServiceFailedError(f"The service ended with exit code {code}\n{self.output()}")
            time.sleep(0.005)
        raise ServiceFailedError(f"The service did not say where it listens\n{self.output()}")

    def _forget(self) -> None:
        if self in running:
            running.remove(self)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with exactly these provgraph settings, none of the developer's own."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("PROVGRAPH_")}
    return {**kept, **settings}


def command(
    *arguments: str, settings: Mapping[str, str] | None = None, timeout_seconds: float = START_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run ``provgraph`` with these arguments to its end, whatever its exit code."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=PROJECT,
        env=environment(settings or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )


def create_credential(folder: Path, *, name: str, kind: str, role: str) -> dict[str, Any]:
    """Create a credential for a folder on which no service runs; return its ``id``, ``name``, ..., ``token``."""
    stores = pairs.stores(folder)
    done = command(
        *(
            "admin",
            "credential",
            "create",
            *(("--direct",) if "PROVGRAPH_LOG_URL" in stores else ("--data", str(folder))),
        ),
        *("--name", name, "--kind", kind, "--role", role, "--json"),
        settings=stores,
    )
    if done.returncode != 0:
        raise ServiceFailedError(f"No credential: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    created: dict[str, Any] = json.loads(done.stdout)
    return created


def deep_verify(url: str) -> tuple[int, dict[str, Any]]:
    """Compare graph, log and digest chain of a running service; return the exit code and the result."""
    done = command("admin", "verify", "--deep", "--json", "--url", url, timeout_seconds=240)
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ServiceFailedError(
            f"No result: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        ) from None
    return done.returncode, result


def _content(stream: Path) -> str:
    return stream.read_text(encoding="utf-8", errors="replace") if stream.exists() else ""
