"""The measurements of the graph on Neo4j: following the log, answering, and a long rebuild."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bench import exchange, workload
from bench.figures import Sample, percentile
from bench.load import Asker
from bench.production import driver_script, questions
from bench.production.prepared import fill, fill_in_parts, new_events, rehearsal, rehearsal_targets
from bench.rounds import say
from bench.service import Service, ServiceError
from graphbuilder.projector import _BATCH_EVENTS as BATCH  # the floor takes as many at a time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from neo4j import Driver

    from bench.production.plan import ProductionPlan
    from bench.production.servers import Servers
    from bench.rounds import Samples
    from bench.workload import Event

_CHECKPOINTS = "MATCH (c:Checkpoint) RETURN c.served, c.position"
_LOOK_AGAIN_SECONDS = 0.05  # each look is work for Neo4j
_GIVE_UP_SECONDS = 600.0

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
    with servers.driver() as driver:
        driver_script.empty(servers.neo4j)
        at_server = servers.neo4j_cpu_seconds()
        floor_seconds = driver_script.load(driver, rehearsed + events, size=BATCH, rehearsed=len(rehearsed))
        notes = _spent("floor_neo4j", at_server, servers.neo4j_cpu_seconds(), plan.warm_up + plan.events)
        expected = driver_script.content(driver)
        driver_script.empty(servers.neo4j)
        with servers.database() as database, _builder(plan, servers, database) as builder:
            _wait_until(driver, fill(database, rehearsed))
            with builder.paused():
                last = fill(database, events)
                cpu, at_server = builder.cpu_seconds(), servers.neo4j_cpu_seconds()
            began = time.perf_counter()
            _wait_until(driver, last)
            seconds = time.perf_counter() - began
            notes["projector_cpu_seconds_per_event"] = (builder.cpu_seconds() - cpu) / len(events)
            notes |= _spent("neo4j", at_server, servers.neo4j_cpu_seconds(), plan.events)
            found = driver_script.content(driver)
            problems = () if found == expected else (_difference(expected, found),)
            yield "project", Sample(len(events) / seconds, len(events) / floor_seconds, notes, problems)
            yield "trace", _trace(plan, servers, database, driver, work)


@contextmanager
def _builder(plan: ProductionPlan, servers: Servers, database: str) -> Iterator[Service]:
    settings = servers.settings(database, graph=True)
    with Service(plan.fresh("graphbuilder"), parts=["graphbuilder"], settings=settings) as builder:
        yield builder


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
        found = {bool(served): int(position) for served, position in session.run(_CHECKPOINTS)}
    return _Checkpoints(found.get(True, 0), found.get(False, 0))


def _spent(who: str, before: float | None, after: float | None, events: int) -> dict[str, float]:
    if before is None or after is None:
        return {}
    return {f"{who}_cpu_seconds_per_event": (after - before) / events}


def _difference(expected: driver_script.Content, found: driver_script.Content) -> str:
    ours = sorted((found.nodes | found.edges) - (expected.nodes | expected.edges))
    floors = sorted((expected.nodes | expected.edges) - (found.nodes | found.edges))
    return f"the graphs differ (name, how many, their properties): {ours} instead of the floor's {floors}"


# ---- traces


def _trace(
    plan: ProductionPlan, servers: Servers, database: str, driver: Driver, events: Sequence[Event]
) -> Sample:
    targets = workload.targets(len(events))
    rehearsed = rehearsal_targets(plan.warm_up)
    asked = questions.ask(driver, events, targets, rehearsed=rehearsed)
    settings = servers.settings(database, graph=True)
    with Service(plan.fresh("query"), parts=["query"], settings=settings) as service:
        # About another part of the graph: what the service remembers of it does not help with the work.
        with Asker(service.address) as asker:
            for artifact in rehearsed:
                asker.ask(exchange.trace_request(artifact))
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
    """How far a graph was at a moment."""

    seconds: float
    position: int


def long_rebuild(plan: ProductionPlan, servers: Servers) -> Samples:
    """Measure a rebuild of a long log beside the graph that is served: first tenth, last tenth, memory."""
    driver_script.empty(servers.neo4j)
    with servers.driver() as driver, servers.database() as database:
        last = _fill_long(database, plan.million)
        with _builder(plan, servers, database) as builder:
            followed = _watch(driver, last, "followed", lambda at: at.served)
            before = builder.memory()
            began = time.perf_counter()
            builder.read("POST", "/graph_builder/rebuild")
            rebuilt = _watch(driver, last, "rebuilt", lambda at: at.next)
            pems = _count_when_rebuilt(builder)
            seconds = time.perf_counter() - began
            memory = builder.memory()
    problems = () if pems == plan.million else (f"{pems} PEMs are in the graph, {plan.million} in the log",)
    early, late = _rate(rebuilt, 0, _TENTH * last), _rate(rebuilt, (1 - _TENTH) * last, last)
    notes = {
        "whole_per_second": plan.million / seconds,
        "followed_before_per_second": _rate(followed, 0, last),
        "whole_seconds": seconds,
    }
    yield "million", Sample(late, early, notes, problems)
    yield (
        "memory",
        Sample(memory.peak, notes={"before the rebuild_mebibytes": before.peak}, problems=problems),
    )


def _fill_long(database: str, count: int) -> int:
    """Append the work to the log in large batches, made one after the other; position of the last event."""
    events = workload.generate(count)
    telling = _Telling("appended", count)
    return fill_in_parts(
        database, (new_events(part) for part in workload.batches(events, BATCH)), progress=telling.tell
    )


def _watch(driver: Driver, last: int, what: str, which: Callable[[_Checkpoints], int]) -> list[_Seen]:
    """
    Note how a graph moves until it is at ``last``, or is no more: the next graph is served then.

    :raises ServiceError: it stands still for five minutes
    """
    telling = _Telling(what, last)
    seen = [_Seen(time.perf_counter(), 0)]
    while seen[-1].position < last:
        time.sleep(_LONG_LOOK_AGAIN_SECONDS)
        now = _Seen(time.perf_counter(), which(_checkpoints(driver)))
        if now.position > seen[-1].position:
            seen.append(now)
            telling.tell(now.position)
        elif now.position < seen[-1].position:
            seen.append(now._replace(position=last))
        elif now.seconds - seen[-1].seconds > _STANDSTILL_SECONDS:
            raise ServiceError(f"the graph stands still at {now.position} of {last}")
    return seen


def _rate(seen: Sequence[_Seen], begin: float, end: float) -> float:
    """Give the positions per second between two of them; where a graph was between two looks is interpolated."""
    return (end - begin) / (_moment(seen, end) - _moment(seen, begin))


def _moment(seen: Sequence[_Seen], position: float) -> float:
    for before, behind in itertools.pairwise(seen):
        if behind.position >= position:
            share = (position - before.position) / (behind.position - before.position)
            return before.seconds + share * (behind.seconds - before.seconds)
    return seen[-1].seconds


def _count_when_rebuilt(builder: Service) -> int:
    """Wait until the rebuilt graph is served; how many PEMs it has."""
    while True:
        answer = builder.call("GET", "/graph_builder/info")
        if answer["loop_state_should_rebuild"] == "False":
            return int(answer["neo4j_pems_count"])
        time.sleep(_LONG_LOOK_AGAIN_SECONDS)


class _Telling:
    """Tells whoever waits how far something is, now and then."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._not_before = time.monotonic() + _LONG_TELL_SECONDS

    def tell(self, done: int) -> None:
        """Say it, unless it was said a moment ago."""
        if time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + _LONG_TELL_SECONDS
            say(f"  {self._what} {done:,} of {self._total:,}")
