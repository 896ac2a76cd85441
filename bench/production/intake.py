"""The measurements of what goes into PostgreSQL: batches beside bare psycopg, two receivers beside one."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bench import exchange, processes, workload
from bench.figures import Sample, percentile
from bench.load import drive
from bench.production import executemany
from bench.production.prepared import new_events
from bench.production.servers import count
from bench.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load import Outcome
    from bench.production.plan import ProductionPlan
    from bench.production.servers import Servers
    from bench.rounds import Samples

_WARM_UP = 200
_EVERYTHING = "whole machine"
_TABLES = ("event", "pem", "artifact", "tag")


def intake(plan: ProductionPlan, servers: Servers) -> Samples:
    """Measure batches until they are durable: log and catalog, without the graph."""
    events = workload.generate(plan.events)
    with servers.database() as database:
        floor_seconds = executemany.load(database, new_events(events), size=plan.batch)
        expected = {table: count(database, table) for table in _TABLES}
    requests = exchange.batch_requests(events, plan.batch)
    with servers.database() as database, _receivers(plan, servers, database, 1) as services:
        (receiver,) = services
        before = {table: count(database, table) for table in _TABLES}
        cpu, at_server = receiver.cpu_seconds(), servers.postgresql_cpu_seconds()
        outcome = drive(receiver.address, requests, connections=plan.batch_clients, keep=True)
        cpu, at_server_later = receiver.cpu_seconds() - cpu, servers.postgresql_cpu_seconds()
        problems = exchange.not_accepted(outcome, len(events))
        for table, rows in expected.items():
            made = count(database, table) - before[table]
            if made not in {rows, rows - before[table]}:  # tags are shared with the warm-up
                problems.append(f"{made} rows in {table}, {rows} on the floor")
    notes = {
        "p50_seconds": percentile(outcome.latencies, 0.5),
        **exchange.costs(cpu, outcome, len(events)),
    }
    if at_server is not None and at_server_later is not None:
        notes["postgresql_cpu_seconds_per_event"] = (at_server_later - at_server) / len(events)
    rate = len(events) / outcome.seconds
    yield "intake", Sample(rate, len(events) / floor_seconds, notes, tuple(problems))


class _Drive(NamedTuple):
    """Single PEMs sent to some receivers, and the processor time that each process used meanwhile."""

    outcome: Outcome
    problems: list[str]
    cpu_seconds: dict[str, float]

    def cores(self, how_many: str) -> dict[str, float]:
        """Note how many cores each process kept busy."""
        return {
            f"{name} with {how_many}, cores": round(seconds / self.outcome.seconds, 2)
            for name, seconds in self.cpu_seconds.items()
        }

    def most_per_second(self) -> float:
        """Give the rate at which these processes would keep every core busy all the time: no more is possible."""
        ours = sum(seconds for name, seconds in self.cpu_seconds.items() if name != _EVERYTHING)
        return sum(self.outcome.statuses.values()) * len(os.sched_getaffinity(0)) / ours


def receivers(plan: ProductionPlan, servers: Servers) -> Samples:
    """Measure single PEMs: the same clients on one receiver process, then on two."""
    one, two = (_drive(plan, servers, how_many) for how_many in (1, 2))
    notes = {
        "p50_seconds": percentile(two.outcome.latencies, 0.5),
        "p50_of_one_seconds": percentile(one.outcome.latencies, 0.5),
        **one.cores("one receiver"),
        **two.cores("two receivers"),
        "most that two could do on these cores_per_second": two.most_per_second(),
    }
    rate_of_two, rate_of_one = (plan.events / found.outcome.seconds for found in (two, one))
    yield "receivers", Sample(rate_of_two, rate_of_one, notes, (*one.problems, *two.problems))


def _drive(plan: ProductionPlan, servers: Servers, how_many: int) -> _Drive:
    requests = exchange.single_requests(workload.generate(plan.events))
    with servers.database() as database, _receivers(plan, servers, database, how_many) as services:
        first, *others = services
        before = _cpu_seconds(services, servers)
        outcome = drive(
            first.address,
            requests,
            connections=plan.clients,
            also=[service.address for service in others],
        )
        after = _cpu_seconds(services, servers)
        found = count(database, "pem") - _WARM_UP * how_many
    problems = exchange.refused(outcome)
    if found != plan.events:
        problems.append(f"{found} PEMs are in, {plan.events} were sent to {how_many} receivers")
    used = {name: after[name] - seconds for name, seconds in before.items()}
    return _Drive(outcome, problems, {**used, "load generator": outcome.cpu_seconds})


def _cpu_seconds(services: list[Service], servers: Servers) -> dict[str, float]:
    used = {f"receiver {number}": service.cpu_seconds() for number, service in enumerate(services, 1)}
    at_server = servers.postgresql_cpu_seconds()
    if at_server is not None:
        used["PostgreSQL"] = at_server
    return {**used, _EVERYTHING: processes.busy_seconds()}


@contextmanager
def _receivers(
    plan: ProductionPlan, servers: Servers, database: str, how_many: int
) -> Iterator[list[Service]]:
    """Run receivers on one database, each of which has had a first few requests."""
    with ExitStack() as running:
        services = [
            running.enter_context(
                Service(plan.fresh("receiver"), parts=["receiver"], settings=servers.settings(database))
            )
            for _ in range(how_many)
        ]
        for number, service in enumerate(services):
            bodies = [exchange.stranger(f"warm-up-{number}-{index}") for index in range(_WARM_UP)]
            singles = [exchange.single_request(body) for body in bodies[: _WARM_UP // 2]]
            drive(service.address, singles, connections=plan.clients)
            drive(service.address, [exchange.batch_request(bodies[_WARM_UP // 2 :])], connections=1)
        time.sleep(0.1)  # what the warm-up left for later is done
        yield services
