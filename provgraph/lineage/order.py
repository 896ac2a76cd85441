"""
The order of a view's events on the emitters' clocks.

A graph keeps the order of all its events. Among those of a view it is another one in some moments: where an event names
a predecessor that occurred at its own moment and was recorded behind the view, it does not come after that in the view.
Such events, and those after them in their moments, are few, and their places in the view are worked out here.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from provgraph.graphstore import Moment, Production
from provgraph.graphstore.groups import ranks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provgraph.graphstore import HistoryReader, PemFacts, ProductionFacts, View

_READ_AT_ONCE = 500


class Order:
    """Where events of a view stand in the order of its events."""

    def __init__(self, moved: Mapping[str, PemFacts], places: Mapping[str, int]) -> None:
        """
        Note what stands elsewhere than in the whole graph.

        :param moved: the events of the view that may
        :param places: their ranks in the view
        """
        self.moved = moved
        self._places = places
        self._made: dict[str, list[Production]] = defaultdict(list)
        for facts in moved.values():
            for made in facts.produces:
                self._made[made.artifact].append(_production(facts, made, places[facts.id]))

    @classmethod
    def of(cls, graph: HistoryReader, view: View) -> Order:
        """Return the order of a view's events."""
        ids = graph.unsettled(view)
        if not ids:
            return AS_STORED
        moved = {
            facts.id: facts
            for begin in range(0, len(ids), _READ_AT_ONCE)
            for facts in graph.events(ids[begin : begin + _READ_AT_ONCE])
        }
        named: dict[str, list[str]] = {id_: [] for id_ in moved}
        settled: dict[str, int] = {}
        for link in graph.links(ids, view):
            named[link.event_id].append(link.named)
            settled[link.named] = link.rank
        return cls(moved, ranks(named, settled))

    @property
    def artifacts(self) -> set[str]:
        """What the events that may stand elsewhere produced: uses of these may mean other versions in the view."""
        return set(self._made)

    def moment_of(self, facts: PemFacts) -> Moment:
        """Return where an event stands."""
        return self.moment(facts.occurred_us, facts.rank, facts.id)

    def moment(self, occurred_us: int, rank: int, event_id: str) -> Moment:
        """
        Return where an event stands.

        :param rank: what the whole graph says
        """
        return Moment(occurred_us, self._places.get(event_id, rank), event_id)

    def may_differ(self, user_id: str, artifact: str) -> bool:
        """Tell whether an event's use of an artifact may mean another version than in the whole graph."""
        return bool(self.moved) and (user_id in self.moved or artifact in self._made)

    def productions(self, artifact: str, *, version: str | None = None) -> list[Production]:
        """
        Return the productions of an artifact that may stand elsewhere, with their places in the view.

        :param version: only those with this label
        """
        return [made for made in self._made.get(artifact, ()) if version in (None, made.version)]


def _production(facts: PemFacts, made: ProductionFacts, rank: int) -> Production:
    said = (made.version, made.digest, made.kind, made.properties)
    return Production(
        facts.id, facts.occurred_us, facts.position, *said, facts.outcome, facts.error, rank=rank
    )


AS_STORED = Order({}, {})
