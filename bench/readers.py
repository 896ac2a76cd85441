"""
Twenty readers who ask heavy questions, one after the other, for as long as the process lives.

A process of its own: what it does with the answers is not to slow down whoever sends PEMs meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from bench import workload
from bench.service import ROOT, ServiceError
from bench.wire import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READERS = 20
_PIECE = 1 << 20
_PATIENCE_SECONDS = 120.0


def questions(events: int) -> list[str]:
    """List heavy questions about a platform of so many events: whole lists, whole walks, the whole state."""
    last, early = workload.artifact_name(events - 1), workload.artifact_name(10)
    return [
        "/query/pems",
        "/query/artifacts",
        f"/api/v1/lineage?node=artifact:{last}&limit=100000",
        f"/api/v1/lineage?node=artifact:{early}&direction=downstream&limit=100000",
        f"/api/v1/lineage?node=artifact:{last}&versions=any&limit=10000",
        f"/api/v1/impact?node=artifact:{early}&limit=10000",
        f"/api/v1/why?node=artifact:{last}&limit=10000",
        "/api/v1/state?limit=10000",
        "/api/v1/gaps",
    ]


@contextlib.contextmanager
def reading(address: Address, events: int) -> Iterator[Callable[[], int]]:
    """Let readers ask while the block runs, and give what tells how many whole answers they had since its beginning."""
    command = [sys.executable, "-m", "bench.readers", address.host, str(address.port), str(events)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - this module, no shell
    try:
        before = _told(process)  # every reader has had an answer
        yield lambda: _told(process) - before
    finally:
        process.kill()
        process.communicate()


def _told(process: subprocess.Popen[bytes]) -> int:
    """Return how many whole answers there have been so far."""
    if process.stdin is None or process.stdout is None:
        raise ServiceError("the readers cannot be asked")
    process.stdin.write(b"\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def _read(
    address: Address, asked: list[str], begin: int, has_begun: threading.Barrier, answered: list[None]
) -> None:
    first = True
    for path in itertools.chain(asked[begin:], itertools.cycle(asked)):
        with contextlib.suppress(OSError, HTTPException):  # refused for a moment, or cut off: asked again
            connection = HTTPConnection(*address, timeout=_PATIENCE_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", path)
                answer = connection.getresponse()
                if first:
                    first = False
                    has_begun.wait()
                while answer.read(_PIECE):
                    pass
                if answer.status == 200:
                    answered.append(None)  # one step, so no other thread comes between


def main(host: str, port: str, events: str) -> None:
    """Ask until the process is ended, and tell for each line that comes in how many answers there were."""
    asked = questions(int(events))
    answered: list[None] = []
    has_begun = threading.Barrier(READERS + 1)
    for number in range(READERS):
        arguments = (Address(host, int(port)), asked, number % len(asked), has_begun, answered)
        threading.Thread(target=_read, args=arguments, daemon=True).start()
    has_begun.wait()
    for _ in sys.stdin:
        sys.stdout.write(f"{len(answered)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
