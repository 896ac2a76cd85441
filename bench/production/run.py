"""
``python -m bench.production``: measure services on real servers and bare drivers in turn, and print the table.

The long rebuild (``million``, ``memory``) is measured only when asked for, once, after the rounds; and by ``--quick``,
which measures a little of everything.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from neo4j.exceptions import DriverError, Neo4jError

from bench import machine, rounds
from bench.production import graph, intake, plan
from bench.production.plan import ProductionPlan
from bench.production.servers import HEAP_MEGABYTES, Servers
from bench.report import Report
from bench.rounds import Measurement, Rounds
from provgraph.errors import ProvgraphError
from tests.servers.base import ServerFailedError, ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROWS = tuple(row.key for row in plan.rows(0, 0))
_LONG = frozenset({"million", "memory"})
_BREAKS = (psycopg.Error, DriverError, Neo4jError, ProvgraphError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 if it ran and every answer was right, 1 if not. Missing a bar is not a failure."""
    options = _options(arguments)
    folder = Path(tempfile.mkdtemp(prefix="provgraph-bench-"))
    try:
        with Servers(heap_megabytes=options.neo4j_heap, optimises=not options.quick) as servers:
            found = _run(options, _plan(options, folder), servers)
    except (ServerUnavailableError, ServerFailedError) as error:
        sys.stderr.write(f"There is no server to measure: {error}\n")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rounds.tell(found, options.results)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.production", description=main.__doc__)
    parser.add_argument("--rows", help=f"which, with commas: {', '.join(_ROWS)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often service and floor take turns")
    parser.add_argument("--events", type=int, default=ProductionPlan.events, help="events in each round")
    parser.add_argument(
        "--million", type=int, default=ProductionPlan.million, help="PEMs of the long rebuild"
    )
    parser.add_argument(
        "--clients", type=int, default=ProductionPlan.clients, help="connections for single PEMs"
    )
    parser.add_argument("--batch", type=int, default=ProductionPlan.batch, help="PEMs in a batch")
    parser.add_argument(
        "--batch-clients", type=int, default=ProductionPlan.batch_clients, help="connections for batches"
    )
    parser.add_argument("--neo4j-heap", type=int, default=HEAP_MEGABYTES, help="MiB of Neo4j's heap")
    parser.add_argument("--quick", action="store_true", help="one small round: a smoke test")
    parser.add_argument("--results", type=Path, default=rounds.RESULTS, help="folder for the JSON file")
    options = parser.parse_args(arguments)
    options.rows = options.rows or ",".join(row for row in _ROWS if options.quick or row not in _LONG)
    if unknown := set(options.rows.split(",")) - set(_ROWS):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    return options


def _plan(options: argparse.Namespace, folder: Path) -> ProductionPlan:
    chosen = ProductionPlan(
        folder=folder,
        rounds=options.rounds,
        events=options.events,
        million=options.million,
        clients=options.clients,
        batch=options.batch,
        batch_clients=options.batch_clients,
    )
    if options.quick:
        chosen = dataclasses.replace(chosen, rounds=1, events=4_000, million=10_000)
    return chosen


def _run(options: argparse.Namespace, chosen: ProductionPlan, servers: Servers) -> Report:
    """Measure everything that is wanted."""
    found = Rounds(chosen.folder, options.rows.split(","), breaks=_BREAKS)
    every_round = [one for one in _every_round(chosen, servers) if found.wants(one)]
    if any("project" in one.rows for one in every_round):
        rounds.say("rehearsal: Neo4j compiles what it runs often, which takes a while")
        found.take(every_round[0], keep=False)
    for number in range(1, chosen.rounds + 1) if every_round else ():
        found.probe(f"round {number} of {chosen.rounds}")
        for one in every_round:
            found.take(one)
    long = Measurement(("million", "memory"), partial(graph.long_rebuild, chosen, servers))
    if found.wants(long):
        found.take(long)
    found.probe("the end")
    return Report(
        machine=machine.describe(chosen.folder),
        remarks=servers.remarks,
        states=found.states,
        summaries=found.summaries(plan.rows(chosen.events, chosen.million)),
        samples=found.samples,
        failures=found.failures,
        peers=(),
        full_size=_is_full_size(chosen),
    )


def _every_round(chosen: ProductionPlan, servers: Servers) -> list[Measurement]:
    return [
        Measurement(("project", "trace"), partial(graph.project, chosen, servers)),
        Measurement(("intake",), partial(intake.intake, chosen, servers)),
        Measurement(("receivers",), partial(intake.receivers, chosen, servers)),
    ]


def _is_full_size(chosen: ProductionPlan) -> bool:
    usual = ProductionPlan(chosen.folder)
    return (
        chosen.events >= usual.events
        and chosen.million >= usual.million
        and (chosen.batch, chosen.clients) == (usual.batch, usual.clients)
    )
