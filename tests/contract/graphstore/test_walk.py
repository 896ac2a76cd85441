"""Walks: networkx says what is to be found, how far it is, and what lies beyond a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.graphstore import Direction, GraphStore, Walk, WalkQuery, WalkStart
from tests.contract.builders import pem, pem_id, version
from tests.contract.graphstore.history import Made, Reference, histories
from tests.contract.graphstore.stores import apply
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.contract.graphstore.stores import Opener

UP, DOWN = Direction.UPSTREAM, Direction.DOWNSTREAM
depths = st.none() | st.integers(1, 4)


def walk(
    store: GraphStore,
    direction: Direction,
    *pem_ids: str,
    artifact: str | None = None,
    outside: bool = False,
    depth: int | None = None,
    max_nodes: int = 10_000,
    known_at: int | None = None,
    latest: bool = False,
) -> Walk:
    """Walk from events, or from an artifact's versions."""
    start = WalkStart(tuple(pem_ids), artifact, outside, latest)
    return store.walk(WalkQuery(start, direction, depth, max_nodes, known_at))


def found(result: Walk) -> dict[str, int]:
    """Return the depth of each event that a walk reached."""
    return {pem[0]: pem[1] for pem in result.pems}


def reached(graph: nx.DiGraph[str], starts: Iterable[str], *, first: int) -> dict[str, int]:
    """Return the shortest distance of each event from the nearest start, which is at ``first`` itself."""
    nearest: dict[str, int] = {}
    for start in starts:
        for id_, distance in nx.single_source_shortest_path_length(graph, start).items():
            nearest[id_] = min(nearest.get(id_, first + distance), first + distance)
    return nearest


def within(nearest: dict[str, int], depth: int | None) -> tuple[dict[str, int], str | None]:
    """Return what lies within a bound, and what a walk says when something lies beyond."""
    inside = {id_: distance for id_, distance in nearest.items() if depth is None or distance <= depth}
    return inside, None if len(inside) == len(nearest) else "depth"


def resolved_uses(reference: Reference) -> set[tuple[str, str, str | None, bool, str]]:
    """Return every use of a history as a walk gives it."""
    return {
        (
            made.id,
            use.artifact,
            use.producer,
            reference.is_out_of_order(made.id, use.producer),
            use.version or "",
        )
        for made in reference.events.values()
        for use in reference.uses(made)
    }


# ------------------------------------------------------------------------------------------------ any history


@settings(max_examples=examples(20))
@given(histories().filter(bool), depths, st.data())
def test_upstream_of_an_event_is_what_networkx_reaches(
    stores: Opener, history: list[Made], depth: int | None, data: st.DataObject
) -> None:
    reference = Reference(history)
    graph = reference.causes()
    start = data.draw(st.sampled_from(sorted(graph)))

    with stores.filled([made.event() for made in history]) as store:
        result = walk(store, UP, start, depth=depth)

    inside, cut_by = within(reached(graph, [start], first=0), depth)
    assert (found(result), result.cut_by) == (inside, cut_by)
    uses = {use for use in resolved_uses(reference) if use[0] in inside}
    assert set(result.uses) == uses
    assert set(result.produces) == {(use[2], use[1]) for use in uses if use[2] in inside}
    assert set(result.predecessors) == stated_predecessors(reference, inside)


@settings(max_examples=examples(20))
@given(histories().filter(bool), depths, st.data())
def test_downstream_of_an_event_is_what_networkx_reaches_backwards(
    stores: Opener, history: list[Made], depth: int | None, data: st.DataObject
) -> None:
    reference = Reference(history)
    graph = reference.causes().reverse()
    start = data.draw(st.sampled_from(sorted(graph)))

    with stores.filled([made.event() for made in history]) as store:
        result = walk(store, DOWN, start, depth=depth)

    inside, cut_by = within(reached(graph, [start], first=0), depth)
    assert (found(result), result.cut_by) == (inside, cut_by)
    assert set(result.uses) == {
        use for use in resolved_uses(reference) if use[0] in inside and use[2] in inside
    }
    assert set(result.produces) == productions(reference, inside)
    assert set(result.predecessors) == stated_predecessors(reference, inside)


@settings(max_examples=examples(15))
@given(histories(), depths)
def test_upstream_of_an_artifact_begins_at_the_versions_given(
    stores: Opener, history: list[Made], depth: int | None
) -> None:
    reference = Reference(history)
    for starts in (reference.versions("a"), reference.versions("a")[:1]):
        with stores.filled([made.event() for made in history]) as store:
            result = walk(store, UP, *starts, artifact="a", depth=depth)

        inside, cut_by = within(reached(reference.causes(), starts, first=1), depth)
        assert (found(result), result.cut_by) == (inside, cut_by)
        assert set(result.produces) >= {(start, "a") for start in starts}


