"""
Gaps: what the record of a platform lacks.

Used but never produced, predecessors never seen, uses out of order, uses that state another digest than their version
has; and of each emitter whether it went silent, how its
clock goes against the log's, how many of its events say what they worked on, and how many that they failed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import InvalidInputError
from provgraph.events.clock import now_us, rfc3339
from provgraph.families.pem.events import Outcome
from provgraph.lineage import pages, past, places, told, versions
from provgraph.lineage.cursor import OF_THIS_PROCESS
from provgraph.lineage.recorders import add_to, nobody, placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provgraph.graphstore import ArtifactState, EmitterState, HistoryReader, Mismatch, PemFacts, View
    from provgraph.lineage.cursor import Cursors
    from provgraph.lineage.past import Past
    from provgraph.lineage.recorders import RecordersOf
    from provgraph.lineage.told import Json

DEFAULT_LIMIT = 100
DEFAULT_SECONDS = 20.0
NEVER_PRODUCED, UNSEEN, OUT_OF_ORDER = "never_produced", "unseen_predecessors", "out_of_order"
LISTS = (NEVER_PRODUCED, UNSEEN, OUT_OF_ORDER, told.CONTRADICTED)
_PLACE = "place"  # of an event that is named and unseen: where in the log the one stands that names it
_DAY_US = 86_400 * 1_000_000
_READ_AT_ONCE = 1_000
_SECOND = 1_000_000


class Gaps(NamedTuple):
    """A question for what is missing."""

    only: str | None = None  # one of `LISTS`: that list alone, which a cursor goes on with
    silent_after_us: int = _DAY_US
    as_of_us: int | None = None
    known_at: int | None = None
    present_us: int | None = None  # what silence is measured against; None: the time asked for, or now
    limit: int = DEFAULT_LIMIT  # most items in each list
    seconds: float = DEFAULT_SECONDS  # for all lists together
    cursor: str | None = None
    question: Sequence[object] = ()


@past.steadily
def gaps(
    graph: HistoryReader,
    asked: Gaps,
    *,
    recorders: RecordersOf = nobody,
    cursors: Cursors = OF_THIS_PROCESS,
) -> Json:
    """
    Return what is missing: the four lists, each with ``items``, and ``emitters``.

    ``outcomes`` is how many events say that their work did not end well; those of each emitter stand with it.

    A list that is not ``complete`` says the ``reason`` and has a ``cursor`` to go on with.

    :raises InvalidInputError: the limit, the list or the cursor is none
    :raises ConflictError: the log was cleaned since the first page
    """
    pages.check_limit(asked.limit)
    if asked.only is not None and asked.only not in LISTS:
        raise InvalidInputError(f"list must be one of {', '.join(LISTS)}", field="list", rule="list")
    if asked.cursor is not None and asked.only is None:
        raise InvalidInputError(
            "cursor goes with the list that it is of: add list=", field="cursor", rule="list"
        )
    wanted = LISTS if asked.only is None else (asked.only,)
    question = ("gaps", asked.only or "", *asked.question)
    page = pages.begin(
        graph, question, asked.cursor, as_of_us=asked.as_of_us, known_at=asked.known_at, cursors=cursors
    )
    view = page.past.view
    limits = _Limits(asked.limit, time.monotonic() + asked.seconds)
    found: Json = {}
    for name in wanted:
        items, since, reason = _LISTS[name](graph, page.past, page.since, limits)
        # The cursor of a list is good for asking for that list alone.
        own = ("gaps", name, *asked.question)
        found[name] = {
            "items": items,
            "complete": reason is None,
            "reason": reason,
            "cursor": None if reason is None else pages.encode(cursors, own, page.past, places.held(since)),
        }
    if asked.only is None:
        emitters = graph.emitter_states(view)
        found["emitters"] = [_emitter(each, asked, view) for each in emitters]
        found["outcomes"] = {
            name: sum(getattr(each, name) for each in emitters) for name in map(str, Outcome)
        }
    uses = [
        use for name in (OUT_OF_ORDER, told.CONTRADICTED) if name in found for use in found[name]["items"]
    ]
    users = _add_endings(graph, uses)
    named = [(item.pop(_PLACE), item) for item in found.get(UNSEEN, {}).get("items", ())]
    past.check(graph, page.past)
    add_to((), recorders, versions=[*users, *named, *placed(use["version"] for use in uses)])
    return {**found, **told.truth(page.past)}


def _add_endings(graph: HistoryReader, uses: Sequence[Json]) -> list[tuple[int, Json]]:
    """Add to uses how the work ended of the events that used; return them with the log positions of these."""
    ids = list(dict.fromkeys(use["event"] for use in uses))
    known = {
        facts.id: facts
        for begin in range(0, len(ids), _READ_AT_ONCE)
        for facts in graph.events(ids[begin : begin + _READ_AT_ONCE])
    }
    there = [(known[use["event"]], use) for use in uses if use["event"] in known]
    for facts, use in there:
        use.update(told.ending(facts))
    return [(facts.position, use) for facts, use in there]


class _Limits(NamedTuple):
    """How much of a list one page looks for."""

    most: int
    give_up_at: float


class _Listed(NamedTuple):
    """A page of a list."""

    items: list[Json]
    since: tuple[str, ...]  # where to go on, when there is a reason to
    reason: str | None


def _taken(
    found: Iterator[tuple[tuple[str, ...], Json | None]], since: tuple[str, ...], limits: _Limits
) -> _Listed:
    """Return as many items as a page may have; what is found comes with where to go on behind it, and may be none."""
    items: list[Json] = []
    for key, item in found:
        if item is not None:
            if len(items) == limits.most:
                return _Listed(items, since, "limit")
            items.append(item)
        since = key
        if time.monotonic() > limits.give_up_at:
            return _Listed(items, since, "time")
    return _Listed(items, since, None)


def _never_produced(
    graph: HistoryReader, asked: Past, place: Sequence[str] | None, limits: _Limits
) -> _Listed:
    """Return artifacts that the view's events use and none of them produced."""

    def behind(after: tuple[str, ...]) -> Iterator[ArtifactState]:
        name = after[0]
        while page := graph.artifact_states(asked.view, after=name, limit=_READ_AT_ONCE):
            yield from page
            name = page[-1].name

    since = places.key_at(place or [""], lambda after: ((each.name,) for each in behind(after)), texts=1)
    named = (
        ((each.name,), {"artifact": each.name} if each.production is None else None) for each in behind(since)
    )
    return _taken(named, since, limits)


