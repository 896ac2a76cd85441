"""What the kernel knows about processes: their memory, their processor time, their children, who listens where."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_MIB = 1024.0  # /proc speaks KiB
_RESET_PEAK = "5"  # what clear_refs takes to mean: forget the highest resident size so far
_LISTENING = "0A"


class Memory(NamedTuple):
    """Resident memory, in MiB."""

    now: float
    peak: float


def family(pid: int) -> list[int]:
    """Give a process and all its descendants."""
    found = [pid]
    for one in found:
        # A process that ends meanwhile has no children any more.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def memory(pid: int) -> Memory:
    """Measure the resident memory of a process and its descendants, and the highest since :func:`forget_peak`."""
    states = [_status(one) for one in family(pid)]
    return Memory(
        now=sum(state["VmRSS"] for state in states) / _MIB,
        peak=sum(state["VmHWM"] for state in states) / _MIB,
    )


def forget_peak(pid: int) -> None:
    """Let the highest resident memory count from now on."""
    for one in family(pid):
        # Where this is not allowed what was before counts too, which is only stricter.
        with contextlib.suppress(PermissionError):
            Path(f"/proc/{one}/clear_refs").write_text(_RESET_PEAK)


def cpu_seconds(pid: int) -> float:
    """Give the processor time that a process and its descendants, ended ones too, have used so far."""
    return sum(_cpu_ticks(one) for one in family(pid)) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Give the processor time that everything on this machine has used so far, on all cores together."""
    user, nice, system, _idle, _wait, irq, soft_irq = _first_line(Path("/proc/stat"))[:7]
    return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")


def listener(port: int) -> int | None:
    """Give the process that listens on a port of 127.0.0.1; None when it cannot be seen: in a container, say."""
    sockets = set(_listening_sockets(port))
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and not sockets.isdisjoint(_open_files(folder / "fd")):
            return _eldest(int(folder.name), sockets)
    return None


def _eldest(pid: int, sockets: set[str]) -> int:
    """Give the ancestor from which a process has its listening socket: servers hand it on to their children."""
    parent = _status(pid)["PPid"]
    while parent > 1 and not sockets.isdisjoint(_open_files(Path(f"/proc/{parent}/fd"))):
        pid, parent = parent, _status(parent)["PPid"]
    return pid


def _listening_sockets(port: int) -> Iterable[str]:
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[1].endswith(f":{port:04X}"):
                yield f"socket:[{fields[9]}]"


def _open_files(folder: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):  # somebody else's process, or it has ended
        for file in folder.iterdir():
            with contextlib.suppress(OSError):
                found.add(str(file.readlink()))
    return found


def _status(pid: int) -> dict[str, int]:
    """The numbers in ``/proc/PID/status``; the sizes are in KiB."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _cpu_ticks(pid: int) -> int:
    """Ticks of a process in user and kernel mode, with those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it ended just now: its parent's count has it
        return 0
    return sum(int(field) for field in fields[11:15])


def _first_line(path: Path) -> list[int]:
    with path.open() as file:
        return [int(field) for field in file.readline().split()[1:]]