@settings(max_examples=examples(20))
@given(histories(), depths, st.booleans(), st.data())
def test_downstream_of_an_artifact_begins_at_the_users_of_the_versions_given(
    stores: Opener, history: list[Made], depth: int | None, outside: bool, data: st.DataObject
) -> None:
    reference = Reference(history)
    versions = reference.versions("a")
    starts = data.draw(st.lists(st.sampled_from(versions), unique=True)) if versions else []
    first_uses = {
        use
        for use in resolved_uses(reference)
        if use[1] == "a" and (use[2] in starts or (outside and use[2] is None))
    }

    with stores.filled([made.event() for made in history]) as store:
        result = walk(store, DOWN, *starts, artifact="a", outside=outside, depth=depth)

    nearest = reached(reference.causes().reverse(), {use[0] for use in first_uses}, first=1)
    inside, cut_by = within(nearest, depth)
    assert (found(result), result.cut_by) == (inside, cut_by)
    assert set(result.uses) == {
        use
        for use in resolved_uses(reference)
        if use[0] in inside and (use in first_uses or use[2] in inside)
    }
    assert set(result.produces) == productions(reference, inside)


@settings(max_examples=examples(15))
@given(histories().filter(bool), depths, st.sampled_from(Direction), st.integers(1, 12))
def test_a_walk_that_stops_at_its_limit_is_the_beginning_of_the_whole_one(
    stores: Opener, history: list[Made], depth: int | None, direction: Direction, max_nodes: int
) -> None:
    with stores.filled([made.event() for made in history]) as store:
        whole = walk(store, direction, history[0].id, depth=depth)
        part = walk(store, direction, history[0].id, depth=depth, max_nodes=max_nodes)

    assert part.pems == whole.pems[: len(part.pems)]
    assert set(part.uses) <= set(whole.uses)
    if part.cut_by != "limit":
        assert part == whole


def productions(reference: Reference, inside: Iterable[str]) -> set[tuple[str, str]]:
    """Return what some events produced; placeholders produced nothing yet."""
    return {
        (id_, name) for id_ in inside if id_ in reference.events for name, _ in reference.events[id_].produces
    }


def stated_predecessors(reference: Reference, inside: Iterable[str]) -> set[tuple[str, str]]:
    """Return the predecessor edges between some events."""
    return {
        (made.id, pem_id(number))
        for made in reference.events.values()
        for number in made.after
        if made.id in inside and pem_id(number) in inside
    }


# ------------------------------------------------------------------------------------------------ by example


def test_events_come_nearest_first_each_once(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["raw"]),
        pem(2, at=2, uses=["raw"], produces=["left"]),
        pem(3, at=3, uses=["raw"], produces=["right"]),
        pem(4, at=4, uses=["left", "right"], produces=["top"]),
    )

    result = walk(store, UP, pem_id(4))

    assert [(pem[0], pem[1]) for pem in result.pems] == [
        (pem_id(number), depth) for number, depth in ((4, 0), (2, 1), (3, 1), (1, 2))
    ]


def test_a_walked_event_says_what_the_graph_knows_of_it(store: GraphStore) -> None:
    apply(store, pem(1, Type="ingest", Emitter="robot", after=[9]))

    result = walk(store, UP, pem_id(1))

    assert result.checkpoint == store.checkpoint()
    assert result.pems == [
        (pem_id(1), 0, "ingest", "robot", 1_767_323_045_000_000, 1, None, None),
        (pem_id(9), 1, None, None, None, None, None, None),
    ]


def test_a_cycle_is_walked_once_around(store: GraphStore) -> None:
    apply(store, pem(1, after=[3]), pem(2, after=[1]), pem(3, after=[2]))

    for direction in Direction:
        assert len(walk(store, direction, pem_id(1)).pems) == 3
        assert len(walk(store, direction, pem_id(1)).predecessors) == 3


def test_a_use_before_the_version_it_used_is_marked(store: GraphStore) -> None:
    apply(store, pem(1, at=5, produces=["a"]), pem(2, at=1, uses=["a"]), pem(3, at=9, uses=["a"]))

    assert walk(store, UP, pem_id(2)).uses == [(pem_id(2), "a", pem_id(1), True, "")]
    assert walk(store, UP, pem_id(3)).uses == [(pem_id(3), "a", pem_id(1), False, "")]


