"""The measurements of the graph on Neo4j: following the log, answering, and a long rebuild."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bench import exchange, workload
from bench.figures import Sample, percentile
from bench.production import driver_script, questions
from bench.production.prepared import fill, fill_in_parts, new_events, rehearsal
from bench.rounds import say
from bench.service import Service, ServiceError
from graphbuilder.projector import _BATCH_EVENTS as BATCH  # the floor takes as many at a time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from neo4j import Driver

    from bench.production.plan import ProductionPlan
    from bench.production.servers import Servers
    from bench.rounds import Samples
    from bench.workload import Event

_CHECKPOINTS = "MATCH (c:Checkpoint) RETURN c.served, c.position"
_LOOK_AGAIN_SECONDS = 0.005
_GIVE_UP_SECONDS = 600.0
_OTHER_QUESTIONS = 12  # seed of questions that only warm up

_LONG_LOOK_AGAIN_SECONDS = 0.1
_LONG_TELL_SECONDS = 10.0
_STANDSTILL_SECONDS = 300.0
_TENTH = 0.1


# ---- following the log


def project(plan: ProductionPlan, servers: Servers) -> Samples:
    """Measure how fast the graph follows a log that is there already, then traces over it."""
    work = workload.generate(plan.events)
    rehearsed = rehearsal(plan.warm_up)
    events = new_events(work)
    with servers.neo4j.driver() as driver:
        driver_script.empty(servers.neo4j)
        at_server = servers.neo4j_cpu_seconds()
        floor_seconds = driver_script.load(driver, rehearsed + events, size=BATCH, rehearsed=len(rehearsed))
        notes = _spent("floor_neo4j", at_server, servers.neo4j_cpu_seconds(), plan)
        expected = driver_script.content(driver)
        driver_script.empty(servers.neo4j)
        with _builder(plan, servers) as (builder, database):
            _wait_until(driver, fill(database, rehearsed))
            with builder.paused():
                last = fill(database, events)
                cpu, at_server = builder.cpu_seconds(), servers.neo4j_cpu_seconds()
            began = time.perf_counter()
            _wait_until(driver, last)
            seconds = time.perf_counter() - began
            notes["projector_cpu_seconds_per_event"] = (builder.cpu_seconds() - cpu) / len(events)
            notes |= _spent("neo4j", at_server, servers.neo4j_cpu_seconds(), plan)
            found = driver_script.content(driver)
            problems = () if found == expected else (_difference(expected, found),)
            yield "project", Sample(len(events) / seconds, len(events) / floor_seconds, notes, problems)
            yield "trace", _trace(plan, servers, database, driver, work)


@contextmanager
def _builder(plan: ProductionPlan, servers: Servers) -> Iterator[tuple[Service, str]]:
    """Run a graph builder on a new database; both."""
    with (
        servers.database() as database,
        Service(
            plan.fresh("graphbuilder"),
            parts=["graphbuilder"],
            settings=servers.settings(database, graph=True),
        ) as builder,
    ):
        yield builder, database


def _wait_until(driver: Driver, position: int) -> None:
    """
    Return once the served graph has followed the log up to ``position``.

    :raises ServiceError: it does not within ten minutes
    """
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while (at := _checkpoints(driver).served) < position:
        if time.monotonic() > give_up_at:
            raise ServiceError(f"after {_GIVE_UP_SECONDS:g} s the graph is at {at}, not at {position}")
        time.sleep(_LOOK_AGAIN_SECONDS)


class _Checkpoints(NamedTuple):
    """Log positions of the served graph, and of the one that is being built (0: there is none)."""

    served: int
    next: int


def _checkpoints(driver: Driver) -> _Checkpoints:
    with driver.session(database="neo4j") as session:
        found = {served: position for served, position in session.run(_CHECKPOINTS)}
    return _Checkpoints(found.get(True, 0), found.get(False, 0))


def _spent(who: str, before: float | None, after: float | None, plan: ProductionPlan) -> dict[str, float]:
    if before is None or after is None:
        return {}
    return {f"{who}_cpu_seconds_per_event": (after - before) / plan.events}


def _difference(expected: driver_script.Content, found: driver_script.Content) -> str:
    ours = sorted((found.nodes | found.edges) - (expected.nodes | expected.edges))
    floors = sorted((expected.nodes | expected.edges) - (found.nodes | found.edges))
    return f"the graphs differ (name, how many, their properties): {ours} instead of the floor's {floors}"


# ---- traces


def _trace(
    plan: ProductionPlan, servers: Servers, database: str, driver: Driver, events: Sequence[Event]
) -> Sample:
    targets = workload.targets(len(events))
    others = workload.targets(len(events), seed=_OTHER_QUESTIONS)
    asked = questions.ask(driver, events, targets, rehearsed=others)
    settings = servers.settings(database, graph=True)
    with Service(plan.fresh("query"), parts=["query"], settings=settings) as service:
        exchange.trace(service.address, events, others)
        cpu = service.cpu_seconds()
        over_http = exchange.trace(service.address, events, targets)
        cpu = service.cpu_seconds() - cpu
    notes = {
        "p95_seconds": percentile(over_http.seconds, 0.95),
        "floor_p95_seconds": percentile(asked.best.seconds, 0.95),
        "service_cpu_seconds": cpu / len(targets),
        **{f"{name}_seconds": seconds for name, seconds in asked.medians.items()},
    }
    p50, floor_p50 = percentile(over_http.seconds, 0.5), percentile(asked.best.seconds, 0.5)
    return Sample(p50, floor_p50, notes, tuple(exchange.wrong_answers(asked.best, over_http)))


# ---- a long rebuild


class _Seen(NamedTuple):
    """Where a graph was at a moment."""

    seconds: float
    position: int


def long_rebuild(plan: ProductionPlan, servers: Servers) -> Samples:
    """Measure a rebuild of a long log beside the graph that is served: first tenth, last tenth, memory."""
    driver_script.empty(servers.neo4j)
    with servers.neo4j.driver() as driver, _builder(plan, servers) as (builder, database):
        with builder.paused():
            last = _fill_long(database, plan.million)
        followed = _watch(driver, last, lambda at: at.served, "followed")
        began = time.perf_counter()
        builder.read("POST", "/graph_builder/rebuild")
        rebuilt = _watch(driver, last, lambda at: at.next, "rebuilt")
        _wait_until_served(builder)
        seconds = time.perf_counter() - began
        memory = builder.memory()
        pems = int(builder.call("GET", "/graph_builder/info")["neo4j_pems_count"])
    problems = () if pems == plan.million else (f"{pems} PEMs are in the graph, {plan.million} in the log",)
    early, late = _tenths(rebuilt, last)
    notes = {
        "whole rebuild_seconds": seconds,
        "whole rebuild_per_second": plan.million / seconds,
        "followed before_per_second": _rate(followed, 0, last),
    }
    yield "million", Sample(late, early, notes, problems)
    yield "memory", Sample(memory.peak, notes={"afterwards_mebibytes": memory.now}, problems=problems)