def _unseen(graph: HistoryReader, asked: Past, place: Sequence[str] | None, limits: _Limits) -> _Listed:
    """Return events that were named as predecessors and never reported."""
    since = place[0] if place else ""
    found = graph.unseen(asked.view, after=since, limit=limits.most + 1)
    told_ = (
        (
            (each.event_id,),
            {"event": each.event_id, "named_by": each.named_by, "times": each.times, _PLACE: each.position},
        )
        for each in found
    )
    return _taken(told_, (since,), limits)


def _out_of_order(graph: HistoryReader, asked: Past, place: Sequence[str] | None, limits: _Limits) -> _Listed:
    """Return uses of a version that was made only later, by the emitters' clocks."""

    def behind(after: tuple[str, ...]) -> Iterator[Mismatch]:
        key = (after[0], after[1], after[2])
        moved = sorted(asked.order.moved)
        while page := graph.mismatches(asked.view, after=key, limit=_READ_AT_ONCE, unsettled=moved):
            yield from page
            key = _key_of_use(page[-1])

    since = places.key_at(place or ["", "", ""], lambda after: map(_key_of_use, behind(after)), texts=3)
    uses = ((_key_of_use(each), _out_of_order_use(graph, asked, each)) for each in behind(since))
    return _taken(uses, since, limits)


