"""
``python -m bench``: measure service and floor in turn, round after round, and print the table.

The rows that take long (``growth``, ``memory``, ``listing``, ``lag``) are measured once, after the rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine, measure, report, rounds
from bench.peers import runner
from bench.plan import Plan
from bench.rounds import Measurement, Rounds, say

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROWS = tuple(row.key for row in report.rows(0, 0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 if it ran and every answer was right, 1 if not. Missing a bar is not a failure."""
    options = _options(arguments)
    folder = Path(tempfile.mkdtemp(prefix="provgraph-bench-", dir=options.dir))
    try:
        found = _Run(options, _plan(options, folder)).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rounds.tell(found, options.results)


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
    parser.add_argument("--results", type=Path, default=rounds.RESULTS, help="folder for the JSON file")
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
        # As many arrivals as any machine can send: a busy one is no problem of the benchmark's.
        plan = dataclasses.replace(
            plan,
            rounds=1,
            events=4_000,
            grown=12_000,
            window=1_000,
            arriving_seconds=3.0,
            arriving_per_second=100,
            beside=400,
        )
    return plan


class _Run:
    """One run: which rows, how large, and what has been found so far."""

    def __init__(self, options: argparse.Namespace, plan: Plan) -> None:
        self._plan = plan
        self._rounds = Rounds(plan.folder, options.rows.split(","))
        self._peer = runner.find(options.peer, options.peer_python) if options.peer else None
        if options.peer and self._peer is None:
            say(f"{options.peer_python} cannot import {options.peer}: measuring without it")
        self._peer_samples: list[runner.PeerSample] = []

    def run(self) -> report.Report:
        """Measure everything that is wanted."""
        every_round = [one for one in _every_round(self._plan) if self._rounds.wants(one)]
        for number in range(1, self._plan.rounds + 1) if every_round or self._peer else ():
            self._rounds.probe(f"round {number} of {self._plan.rounds}")
            for one in every_round:
                self._rounds.take(one)
            self._take_peer()
        for one in _once(self._plan):
            if self._rounds.wants(one):
                self._rounds.take(one)
        self._rounds.probe("the end")
        return self._report()

    def _take_peer(self) -> None:
        if self._peer:
            sample = self._peer.measure(self._plan)
            self._peer_samples.append(sample)
            figures = ", ".join(f"{key} {value:.5g}" for key, value in sample.figures.items())
            say(f"  {sample.name}: {figures}")

    def _report(self) -> report.Report:
        summaries = self._rounds.summaries(report.rows(self._plan.events, self._plan.grown))
        return report.Report(
            machine=machine.describe(self._plan.folder),
            states=self._rounds.states,
            summaries=summaries,
            samples=self._rounds.samples,
            failures=self._rounds.failures,
            peers=list(runner.comparisons(self._peer_samples, summaries)),
            full_size=_is_full_size(self._plan),
        )


def _every_round(plan: Plan) -> list[Measurement]:
    return [
        Measurement(("single",), partial(measure.single, plan)),
        Measurement(("batch", "trace", "rebuild"), partial(measure.batch, plan)),
        Measurement(("recent",), partial(measure.recent, plan)),
    ]


def _once(plan: Plan) -> list[Measurement]:
    return [
        Measurement(("memory", "growth", "listing"), partial(measure.growth, plan)),
        Measurement(("lag",), partial(measure.lag, plan)),
        Measurement(("readers",), partial(measure.readers, plan)),
    ]


def _is_full_size(plan: Plan) -> bool:
    return plan.events >= Plan.events and plan.grown >= Plan.grown and plan.clients == Plan.clients
