"""
``python -m bench.sdk``: send the same events with this client and with Record Keeper's, and print how fast they went.

Both make each event and send it to the same fresh service, taking turns within each round, from one thread that waits
for the answer, as a program does that reports what it did. Importing is timed in fresh processes, again in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import machine, rounds, units, workload
from bench.figures import Bar, Row, Sample
from bench.report import Report
from bench.rounds import Measurement, Rounds
from bench.service import ROOT, Service
from provgraph.client import Artifact, AsyncClient, Client, SpoolDelivery
from provgraph.client.recordkeeper import RKClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.rounds import Samples
    from bench.workload import Event
    from provgraph.client import Pem

_BATCH = 500
_TOGETHER = 20
_IMPORTS = 11
_KEEPER = "Record Keeper's client"
_IMPORTED = "import httpx, pydantic"


class Sizes(NamedTuple):
    """How many events each way of sending gets in a round."""

    single: int = 2_000
    keeper: int = 300
    batch: int = 20_000


def rows() -> list[Row]:
    """List the table's rows in the order they are printed."""
    rate = units.per_second
    return [
        Row("single", "`send_pem`, one after the other", rate, Bar(ratio_at_least=3), _KEEPER),
        Row("batch", f"`send_pems`, {_BATCH} at a time", rate, Bar(ratio_at_least=30), _KEEPER),
        Row("facade", "`recordkeeper.RKClient.send_pem`", rate, None, _KEEPER),
        Row("together", f"`AsyncClient.send_pem`, {_TOGETHER} at a time", rate, None, _KEEPER),
        Row("spool", "`send_pem` into a spool, synced each time", rate, None, _KEEPER),
        Row("spooled", "the same, until `flush` says all is delivered", rate, None, _KEEPER),
        Row("import", "`import provgraph.client`", units.seconds, Bar(ratio_at_most=1.3), _IMPORTED),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 if it ran and every event arrived. Missing a bar is not a failure."""
    keys = [row.key for row in rows()]
    parser = argparse.ArgumentParser(prog="python -m bench.sdk", description=main.__doc__)
    parser.add_argument("--rows", default=",".join(keys), help=f"which, with commas: {', '.join(keys)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often the clients take turns")
    parser.add_argument("--quick", action="store_true", help="one small round of everything: a smoke test")
    parser.add_argument("--results", type=Path, default=rounds.RESULTS, help="folder for the JSON file")
    options = parser.parse_args(arguments)
    sizes = Sizes(100, 30, 1_000) if options.quick else Sizes()
    with tempfile.TemporaryDirectory(prefix="provgraph-bench-") as name:
        folder = Path(name)
        found = Rounds(folder, options.rows.split(","))
        for number in range(1 if options.quick else options.rounds):
            found.probe(f"round {number + 1}")
            sending = partial(_sending, folder / f"round-{number}", sizes)
            for one in (
                Measurement(tuple(key for key in keys if key != "import"), sending),
                Measurement(("import",), _importing),
            ):
                if found.wants(one):
                    found.take(one)
        report = Report(
            machine=machine.describe(folder),
            states=found.states,
            summaries=found.summaries(rows()),
            samples=found.samples,
            failures=found.failures,
            peers=(),
            full_size=not options.quick,
        )
    return rounds.tell(report, options.results)


def _sending(folder: Path, sizes: Sizes) -> Samples:
    events = workload.generate(sizes.batch)
    with Service(folder) as service:
        url = f"http://{service.address.host}:{service.address.port}"
        sender = _Sender(url, events, sizes, folder)
        sender.keeper(50)  # a rehearsal: imports, and the service's first steps, count for nobody
        for key, send in sender.ways().items():
            before = service.count()
            keeper = sender.keeper(sizes.keeper)
            figure, count = send()
            missing = before + sizes.keeper + count - service.count()
            problems = (f"{missing} events are missing",) if missing else ()
            yield key, Sample(figure, keeper, problems=problems)
            if key == "spool":
                yield "spooled", Sample(sender.spooled, keeper, problems=problems)


class _Sender:
    """Sends events to a service, in each way; says how many a second, and how many in all."""

    def __init__(self, url: str, events: Sequence[Event], sizes: Sizes, folder: Path) -> None:
        os.environ["LOG_LEVEL"] = "ERROR"  # it says on standard error what it does
        import rkclient  # noqa: PLC0415 - reads the variable above when it is imported

        self._keeper = rkclient.RKClient(f"{url}/receiver", "keeper")
        self._url = url
        self._events = events
        self._sizes = sizes
        self._folder = folder
        self.spooled = 0.0

    def ways(self) -> dict[str, Callable[[], tuple[float, int]]]:
        """Return the ways by the keys of their rows."""
        return {
            "single": self._single,
            "batch": self._batch,
            "facade": partial(self._facade, RKClient(f"{self._url}/receiver", "facade")),
            "together": self._together,
            "spool": self._spool,
        }

    def keeper(self, count: int) -> float:
        """Send with Record Keeper's client."""
        return self._facade(self._keeper, count)[0]

    def _facade(self, client: Any, count: int | None = None) -> tuple[float, int]:
        events = self._events[: count or self._sizes.single]
        began = time.perf_counter()
        for event in events:
            pem = client.prepare_pem(event.type, properties=event.properties)
            for name in _used(event):
                pem.uses_artifact(client.prepare_artifact(name, {}))
            made = workload.artifact_name(event.produces)
            pem.produces_artifact(client.prepare_artifact(made, event.artifact_properties))
            answer = client.send_pem(pem)
            assert answer == ("OK", True), answer
        return len(events) / (time.perf_counter() - began), len(events)

    def _single(self) -> tuple[float, int]:
        events = self._events[: self._sizes.single]
        with Client(self._url, emitter="single") as client:
            began = time.perf_counter()
            for event in events:
                client.send_pem(_prepared(client, event))
            return len(events) / (time.perf_counter() - began), len(events)

    def _batch(self) -> tuple[float, int]:
        with Client(self._url, emitter="batch") as client:
            began = time.perf_counter()
            for batch in workload.batches(self._events, _BATCH):
                result = client.send_pems([_prepared(client, event) for event in batch])
                assert result.accepted == len(batch), result
            return len(self._events) / (time.perf_counter() - began), len(self._events)

    def _together(self) -> tuple[float, int]:
        return asyncio.run(self._concurrently(self._events[: self._sizes.single]))

    async def _concurrently(self, events: Sequence[Event]) -> tuple[float, int]:
        async with AsyncClient(self._url, emitter="together") as client:
            waiting = iter(events)

            async def work() -> None:
                for event in waiting:
                    await client.send_pem(_prepared(client, event))

            began = time.perf_counter()
            await asyncio.gather(*(work() for _ in range(_TOGETHER)))
            return len(events) / (time.perf_counter() - began), len(events)

    def _spool(self) -> tuple[float, int]:
        events = self._events[: self._sizes.single]
        delivery = SpoolDelivery(self._folder.with_name(f"{self._folder.name}.spool"))
        with Client(self._url, emitter="spool", delivery=delivery) as client:
            began = time.perf_counter()
            for event in events:
                client.send_pem(_prepared(client, event))
            taken = time.perf_counter() - began
            flushed = client.flush(timeout_seconds=60)
            assert flushed.delivered == len(events), flushed
            self.spooled = len(events) / (time.perf_counter() - began)
            return len(events) / taken, len(events)


def _prepared(client: Client | AsyncClient, event: Event) -> Pem:
    made = Artifact(workload.artifact_name(event.produces), event.artifact_properties)
    return client.prepare_pem(
        event.type, properties=event.properties, uses=list(_used(event)), produces=[made]
    )


def _used(event: Event) -> Iterator[str]:
    return (workload.artifact_name(number) for number in event.uses)


def _importing() -> Samples:
    figures: dict[str, list[float]] = {"import provgraph.client": [], _IMPORTED: []}
    for turn in range(_IMPORTS + 1):
        for statement, taken in figures.items():
            seconds = _imported(statement)
            if turn:  # the first ones compile and warm the disk's cache
                taken.append(seconds)
    # The quickest of each: what the machine does beside it can only make an import slower.
    ours, floor = (min(taken) for taken in figures.values())
    yield "import", Sample(ours, floor)


def _imported(statement: str) -> float:
    """Return the seconds that an import takes in a fresh process, its start left out."""
    code = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
    done = subprocess.run(  # noqa: S603 - this interpreter, with statements of this file
        [sys.executable, "-c", code],
        cwd=ROOT,
        # An empty value lets Python keep what it compiles, as it does for users.
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
