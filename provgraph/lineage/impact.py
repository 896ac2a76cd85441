"""
Impact: everything that an artifact, a version or an event led to, with a shortest way to each. What to do again.

The list comes nearest first and in the same order each time, so it can be streamed and gone on with anywhere.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.graphstore import Direction, WalkQuery
from provgraph.lineage import pages, past, subject, told
from provgraph.lineage.cursor import OF_THIS_PROCESS
from provgraph.lineage.downstream import Downstream
from provgraph.lineage.recorders import add_to, nobody, placed
from provgraph.lineage.trace import Filter, start_of
from provgraph.lineage.walker import DEFAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provgraph.graphstore import HistoryReader
    from provgraph.lineage.cursor import Cursors
    from provgraph.lineage.recorders import RecordersOf
    from provgraph.lineage.subject import Subject
    from provgraph.lineage.told import Json
    from provgraph.lineage.walker import Walked

LARGEST_LIMIT = 100_000
_MOST_NODES = 500_000
_LONGEST_PATH = 100
_LOOKED_UP_AT_ONCE = 500


class Impact(NamedTuple):
    """A question for effects."""

    node: str
    version: str | None = None  # an artifact without one means all its versions
    depth: int | None = None
    only: Filter = Filter()
    as_of_us: int | None = None
    known_at: int | None = None
    limit: int = pages.DEFAULT_LIMIT
    seconds: float = DEFAULT_SECONDS
    cursor: str | None = None
    question: Sequence[object] = ()


class Affected(NamedTuple):
    """A page of effects."""

    items: Iterator[Json]
    closing: Json  # what the page is true for, whether it is all, and where to go on
    opening: Json  # how many there are, and the cursor that gives this very page again


@past.steadily
def impact(
    graph: HistoryReader,
    asked: Impact,
    *,
    recorders: RecordersOf = nobody,
    cursors: Cursors = OF_THIS_PROCESS,
) -> Affected:
    """
    Return a page of the events that a node led to, nearest first.

    Each item is an event with what it ``produced`` and a ``path``: from the node to the event, step by step, with the
    artifact by which one led to the next (null: it named it as its predecessor). The first step has in ``used`` which
    events made the versions that it used of that artifact, where these are no steps. Of a path of more than a hundred
    steps these are the last ones, and ``path_left_out`` says how many come before them.

    :raises InvalidInputError: it cannot be asked so
    :raises NotFoundError: the view has no such node
    :raises ConflictError: the log was cleaned since the first page
    """
    pages.check_limit(asked.limit, most=LARGEST_LIMIT)
    question = ("impact", *asked.question)
    page = pages.begin(
        graph, question, asked.cursor, as_of_us=asked.as_of_us, known_at=asked.known_at, cursors=cursors
    )
    since: list[Any] = page.since or [0, asked.only.from_us, asked.only.to_us]
    given, only = int(since[0]), asked.only._replace(from_us=since[1], to_us=since[2])
    about = subject.find(graph, page.past, asked.node, version=asked.version, at_latest=False)
    query = WalkQuery(start_of(about, Direction.DOWNSTREAM), Direction.DOWNSTREAM, asked.depth, _MOST_NODES)
    walked = Downstream(graph, query, page.past, seconds=asked.seconds).walk()
    past.check(graph, page.past)
    reached = [
        (id_, depth) for id_, depth, *_ in walked.walk.pems if depth and only.passes(walked.facts.get(id_))
    ]
    shown = reached[given : given + asked.limit]
    node = about.told(walked.facts)
    add_to((), recorders, versions=about.placed(node, walked.facts))
    opening = {
        "node": node,
        "affected": len(reached),
        **told.truth(page.past),
        "cursor": pages.encode(cursors, question, page.past, since),
    }
    more = len(reached) > given + asked.limit
    reason = "limit" if more else walked.walk.cut_by
    following = None
    if more:
        following = pages.encode(
            cursors, question, page.past, [given + asked.limit, only.from_us, only.to_us]
        )
    closing = {
        "node": node,
        "affected": len(reached),
        **told.truth(page.past),
        "complete": reason is None,
        "reason": reason,
        "cursor": following,
    }
    is_from_event = about.artifact is None
    first_uses = _first_uses(walked, about)
    items = (_item(walked, id_, depth, first_uses, is_from_event=is_from_event) for id_, depth in shown)
    return Affected(_with_recorders(items, recorders), closing, opening)


def _with_recorders(items: Iterator[Json], recorders: RecordersOf) -> Iterator[Json]:
    while some := list(islice(items, _LOOKED_UP_AT_ONCE)):
        add_to(some, recorders, versions=placed(_named_in(some)))
        yield from some


def _named_in(items: Iterable[Json]) -> Iterator[Json]:
    """Yield the versions and the events that items name."""
    for item in items:
        yield from (made["version"] for made in item["produced"])
        yield from item["path"]
        yield from item["path"][0].get("used", ())


def _first_uses(walked: Walked, about: Subject) -> dict[str, list[str]]:
    """Return by event which versions it used of the artifact that is asked about: the events that made them."""
    found: dict[str, list[str]] = {}
    if about.artifact is not None:
        for user, artifact, producer, *_ in walked.walk.uses:
            if artifact == about.artifact and producer is not None and about.event_id in (None, producer):
                found.setdefault(user, []).append(producer)
    return found


def _item(
    walked: Walked, id_: str, depth: int, first_uses: Mapping[str, list[str]], *, is_from_event: bool
) -> Json:
    facts = walked.facts[id_]
    path = path_to(walked, id_, most=_LONGEST_PATH)
    first = walked.steps.get(path[0]["event"])
    if first is not None and first.artifact is not None:
        # What made the versions is no step of the path: where it begins at an artifact, or its beginning is left out.
        made_by = first_uses.get(path[0]["event"], []) if first.from_event is None else [first.from_event]
        if used := [told.named(walked.facts[each]) for each in made_by if each in walked.facts]:
            path[0]["used"] = used
    # The event that a walk began at has a depth of 0 and stands in the path; an artifact does not.
    left_out = depth + is_from_event - len(path)
    item = {
        **told.event(facts),
        "depth": depth,
        "produced": [
            {"artifact": made.artifact, "version": told.version_of(facts, made.artifact)}
            for made in facts.produces
        ],
        "path": path,
    }
    return item if left_out == 0 else {**item, "path_left_out": left_out}


def path_to(walked: Walked, id_: str, *, most: int | None = None) -> list[Json]:
    """
    Return a shortest way of a walk, from where it began to an event: all steps, or the last so many.

    Each says how its work ended, where its event does.
    """
    path: list[Json] = []
    at: str | None = id_
    while at is not None and len(path) != most:
        step = walked.steps.get(at)
        facts = walked.facts.get(at)
        named = {"event": at, "position": None} if facts is None else told.named(facts)
        path.append({**named, "by": None if step is None else step.artifact})
        at = None if step is None else step.from_event
    return path[::-1]
