"""A server as a process of ours: started, stopped, killed, and its last words."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.base import ServerFailedError
from tests.servers.watchdog import watchdog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST_PORT = 15000
_STOP_SECONDS = 20.0
_CONSOLE_CHARACTERS = 8000


class Account(NamedTuple):
    """Whom a server runs as."""

    uid: int
    gid: int


class ServerProcess:
    """
    One process that is started and ended, any number of times, with the same command.

    It leads a process group of its own: Ctrl-C in the terminal does not reach it before the tests have finished with
    it, and when the tests die, their watchdog ends it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        crash_signal: signal.Signals = signal.SIGTERM,
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """
        Keep what it takes to start the process; nothing runs yet.

        :param folder: its working folder; the console goes to ``console.log`` in it
        :param stop_signal: ends it in its own order
        :param crash_signal: ends it quickly, when the tests are gone and nobody wants its data
        """
        self._command = list(command)
        self._folder = folder
        self._stop_signal = stop_signal
        self._crash_signal = crash_signal
        self._account = account
        self._environment = dict(os.environ if environment is None else environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Tell whether the process is there."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        self._forget(self._process)
        return False

    @property
    def pid(self) -> int:
        """Return the running process's number."""
        assert self._process is not None, "the process was not started"
        return self._process.pid

    @property
    def console(self) -> str:
        """Return the last of what the process has printed, over all its starts."""
        with suppress(FileNotFoundError):
            return (self._folder / "console.log").read_text(errors="replace")[-_CONSOLE_CHARACTERS:]
        return ""

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self.running:
            return
        account = self._account
        with (self._folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                process_group=0,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        watchdog().process_started(self._process.pid, stop_signal=self._crash_signal)

    def stop(self) -> None:
        """End the process in its own order, or with SIGKILL after twenty seconds."""
        if not self.running:
            return
        assert self._process is not None
        self._process.send_signal(self._stop_signal)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and its children with SIGKILL, and wait until it is gone."""
        if self._process is None:
            return
        if self._process.poll() is None:  # else the number may be somebody else's by now
            children = _children(self._process.pid)
            os.killpg(self._process.pid, signal.SIGKILL)
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._process.wait()
        self._forget(self._process)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        watchdog().process_ended(process.pid)


def _children(pid: int) -> list[int]:
    """Return the numbers of a process's children; none where the system does not list them."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def server_folder(name: str) -> Path:
    """Return a new temporary folder that other accounts may pass through; the watchdog knows of it."""
    folder = Path(tempfile.mkdtemp(prefix=f"provgraph-tests-{name}-"))
    folder.chmod(0o711)
    watchdog().folder_made(folder)
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder of :func:`server_folder` and all in it."""
    shutil.rmtree(folder, ignore_errors=True)
    watchdog().folder_removed(folder)


def free_port() -> int:
    """
    Return a port of 127.0.0.1 that nobody uses and that the system gives to nobody by itself.

    A server that is killed comes back on the same port. Were it in the range the system takes ports for outgoing
    connections from, a client that keeps knocking could get that very port for itself, and even connect to itself.
    """
    highest = _lowest_ephemeral_port()
    for port in random.SystemRandom().sample(range(min(_LOWEST_PORT, highest - 1000), highest), 200):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailedError("no free port on 127.0.0.1")


def _lowest_ephemeral_port() -> int:
    with suppress(OSError, ValueError):
        return max(int(_EPHEMERAL_RANGE.read_text().split()[0]), 2048)
    return 32768
