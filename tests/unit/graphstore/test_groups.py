"""The places of events inside their moments."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from provgraph.graphstore.groups import FIRST, Member, Place, placed, ranks, replaced
from tests.contract.builders import pem, pem_id

_FEW = st.integers(0, 8)
named_by_event = st.dictionaries(_FEW, st.sets(_FEW, max_size=3), max_size=9).map(
    lambda named: {event: sorted(earlier & named.keys() - {event}) for event, earlier in named.items()}
)


def longest_chains(named: dict[int, list[int]]) -> dict[int, int]:
    """Return the same as `ranks`, as networkx has it."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(named)
    graph.add_edges_from((earlier, event) for event, all_ in named.items() for earlier in all_)
    circles = nx.condensation(graph)
    lengths: dict[int, int] = {}
    for circle in nx.topological_sort(circles):
        lengths[circle] = max((lengths[each] + 1 for each in circles.predecessors(circle)), default=0)
    return {event: lengths[circle] for event, circle in circles.graph["mapping"].items()}


@given(named_by_event)
def test_a_rank_is_the_length_of_the_longest_chain_and_a_circle_counts_as_0(
    named: dict[int, list[int]],
) -> None:
    assert ranks(named) == longest_chains(named)


@given(named_by_event)
def test_an_event_comes_after_those_that_it_names_unless_they_come_after_it_as_well(
    named: dict[int, list[int]],
) -> None:
    graph: nx.DiGraph[int] = nx.DiGraph((event, earlier) for event, all_ in named.items() for earlier in all_)
    found = ranks(named)

    for event, all_ in named.items():
        for earlier in all_:
            in_circle = nx.has_path(graph, earlier, event)
            assert found[event] == found[earlier] if in_circle else found[event] > found[earlier]


@given(named_by_event, st.data())
def test_what_is_known_of_some_need_not_be_found_out_again(
    named: dict[int, list[int]], data: st.DataObject
) -> None:
    whole = ranks(named)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(named)
    graph.add_edges_from((earlier, event) for event, all_ in named.items() for earlier in all_)
    first = data.draw(st.sampled_from(sorted(named))) if named else None
    after = set() if first is None else {first, *nx.descendants(graph, first)}

    some = ranks(
        {event: named[event] for event in after},
        {event: whole[event] for event in named if event not in after},
    )

    assert some == {event: whole[event] for event in after}


def test_a_chain_may_be_as_long_as_it_likes() -> None:
    length = 50_000

    found = ranks({number: [number - 1] if number else [] for number in reversed(range(length))})

    assert [found[number] for number in (0, 1, length - 1)] == [0, 1, length - 1]


def test_new_events_are_placed_among_those_of_their_own_moment_only() -> None:
    new = [
        pem(1, after=[9, 8]),
        pem(2, at=1, after=[1]),
        pem(3, after=[1, 4, 7]),
        pem(4),
        pem(5, at=1, after=[6]),
    ]
    pems = [(event.content, position, 0) for position, event in enumerate(new, 10)]
    at_us = pems[0][0].occurred_us  # type: ignore[attr-defined] # it is a Pem

    found = placed(pems, {pem_id(9): (at_us, 4), pem_id(8): (at_us - 1, 7)})  # type: ignore[arg-type]

    assert found == {pem_id(1): Place(5, 0), pem_id(3): Place(6, 13)}


def test_events_whose_places_stay_are_not_told() -> None:
    members: dict[int, Member[int]] = {
        1: Member(10, FIRST, {}),
        2: Member(5, FIRST, {1: (10, 0)}),
        3: Member(6, Place(8, 0), {2: (5, 0), 9: (1, 7)}),
        4: Member(7, Place(8, 0), {2: (5, 0), 8: (2, 9)}),
    }

    assert replaced(members) == {2: Place(1, 10), 4: Place(10, 0)}
