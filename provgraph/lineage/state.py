"""
What the platform looked like: the artifacts with their versions, and the tags, at a time on either clock.

And how two such states differ. Artifacts come first, ordered by name, then tags, ordered by namespace and tag; a cursor
goes on anywhere.
"""

from __future__ import annotations

import time
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.events.clock import rfc3339
from provgraph.graphstore import ArtifactState, UseFacts, View
from provgraph.lineage import pages, past, places, told, versions
from provgraph.lineage.cursor import OF_THIS_PROCESS
from provgraph.merging import side_by_side

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from provgraph.graphstore import HistoryReader, TagFacts
    from provgraph.lineage.cursor import Cursors
    from provgraph.lineage.past import Past
    from provgraph.lineage.places import Behind
    from provgraph.lineage.told import Json

_READ_AT_ONCE = 1_000
_ALL = 2**31 - 1
_ARTIFACTS, _TAGS = "artifacts", "tags"
STATED_AT = "stated_at"


@past.steadily
def state(
    graph: HistoryReader,
    *,
    as_of_us: int | None = None,
    known_at: int | None = None,
    limit: int = pages.DEFAULT_LIMIT,
    cursor: str | None = None,
    cursors: Cursors = OF_THIS_PROCESS,
    question: Sequence[object] = (),
    sourced: Container[str] = (),
) -> Json:
    """
    Return a page of the platform's state: ``artifacts`` and ``tags``.

    :param question: what else makes it the same question, for the cursor
    :param sourced: names of artifacts to which, should they have come from outside, ``stated_at`` is added: the log
        positions of the events that state what is shown
    :raises InvalidInputError: the limit or the cursor is none
    :raises ConflictError: the log was cleaned since the first page
    """
    pages.check_limit(limit)
    asked = ("state", *question)
    page = pages.begin(graph, asked, cursor, as_of_us=as_of_us, known_at=known_at, cursors=cursors)
    view = page.past.view
    what, after = _place(graph, view, page.since)
    artifacts: list[ArtifactState] = []
    tags: list[TagFacts] = []
    following: list[object] | None = None
    if what == _ARTIFACTS:
        artifacts = _in_order(graph, page.past, graph.artifact_states(view, after=after[0], limit=limit + 1))
        after = ("", "")
    if len(artifacts) > limit:
        artifacts = artifacts[:limit]
        following = [_ARTIFACTS, *places.held([artifacts[-1].name])]
    else:
        left = limit - len(artifacts)
        tags = graph.tag_states(view, after=(after[0], after[1]), limit=left + 1)
        if len(tags) > left:
            tags = tags[:left]
            following = [_TAGS, *places.held(tags[-1][:2] if tags else after)]
    shown = [artifact(each) for each in artifacts]
    _with_sources(graph, page.past, shown, sourced)
    past.check(graph, page.past)
    return {
        "artifacts": shown,
        "tags": _with_endings(graph, [tag(each) for each in tags]),
        "tag_order": told.tag_order(view),
        **told.truth(page.past),
        "complete": following is None,
        "reason": None if following is None else "limit",
        "cursor": None if following is None else pages.encode(cursors, asked, page.past, following),
    }


def _in_order(graph: HistoryReader, asked: Past, found: list[ArtifactState]) -> list[ArtifactState]:
    """Return artifacts as the order of the view's events has them."""
    order = asked.order
    if not order.moved:
        return found
    used = {use.artifact for facts in order.moved.values() for use in facts.uses if use.says}
    return [
        _again(graph, asked, each)
        if each.name in (used if each.production is None else order.artifacts)
        else each
        for each in found
    ]


def _again(graph: HistoryReader, asked: Past, each: ArtifactState) -> ArtifactState:
    made = versions.latest(graph, asked, each.name)
    if made is not None:
        return ArtifactState(each.name, made.properties, made)
    return _from_outside(graph, asked, each.name)[0]


def _from_outside(graph: HistoryReader, asked: Past, name: str) -> tuple[ArtifactState, list[int]]:
    """Return what uses state of an artifact that nothing produced, and the log positions of those that count."""
    users = {effect.event_id for effect in graph.users(name, view=asked.view, limit=_ALL)}
    said = sorted(
        (
            (asked.order.moment_of(facts), use.version or "", facts.position, use)
            for facts in graph.events(sorted(users))
            for use in facts.uses
            if use.artifact == name and use.says
        ),
        key=itemgetter(0, 1),
        reverse=True,
    )
    nothing = (None, None, 0, UseFacts(name, None, None))
    *_, described_at, described = next((one for one in said if one[-1].properties != "{}"), nothing)
    *_, digest_at, digested = next((one for one in said if one[-1].digest is not None), nothing)
    *_, kind_at, kinded = next((one for one in said if one[-1].kind is not None), nothing)
    state = ArtifactState(name, described.properties, None, digested.digest, kinded.kind)
    return state, sorted({described_at, digest_at, kind_at} - {0})