def _contradicted(graph: HistoryReader, asked: Past, place: Sequence[str] | None, limits: _Limits) -> _Listed:
    """Return uses that state another digest than the version has that they mean."""

    def behind(after: tuple[str, ...]) -> Iterator[list[tuple[str, str, str]]]:
        key = (after[0], after[1], after[2])
        is_moved = bool(asked.order.moved)
        while page := graph.doubtful_digests(
            asked.view, after=key, limit=_READ_AT_ONCE, is_unsettled=is_moved
        ):
            yield page
            key = page[-1]

    def keys(after: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        return (key for page in behind(after) for key in page)

    since = places.key_at(place or ["", "", ""], keys, texts=3)
    return _taken(
        (each for page in behind(since) for each in _contradictions(graph, asked, page)), since, limits
    )


def _contradictions(
    graph: HistoryReader, asked: Past, uses: Sequence[tuple[str, str, str]]
) -> Iterator[tuple[tuple[str, str, str], Json | None]]:
    """Yield uses that state a digest, each with its key; None stands for one that its version agrees with."""
    users = {facts.id: facts for facts in graph.events(list(dict.fromkeys(id_ for id_, *_ in uses)))}
    stated = {key: told.use_of(users[key[0]], *key[1:]) for key in uses if key[0] in users}
    makers = list(dict.fromkeys(use.producer for use in stated.values() if use and use.producer))
    known = {facts.id: facts for facts in graph.events(makers)} if makers else {}
    for key, use in stated.items():
        user = users[key[0]]
        maker = None if use is None or use.producer is None else known.get(use.producer)
        is_there = maker is not None and asked.view.holds(maker.occurred_us, maker.position)
        if not is_there or asked.order.may_differ(user.id, key[1]):
            cause = versions.version_of(graph, asked, user, key[1], key[2] or None)
            maker = None if cause is None else next(iter(graph.events([cause])), None)
        version = None if maker is None else told.version_of(maker, key[1])
        found = told.contradiction(use, version)
        yield key, {**_of_user(user), "artifact": key[1], "version": version, **found} if found else None


def _of_user(user: PemFacts) -> Json:
    return {"event": user.id, "emitter": user.emitter, "occurred_at": rfc3339(user.occurred_us)}


def _key_of_use(use: Mismatch) -> tuple[str, str, str]:
    return use.event_id, use.artifact, use.version or ""


def _out_of_order_use(graph: HistoryReader, asked: Past, use: Mismatch) -> Json | None:
    version: Json | None
    order = asked.order
    is_there = asked.view.holds(use.cause.occurred_us, use.cause.position)
    if is_there and not order.may_differ(use.event_id, use.artifact):
        made, version = use.cause.moment, told.version(use.cause)
    else:
        user = past.event(graph, asked, use.event_id)
        cause = versions.version_of(graph, asked, user, use.artifact, use.version)
        if cause is None:
            return None
        facts = past.event(graph, asked, cause)
        made, version = order.moment_of(facts), told.version_of(facts, use.artifact)
    if made < order.moment(use.occurred_us, use.rank, use.event_id):
        return None
    return {
        "event": use.event_id,
        "emitter": use.emitter,
        "occurred_at": rfc3339(use.occurred_us),
        "artifact": use.artifact,
        "version": version,
        "seconds_early": (made.occurred_us - use.occurred_us) / _SECOND,
    }


def _emitter(each: EmitterState, asked: Gaps, view: View) -> Json:
    stated = asked.present_us if view.as_of_us is None else view.as_of_us
    present = now_us() if stated is None else stated
    silent_us = present - each.last_us
    return {
        "emitter": each.name,
        "events": each.events,
        "first_at": rfc3339(each.first_us),
        "last_at": rfc3339(each.last_us),
        "last_position": each.last_position,
        "silent": silent_us > asked.silent_after_us,
        "silent_seconds": max(0, silent_us) / _SECOND,
        "coverage": each.connected / each.events,
        **{name: getattr(each, name) for name in map(str, Outcome)},
        "delay_seconds": {
            "least": each.least_delay_us / _SECOND,
            "mean": each.sum_of_delays_us / each.events / _SECOND,
            "greatest": each.greatest_delay_us / _SECOND,
        },
        # No event is recorded before it happens: then the emitter's clock is ahead of the log's, by at least so much.
        "clock_ahead_seconds": max(0, -each.least_delay_us) / _SECOND,
    }


_LISTS = {
    NEVER_PRODUCED: _never_produced,
    UNSEEN: _unseen,
    OUT_OF_ORDER: _out_of_order,
    told.CONTRADICTED: _contradicted,
}