def test_updates_of_an_artifact_are_downstream_of_it(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["a"]),
        pem(2, at=2, uses=["a"], produces=["a"]),
        pem(3, at=3, uses=["a"]),
    )

    result = walk(store, DOWN, pem_id(2), pem_id(1), artifact="a", outside=True)

    assert found(result) == {pem_id(2): 1, pem_id(3): 1}


def test_only_the_users_of_the_version_asked_for_are_downstream(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["a", "b"]),
        pem(2, at=2, uses=["a"]),
        pem(3, at=2, uses=["b"]),
        pem(4, at=3, produces=["a"]),
        pem(5, at=4, uses=["a"]),
        pem(6, at=5, uses=[version("a", 1)]),
    )

    assert set(found(walk(store, DOWN, pem_id(1), artifact="a"))) == {pem_id(2), pem_id(6)}
    assert set(found(walk(store, DOWN, pem_id(4), artifact="a"))) == {pem_id(5)}


def test_uses_from_outside_are_downstream_only_when_asked_for(store: GraphStore) -> None:
    apply(store, pem(1, uses=["a"]), pem(2, uses=["b"]))

    assert found(walk(store, DOWN, artifact="a")) == {}
    assert found(walk(store, DOWN, artifact="a", outside=True)) == {pem_id(1): 1}


def test_an_event_that_is_not_there_leads_nowhere(store: GraphStore) -> None:
    assert walk(store, UP, pem_id(1)).pems == []


@pytest.mark.parametrize("direction", Direction)
def test_a_wide_level_is_cut_by_the_limit_and_all_its_edges_belong_to_it(
    store: GraphStore, direction: Direction
) -> None:
    hub = pem(1, at=1, produces=["hub"])
    users = [pem(10 + number, at=2, uses=["hub"], produces=[f"u{number}"]) for number in range(1_300)]
    last = pem(5_000, at=3, uses=[f"u{number}" for number in range(1_300)])
    apply(store, hub, *users, last)
    start = pem_id(5_000 if direction is UP else 1)

    part = walk(store, direction, start, max_nodes=1_700 if direction is UP else 700)
    whole = walk(store, direction, start)

    assert (part.cut_by, whole.cut_by, len(whole.pems)) == ("limit", None, 1_302)
    assert 1 < len(part.pems) < 1_302
    assert part.pems == whole.pems[: len(part.pems)]
    assert {use[0] for use in part.uses} <= set(found(part))


@pytest.mark.parametrize("direction", Direction)
def test_events_behind_a_position_are_left_out(store: GraphStore, direction: Direction) -> None:
    apply(store, pem(1, at=1, produces=["a"]), pem(2, at=2, uses=["a"], produces=["b"]))
    then = store.checkpoint().position
    before = [walk(store, direction, pem_id(number)).pems for number in (1, 2)]

    apply(store, pem(3, at=3, uses=["a", "b"], produces=["a"]), pem(4, at=4, uses=["a"], after=[1, 3]))

    assert [walk(store, direction, pem_id(number), known_at=then).pems for number in (1, 2)] == before


def test_versions_behind_a_position_have_no_users_yet(store: GraphStore) -> None:
    apply(store, pem(1, at=1, produces=["a"]), pem(2, at=2, uses=["a"]))
    then = store.checkpoint().position
    apply(store, pem(3, at=3, produces=["a"]), pem(4, at=4, uses=["a"]))

    result = walk(store, DOWN, pem_id(3), pem_id(1), artifact="a", outside=True, known_at=then)

    assert found(result) == {pem_id(2): 1}


def test_a_walk_from_the_latest_version_begins_at_the_one_that_is_the_latest_by_then(
    store: GraphStore,
) -> None:
    apply(store, pem(1, at=1, produces=["a"]), pem(2, at=5, uses=["a"], produces=["b"]))
    before = [walk(store, UP, artifact="b", latest=True) for _ in range(2)]
    apply(store, pem(3, at=6, uses=["b"], produces=["b"]))

    after = walk(store, UP, artifact="b", latest=True)

    assert [each.start for each in (*before, after)] == [(pem_id(2),), (pem_id(2),), (pem_id(3),)]
    assert [found(each) for each in before] == 2 * [{pem_id(2): 1, pem_id(1): 2}]
    assert found(after) == {pem_id(3): 1, pem_id(2): 2, pem_id(1): 3}
    assert after.produces == walk(store, UP, pem_id(3), artifact="b").produces


@pytest.mark.parametrize("name", ["outside", "nowhere"])
def test_what_has_no_version_has_no_latest_one_to_walk_from(store: GraphStore, name: str) -> None:
    apply(store, pem(1, uses=["outside"]))

    result = walk(store, UP, artifact=name, latest=True)

    assert (result.start, result.pems, result.uses, result.produces) == ((), [], [], [])
