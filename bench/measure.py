"""
The measurements, each of service and floor side by side.

Every function starts what it needs in fresh folders, measures, checks what came back once the clock has stopped,
and yields the key and the sample of one row after the other. Whoever wants no more of them closes the generator.
"""

from __future__ import annotations

import shutil
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench import exchange, wire, workload
from bench import readers as heavy
from bench.figures import Sample, percentile
from bench.floor import Floor
from bench.load import Asker, Outcome, drive
from bench.service import Service, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.plan import Plan
    from bench.rounds import Samples
    from bench.workload import Event, Shape

_WARM_UP = 200
_LIST = "/query/pems"
_LIST_MARK = b'"TimestampClient"'  # once in every listed PEM, and in none of the properties
_PROBE_PAUSE_SECONDS = 0.1
_LOOK_AGAIN_SECONDS = 0.002
_GIVE_UP_SECONDS = 60.0


@contextmanager
def _service(plan: Plan, name: str) -> Iterator[Service]:
    """Run a service on a fresh folder that has had a first few requests: not its imports are measured."""
    folder = plan.fresh(name)
    try:
        with Service(folder) as service:
            _warm_up(service, plan)
            yield service
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _warm_up(service: Service, plan: Plan) -> None:
    """Send PEMs that have nothing to do with the work, singly and in one batch."""
    bodies = [exchange.stranger(f"warm-up-{number}") for number in range(_WARM_UP)]
    singles = [exchange.single_request(body) for body in bodies[: _WARM_UP // 2]]
    drive(service.address, singles, connections=plan.clients)
    batch = exchange.batch_request(bodies[_WARM_UP // 2 :])
    drive(service.address, [batch], connections=1)
    service.flush()


@contextmanager
def _floor(plan: Plan) -> Iterator[Floor]:
    folder = plan.fresh("floor")
    try:
        with Floor(folder) as floor:
            yield floor
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---- single PEMs


def single(plan: Plan) -> Samples:
    """Measure PEMs one by one: the floor commits each, the service acknowledges each."""
    events = workload.generate(plan.events)
    with _floor(plan) as floor:
        floor_seconds = floor.load(events, size=1)
    requests = exchange.single_requests(events)
    with _service(plan, "single") as service:
        cpu = service.cpu_seconds()
        outcome = drive(service.address, requests, connections=plan.clients)
        cpu = service.cpu_seconds() - cpu
        problems = exchange.refused(outcome) + _missing(service, _WARM_UP + plan.events)
    notes = {
        "p50_seconds": percentile(outcome.latencies, 0.5),
        "p95_seconds": percentile(outcome.latencies, 0.95),
        **exchange.costs(cpu, outcome, plan.events),
    }
    rate = plan.events / outcome.seconds
    yield "single", Sample(rate, plan.events / floor_seconds, notes, tuple(problems))


def _missing(service: Service, expected: int) -> list[str]:
    found = service.count()
    return [] if found == expected else [f"{found} PEMs are in, {expected} were sent"]


# ---- batches, and what can be asked of a loaded service


def batch(plan: Plan) -> Samples:
    """Measure batches, then traces over what they brought, then the rebuild of both projections."""
    events = workload.generate(plan.events)
    with _floor(plan) as floor, _service(plan, "batch") as service:
        floor_seconds = floor.load(events, size=plan.batch)
        yield "batch", _intake(plan, service, events, floor_seconds)
        yield "trace", _trace(floor, service, events)
        yield "rebuild", _rebuild(plan, service, events)


def recent(plan: Plan) -> Samples:
    """Measure traces over the long graph, whose answers are about five times as large."""
    shape: Shape = "recent"
    events = workload.generate(plan.events, shape=shape)
    with _floor(plan) as floor, _service(plan, shape) as service:
        floor.load(events, size=plan.batch)
        _send_batches(plan, service, exchange.batch_requests(events, plan.batch))
        service.flush()
        yield "recent", _trace(floor, service, events)


def _intake(plan: Plan, service: Service, events: Sequence[Event], floor_seconds: float) -> Sample:
    requests = exchange.batch_requests(events, plan.batch)
    cpu = service.cpu_seconds()
    began = time.perf_counter()
    outcome = _send_batches(plan, service, requests)
    service.flush()
    seconds = time.perf_counter() - began
    cpu = service.cpu_seconds() - cpu
    problems = exchange.not_accepted(outcome, len(events)) + _missing(service, _WARM_UP + len(events))
    notes = {
        "acknowledged_per_second": len(events) / outcome.seconds,
        **exchange.costs(cpu, outcome, len(events)),
    }
    return Sample(len(events) / seconds, len(events) / floor_seconds, notes, tuple(problems))


def _send_batches(plan: Plan, service: Service, requests: Sequence[bytes]) -> Outcome:
    return drive(service.address, requests, connections=plan.batch_clients, keep=True)


# ---- traces


def _trace(floor: Floor, service: Service, events: Sequence[Event]) -> Sample:
    targets = workload.targets(len(events))
    on_floor = floor.trace(events, targets)
    over_http = exchange.trace(service.address, events, targets)
    notes = {
        "p95_seconds": percentile(over_http.seconds, 0.95),
        "floor_p95_seconds": percentile(on_floor.seconds, 0.95),
    }
    p50, floor_p50 = percentile(over_http.seconds, 0.5), percentile(on_floor.seconds, 0.5)
    return Sample(p50, floor_p50, notes, tuple(exchange.wrong_answers(on_floor, over_http)))


# ---- rebuild


def _rebuild(plan: Plan, service: Service, events: Sequence[Event]) -> Sample:
    with _floor(plan) as floor:
        floor_seconds = floor.load(events, size=plan.batch)
    cpu = service.cpu_seconds()
    seconds = service.rebuild()
    cpu = service.cpu_seconds() - cpu
    wrong = exchange.trace(service.address, events, workload.targets(len(events))).wrong
    problems = [f"{wrong} answers are wrong after the rebuild"] if wrong else []
    problems += _missing(service, _WARM_UP + len(events))
    return Sample(seconds, floor_seconds, {"service_cpu_seconds": cpu}, tuple(problems))


# ---- growth


def growth(plan: Plan) -> Samples:
    """Measure intake and memory with ten times as much stored."""
    extra = plan.window * plan.windows
    events = workload.generate(plan.grown + extra)
    with _service(plan, "growth") as service:
        problems = _fill(plan, service, events[: plan.events])
        early = _rates(plan, service, events[plan.events : plan.events + extra])
        problems += _fill(plan, service, events[plan.events + extra : plan.grown])
        memory = service.memory()
        peak = {"peak_mebibytes": memory.peak}
        yield "memory", Sample(memory.now, notes=peak, problems=tuple(problems))
        late = _rates(plan, service, events[plan.grown :])
        problems += _missing(service, _WARM_UP + len(events))
        worst = {"lowest_early_per_second": min(early), "lowest_late_per_second": min(late)}
        rates = statistics.median(late), statistics.median(early)
        yield "growth", Sample(*rates, worst, tuple(problems))
        yield "listing", _memory_while_listing(service, _WARM_UP + len(events))


def _fill(plan: Plan, service: Service, events: Sequence[Event]) -> list[str]:
    outcome = _send_batches(plan, service, exchange.batch_requests(events, plan.batch))
    service.flush()
    return exchange.not_accepted(outcome, len(events))


def _rates(plan: Plan, service: Service, events: Sequence[Event]) -> list[float]:
    """Measure the rate of each window of batches: durable, in the catalog and in the graph."""
    rates = []
    for window in workload.batches(events, plan.window):
        requests = exchange.batch_requests(window, plan.batch)
        began = time.perf_counter()
        _send_batches(plan, service, requests)
        service.flush()
        rates.append(len(window) / (time.perf_counter() - began))
    return rates


def _memory_while_listing(service: Service, expected: int) -> Sample:
    service.forget_peak()
    began = time.perf_counter()
    listed = service.count_in_stream(_LIST, _LIST_MARK)
    seconds = time.perf_counter() - began
    problems = () if listed == expected else (f"the list holds {listed} PEMs, {expected} were sent",)
    return Sample(service.memory().peak, notes={"seconds": seconds}, problems=problems)


# ---- singles beside heavy readers


def readers(plan: Plan) -> Samples:
    """Measure single PEMs while others ask heavy questions, beside the same without them."""
    events = workload.generate(plan.events + 2 * plan.beside)
    requests = exchange.single_requests(events[plan.events :])
    alone_requests, beside_requests = requests[: plan.beside], requests[plan.beside :]
    with _service(plan, "readers") as service:
        problems = _fill(plan, service, events[: plan.events])
        alone = drive(service.address, alone_requests, connections=plan.beside_clients)
        service.flush()
        with heavy.reading(service.address, plan.events) as answered:
            beside = drive(service.address, beside_requests, connections=plan.beside_clients)
            answers = answered()
        problems += exchange.refused(alone) + exchange.refused(beside)
        problems += _missing(service, _WARM_UP + len(events))
    if not answers:
        problems.append("no reader had an answer")
    notes = {
        "p95_seconds": percentile(beside.latencies, 0.95),
        "p95_alone_seconds": percentile(alone.latencies, 0.95),
        "answers_to_readers_per_second": answers / beside.seconds,
    }
    p50, alone_p50 = percentile(beside.latencies, 0.5), percentile(alone.latencies, 0.5)
    yield "readers", Sample(p50, alone_p50, notes, tuple(problems))


# ---- how far the graph is behind


def lag(plan: Plan) -> Samples:
    """Measure how long after its acknowledgement a PEM can be asked for, while others arrive one by one."""
    arriving = round(plan.arriving_per_second * plan.arriving_seconds)
    events = workload.generate(plan.events + arriving)
    requests = exchange.single_requests(events[plan.events :])
    with _service(plan, "lag") as service:
        problems = _fill(plan, service, events[: plan.events])
        outcome, delays = _probe_while_arriving(plan, service, requests)
        began = time.perf_counter()
        service.flush()
        flushed = time.perf_counter() - began
        problems += exchange.refused(outcome) + _missing(service, _WARM_UP + len(events) + len(delays))
    rate = arriving / outcome.seconds
    if rate < 0.98 * plan.arriving_per_second:
        problems.append(f"only {rate:,.0f} PEMs arrived each second")
    notes = {
        "p50_seconds": percentile(delays, 0.5),
        "flush_afterwards_seconds": flushed,
        "probes": len(delays),
        "arrived_per_second": rate,
        "acknowledgement_p95_seconds": percentile(outcome.latencies, 0.95),
    }
    yield "lag", Sample(max(delays), notes=notes, problems=tuple(problems))


def _probe_while_arriving(
    plan: Plan, service: Service, requests: Sequence[bytes]
) -> tuple[Outcome, list[float]]:
    """Send the requests at the plan's rate and probes beside them until all have arrived."""
    delays: list[float] = []
    with ThreadPoolExecutor(1) as beside, Asker(service.address) as asker:
        arrival = beside.submit(
            drive,
            service.address,
            requests,
            connections=plan.clients,
            per_second=plan.arriving_per_second,
        )
        while not arrival.done():
            delays.append(_delay(asker, f"probe-{len(delays)}"))
            time.sleep(_PROBE_PAUSE_SECONDS)
    return arrival.result(), delays


def _delay(asker: Asker, name: str) -> float:
    """
    Send one PEM and ask for it until the graph knows it; seconds from acknowledgement to that answer.

    :raises ServiceError: it was refused, or the graph does not know it after a minute
    """
    answer, _ = asker.ask(exchange.single_request(exchange.stranger(name)))
    acknowledged = time.perf_counter()
    if answer.status >= 300:
        raise ServiceError(f"a probe was refused: {answer.status} {answer.body!r}")
    question = wire.get(f"/api/v1/lineage?node=pem:{workload.identifier(name)}&depth=1")
    while (answer := asker.ask(question)[0]).status != 200:
        if time.perf_counter() - acknowledged > _GIVE_UP_SECONDS:
            raise ServiceError(f"the graph does not know a probe after {_GIVE_UP_SECONDS:g} s: {answer}")
        time.sleep(_LOOK_AGAIN_SECONDS)
    return time.perf_counter() - acknowledged
