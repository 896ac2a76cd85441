"""Large graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.graphstore import (
    Direction,
    WalkQuery,
    WalkStart,
)
from tests.contract.builders import pem, pem_id
from tests.contract.graphstore.stores import apply
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from provgraph.graphstore.neo4j import Neo4jGraphStore


def test_forty_layers_of_diamonds_are_walked_once(store: Neo4jGraphStore) -> None:
    width, layers = 10, 40
    apply(
        store,
        *(
            pem(
                layer * width + index + 1,
                at=layer,
                uses=[f"{layer - 1}-{below}" for below in range(width)] if layer else [],
                produces=[f"{layer}-{index}"],
            )
            for layer in range(layers)
            for index in range(width)
        ),
    )
    top, bottom = WalkStart((pem_id(width * layers),)), WalkStart((pem_id(1),))

    up = store.walk(WalkQuery(top, Direction.UPSTREAM, None, 100_000))
    down = store.walk(WalkQuery(bottom, Direction.DOWNSTREAM, None, 100_000))

    for walk in (up, down):
        assert len(walk.pems) == (layers - 1) * width + 1
        assert len(walk.uses) == (layers - 2) * width * width + width
        assert walk.cut_by is None


def test_an_event_with_very_many_effects_is_walked_up_to_the_limit(store: Neo4jGraphStore) -> None:
    many = quick_or_long(2_000, 20_000)
    apply(store, pem(1, at=1, produces=["hub"]))
    users = [
        pem(100 + number, at=2, uses=["hub"], produces=[f"x{number}"], after=[1]) for number in range(many)
    ]
    # The last of them is found earlier on another way.
    users[-1] = pem(99 + many, at=2, uses=["hub", "y"], after=[1])
    apply(store, *users[:-1], pem(50, at=1.5, uses=["hub"], produces=["y"]), users[-1])

    for start in (WalkStart((pem_id(1),)), WalkStart((pem_id(1),), "hub", outside=True)):
        whole = store.walk(WalkQuery(start, Direction.DOWNSTREAM, None, 100_000))
        assert len(whole.pems) == many + 1 + (start.artifact is None)
        for most in (1, 10, 700):
            part = store.walk(WalkQuery(start, Direction.DOWNSTREAM, None, most))
            assert (part.cut_by, part.pems) == ("limit", whole.pems[: len(part.pems)])
            found = {event[0] for event in part.pems}
            assert set(part.uses) == {
                use for use in whole.uses if use[0] in found and (use[2] in found or use[1] == start.artifact)
            }
            assert set(part.predecessors) == {edge for edge in whole.predecessors if found.issuperset(edge)}