def _with_sources(graph: HistoryReader, asked: Past, found: Iterable[Json], sourced: Container[str]) -> None:
    """Add to what came from outside, where that is asked for, which events state what is shown."""
    for each in found:
        if each["version"] is None and each["artifact"] in sourced:
            each[STATED_AT] = _from_outside(graph, asked, each["artifact"])[1]


def _place(graph: HistoryReader, view: View, since: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return which list a page begins in, and behind which key of it."""
    if since is None:
        return _ARTIFACTS, ("",)
    what, *place = since
    if what == _ARTIFACTS:
        behind = _artifact_keys(graph, view)
        return what, places.key_at(place, lambda after: (key[:1] for key in behind(after)), texts=1)
    return what, places.key_at(place, _tag_keys(graph, view), texts=2)


def artifact(each: ArtifactState) -> Json:
    """Return an artifact of a state: its latest version, or null when it came from outside."""
    found: Json = {
        "artifact": each.name,
        "version": None if each.production is None else told.version(each.production),
        "properties": orjson.loads(each.properties),
    }
    # Of what came from outside: what its uses state of it.
    if each.digest is not None:
        found["digest"] = each.digest
    if each.kind is not None:
        found["kind"] = each.kind
    return {**found, "retired": True} if is_retired(each) else found


def is_retired(each: ArtifactState | None) -> bool:
    """Tell whether an artifact's latest version is its last: the event that made it said ``retired: true``."""
    if each is None or each.production is None or each.production.properties == "{}":
        return False
    return orjson.loads(each.production.properties).get("retired") is True


def tag(each: TagFacts) -> Json:
    """Return a tag of a state, with the event that it marks."""
    return {
        "namespace": each.namespace,
        "tag": each.tag,
        "event": each.pem_id,
        "since": rfc3339(each.moved_us),
        "position": each.position,
    }


def _with_endings(graph: HistoryReader, tags: list[Json]) -> list[Json]:
    """Add to tags how the work ended that the events tell of which they mark."""
    ids = list(dict.fromkeys(each["event"] for each in tags))
    found: dict[str, Json] = {}
    for begin in range(0, len(ids), _READ_AT_ONCE):
        for facts in graph.events(ids[begin : begin + _READ_AT_ONCE]):
            found[facts.id] = told.ending(facts)
    for each in tags:
        each.update(found.get(each["event"], {}))
    return tags


class _Limits(NamedTuple):
    """How much of a difference one page looks for."""

    most: int
    give_up_at: float


@past.steadily
def diff(
    graph: HistoryReader,
    before: View,
    after: View,
    *,
    limit: int = pages.DEFAULT_LIMIT,
    seconds: float = 20.0,
    cursor: str | None = None,
    cursors: Cursors = OF_THIS_PROCESS,
    question: Sequence[object] = (),
    sourced: Container[str] = (),
) -> Json:
    """
    Return a page of how one state differs from another: what ``appeared``, ``changed``, ``disappeared``, or ``moved``.

    :param before: of the state that is compared with
    :param seconds: stop looking after so long; the cursor goes on from there
    :param sourced: see `state`
    :raises InvalidInputError: the limit or the cursor is none
    :raises ConflictError: the log was cleaned since the first page
    """
    pages.check_limit(limit)
    asked = ("diff", *question)
    page = pages.begin(graph, asked, cursor, as_of_us=None, known_at=None, cursors=cursors)
    if page.since is None:
        top = page.past.view.position
        ends = [(min(end.position, top), end.as_of_us) for end in (before, after)]
        what, place = _ARTIFACTS, ["", ""]
    else:
        ends_, what, place = page.since
        ends = [(int(position), as_of) for position, as_of in ends_]
    views = (View(*ends[0]), View(*ends[1]))
    sides = (past.at(graph, page.past, views[0]), past.at(graph, page.past, views[1]))
    keys = _artifact_keys if what == _ARTIFACTS else _tag_keys
    since = places.key_at(place, *(keys(graph, view) for view in views), texts=2)
    found, reached, reason = _differences(
        graph, sides, what, since, _Limits(limit, time.monotonic() + seconds)
    )
    _with_endings(graph, [side for each in found for side in _sides(each) if "tag" in side])
    for end, asked_of in zip(("before", "after"), sides, strict=True):
        shown = (change[end] for change in found if "artifact" in change and change[end] is not None)
        _with_sources(graph, asked_of, shown, sourced)
    for each in (page.past, *sides):
        past.check(graph, each)
    following = None if reached is None else pages.encode(cursors, asked, page.past, [ends, *reached])
    return {
        "changes": found,
        "from": _told(views[0]),
        "to": _told(views[1]),
        "complete": reached is None,
        "reason": reason,
        "cursor": following,
    }


def _sides(change: Json) -> Iterator[Json]:
    yield from (change[side] for side in ("before", "after") if change[side] is not None)


def _told(view: View) -> Json:
    return {**told.view(view), "tag_order": told.tag_order(view)}


def _differences(
    graph: HistoryReader, sides: tuple[Past, Past], what: str, since: tuple[str, ...], limits: _Limits
) -> tuple[list[Json], list[Any] | None, str | None]:
    """Return changes, and if there may be more, where to go on and why not all were looked for."""
    found: list[Json] = []
    if what == _ARTIFACTS:
        for name, change in _artifact_changes(graph, sides, since[0]):
            if change is not None:
                found.append(change)
            if reason := _enough(found, limits):
                return found, [_ARTIFACTS, places.held([name, ""])], reason
        since = ("", "")
    for key, change in _tag_changes(graph, sides, (since[0], since[1])):
        if change is not None:
            found.append(change)
        if reason := _enough(found, limits):
            return found, [_TAGS, places.held(key)], reason
    return found, None, None


def _enough(found: list[Json], limits: _Limits) -> str | None:
    if len(found) >= limits.most:
        return "limit"
    return "time" if time.monotonic() > limits.give_up_at else None


def _artifact_changes(
    graph: HistoryReader, sides: tuple[Past, Past], after: str
) -> Iterator[tuple[str, Json | None]]:
    """Yield every artifact of either state with how it changed, if it did."""
    states = [_pages_in_order(graph, side, after) for side in sides]
    for old, new in side_by_side(*states, left_key=_name, right_key=_name):
        one = new or old
        if one is None:
            continue
        yield one.name, _artifact_change(old, new)


def _artifact_change(old: ArtifactState | None, new: ArtifactState | None) -> Json | None:
    if _shows_the_same(old, new):
        return None
    was_there, is_there = (each is not None and not is_retired(each) for each in (old, new))
    change = "changed" if was_there == is_there else "appeared" if is_there else "disappeared"
    if not was_there and not is_there and old is None:
        return None  # it came and went in between
    name = (new or old).name  # type: ignore[union-attr] # they differ, so one of them is there
    return {
        "change": change,
        "artifact": name,
        "before": None if old is None else artifact(old),
        "after": None if new is None else artifact(new),
    }


def _shows_the_same(old: ArtifactState | None, new: ArtifactState | None) -> bool:
    if old is None or new is None:
        return old is new
    made = [None if each.production is None else each.production.event_id for each in (old, new)]
    return made[0] == made[1] and old._replace(production=None) == new._replace(production=None)


def _tag_changes(
    graph: HistoryReader, sides: tuple[Past, Past], after: tuple[str, str]
) -> Iterator[tuple[tuple[str, str], Json | None]]:
    tags = [_tags(graph, side.view, after) for side in sides]
    for old, new in side_by_side(*tags, left_key=_tag_key, right_key=_tag_key):
        one = new or old
        if one is None:
            continue
        yield _tag_key(one), _tag_change(old, new)


def _tag_change(old: TagFacts | None, new: TagFacts | None) -> Json | None:
    if old is not None and new is not None and old.pem_id == new.pem_id:
        return None
    change = "appeared" if old is None else "disappeared" if new is None else "moved"
    one = new or old
    return {
        "change": change,
        "namespace": one.namespace,  # type: ignore[union-attr] # one of them is there
        "tag": one.tag,  # type: ignore[union-attr]
        "before": None if old is None else tag(old),
        "after": None if new is None else tag(new),
    }


def _pages_in_order(graph: HistoryReader, side: Past, after: str) -> Iterator[ArtifactState]:
    for page in _pages(graph, side.view, after):
        yield from _in_order(graph, side, page)


def _pages(graph: HistoryReader, view: View, after: str) -> Iterator[list[ArtifactState]]:
    size = 100
    while page := graph.artifact_states(view, after=after, limit=size):
        yield page
        if len(page) < size:
            return
        after, size = page[-1].name, _READ_AT_ONCE


def _tags(graph: HistoryReader, view: View, after: tuple[str, str]) -> Iterator[TagFacts]:
    while page := graph.tag_states(view, after=after, limit=_READ_AT_ONCE):
        yield from page
        if len(page) < _READ_AT_ONCE:
            return
        after = _tag_key(page[-1])


def _artifact_keys(graph: HistoryReader, view: View) -> Behind:
    """Return how to read the artifacts of a view by key: the name, and an empty text."""
    return lambda after: ((each.name, "") for page in _pages(graph, view, after[0]) for each in page)


def _tag_keys(graph: HistoryReader, view: View) -> Behind:
    return lambda after: map(_tag_key, _tags(graph, view, (after[0], after[1])))


def _name(each: ArtifactState) -> str:
    return each.name


def _tag_key(each: TagFacts) -> tuple[str, str]:
    return each.namespace, each.tag
