"""
What a peer's adapter offers, and how it is measured.

An adapter is a module that defines a class with the methods of :class:`Peer` and ends with ``run(ThatClass)``. It is
started with the Python of the peer's own environment, so it and this module keep to the standard library, the
peer's package and :mod:`bench.workload`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench import workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.workload import Event


class Peer(Protocol):
    """Another system with one open store."""

    name: str
    version: str
    durable: str
    """In words: what is on disk once an event counts as taken in."""

    def prepare(self, events: Sequence[Event]) -> list[Any]:
        """Make of each event what :meth:`record` wants of it. This is not on the clock."""

    def record(self, prepared: Sequence[Any], *, size: int) -> None:
        """Take the events in, ``size`` at a time, each time as durably as :attr:`durable` says."""

    def project(self) -> None:
        """Do what has to be done after the last event before the question can be asked."""

    def upstream(self, number: int, *, depth: int) -> set[int]:
        """Answer the question."""

    def forget_projection(self) -> None:
        """Drop what :meth:`project` made."""

    def close(self) -> None:
        """Let go of the store."""


def run(make: Callable[[Path], Peer]) -> None:
    """Measure the peer as the command line says and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=workload.DEFAULT_COUNT)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--dir", type=Path, default=None)
    options = parser.parse_args()
    events = workload.generate(options.events)
    with tempfile.TemporaryDirectory(prefix="peer-", dir=options.dir) as folder:
        each = _singly(make(_below(folder, "single")), events)
        found = _together(make(_below(folder, "batch")), events, options.batch)
    found["figures"]["single"] = each
    sys.stdout.write(json.dumps(found) + "\n")


def _below(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


def _singly(peer: Peer, events: Sequence[Event]) -> float:
    """Events a second, one at a time."""
    prepared = peer.prepare(events)
    seconds = _timed(lambda: peer.record(prepared, size=1))
    peer.close()
    return len(events) / seconds


def _together(peer: Peer, events: Sequence[Event], size: int) -> dict[str, Any]:
    """Everything that a store filled in batches can tell."""
    prepared = peer.prepare(events)
    taken = _timed(lambda: peer.record(prepared, size=size)) + _timed(peer.project)
    times, wrong = [], 0
    for target in workload.targets(len(events)):
        began = time.perf_counter()
        answer = peer.upstream(target, depth=workload.DEPTH)
        times.append(time.perf_counter() - began)
        wrong += answer != workload.upstream(events, target)
    peer.forget_projection()
    rebuild = _timed(peer.project)
    peer.close()
    figures = {
        "batch": len(events) / taken,
        "trace": sorted(times)[round(0.5 * (len(times) - 1))],
        "rebuild": rebuild,
    }
    return {
        "name": peer.name,
        "version": peer.version,
        "durable": peer.durable,
        "wrong_answers": wrong,
        "figures": figures,
    }


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
