"""Path: whether one node is upstream of another, and the shortest evidence for it."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, NamedTuple

from provgraph.events.clock import rfc3339
from provgraph.graphstore import Direction, WalkQuery
from provgraph.lineage import past, subject, told
from provgraph.lineage.impact import path_to
from provgraph.lineage.node import Asked
from provgraph.lineage.recorders import add_to, nobody, placed
from provgraph.lineage.trace import start_of
from provgraph.lineage.upstream import Upstream
from provgraph.lineage.walker import DEFAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provgraph.graphstore import HistoryReader, PemFacts, WalkedUse
    from provgraph.lineage.past import Past
    from provgraph.lineage.recorders import RecordersOf
    from provgraph.lineage.subject import Subject
    from provgraph.lineage.told import Json

_MOST_NODES = 500_000
_SOURCE = Asked("source", "source_version")
_TARGET = Asked("target", "target_version")


class Path(NamedTuple):
    """A question whether one node led to another."""

    source: str
    target: str
    source_version: str | None = None  # an artifact without one means any of its versions
    target_version: str | None = None  # an artifact without one means its latest
    as_of_us: int | None = None
    known_at: int | None = None
    seconds: float = DEFAULT_SECONDS


@past.steadily
def path(graph: HistoryReader, asked: Path, *, recorders: RecordersOf = nobody) -> Json:
    """
    Return whether ``source`` is upstream of ``target``, and if so a shortest way.

    ``connected`` is null when the search was cut before it was known. ``path`` leads from the source to the target;
    ``by`` is the artifact by which a step led to the next one. ``used`` is the use of the source where that is an
    artifact: ``version`` the event that made what was used, ``made`` what that said of it.

    :raises InvalidInputError: it cannot be asked so
    :raises NotFoundError: the view has no such node
    :raises ConflictError: the log was cleaned meanwhile
    """
    until = past.look_back(graph, as_of_us=asked.as_of_us, known_at=asked.known_at)
    source = subject.find(
        graph, until, asked.source, version=asked.source_version, at_latest=False, asked=_SOURCE
    )
    target = subject.find(graph, until, asked.target, version=asked.target_version, asked=_TARGET)
    query = WalkQuery(start_of(target, Direction.UPSTREAM), Direction.UPSTREAM, None, _MOST_NODES)
    looking = _Looking(source)
    walked = Upstream(graph, query, until, seconds=asked.seconds, found=looking.is_there).walk()
    past.check(graph, until)
    known = ChainMap(_also(graph, until, [source, target], walked.facts), walked.facts)
    cut_by = walked.walk.cut_by if looking.event is None else None
    steps = [] if looking.event is None else path_to(walked, looking.event)[::-1]
    told_steps = [
        step if facts is None else {**step, **_event(facts)}
        for step, facts in ((step, walked.facts.get(step["event"])) for step in steps)
    ]
    ends = [(each, each.told(known)) for each in (source, target)]
    named = [place for each, shown in ends for place in each.placed(shown, known)]
    used = _with_version(looking.used, looking.named, known)
    if used is not None and "made" in used:
        named += placed([used["made"]])
    add_to(told_steps, recorders, versions=named)
    return {
        "source": ends[0][1],
        "target": ends[1][1],
        "connected": None if cut_by is not None else looking.event is not None,
        "path": told_steps,
        "used": used,
        **told.truth(until),
        "complete": cut_by is None,
        "reason": cut_by,
    }


def _also(
    graph: HistoryReader, until: Past, ends: Iterable[Subject], known: Mapping[str, PemFacts]
) -> dict[str, PemFacts]:
    """Return the events of the view that the ends are about and that the walk did not come to."""
    ids = [end.event_id for end in ends if end.event_id is not None and end.event_id not in known]
    found = graph.events(ids) if ids else []
    return {facts.id: facts for facts in found if until.view.holds(facts.occurred_us, facts.position)}


def _with_version(used: Json | None, named: str, known: Mapping[str, PemFacts]) -> Json | None:
    if used is None:
        return used
    use = told.use_of(known[used["event"]], used["artifact"], named)
    if stated := told.said_of(use):
        used = {**used, told.STATED: stated}
    if used["version"] is None:
        return used
    made = told.version_of(known[used["version"]], used["artifact"])
    return {**used, "made": made, **told.contradiction(use, made)}


def _event(facts: PemFacts) -> Json:
    at = rfc3339(facts.occurred_us)
    return {"emitter": facts.emitter, "type": facts.type, "occurred_at": at, **told.ending(facts)}


class _Looking:
    """Looks for a source among what an upstream walk has found so far."""

    def __init__(self, source: Subject) -> None:
        self._source = source
        self.event: str | None = None  # the first event of the path
        self.used: Json | None = None  # the use of the source by that event, when the source is an artifact
        self.named = ""  # the version that this use names

    def is_there(self, events: Mapping[str, int], uses: Sequence[WalkedUse]) -> bool:
        """Tell whether the source was found; is asked behind each level, with all events and the level's uses."""
        if self._source.artifact is None:
            if self._source.event_id in events:
                self.event = self._source.event_id
            return self.event is not None
        for user, artifact, producer, out_of_order, named in uses:
            if artifact == self._source.artifact and self._source.event_id in (None, producer):
                self.event = user
                self.used = {"event": user, "artifact": artifact, "version": producer}
                self.named = named
                if out_of_order:
                    self.used["out_of_order"] = True
                return True
        return False
