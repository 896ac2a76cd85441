"""
Reading the past of the graph in Neo4j: see `HistoryReader`.

Nearly every answer is one statement. More follow where names are so long that keys stand for them (their order is not
that of the keys), where an event with several edges lies across a limit, and where later events changed meanwhile what
a statement took for granted. Names are put in order here: the server has another one for some characters.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from provgraph.errors import CorruptStoreError
from provgraph.graphstore.base import (
    ArtifactState,
    Effect,
    EmitterState,
    Link,
    Mismatch,
    Moment,
    Production,
    TagFacts,
    Unseen,
)
from provgraph.graphstore.neo4j import keys, moments, readable, reader
from provgraph.graphstore.neo4j.statements import orders, scans, views, walks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.graphstore.base import PemFacts, View
    from provgraph.graphstore.neo4j.reader import Asker
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.statements.statement import Statement

_T = TypeVar("_T")
_N = TypeVar("_N", str, tuple[str, str])
# Gives the first so many items behind a key, and before another one if stated: in the order of keys, and with them.
_Between = Callable[[str, str | None, int], list[tuple[str, _T]]]

_ALL = 2**31 - 1
_FOREVER_US = 2**62
_UNREADABLE = {readable.NO_TEXT, readable.NO_NUMBER, readable.NO_TIME_US}


def events(graph: Asker, ids: Sequence[str]) -> list[PemFacts]:
    """See `HistoryReader.events`."""
    asked = list(dict.fromkeys(ids))

    def read() -> list[PemFacts]:
        (rows,) = graph.ask(scans.EVENTS, ids=asked)
        return [reader.pem_facts(row) for row in rows]

    found = reader.settled(read, lambda events: all(map(_is_readable, events)))
    for facts in found:
        if not _is_readable(facts):
            raise CorruptStoreError(
                f"The graph's event {facts.id} was changed by hand: have the graph verified and repaired"
            )
    return found


def _is_readable(facts: PemFacts) -> bool:
    return _UNREADABLE.isdisjoint((*facts[:8], facts.outcome, facts.error))


# ------------------------------------------------------------------------------------------------ edges between events


def effects(
    graph: Asker, ids: Sequence[str], view: View, *, artifact: str | None, named: bool, limit: int
) -> list[Effect]:
    """See `HistoryReader.effects`."""
    asked = {"ids": list(dict.fromkeys(ids)), "key": _key_or_none(artifact), "named": named}
    rows = _whole_events(graph, views.EFFECTS_OF, limit, **_bounds(view), **asked)
    return sorted(_effects(graph, rows), key=_place_of_effect)[:limit]


def taken(graph: Asker, ids: Sequence[str], view: View, artifact: str | None) -> list[Effect]:
    """See `HistoryReader.taken`."""
    asked = {
        **_bounds(view),
        "end_moment": keys.moment_behind(view.as_of_us),
        "ids": list(dict.fromkeys(ids)),
        "key": _key_or_none(artifact),
    }
    (rows,) = graph.ask(views.TAKEN, **asked)
    (named,) = graph.ask(views.TAKEN_NAMED, **asked)
    found = zip(_effects(graph, [row[:6] for row in named]), named, strict=True)
    return [
        *_effects(graph, [row[:6] for row in rows]),
        *(effect for effect, (*_, label) in found if effect.version == label),
    ]


def names(graph: Asker, view: View, artifact: str) -> bool:
    """See `HistoryReader.names`."""
    asked = {"key": keys.key_of(artifact), "is_timed": view.as_of_us is not None}
    (is_named,) = graph.ask(views.NAMES_ARTIFACT, **_bounds(view), **asked)
    return bool(is_named)


def _effects(graph: Asker, rows: Sequence[Row]) -> list[Effect]:
    """Return edges with the names that keys in them stand for."""
    found, labels = _long_names(graph, rows)
    return [
        Effect(
            cause,
            id_,
            keys.microseconds(occurred_at),
            position,
            found.get(key, key),
            labels.get((id_, key, label), label),
        )
        for cause, id_, occurred_at, position, key, label in rows
    ]


def _key_or_none(artifact: str | None) -> str | None:
    return None if artifact is None else keys.key_of(artifact)


def users(graph: Asker, artifact: str, view: View, limit: int) -> list[Effect]:
    """See `HistoryReader.users`."""
    asked = {**_bounds(view), "key": keys.key_of(artifact)}
    rows = _whole_events(graph, views.USERS_OF, limit, **asked)
    found = [
        Effect(cause, id_, keys.microseconds(occurred_at), position, artifact, label)
        for cause, id_, occurred_at, position, label in rows
    ]
    return sorted(found, key=_place_of_effect)[:limit]


def _whole_events(graph: Asker, statement: Statement, limit: int, **parameters: Any) -> list[Row]:
    """
    Return the first edges in the order of what they lead to, and more where the limit cuts through those to one event.

    :param statement: gives edges with the id of that event as the second value
    """
    most = limit + 1
    while True:
        rows: list[Row]
        (rows,) = graph.ask(statement, limit=most, **parameters)
        if len(rows) < most or limit == 0 or rows[limit - 1][1] != rows[-1][1]:
            return rows
        most *= 2


def _long_names(graph: Asker, rows: Sequence[Row]) -> tuple[dict[str, str], dict[tuple[str, str, str], str]]:
    """Return what shortened keys in edges stand for: names of artifacts, and versions by event, artifact and key."""
    named = sorted({row[4] for row in rows if _stands_for(row[4])})
    labelled = [[row[1], row[4]] for row in rows if _stands_for(row[5])]
    (names,) = graph.ask(views.NAMES, keys=named) if named else ([],)
    *_, labels = graph.ask(walks.STATED_VERSIONS, rows=labelled) if labelled else ([],)
    return dict(names), {(id_, key, keys.key_of(label)): label for id_, key, label in labels}


def _stands_for(key: str | None) -> bool:
    return key is not None and keys.is_shortened(key)


def _place_of_effect(effect: Effect) -> tuple[int, str, str, str, str]:
    return (
        *(effect.occurred_us, effect.event_id),
        *(effect.artifact or "", effect.version or "", effect.cause_id or ""),
    )


# ------------------------------------------------------------------------------------------------ versions


def productions(
    graph: Asker,
    artifact: str,
    *,
    version: str | None,
    before: Moment | None,
    after: Moment | None,
    newest_first: bool,
    limit: int,
) -> list[Production]:
    """See `HistoryReader.productions`."""
    if version is None:
        statement, entries = views.PRODUCTIONS_OF, keys.artifact_entry(artifact)
    else:
        statement, entries = views.NAMED_PRODUCTIONS_OF, keys.label_entry(artifact, version)
    (rows,) = graph.ask(
        statement[newest_first],
        key=keys.key_of(artifact),
        begin=entries + ("" if after is None else _key(after)),
        end=entries + (keys.END if before is None else _key(before)),
        limit=limit,
    )
    made = [_production(row) for row in rows]
    return [
        each
        for each in made[:limit]
        if (before is None or each.moment < before) and (after is None or each.moment > after)
    ]


def _key(at: Moment) -> str:
    return keys.moment(at.occurred_us, at.event_id, at.rank)


def _production(row: Row) -> Production:
    id_, occurred_at, position, version, digest, kind, properties, outcome, error, rank = row
    us, said = keys.microseconds(occurred_at), (version, digest, kind, properties or "{}")
    return Production(id_, us, position, *said, outcome, error, readable.rank(rank))


# ------------------------------------------------------------------------------------------------ what there was


def artifact_states(graph: Asker, view: View, after: str, limit: int) -> list[ArtifactState]:
    """See `HistoryReader.artifact_states`."""
    bounds = {
        **_bounds(view),
        **_bounds_us(view),
        "is_timed": view.as_of_us is not None,
        "end_moment": keys.moment_behind(view.as_of_us),
    }

    def between(begin: str, end: str | None, most: int) -> list[tuple[str, ArtifactState]]:
        statement = views.ARTIFACT_STATES[end is not None]
        limits = {"begin": begin, "end": end, "limit": most}
        rows, is_so = graph.ask(statement, strict=False, **bounds, **limits)
        if not is_so:
            rows, _ = graph.ask(statement, strict=True, **bounds, **limits)
        return [(key, _artifact_state(name, made, described)) for key, name, made, described in rows]

    return _first_behind(after, keys.key_of(after), limit, between, name=attrgetter("name"))


def _artifact_state(name: str, made: list[Row], described: list[Row]) -> ArtifactState:
    if made:
        production = _production(made[0])
        return ArtifactState(name, production.properties, production)
    # An event may use several versions of an artifact: the last one by the code points of what it names counts.
    said = {what: max(latest[0])[1] for what, latest in described if latest}
    return ArtifactState(name, said.get("_properties", "{}"), None, said.get("_digest"), said.get("_kind"))


def tag_states(graph: Asker, view: View, after: tuple[str, str], limit: int) -> list[TagFacts]:
    """See `HistoryReader.tag_states`."""
    statement = views.TAG_STATES if view.as_of_us is None else views.TAG_STATES_AS_OF
    bounds = {
        **_bounds_us(view),
        "no_position": keys.moves_begin(""),
        "last_position": keys.moves_key("", view.position),
    }

    def between(begin: str, end: str | None, most: int) -> list[tuple[str, TagFacts]]:
        (rows,) = graph.ask(statement[end is not None], **bounds, begin=begin, end=end, limit=most)
        return [(key, TagFacts(*facts)) for key, *facts in rows]

    return _first_behind(after, keys.tag_key(*after), limit, between, name=lambda move: move[:2])


def _first_behind(
    after: _N,
    key: str,
    limit: int,
    between: _Between[_T],
    *,
    name: Callable[[_T], _N],
) -> list[_T]:
    """
    Return the first items behind one, by their names.

    :param key: of that one
    """
    found: dict[str, _T] = {}
    begin = key
    if keys.is_shortened(key):
        found.update(_beginning_alike(key, between))
        begin = keys.behind(keys.beginning(key))
    page = between(begin, None, limit)
    found.update(page)
    if page and len(page) == limit and keys.is_shortened(page[-1][0]):
        # Those that begin alike are in the order of their keys, so the first ones by name may be further on.
        found.update(_beginning_alike(page[-1][0], between))
    return sorted((item for item in found.values() if name(item) > after), key=name)[:limit]


def _beginning_alike(key: str, between: _Between[_T]) -> list[tuple[str, _T]]:
    """Return the items whose long names begin as that of one does."""
    begin = keys.beginning(key)
    return between(begin, keys.behind(begin), _ALL)


def emitter_states(graph: Asker, view: View) -> list[EmitterState]:
    """See `HistoryReader.emitter_states`."""
    (rows,) = graph.ask(views.EMITTER_STATES, **_bounds(view))
    return sorted(_emitter_state(*row) for row in rows)


def _emitter_state(
    name: str,
    count: int,
    connected: int,
    first_at: str,
    last_at: str,
    last_position: int,
    least_delay_us: int,
    greatest_delay_us: int,
    seconds: int,
    microseconds: int,
    *outcomes: int,
) -> EmitterState:
    return EmitterState(
        name,
        count,
        connected,
        keys.microseconds(first_at),
        keys.microseconds(last_at),
        last_position,
        least_delay_us,
        greatest_delay_us,
        1_000_000 * seconds + microseconds,
        *outcomes,
    )


# ------------------------------------------------------------------------------------------------ what was not seen


def unseen(graph: Asker, view: View, after: str, limit: int) -> list[Unseen]:
    """See `HistoryReader.unseen`."""
    bounds = {**_bounds(view), "after": after, "limit": limit}
    if view.as_of_us is None:
        rows, is_all = graph.ask(views.UNSEEN_NOW, **bounds)
        if is_all:
            return [Unseen(*row) for row in rows]
    (rows,) = graph.ask(views.UNSEEN, **bounds)
    return [Unseen(*row) for row in rows]


def mismatches(
    graph: Asker, view: View, after: tuple[str, str, str], limit: int, unsettled: Sequence[str]
) -> list[Mismatch]:
    """See `HistoryReader.mismatches`."""
    id_, artifact, version = after
    # Of the event that the last page ended in, there may be no more.
    bounds = {**_bounds(view), "unsettled": list(unsettled)}
    (rows,) = graph.ask(views.MISMATCHES, **bounds, id=id_, limit=limit + 1)
    found = [
        Mismatch(
            event_id,
            keys.microseconds(occurred_at),
            emitter,
            name,
            label,
            _production(cause),
            readable.rank(rank),
        )
        for event_id, occurred_at, rank, emitter, uses in rows
        for name, label, cause in uses
    ]
    there = (id_, artifact, version)
    return sorted((each for each in found if _place_of_mismatch(each) > there), key=_place_of_mismatch)[
        :limit
    ]


def doubtful_digests(
    graph: Asker, view: View, after: tuple[str, str, str], limit: int, *, is_unsettled: bool
) -> list[tuple[str, str, str]]:
    """See `HistoryReader.doubtful_digests`."""
    bounds = {**_bounds(view), "is_unsettled": is_unsettled}
    # Of the event that the last page ended in, there may be no more.
    (rows,) = graph.ask(views.DOUBTFUL_DIGESTS, **bounds, id=after[0], limit=limit + 1)
    found = sorted((event_id, name, label) for event_id, uses in rows for name, label in uses)
    return [place for place in found if place > after][:limit]


def unsettled(graph: Asker, view: View) -> list[str]:
    """See `HistoryReader.unsettled`."""
    (late,) = graph.ask(orders.LATE, **_bounds(view))

    def after(ids: Sequence[str], steps: int) -> list[Row]:
        (found,) = graph.ask(orders.AFTER_IN_VIEW[steps], ids=ids, position=view.position)
        return list(found)

    return moments.all_after(late, after)


def links(graph: Asker, ids: Sequence[str], view: View) -> list[Link]:
    """See `HistoryReader.links`."""
    (found,) = graph.ask(orders.LINKS, **_bounds(view), ids=list(ids))
    return [Link(event_id, named, readable.rank(rank)) for event_id, named, rank in found]


def _place_of_mismatch(found: Mismatch) -> tuple[str, str, str]:
    return found.event_id, found.artifact, found.version or ""


def _bounds(view: View) -> dict[str, Any]:
    return {"position": view.position, "until": keys.until(view.as_of_us)}


def _bounds_us(view: View) -> dict[str, Any]:
    until_us = _FOREVER_US if view.as_of_us is None else view.as_of_us
    return {"position": view.position, "until_us": until_us}
