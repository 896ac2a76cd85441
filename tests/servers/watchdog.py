"""
Ends what a test process started when that process cannot do it itself any more: killed, crashed, interrupted twice.

A small process beside the tests, started with the first server. It reads on its standard input which processes and
folders there are; when that closes or its parent is gone, it ends the processes and removes the folders. It is run as
a plain file, so it imports nothing of ours.

``PR_SET_PDEATHSIG`` would not do: it fires when the *thread* that started a server ends, and tests start servers from
threads.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.5


class Watchdog:
    """The test process's end: tells the watching process what there is to end."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, str(self._owner)],
            stdin=subprocess.PIPE,
            # In a session of its own, Ctrl-C in the terminal does not reach it.
            start_new_session=True,
            text=True,
        )

    def process_started(self, pid: int, *, stop_signal: signal.Signals) -> None:
        """Have the process group ``pid`` ended with ``stop_signal``, then SIGKILL, when this process is gone."""
        self._tell(f"process {pid} {int(stop_signal)}")

    def process_ended(self, pid: int) -> None:
        """Leave ``pid`` alone: the number may soon belong to somebody else."""
        self._tell(f"ended {pid}")

    def folder_made(self, folder: Path) -> None:
        """Have ``folder`` removed when this process is gone."""
        self._tell(f"folder {folder}")

    def folder_removed(self, folder: Path) -> None:
        """Forget ``folder``."""
        self._tell(f"removed {folder}")

    def close(self) -> None:
        """End whatever is left now, and the watching process with it."""
        if os.getpid() != self._owner:  # a fork of the test process owns nothing here
            return
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


@cache
def watchdog() -> Watchdog:
    """Return this process's watchdog, started with the first call and ended when Python exits."""
    found = Watchdog()
    atexit.register(found.close)
    return found


def _watch(owner: int) -> tuple[dict[int, signal.Signals], list[Path]]:
    """Read until ``owner`` is gone; return its process groups with their signals, and its folders."""
    processes: dict[int, signal.Signals] = {}
    folders: list[Path] = []
    pending = b""
    while True:
        if not select.select([0], [], [], _LOOK_SECONDS)[0]:
            # Looked at only when all is read: the owner may be gone before this process has begun.
            if os.getppid() != owner:
                break
            continue
        received = os.read(0, 65536)
        if not received:
            break
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            _note(line.decode(), processes, folders)
    return processes, folders


def _note(line: str, processes: dict[int, signal.Signals], folders: list[Path]) -> None:
    what, _, value = line.partition(" ")
    if what == "process":
        pid, number = value.split()
        processes[int(pid)] = signal.Signals(int(number))
    elif what == "ended":
        processes.pop(int(value), None)
    elif what == "folder":
        folders.append(Path(value))
    elif what == "removed" and Path(value) in folders:
        folders.remove(Path(value))


def _end(processes: dict[int, signal.Signals], folders: list[Path]) -> None:
    for group, stop_signal in processes.items():
        _signal(group, stop_signal)
    deadline = time.monotonic() + _GRACE_SECONDS
    while any(_there(group) for group in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in processes:
        _signal(group, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _there(process: int) -> bool:
    """Tell whether a process runs; one that nobody waited for has ended all the same."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return _signal(process, None)


def _signal(group: int, number: signal.Signals | None) -> bool:
    """Send a signal, or none, to a process group; tell whether there was anyone to receive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, 0 if number is None else number)
        return True
    return False


if __name__ == "__main__":
    _end(*_watch(int(sys.argv[1])))
