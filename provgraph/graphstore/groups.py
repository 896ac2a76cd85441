"""
The order among events of one moment: an event comes after those of its moment that it names as its predecessors.

Events with equal ``occurred_us`` are a group. The rank of an event is the length of the longest chain of predecessors
that leads to it inside its group; of one that names none of its group it is 0. Events that name each other in a circle
come in no order among themselves: a step between two of them counts 0, so they have one rank. Pure: which events are
in a group is found out elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from provgraph.families.pem.events import Pem

_Event = TypeVar("_Event", int, str)  # what stands for an event: a key or its id


class Place(NamedTuple):
    """Where an event stands in its group, and up to which log position that was not certain."""

    rank: int
    late: int  # position of the last one of its predecessors in the group that was recorded after it; 0: none was


FIRST = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Member(Generic[_Event]):
    """An event of a group as a graph has it."""

    position: int
    place: Place
    named: dict[_Event, tuple[int, int]]  # its predecessors in the group, with log position and rank


def ranks(
    named: Mapping[_Event, Collection[_Event]], known: Mapping[_Event, int] | None = None
) -> dict[_Event, int]:
    """
    Return the ranks of events.

    :param named: of each of them, its predecessors in its group
    :param known: ranks of others among those predecessors; of one that is in neither it is 0
    """
    found = dict(known or {})
    for circle in _circles(named):
        before = [
            found.get(earlier, 0) + 1 for event in circle for earlier in named[event] if earlier not in circle
        ]
        found.update(dict.fromkeys(circle, max(before, default=0)))
    return {event: found[event] for event in named}


def _circles(named: Mapping[_Event, Collection[_Event]]) -> Iterator[set[_Event]]:
    """
    Yield events together with those that they name in a circle, each after the ones that it names.

    These are Tarjan's strongly connected components, found without recursion: a chain may be long.
    """
    numbers: dict[_Event, int] = {}
    lowest: dict[_Event, int] = {}
    waiting: dict[_Event, None] = {}  # met, and not yielded yet; in the order they were met
    for first in named:
        path = [] if first in numbers else [first]
        rest: list[Iterator[_Event]] = []
        while path:
            event = path[-1]
            if event not in numbers:
                numbers[event] = lowest[event] = len(numbers)
                waiting[event] = None
                rest.append(earlier for earlier in named[event] if earlier in named)
            for earlier in rest[-1]:
                if earlier not in numbers:
                    path.append(earlier)
                    break
                if earlier in waiting:
                    lowest[event] = min(lowest[event], numbers[earlier])
            else:
                path.pop()
                rest.pop()
                if path:
                    lowest[path[-1]] = min(lowest[path[-1]], lowest[event])
                if lowest[event] == numbers[event]:
                    yield _taken_back_to(event, waiting)


def _taken_back_to(event: _Event, waiting: dict[_Event, None]) -> set[_Event]:
    """Take the last events out, back to one of them, and return them."""
    taken: set[_Event] = set()
    while event not in taken:
        taken.add(waiting.popitem()[0])
    return taken


# ------------------------------------------------------------------------------------------------ of new events


def placed(pems: Sequence[tuple[Pem, int, int]], known: Mapping[str, tuple[int, int]]) -> dict[str, Place]:
    """
    Return the places of a step's events, by id, of those that are not the `FIRST` of their groups.

    Where an event that came late is named by older ones, these have places of their own to be found: see `replaced`.

    :param pems: with log position, and when they were recorded
    :param known: of older events that they name: when they occurred, and their ranks
    """
    if not any(pem.predecessors for pem, *_ in pems):
        return {}
    new = {pem.id: (pem.occurred_us, position) for pem, position, _ in pems}
    named: dict[str, list[str]] = {}
    older: dict[str, int] = {}
    for pem, *_ in pems:
        for id_ in pem.predecessors:
            occurred_us, rank = new.get(id_) or known.get(id_) or (None, 0)
            if occurred_us != pem.occurred_us:
                continue
            named.setdefault(pem.id, []).append(id_)
            if id_ not in new:
                older[id_] = rank
    return {
        id_: Place(rank, _late(new[id_][1], [new[each][1] for each in named[id_] if each in new]))
        for id_, rank in ranks(named, older).items()
    }


def replaced(members: Mapping[_Event, Member[_Event]]) -> dict[_Event, Place]:
    """
    Return the events of groups that have other places now, with these.

    :param members: events that came late, and all that come after these in their groups
    """
    known = {event: rank for each in members.values() for event, (_, rank) in each.named.items()}
    found = ranks({event: each.named.keys() for event, each in members.items()}, known)
    places = {
        event: Place(
            rank, _late(members[event].position, [position for position, _ in members[event].named.values()])
        )
        for event, rank in found.items()
    }
    return {event: place for event, place in places.items() if place != members[event].place}


def _late(position: int, named: Iterable[int]) -> int:
    return max((earlier for earlier in named if earlier > position), default=0)
