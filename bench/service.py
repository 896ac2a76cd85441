"""The service under test: started as a user starts it, spoken to over HTTP, watched through ``/proc``."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench import processes
from bench.wire import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.processes import Memory

ROOT = Path(__file__).resolve().parent.parent

_READY = re.compile(r"provgraph is listening on http://([^:/\s]+):(\d+)")
_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_JOB_SECONDS = 600.0
_REQUEST_SECONDS = 600.0
_PIECE = 1 << 16


class ServiceError(Exception):
    """The service did not start, did not stop, or answered what it must not answer."""


class Service:
    """
    A running service on ``folder``, which may hold data already; use it as a context manager.

    Without ``parts`` it serves everything, and without ``settings`` (variables of the environment) it has its defaults.
    """

    def __init__(
        self, folder: Path, *, parts: Sequence[str] = (), settings: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._output = folder.with_name(folder.name + ".out")
        self._process = _start(folder, self._output, parts, settings or {})
        try:
            self.address = self._wait_until_it_listens()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def stop(self) -> None:
        """
        Ask it to stop and wait until it has.

        :raises ServiceError: it had to be killed
        """
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise ServiceError(f"the service did not stop within {_STOP_SECONDS:g} s of SIGTERM") from error

    def _wait_until_it_listens(self) -> Address:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if found := _READY.search(self._output.read_text(errors="replace")):
                return Address(found[1], int(found[2]))
            time.sleep(0.02)
        raise ServiceError(f"the service did not start:\n{self._output.read_text(errors='replace')[-4000:]}")

    # What it is asked outside the measured stretches, and the few calls whose whole duration is the measure.

    def call(self, method: str, path: str, body: object = None) -> Any:
        """
        Call a JSON endpoint.

        :raises ServiceError: it answered with an error
        """
        return json.loads(self.read(method, path, body))

    def read(self, method: str, path: str, body: object = None) -> bytes:
        """
        Call an endpoint that answers with something else.

        :raises ServiceError: it answered with an error
        """
        with self._answer(method, path, body) as answer:
            content = answer.read()
        if answer.status >= 300:
            raise ServiceError(f"{method} {path}: {answer.status} {content[:500]!r}")
        return content

    @contextlib.contextmanager
    def _answer(self, method: str, path: str, body: object) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(*self.address, timeout=_REQUEST_SECONDS)
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, content, {"Content-Type": "application/json"})
            yield connection.getresponse()
        finally:
            connection.close()

    def flush(self) -> None:
        """Return once the graph has everything that was in the log."""
        self.call("POST", "/admin/flush", {})

    def count(self) -> int:
        """How many PEMs the catalog lists."""
        return int(self.call("GET", "/query/pems_count")["pems_count"])

    def rebuild(self) -> float:
        """
        Rebuild graph and catalog from the log; seconds until the job says it is done.

        :raises ServiceError: the job failed or took more than ten minutes
        """
        began = time.perf_counter()
        job = self.call("POST", "/admin/rebuild", {"graph": True, "catalog": True})
        path = f"/admin/jobs/{job['id']}"
        while job["state"] == "running":
            if time.perf_counter() - began > _JOB_SECONDS:
                raise ServiceError(f"the rebuild was not done after {_JOB_SECONDS:g} s: {job}")
            time.sleep(0.02)
            job = self.call("GET", path)
        if job["state"] != "done":
            raise ServiceError(f"the rebuild ended as {job}")
        return time.perf_counter() - began

    def count_in_stream(self, path: str, mark: bytes) -> int:
        """
        Read a whole list in small pieces, keeping none, and count how often ``mark`` occurs in it.

        :raises ServiceError: it answered with an error
        """
        found, tail = 0, b""
        with self._answer("GET", path, None) as answer:
            while piece := answer.read(_PIECE):
                seen = tail + piece
                found += seen.count(mark)
                tail = seen[-(len(mark) - 1) :]  # shorter than the mark, so nothing counts twice
        if answer.status >= 300:
            raise ServiceError(f"GET {path}: {answer.status}")
        return found

    # What the kernel knows about it, and everything it started.

    def memory(self) -> Memory:
        """Measure its resident memory, and the highest since :meth:`forget_peak`."""
        return processes.memory(self.pid)

    def forget_peak(self) -> None:
        """Let the highest resident memory count from now on."""
        processes.forget_peak(self.pid)

    def cpu_seconds(self) -> float:
        """Give the processor time it has used so far, in user and kernel mode."""
        return processes.cpu_seconds(self.pid)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let it stand still, in the middle of whatever it does, until the block ends."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


def _start(
    folder: Path, output: Path, parts: Sequence[str], settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "provgraph.cli", "serve", *parts, "--data", str(folder), "--port", "0"]
    # Measured is what a user gets who sets nothing else.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROVGRAPH_")}
    environment = {**inherited, **settings}
    with output.open("wb") as out:
        return subprocess.Popen(  # noqa: S603 - our own service, no shell, nothing from outside in the command
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
