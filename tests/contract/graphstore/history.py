"""
Histories of events, and what a graph must make of them.

`Reference` is slow and plain on purpose: it looks at the set of events alone, applies the rule that
`provgraph.graphstore.base` states, and leaves reachability to networkx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import networkx as nx
from hypothesis import strategies as st

from provgraph.graphstore import ProductionFacts, UseFacts
from tests.contract.builders import pem, pem_id, version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provgraph.events import NewEvent


class Made(NamedTuple):
    """An event of a history; artifacts as (name, version)."""

    number: int
    at: int
    uses: tuple[tuple[str, str | None], ...] = ()
    produces: tuple[tuple[str, str | None], ...] = ()
    after: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        return pem_id(self.number)

    @property
    def ending(self) -> dict[str, str]:
        """How it says that its work ended, as answers tell it: one in two says something."""
        said = {
            0: {"outcome": "failed", "error": f"number {self.number}"},
            2: {"outcome": "aborted"},
            4: {"error": "no more than that"},
        }
        return said.get(self.number % 6, {})

    @property
    def moment(self) -> tuple[int, str]:
        return self.at, self.id

    def event(self) -> NewEvent:
        return pem(
            self.number,
            at=self.at,
            uses=[_stated(*use) for use in self.uses],
            produces=[_stated(*production) for production in self.produces],
            after=self.after,
            **{name.capitalize(): value for name, value in self.ending.items()},
        )


def _stated(name: str, label: str | None) -> dict[str, str] | str:
    return name if label is None else version(name, label)


_NAMES = st.sampled_from("ab")
_NUMBERS = st.integers(1, 7)
_LABELS = st.none() | st.none() | st.sampled_from("xy") | _NUMBERS.map(pem_id)


def _first_of_each_name(productions: Sequence[tuple[str, str | None]]) -> tuple[tuple[str, str | None], ...]:
    return tuple({name: (name, label) for name, label in reversed(productions)}.values())


@st.composite
def histories(draw: st.DrawFn, labels: st.SearchStrategy[str | None] = _LABELS) -> list[Made]:
    """Generate events with few names, ties in time, labels, predecessors that never come, and cycles."""
    artifacts = st.lists(st.tuples(_NAMES, labels), max_size=2)
    numbers = draw(st.lists(_NUMBERS, max_size=7, unique=True))
    return [
        Made(
            number,
            draw(st.integers(0, 3)),
            tuple(dict.fromkeys(draw(artifacts))),
            _first_of_each_name(draw(artifacts)),
            tuple(draw(st.sets(st.integers(1, 9), max_size=2)) - {number}),
        )
        for number in numbers
    ]


class Reference:
    """What a graph of a set of events must be."""

    def __init__(self, history: Iterable[Made]) -> None:
        self.events = {made.id: made for made in history}

    def producer(self, user: Made, name: str, label: str | None) -> str | None:
        """Return the event whose version of an artifact ``user`` used, or None: it came from outside."""
        versions = {made.moment: made for made in self.events.values() if name in dict(made.produces)}
        named = self.events.get(label or "")
        if named is not None and named is not user and named.moment in versions:
            return named.id
        if label is not None:
            versions = {key: made for key, made in versions.items() if dict(made.produces)[name] == label}
        before = [moment for moment in versions if moment < user.moment]
        if before:
            return versions[max(before)].id
        earliest = versions[min(versions)] if versions else None
        return None if earliest in (None, user) else earliest.id

    def uses(self, made: Made) -> tuple[UseFacts, ...]:
        """Return an event's uses, resolved, in the order of `PemFacts`."""
        facts = [UseFacts(name, label, self.producer(made, name, label)) for name, label in made.uses]
        return tuple(sorted(facts, key=lambda use: (use.artifact, use.version or "")))

    def produces(self, made: Made) -> tuple[ProductionFacts, ...]:
        """Return what an event produced, in the order of `PemFacts`."""
        return tuple(ProductionFacts(name, label, None, None) for name, label in sorted(made.produces))

    def placeholders(self) -> list[str]:
        """Return the predecessors that are not there."""
        named = {pem_id(number) for made in self.events.values() for number in made.after}
        return sorted(named - self.events.keys())

    def artifacts(self) -> list[str]:
        """Return the names of all artifacts."""
        return sorted({name for made in self.events.values() for name, _ in (*made.uses, *made.produces)})

    def versions(self, artifact: str) -> list[str]:
        """Return the events that produced an artifact, the latest first."""
        found = [made for made in self.events.values() if artifact in dict(made.produces)]
        return [made.id for made in sorted(found, key=lambda made: made.moment, reverse=True)]

    def is_out_of_order(self, user_id: str, producer_id: str | None) -> bool:
        """Tell whether a use comes before the version it used."""
        return producer_id is not None and self.events[producer_id].moment > self.events[user_id].moment

    def causes(self) -> nx.DiGraph[str]:
        """Return the graph of events, with an edge from each event to each one that it followed from."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from([*self.events, *self.placeholders()])
        for made in self.events.values():
            graph.add_edges_from((made.id, pem_id(number)) for number in made.after)
            graph.add_edges_from(
                (made.id, use.producer) for use in self.uses(made) if use.producer is not None
            )
        return graph
