"""
Why: what led to an event, to a version of an artifact, or to the event that a tag marks.

The answer is the chain of causes with the exact version of everything that was used, who emitted each step, and which
models, data and sources took part. Each claim carries the events and log positions that prove it.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain as chained
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from provgraph import telling
from provgraph.events.recorder import CHANGED, RECORDED_BY, called
from provgraph.graphstore import Direction, WalkQuery
from provgraph.lineage import answer, details, past, subject, told
from provgraph.lineage import recorders as recording
from provgraph.lineage.kinds import Kinds
from provgraph.lineage.recorders import nobody
from provgraph.lineage.sentences import aloud, also_stated, version_parts
from provgraph.lineage.trace import start_of
from provgraph.lineage.upstream import Upstream
from provgraph.lineage.walker import DEFAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provgraph.graphstore import HistoryReader, Moment, PemFacts, UseFacts, View, WalkedUse
    from provgraph.lineage.order import Order
    from provgraph.lineage.recorders import RecordersOf
    from provgraph.lineage.subject import Subject
    from provgraph.lineage.told import Json
    from provgraph.lineage.walker import Walked

DEFAULT_LIMIT = 1_000
LARGEST_LIMIT = 100_000
_MOST_NAMED_BY = 100


class Why(NamedTuple):
    """A question for causes."""

    node: str
    version: str | None = None
    depth: int | None = None
    as_of_us: int | None = None
    known_at: int | None = None
    limit: int = DEFAULT_LIMIT  # most events and artifacts to look at
    seconds: float = DEFAULT_SECONDS


@past.steadily
def why(
    graph: HistoryReader, asked: Why, *, kinds: Kinds | None = None, recorders: RecordersOf = nobody
) -> Json:
    """
    Return what led to a node.

    ``steps`` are the events, nearest first, each with what it ``used`` and ``produced``; ``artifacts`` everything that
    took part, by kind, with its version; ``emitters`` who took part; ``claims`` what of it can be said in a sentence,
    with its evidence; ``text`` the same to read aloud; ``graph`` nodes and edges, in the form of lineage, with what the
    events said. A step that was reported later than what it led to says so: ``reported_after``.

    :raises InvalidInputError: it cannot be asked so
    :raises NotFoundError: the view has no such node
    :raises ConflictError: the log was cleaned meanwhile
    """
    until = past.look_back(graph, as_of_us=asked.as_of_us, known_at=asked.known_at)
    about = subject.find(graph, until, asked.node, version=asked.version)
    query = WalkQuery(start_of(about, Direction.UPSTREAM), Direction.UPSTREAM, asked.depth, asked.limit)
    walked = Upstream(graph, query, until, seconds=asked.seconds).walk()
    past.check(graph, until)
    chain = _Chain(walked, kinds or Kinds(), _named_by(graph, until.view, about, walked), until.order)
    nodes, edges, unlisted = _graph(walked, query, chain)
    node = about.told(walked.facts)
    cut_by = walked.walk.cut_by
    found: Json = {
        "node": node,
        "steps": chain.steps,
        "artifacts": chain.artifacts(),
        "emitters": chain.emitters(),
        "claims": [],
        "text": "",
        "graph": {"node": node, "nodes": nodes, "edges": edges},
        **told.truth(until),
        "complete": cut_by is None,
        "reason": cut_by,
    }
    named = [*about.placed(node, walked.facts), *recording.placed(_versions(found)), *unlisted]
    recording.add_to([*found["steps"], *nodes], recorders, versions=named)
    found["claims"] = list(_claims(found, about))
    found["text"] = aloud(found, is_known_at=asked.known_at is not None)
    return found


def _versions(found: Json) -> Iterator[Json]:
    """Yield what an answer tells of versions, of the events that made them, and of those that named one unseen."""
    for step in found["steps"]:
        parts = (part["version"] for name in ("used", "produced") for part in step.get(name, ()))
        yield from (version for version in parts if version is not None)
        yield from step.get("named_by", ())
    for entry in chained.from_iterable(found["artifacts"].values()):
        yield from (entry[name] for name in ("version", "produced_by") if entry.get(name) is not None)


def _graph(
    walked: Walked, query: WalkQuery, chain: _Chain
) -> tuple[list[Json], list[Json], list[tuple[int, Json]]]:
    """
    Return what was found as nodes and edges, with what the events said; late reports are marked as in the steps.

    And the edges to versions that were made by none of the nodes, with their log positions.
    """
    nodes, edges_and_places = answer.listed(walked.walk, query)
    edges = [edge for edge, _ in edges_and_places]
    unlisted = details.add_to(nodes, edges, walked.facts)
    marks = {step["event"]: step.get(details.REPORTED_AFTER) for step in chain.steps}
    for node in nodes:
        node.pop(details.REPORTED_AFTER, None)
        if node["kind"] == "pem" and marks[node["id"]] is not None:
            node[details.REPORTED_AFTER] = marks[node["id"]]
    return nodes, edges, unlisted


def _named_by(graph: HistoryReader, view: View, about: Subject, walked: Walked) -> list[Json]:
    """Return who named the event that is asked about as a predecessor, when that was never reported itself."""
    if about.event_id is None or about.event_id in walked.facts:
        return []
    effects = graph.effects([about.event_id], view=view, named=True, limit=_MOST_NAMED_BY)
    return [{"event": effect.event_id, "position": effect.position} for effect in effects]


class _Chain:
    """What a walk found, arranged for people."""

    def __init__(self, walked: Walked, kinds: Kinds, named_by: list[Json], order: Order) -> None:
        self._facts = walked.facts
        self._named_by = named_by
        self._walked = walked
        self._kinds = kinds
        self._order = order
        self._outside = self._said_of_outside()
        self._uses: dict[str, list[WalkedUse]] = defaultdict(list)
        for use in walked.walk.uses:
            self._uses[use[0]].append(use)
        # The events, nearest first; one that was only named so far is a placeholder.
        self.steps = [self._step(id_, depth) for id_, depth, *_ in self._walked.walk.pems]
        _mark_late(self.steps)

    def _step(self, id_: str, depth: int) -> Json:
        facts = self._facts.get(id_)
        led_to = self._walked.steps.get(id_)
        because = None if led_to is None else {"event": led_to.from_event, "artifact": led_to.artifact}
        if facts is None:
            reached_from = None if led_to is None else led_to.from_event
            return {
                "event": id_,
                "placeholder": True,
                "depth": depth,
                "led_to": because,
                "named_by": self._named_by if reached_from is None else [self._evidence(reached_from)],
            }
        return {
            **told.event(facts),
            "depth": depth,
            "led_to": because,
            "used": [self._used(use) for use in self._uses[id_]],
            "produced": [
                {"artifact": made.artifact, "kind": self._kind_made(facts, made.artifact)}
                | {"version": told.version_of(facts, made.artifact)}
                for made in facts.produces
            ],
            "after": list(facts.predecessors),
        }

    def _used(self, use: WalkedUse) -> Json:
        user, artifact, producer, out_of_order, named = use
        made = None if producer is None else self._facts[producer]
        said = told.use_of(self._facts[user], artifact, named)
        version = None if made is None else told.version_of(made, artifact)
        found: Json = {
            "artifact": artifact,
            "kind": self._kind_outside(artifact) if made is None else self._kind_made(made, artifact),
            "version": version,
        }
        if stated := told.said_of(said):
            found[told.STATED] = stated
        found |= told.contradiction(said, version)
        if out_of_order:
            found["out_of_order"] = True
        if named:
            found["named_version"] = named
        return found

    def _kind_outside(self, artifact: str) -> str:
        stated, properties = self._outside.get(artifact, (None, []))
        return self._kinds.of(artifact, stated=stated, properties=properties)

    def _said_of_outside(self) -> dict[str, tuple[str | None, list[str]]]:
        """Return of what came from outside the kind that its latest use states that states one, and properties."""
        said: dict[str, list[tuple[Moment, str, UseFacts]]] = defaultdict(list)
        for user, artifact, producer, _, named in self._walked.walk.uses:
            facts = self._facts[user]
            use = None if producer is not None else told.use_of(facts, artifact, named)
            if use is not None and use.says:
                said[artifact].append((self._order.moment_of(facts), named, use))
        found: dict[str, tuple[str | None, list[str]]] = {}
        for artifact, uses in said.items():
            latest = [use for *_, use in sorted(uses, key=itemgetter(0, 1), reverse=True)]
            kind = next((use.kind for use in latest if use.kind is not None), None)
            texts = [use.properties for use in latest if use.properties != "{}"]
            found[artifact] = kind, texts[:1]
        return found

    def _kind_made(self, facts: PemFacts, artifact: str) -> str:
        made = next(each for each in facts.produces if each.artifact == artifact)
        return self._kinds.of(artifact, stated=made.kind, properties=[made.properties])

    def artifacts(self) -> dict[str, list[Json]]:
        """
        Return every version that took part, by kind.

        What came from outside has none; it stands there once for each digest that its uses state. Neither has one
        that was named and that no event is known to have made.
        """
        found: dict[tuple[str, str, str, str], Json] = {}
        for use in self._walked.walk.uses:
            _, artifact, producer, _, named = use
            told_ = self._used(use)
            stated = told_.get(told.STATED, {}) if producer is None else {}
            entry = {key: told_[key] for key in ("artifact", "kind", "version")}
            if producer is None and named:
                entry["named_version"] = named
            place = (artifact, producer or "", "" if producer else named, stated.get("digest", ""))
            entry = found.setdefault(place, {**entry, "used_by": []})
            if stated:
                entry[told.STATED] = {**stated, **entry.get(told.STATED, {})}
            of_use = {key: told_[key] for key in (told.CONTRADICTED,) if key in told_}
            entry["used_by"].append(self._evidence(use[0]) | of_use)
        for entry in found.values():
            made = entry["version"] and self._facts[entry["version"]["event"]]
            if made:
                entry["produced_by"] = {
                    **self._evidence(made.id),
                    "emitter": made.emitter,
                    "type": made.type,
                    **told.ending(made),
                }
        groups: dict[str, list[Json]] = defaultdict(list)
        for _, entry in sorted(found.items(), key=itemgetter(0)):
            groups[entry.pop("kind")].append(entry)
        return dict(sorted(groups.items()))

    def emitters(self) -> list[Json]:
        """Return who emitted the events, the one with the most first."""
        by_name: dict[str, list[PemFacts]] = defaultdict(list)
        for id_, *_ in self._walked.walk.pems:
            if id_ in self._facts:
                by_name[self._facts[id_].emitter].append(self._facts[id_])
        return [
            {
                "emitter": name,
                "events": len(events),
                "types": sorted({facts.type for facts in events}),
                "evidence": [self._evidence(facts.id) for facts in events],
            }
            for name, events in sorted(by_name.items(), key=lambda item: (-len(item[1]), item[0]))
        ]

    def _evidence(self, id_: str) -> Json:
        return {"event": id_, "position": self._facts[id_].position}


def _mark_late(steps: Iterable[Json]) -> None:
    """
    Mark the steps that were reported later than what they led to: until then, answers did not know of them.

    That is what was asked about, or else the step that it led to directly.
    """
    met: dict[str, Json] = {}
    asked: dict[str, Json] = {}  # for each step the one that the way to it began at
    for step in steps:
        led_to = None if step["led_to"] is None else met.get(step["led_to"]["event"])
        first = step if led_to is None else asked[led_to["event"]]
        met[step["event"]], asked[step["event"]] = step, first
        for effect in (first, led_to):
            if effect is not None and effect.get("position", step.get("position", 0)) < step.get(
                "position", 0
            ):
                step[details.REPORTED_AFTER] = details.late(step, effect, effect["event"])
                break


def _claims(found: Json, about: Subject) -> Iterator[Json]:
    """Yield what can be said of an answer in a sentence each, with the events that prove it."""
    steps = {step["event"]: step for step in found["steps"]}
    first = steps.get(about.event_id or "")
    if first is None:
        yield {"claim": f"No event produced {about.id!r}: it came from outside.", "evidence": []}
    for step in found["steps"]:
        if step.get("placeholder"):
            named = f" was named as a predecessor{_by_changed(step)} and" if step["named_by"] else ""
            yield {
                "claim": f"Event {step['event']}{named} was never reported.",
                "evidence": step["named_by"],
            }
            continue
        yield {"claim": _done(step), "evidence": [_proof(step)]}
        if ended := telling.ended(step):
            yield {"claim": f"{step['type']!r} {ended}.", "evidence": [_proof(step)]}
        if late := step.get(details.REPORTED_AFTER):
            proofs = [_proof(step), _proof(late)]
            yield {"claim": f"{step['type']!r} was {telling.reported_after(step)}.", "evidence": proofs}
        for used in step["used"]:
            yield {"claim": _use(step, used), "evidence": [_proof(step), *_proofs(used)]}
        for id_ in step["after"]:
            followed = [_proof(steps[id_])] if "position" in steps.get(id_, ()) else []
            yield {
                "claim": f"{step['type']!r} followed event {id_}: it named it as its predecessor.",
                "evidence": [_proof(step), *followed],
            }


def _done(step: Json) -> str:
    made = telling.listed(f"{each['artifact']!r}{_said_of(each)}" for each in step["produced"])
    what = f" and produced {made}" if made else ""
    recorder = step.get(RECORDED_BY)
    by = "" if recorder is None else f"; the credential {_credential(recorder)} recorded it"
    if CHANGED in step:
        by += f"; the event was CHANGED after it was recorded, and an operator accepted that: {step[CHANGED]['reason']}"
    said = telling.described(step["properties"])
    and_said = f"; it said {said}" if said else ""
    when = f"{step['occurred_at']}, recorded at {step['recorded_at']},"
    return (
        f"{step['emitter']!r} reported {step['type']!r} at {when if what else when[:-1]}{what}{and_said}{by}."
    )


def _said_of(part: Json) -> str:
    """Return what was said of a version, in brackets and braces."""
    parts, properties = version_parts(part)
    label = part["version"].get("label")
    parts = parts if label is None else [f"version {label!r}", *parts]
    return (f" ({', '.join(parts)})" if parts else "") + (f" {properties}" if properties else "")


def _credential(recorder: Json) -> str:
    name = called(recorder)
    return name if name == recorder["id"] else f"{name!r} ({recorder['id']})"


def _use(step: Json, used: Json) -> str:
    version = used["version"]
    parts, properties = version_parts(used)
    said = (f" ({', '.join(parts)})" if parts else "") + (f" {properties}" if properties else "")
    if version is None and "named_version" in used:
        named = f"version {used['named_version']!r} of {used['artifact']!r}{said}"
        return f"{step['type']!r} used {named}, which no other event is known to have made."
    if version is None:
        what = f"{used['artifact']!r}{said}"
        return f"{step['type']!r} used {what}, which came from outside: no event produced it before."
    label = f" {version['label']!r}" if "label" in version else ""
    order = ", though by its clock that was made only later" if used.get("out_of_order") else ""
    ended = telling.ended(version)
    by = f", by an event that {ended}" if ended else ""
    if CHANGED in version:
        by += f", by an event that was CHANGED after it was recorded, which was accepted: {version[CHANGED]['reason']}"
    made = f"made at {version['produced_at']}{said}{by}"
    but = f"; but {contradicted}" if (contradicted := telling.contradicted(used)) else ""
    more = f"; {more}" if (more := also_stated(used)) else ""
    return f"{step['type']!r} used version{label} of {used['artifact']!r} {made}{order}{but}{more}."


def _by_changed(step: Json) -> str:
    """Return that an event which named another one was changed since, an empty text where none was."""
    changed = next((named[CHANGED] for named in step["named_by"] if CHANGED in named), None)
    if changed is None:
        return ""
    return f" (by an event that was CHANGED after it was recorded, which was accepted: {changed['reason']})"


def _proof(step: Json) -> Json:
    return {"event": step["event"], "position": step["position"]}


def _proofs(used: Json) -> Iterable[Json]:
    return [] if used["version"] is None else [_proof(used["version"])]
