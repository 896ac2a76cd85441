"""Path: whether one node is upstream of another, and the shortest evidence for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.events.clock import rfc3339
from provgraph.graphstore import Direction, WalkQuery
from provgraph.lineage import past, subject, told
from provgraph.lineage.impact import path_to
from provgraph.lineage.node import Asked
from provgraph.lineage.recorders import add_to, nobody
from provgraph.lineage.trace import start_of
from provgraph.lineage.upstream import Upstream
from provgraph.lineage.walker import DEFAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provgraph.graphstore import HistoryReader, PemFacts, WalkedUse
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


def path(graph: HistoryReader, asked: Path, *, recorders: RecordersOf = nobody) -> Json:
    """
    Return whether ``source`` is upstream of ``target``, and if so a shortest way.

    ``connected`` is null when the search was cut before it was known. ``path`` leads from the source to the target;
    ``by`` is the artifact by which a step led to the next one.

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
    cut_by = walked.walk.cut_by if looking.event is None else None
    steps = [] if looking.event is None else path_to(walked, looking.event)[::-1]
    told_steps = [
        step if facts is None else {**step, **_event(facts)}
        for step, facts in ((step, walked.facts.get(step["event"])) for step in steps)
    ]
    add_to(told_steps, recorders)
    return {
        "source": source.told(),
        "target": target.told(),
        "connected": None if cut_by is not None else looking.event is not None,
        "path": told_steps,
        "used": looking.used,
        **told.truth(until),
        "complete": cut_by is None,
        "reason": cut_by,
    }


def _event(facts: PemFacts) -> Json:
    at = rfc3339(facts.occurred_us)
    return {"emitter": facts.emitter, "type": facts.type, "occurred_at": at, **told.ending(facts)}


class _Looking:
    """Looks for a source among what an upstream walk has found so far."""

    def __init__(self, source: Subject) -> None:
        self._source = source
        self.event: str | None = None  # the first event of the path
        self.used: Json | None = None  # the use of the source by that event, when the source is an artifact

    def is_there(self, events: Mapping[str, int], uses: Sequence[WalkedUse]) -> bool:
        """Tell whether the source was found; is asked behind each level, with all events and the level's uses."""
        if self._source.artifact is None:
            if self._source.event_id in events:
                self.event = self._source.event_id
            return self.event is not None
        for user, artifact, producer, out_of_order, _ in uses:
            if artifact == self._source.artifact and self._source.event_id in (None, producer):
                self.event = user
                self.used = {"event": user, "artifact": artifact, "version": producer}
                if out_of_order:
                    self.used["out_of_order"] = True
                return True
        return False
