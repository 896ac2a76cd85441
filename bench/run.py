"""
``python -m bench``: measure service and floor in turn, round after round, and print the table.

The rows that take long (``growth``, ``memory``, ``listing``, ``lag``) are measured once, after the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shutil
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import machine, measure, report
from bench.figures import Sample, summarize
from bench.load import NoAnswerError
from bench.peers import runner
from bench.plan import Plan
from bench.service import ROOT, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.machine import State
    from bench.measure import Samples

_RESULTS = ROOT / "bench" / "results"
_ROWS = tuple(row.key for row in report.rows(0, 0))


class _Measurement(NamedTuple):
    """A function of :mod:`bench.measure` and the rows it fills."""

    rows: tuple[str, ...]
    run: Callable[[Plan], Samples]


_EVERY_ROUND = (
    _Measurement(("single",), measure.single),
    _Measurement(("batch", "trace", "rebuild"), measure.batch),
    _Measurement(("recent",), measure.recent),
)
_ONCE = (
    _Measurement(("memory", "growth", "listing"), measure.growth),
    _Measurement(("lag",), measure.lag),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 if it ran and every answer was right, 1 if not. Missing a bar is not a failure."""
    options = _options(arguments)
    folder = Path(tempfile.mkdtemp(prefix="provgraph-bench-", dir=options.dir))
    try:
        found = _Run(options, _plan(options, folder)).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("\n" + found.markdown())
    _say(f"\nEvery sample is in {_write(found, options.results)}")
    return 1 if found.problems else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("--rows", default=",".join(_ROWS), help=f"which, with commas: {', '.join(_ROWS)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often floor and service take turns")
    parser.add_argument("--events", type=int, default=Plan.events, help="events in each round")
    parser.add_argument("--grown", type=int, default=Plan.grown, help="PEMs stored for growth and memory")
    parser.add_argument("--clients", type=int, default=Plan.clients, help="connections for single PEMs")
    parser.add_argument("--batch", type=int, default=Plan.batch, help="PEMs in a batch")
    parser.add_argument(
        "--batch-clients", type=int, default=Plan.batch_clients, help="connections for batches"
    )
    parser.add_argument(
        "--lag-seconds", type=float, default=Plan.arriving_seconds, help="length of the lag row"
    )
    parser.add_argument("--quick", action="store_true", help="one small round of everything: a smoke test")
    parser.add_argument("--dir", type=Path, help="where to put the databases (default: the temporary folder)")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="folder for the JSON file")
    parser.add_argument("--peer", choices=runner.PEERS, help="measure this system too, in the same rounds")
    parser.add_argument("--peer-python", type=Path, help="the Python that has the peer's package")
    options = parser.parse_args(arguments)
    if unknown := set(options.rows.split(",")) - set(_ROWS):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    if options.peer and not options.peer_python:
        parser.error("--peer needs --peer-python")
    return options


def _plan(options: argparse.Namespace, folder: Path) -> Plan:
    plan = Plan(
        folder=folder,
        rounds=options.rounds,
        events=options.events,
        grown=options.grown,
        clients=options.clients,
        batch=options.batch,
        batch_clients=options.batch_clients,
        arriving_seconds=options.lag_seconds,
    )
    if options.quick:
        plan = dataclasses.replace(
            plan, rounds=1, events=4_000, grown=12_000, window=1_000, arriving_seconds=3.0
        )
    return plan


class _Run:
    """One run: which rows, how large, and what has been found so far."""

    def __init__(self, options: argparse.Namespace, plan: Plan) -> None:
        self._plan = plan
        self._wanted = set(options.rows.split(","))
        self._peer = runner.find(options.peer, options.peer_python) if options.peer else None
        if options.peer and self._peer is None:
            _say(f"{options.peer_python} cannot import {options.peer}: measuring without it")
        self._samples: defaultdict[str, list[Sample]] = defaultdict(list)
        self._peer_samples: list[runner.PeerSample] = []
        self._states: list[State] = []
        self._failures: list[str] = []

    def run(self) -> report.Report:
        """Measure everything that is wanted."""
        every_round = [one for one in _EVERY_ROUND if self._wanted.intersection(one.rows)]
        for number in range(1, self._plan.rounds + 1) if every_round or self._peer else ():
            self._probe(f"round {number} of {self._plan.rounds}")
            for one in every_round:
                self._take(one)
            self._take_peer()
        for one in _ONCE:
            if self._wanted.intersection(one.rows):
                self._take(one)
        self._probe("the end")
        return self._report()

    def _probe(self, moment: str) -> None:
        self._states.append(machine.probe(self._plan.folder))
        _say(f"{moment}: {self._states[-1].line()}")

    def _take(self, one: _Measurement) -> None:
        wanted = self._wanted.intersection(one.rows)
        try:
            with contextlib.closing(one.run(self._plan)) as samples:
                while wanted:
                    key, sample = next(samples)
                    self._keep(key, sample)
                    wanted.discard(key)
        except (ServiceError, NoAnswerError, OSError) as error:
            # What was measured before, and the other rows, are worth having all the same.
            self._failures.append(f"{', '.join(sorted(wanted))}: {type(error).__name__}: {error}")
            _say(f"  PROBLEM: {self._failures[-1]}")

    def _keep(self, key: str, sample: Sample) -> None:
        if key in self._wanted:
            self._samples[key].append(sample)
            floor = "" if sample.floor is None else f", floor {sample.floor:.5g}"
            problems = "".join(f"; PROBLEM: {problem}" for problem in sample.problems)
            _say(f"  {key}: {sample.figure:.5g}{floor}{problems}")

    def _take_peer(self) -> None:
        if self._peer:
            sample = self._peer.measure(self._plan)
            self._peer_samples.append(sample)
            figures = ", ".join(f"{key} {value:.5g}" for key, value in sample.figures.items())
            _say(f"  {sample.name}: {figures}")

    def _report(self) -> report.Report:
        rows = [row for row in report.rows(self._plan.events, self._plan.grown) if self._samples[row.key]]
        summaries = [summarize(row, self._samples[row.key]) for row in rows]
        return report.Report(
            machine=machine.describe(self._plan.folder),
            states=self._states,
            summaries=summaries,
            samples=self._samples,
            failures=self._failures,
            peers=list(runner.comparisons(self._peer_samples, summaries)),
            full_size=_is_full_size(self._plan),
        )


def _is_full_size(plan: Plan) -> bool:
    return plan.events >= Plan.events and plan.grown >= Plan.grown and plan.clients == Plan.clients


def _write(found: report.Report, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(found.json() + "\n")
    return path


def _say(line: str) -> None:
    """Tell whoever waits how it goes, apart from the table."""
    sys.stderr.write(line + "\n")
