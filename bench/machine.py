"""What the numbers were measured on, and how that machine was doing at the time."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parents[1]
_PROBES = 200
_LOOP = 1_000_000


class Machine(NamedTuple):
    """The hardware and software under everything in one run."""

    cpu: str
    cores: int
    kernel: str
    python: str
    sqlite: str
    filesystem: str
    commit: str
    """What was measured, as git names it; empty outside a repository."""

    def line(self) -> str:
        """Say it in one line."""
        return (
            f"{self.cpu}, {self.cores} cores, {self.filesystem}, Linux {self.kernel}, "
            f"Python {self.python}, SQLite {self.sqlite}"
        )


class State(NamedTuple):
    """How the machine is doing just now; on a shared machine this explains odd numbers."""

    load: float
    loop_seconds: float
    """A fixed loop of plain Python."""
    fsync_seconds: float
    """Median of writing and syncing 4 KiB."""

    def line(self) -> str:
        """Say it in one line."""
        return (
            f"load {self.load:.2f}, fsync p50 {self.fsync_seconds * 1e3:.2f} ms, "
            f"loop of a million {self.loop_seconds * 1e3:.0f} ms"
        )


def describe(folder: Path) -> Machine:
    """Describe the machine; ``folder`` tells which filesystem counts."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        filesystem=_filesystem(folder),
        commit=_commit(),
    )


def probe(folder: Path) -> State:
    """Measure the machine's state in about a tenth of a second."""
    began = time.perf_counter()
    total = 0
    for number in range(_LOOP):
        total += number
    return State(os.getloadavg()[0], time.perf_counter() - began, _fsync_seconds(folder))


def _commit() -> str:
    """Name the commit under measurement, and say so when files differ from it."""
    try:
        named = subprocess.run(  # noqa: S603 - fixed words
            ("git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"),  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return named.stdout.strip()


def _fsync_seconds(folder: Path) -> float:
    waits = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_PROBES):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - began)
    return statistics.median(waits)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    """The type of the filesystem that holds ``folder``: of its mounts the one with the longest path."""
    here = folder.resolve()
    mounts = (line.split()[:3] for line in Path("/proc/mounts").read_text().splitlines())
    holding = [(len(at), kind) for _, at, kind in mounts if here.is_relative_to(at)]
    return max(holding)[1] if holding else "unknown filesystem"
