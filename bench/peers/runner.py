"""Runs a peer's adapter in the peer's own environment and sets its figures beside ours."""

from __future__ import annotations

import json
import statistics
import subprocess
from typing import TYPE_CHECKING, NamedTuple, Self

from bench.report import Comparison
from bench.service import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.figures import Summary
    from bench.plan import Plan

PEERS: tuple[str, ...] = ("eventsourcing",)


class PeerSample(NamedTuple):
    """What one round measured of a peer; the figures are in the units of our rows."""

    name: str
    version: str
    durable: str
    wrong_answers: int
    figures: Mapping[str, float]

    @classmethod
    def read(cls, line: str) -> Self:
        """Read the line that :func:`bench.peers.base.run` printed."""
        return cls(**json.loads(line))


class PeerProcess(NamedTuple):
    """An adapter that can be run."""

    name: str
    python: Path

    def measure(self, plan: Plan) -> PeerSample:
        """
        Run the adapter in a process of its own.

        :raises subprocess.CalledProcessError: it failed; what it wrote is on standard error
        """
        command = [
            *(str(self.python), "-m", f"bench.peers.{self.name}_peer"),
            *("--events", str(plan.events), "--batch", str(plan.batch), "--dir", str(plan.folder)),
        ]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - the caller names the Python to run
        return PeerSample.read(done.stdout)


def find(name: str, python: Path) -> PeerProcess | None:
    """Give the peer if that Python can import its package."""
    try:
        done = subprocess.run([str(python), "-c", f"import {name}"], capture_output=True, check=False)  # noqa: S603 - as above
    except OSError:
        return None
    return PeerProcess(name, python.absolute()) if done.returncode == 0 else None


def comparisons(samples: Sequence[PeerSample], ours: Sequence[Summary]) -> Iterator[Comparison]:
    """Take the medians of the peer's rounds and set them beside ours."""
    if not samples:
        return
    first = samples[0]
    yield Comparison(
        name=first.name,
        version=first.version,
        durable=first.durable,
        rounds=len(samples),
        wrong_answers=sum(sample.wrong_answers for sample in samples),
        figures={key: statistics.median(s.figures[key] for s in samples) for key in first.figures},
        ours={summary.row.key: summary for summary in ours},
    )
