"""
Putting events in order inside their moments, when one arrives that others named before.

What is written of a batch is right for the places that older events had so far. Then those that have others now are
moved: their entries in the indexes, and the uses that see other versions by that. This is rare, and takes as long as it
takes to look at all that is connected with the artifacts that these events produced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.graphstore.groups import Member, Place, replaced
from provgraph.graphstore.neo4j import keys
from provgraph.graphstore.neo4j.content import Artifact
from provgraph.graphstore.neo4j.mending import note_anew
from provgraph.graphstore.neo4j.resolver import Resolver
from provgraph.graphstore.neo4j.statements import orders, writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from provgraph.graphstore.neo4j.content import Use
    from provgraph.graphstore.neo4j.server import Row
    from provgraph.graphstore.neo4j.work import Work


def all_after(ids: Sequence[str], ask: Callable[[Sequence[str], int], list[Row]]) -> list[str]:
    """
    Return events and all that come after them in their moments, ordered.

    :param ask: returns of events and so many steps behind them: id, and how many steps it is away
    """
    found = set(ids)
    frontier = list(ids)
    for steps in _further():
        if not frontier:
            break
        reached = ask(frontier, steps)
        # What is nearer was gone on from to the same distance.
        frontier = [id_ for id_, distance in reached if distance == steps and id_ not in found]
        found.update(id_ for id_, _ in reached)
    return sorted(found)


def _further() -> Iterable[int]:
    """Yield how many steps to go at once: few from many events, many from the few that are left then."""
    yield from orders.AFTER_STEPS
    while True:
        yield orders.AFTER_STEPS[-1]


class _Moved(NamedTuple):
    """An event that stands elsewhere in its moment now."""

    node: int
    occurred_at: str
    before: str  # its moment before, and now
    now: str


def put_in_order(work: Work, late: Sequence[str]) -> None:
    """Give events that came late, and those that come after them in their moments, their places in these."""
    if not late:
        return
    ids = all_after(late, lambda some, steps: list(work.ask(orders.AFTER[steps], ids=some)))
    if len(ids) == len(late):
        return  # nobody comes after them but each other, and that was seen when they were written
    nodes: dict[str, tuple[int, str]] = {}
    members: dict[str, Member[str]] = {}
    for id_, node, occurred_at, position, rank, its_late, named in work.ask_of(orders.MEMBERS, ids):
        nodes[id_] = node, occurred_at
        earlier = {each: (its_position, keys.rank_in(its_rank)) for each, its_position, its_rank in named}
        members[id_] = Member(position, Place(keys.rank_in(rank), its_late), earlier)
    places = replaced(members)
    work.do(writes.MARK_LATE, [[nodes[id_][0], place.late] for id_, place in places.items() if place.late])
    moved = {
        id_: _moved(id_, *nodes[id_], members[id_].place, place)
        for id_, place in places.items()
        if place.rank != members[id_].place.rank
    }
    if moved:
        work.do(
            orders.SET_RANKS,
            [[each.node, keys.rank_text(places[id_].rank) or None] for id_, each in moved.items()],
        )
        _move(work, moved)


def _moved(id_: str, node: int, occurred_at: str, before: Place, now: Place) -> _Moved:
    us = keys.microseconds(occurred_at)
    return _Moved(node, occurred_at, keys.moment(us, id_, before.rank), keys.moment(us, id_, now.rank))


def _move(work: Work, moved: Mapping[str, _Moved]) -> None:
    nodes = sorted(each.node for each in moved.values())
    produced, used = work.ask(orders.EDGES_OF, rows=nodes)
    work.do(orders.SET_PRODUCTIONS, [_production(row, moved) for row in produced])
    named = [
        [edge, keys.label_entry(name, label) + moved[id_].now]
        for edge, id_, _, name, label, *_ in used
        if label
    ]
    work.do(orders.SET_USES, named)
    artifacts = {artifact for _, _, artifact, *_ in produced}
    _note_uses(work, [row for row in used if row[2] not in artifacts], moved, artifacts)
    note_anew(work, artifacts)
    concerned = work.ask(
        orders.CONCERNED,
        artifacts=sorted(artifacts),
        times=sorted({each.occurred_at for each in moved.values()}),
    )
    _resolve(work, [*concerned, *work.ask_of(orders.USES_BY, nodes)])


def _production(row: Row, moved: Mapping[str, _Moved]) -> Row:
    edge, id_, _, name, label, is_entered = row
    at = moved[id_].now
    entry = keys.artifact_entry(name) + at if is_entered else None
    return [edge, entry, None if label is None else keys.label_entry(name, label) + at]


def _note_uses(work: Work, used: Sequence[Row], moved: Mapping[str, _Moved], anew: set[int]) -> None:
    """Note with artifacts until when they were used, where that is kept; ``anew`` gets those to be looked at."""
    latest: dict[int, str] = {}
    noted: str | None
    for _, id_, artifact, _, label, noted in used:
        if label is None and noted is not None:
            each = moved[id_]
            if each.before == noted and each.now < noted:
                anew.add(artifact)
            latest[artifact] = max(latest.get(artifact, ""), noted, each.now)
    work.do(orders.NOTE_USES, [list(each) for each in sorted(latest.items())])


def _resolve(work: Work, rows: Sequence[Row]) -> None:
    """Resolve uses anew, and write those that come out different."""
    distinct = {(row[1], row[4], row[6]): row for row in rows}
    artifacts = {key: Artifact(name, key) for _, _, _, _, key, name, *_ in distinct.values()}
    for key, node, _, *noted in work.ask_of(writes.KNOWN_ARTIFACTS, sorted(artifacts)):
        artifact = artifacts[key]
        artifact.node, artifact.is_new = node, False
        artifact.first, artifact.last, artifact.used, artifact.named, artifact.told = noted
    uses: list[Use] = [
        (id_, artifacts[key], keys.moment_of_stated(stated), label, None)
        for _, id_, stated, _, key, _, label, *_ in distinct.values()
    ]
    wrong = []
    for row, use, version in zip(distinct.values(), uses, Resolver(work).versions_of(uses), strict=True):
        node, _, _, artifact_node, _, _, label, *before, own = row
        at = use[2]
        now: list[str | bool | None] = [None, None]
        if version is not None and not (version > at and _is_own_earliest(version, label, own)):
            now = [keys.pem_of(version), True if version > at else None]
        if now != before:
            wrong.append([node, artifact_node, label, None if label is None else keys.key_of(label), *now])
    work.do(orders.RELINK, wrong)


def _is_own_earliest(version: str, label: str | None, own: Sequence[str]) -> bool:
    """Tell whether an event made the earliest version itself: the one behind it that was found is not what it used."""
    return bool(own) and (label is None or (label in own and keys.pem_of(version) != label))
