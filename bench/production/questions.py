"""
The floor of `trace`: the question in Cypher, written by hand for this graph, through the bare driver.

There are several ways to write it. Each is asked everything; the fastest that is right is the floor.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from neo4j import READ_ACCESS

from bench import workload
from bench.figures import percentile
from bench.floor import Traced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neo4j import Driver, Session

    from bench.workload import Event

# What led to an event is what made the versions it used, and the event it followed: ten hops between artifacts are nine
# between events. What comes back is what the service answers with, the events' properties and all their edges, in one
# row: each row costs as much as a node.
_START = """
MATCH (a:_Artifact_a {_key: $name})<-[:PRODUCES]-(p) USING INDEX SEEK a:_Artifact_a(_key)
"""
_HOPS = workload.DEPTH - 1
# A path of variable length, of which only the ends are asked for: the planner can leave out what it has seen.
_VARIABLE = f"""
MATCH (p)-[:INFORMED_BY|PREDECESSOR*0..{_HOPS}]->(e)
WITH DISTINCT e
"""
# The same as a quantified path pattern.
_QUANTIFIED = f"""
MATCH (p) (()-[:INFORMED_BY|PREDECESSOR]->()){{0,{_HOPS}}} (e)
WITH DISTINCT e
"""
# A shortest path to each event.
_SHORTEST = f"""
MATCH SHORTEST 1 (p)-[:INFORMED_BY|PREDECESSOR]->{{0,{_HOPS}}}(e:_PEM_a)
"""
_ANSWER = """
WITH collect(e) AS events
CALL (events) {
  UNWIND events AS e
  MATCH (e)-[r:USES|PRODUCES|PREDECESSOR]->(x)
  RETURN collect([e.rk_id, type(r), x.rk_id, r._producer, r.version, r.out_of_order]) AS edges
}
RETURN [e IN events | [e.rk_id, e.type, e.emitter, e.occurred_at, e.position]], edges
"""
_FORMS = {
    "variable length": _START + _VARIABLE + _ANSWER,
    "quantified": _START + _QUANTIFIED + _ANSWER,
    "shortest": _START + _SHORTEST + _ANSWER,
}


class Answer(NamedTuple):
    """What one question brought: rows of events and of edges."""

    events: list[list[str]]
    edges: list[list[str]]


class Asked(NamedTuple):
    """The fastest form that is right, and the median seconds of each."""

    best: Traced
    medians: dict[str, float]


def ask(
    driver: Driver, events: Sequence[Event], targets: Sequence[int], *, rehearsed: Sequence[str]
) -> Asked:
    """Ask about every target in every form, one after the other; first, off the clock, about other artifacts."""
    found: dict[str, Traced] = {}
    with driver.session(database="neo4j", default_access_mode=READ_ACCESS) as session:
        for name, form in _FORMS.items():
            for artifact in rehearsed:
                _answer(session, form, artifact)
            found[name] = _trace(session, form, events, targets)
    medians = {name: percentile(traced.seconds, 0.5) for name, traced in found.items()}
    best = min(found, key=lambda name: (found[name].wrong, medians[name]))
    return Asked(found[best], medians)


def _trace(session: Session, form: str, events: Sequence[Event], targets: Sequence[int]) -> Traced:
    seconds, answers = [], []
    for target in targets:
        began = time.perf_counter()
        answers.append(_answer(session, form, workload.artifact_name(target)))
        seconds.append(time.perf_counter() - began)
    wrong = sum(
        not _is_right(answer, events, target) for answer, target in zip(answers, targets, strict=True)
    )
    return Traced(seconds, wrong)


def _answer(session: Session, form: str, artifact: str) -> Answer:
    return Answer(*session.run(form, name=artifact).single(strict=True))


def _is_right(answer: Answer, events: Sequence[Event], target: int) -> bool:
    used = {artifact for _, kind, artifact, *_ in answer.edges if kind == "USES"}
    walked = {target, *workload.upstream(events, target, depth=_HOPS)}
    expected = {workload.artifact_name(number) for number in workload.upstream(events, target)}
    return used == expected and sorted(row[0] for row in answer.events) == sorted(
        events[number].id for number in walked
    )
