"""
What every question has to answer, worked out slowly from the events that a view counts and nothing else.

Networkx does the walking; `tests.contract.graphstore.history.Reference` the versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from tests.contract.builders import at_us, pem_id
from tests.contract.graphstore.history import Made, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.graphstore import View

Use = tuple[str, str, str | None, str]  # event, artifact, version used, version named


class Moved:
    """A tag that was set by hand, in between the events of a history."""

    def __init__(self, tag: str, number: int) -> None:
        self.tag = tag
        self.pem_id = pem_id(number)


class Told:
    """A log as the reference knows it: what stands at each position, one second apart."""

    def __init__(self, log: Sequence[Made | Moved]) -> None:
        self.log = log

    def at(self, view: View) -> Counted:
        """Return what counts in a view."""
        events = [
            (position, made)
            for position, made in enumerate(self.log, 1)
            if isinstance(made, Made) and view.holds(at_us(made.at), position)
        ]
        return Counted(
            self, view, {made.id: position for position, made in events}, [made for _, made in events]
        )


class Counted(Reference):
    """The events of a view, and every answer about them."""

    def __init__(self, told: Told, view: View, positions: dict[str, int], history: Iterable[Made]) -> None:
        super().__init__(history)
        self._told = told
        self._view = view
        self.positions = positions

    # ---- lineage

    def upstream(self, starts: Iterable[str], *, first: int, any_version: bool = False) -> dict[str, int]:
        """Return the distance of everything that led to events."""
        return _distances(self._causes(any_version=any_version), starts, first)

    def downstream(self, starts: Iterable[str], *, first: int, any_version: bool = False) -> dict[str, int]:
        """Return the distance of everything that events led to."""
        return _distances(self._causes(any_version=any_version).reverse(), starts, first)

    def _causes(self, *, any_version: bool) -> nx.DiGraph[str]:
        graph = self.causes()
        if any_version:
            for made in self.events.values():
                for name, _ in made.uses:
                    graph.add_edges_from((made.id, producer) for producer in self.versions(name))
        return graph

    def used_by(self, ids: Iterable[str]) -> set[Use]:
        """Return the uses of events."""
        return {
            (id_, use.artifact, use.producer, use.version or "")
            for id_ in ids
            if id_ in self.events
            for use in self.uses(self.events[id_])
        }

    def users(self, name: str) -> list[str]:
        """Return the events that used an artifact."""
        return [made.id for made in self.events.values() if name in dict(made.uses)]

    def endings(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return how events say that their work ended; nothing of those that never came."""
        return {id_: self.events[id_].ending if id_ in self.events else {} for id_ in ids}

    # ---- state

    def state(self) -> dict[str, str | None]:
        """Return every artifact with the event of its latest version; None: it came from outside."""
        return {name: next(iter(self.versions(name)), None) for name in self.artifacts()}

    def tags(self) -> dict[str, str]:
        """Return where each tag is."""
        moves: dict[str, list[tuple[int, int, str]]] = {}
        for position, item in enumerate(self._told.log, 1):
            # What is set by hand happens when it is recorded: a second of the test's log for each position.
            if isinstance(item, Moved) and position <= self._view.position:
                moved_us = position * 1_000_000
                if self._view.as_of_us is None or moved_us <= self._view.as_of_us:
                    order = 0 if self._view.as_of_us is None else moved_us
                    moves.setdefault(item.tag, []).append((order, position, item.pem_id))
        return {tag: max(found)[2] for tag, found in moves.items()}

    # ---- gaps

    def never_produced(self) -> list[str]:
        """Return the artifacts that are used and never produced."""
        return [name for name, version in sorted(self.state().items()) if version is None]

    def unseen(self) -> dict[str, int]:
        """Return the predecessors that never came, and how often they were named."""
        named = [pem_id(number) for made in self.events.values() for number in made.after]
        return {id_: named.count(id_) for id_ in self.placeholders()}

    def out_of_order(self) -> set[tuple[str, str, str, str]]:
        """Return the uses of a version that was made later: event, artifact, version named, version used."""
        return {
            (id_, name, named, producer)
            for id_, name, producer, named in self.used_by(self.events)
            if producer is not None and self.is_out_of_order(id_, producer)
        }


def _distances(graph: nx.DiGraph[str], starts: Iterable[str], first: int) -> dict[str, int]:
    nearest: dict[str, int] = {}
    for start in starts:
        for id_, distance in nx.single_source_shortest_path_length(graph, start).items():
            nearest[id_] = min(nearest.get(id_, first + distance), first + distance)
    return nearest
