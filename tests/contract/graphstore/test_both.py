"""Two kinds of stores, one graph: the same events give the same digests and the same walks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.eventlog import InMemoryEventLog
from provgraph.families.artifact.events import artifacts_removed
from provgraph.families.pem.events import accept
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import Checkpoint, Direction, GraphStore, Walk, WalkQuery, WalkStart, project
from provgraph.graphstore.neo4j import downstream, upstream
from provgraph.graphstore.neo4j.statements import walks
from provgraph.sources.git import events, open_history
from tests.contract.builders import pem, pem_id
from tests.contract.graphstore.history import Made, histories
from tests.contract.graphstore.stores import EPOCH, EmbeddedOpener, apply
from tests.effort import examples, quick_or_long

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.events import NewEvent
    from tests.contract.graphstore.stores import Neo4jOpener

_HISTORY = Path(__file__).parents[2] / "data" / "git-history" / "svcs.ndjson.gz"


def follow(store: GraphStore, log: InMemoryEventLog, size: int) -> None:
    """Let a store follow a log in batches."""
    while read := log.read(after=store.checkpoint().position, limit=size):
        store.apply(project(read), expected=store.checkpoint(), to=Checkpoint(EPOCH, read[-1].position))


def comparable(walk: Walk) -> tuple[object, ...]:
    """Return what is the same in every store: all but the order within a level."""
    return (
        walk.checkpoint,
        sorted((depth, id_, facts) for id_, depth, *facts in walk.pems),
        sorted(walk.uses, key=str),
        sorted(walk.produces),
        sorted(walk.predecessors),
        walk.cut_by,
    )


def a_log(*events: NewEvent) -> InMemoryEventLog:
    log = InMemoryEventLog()
    log.append(list(events))
    return log


others = st.sampled_from(
    [
        tag_set("n", "t", pem_id(1)),
        artifacts_removed(["a", "b", "c"], report_id=pem_id(1)),
    ]
)


@settings(max_examples=examples(6))
@given(histories(), st.data())
def test_any_history_gives_the_same_graph_in_both(
    neo4j_stores: Neo4jOpener, history: list[Made], data: Any
) -> None:
    stated = [made.event() for made in history] + data.draw(st.lists(others, max_size=2, unique=True))
    log = a_log(*data.draw(st.permutations(stated)))
    with EmbeddedOpener().empty() as embedded, neo4j_stores.empty() as neo4j:
        follow(embedded, log, data.draw(st.integers(1, 4)))
        follow(neo4j, log, data.draw(st.integers(1, 4)))

        assert neo4j.digest() == embedded.digest()
        assert neo4j.counts() == embedded.counts()
        # (A log refuses a tag on an event that is not in it; then it marks nothing.)
        assert [flaw for flaw in neo4j.flaws() if flaw.what != "tag"] == []
        for name in "ab":
            assert neo4j.versions(name) == embedded.versions(name)
            for label in ("x", "y", pem_id(1), pem_id(3)):
                assert neo4j.versions(name, version=label) == embedded.versions(name, version=label)


_LIMITS = {
    "as they are": {},
    "reading ahead very little": {"MOST_EVENTS": 2, "MOST_EDGES": 3, "NARROW": 1},
    "reading nothing ahead": {"NARROW": -1, "MOST_EDGES": 2},
}


@pytest.mark.parametrize("limits", sorted(_LIMITS))
@settings(max_examples=examples(6))
@given(history=histories().filter(bool), depth=st.none() | st.integers(1, 4), data=st.data())
def test_walks_find_the_same_in_both_however_much_is_read_at_once(
    neo4j_stores: Neo4jOpener, limits: str, history: list[Made], depth: int | None, data: Any
) -> None:
    stated = [made.event() for made in history]
    starts = [WalkStart((made.id,)) for made in history]
    with (
        pytest.MonkeyPatch.context() as patched,
        EmbeddedOpener().filled(stated) as embedded,
        neo4j_stores.filled(stated) as neo4j,
    ):
        for name, value in _LIMITS[limits].items():
            for module in (upstream, downstream):
                patched.setattr(module, name, value)
        patched.setattr(downstream, "_FEW_EDGES", 1 if limits != "as they are" else downstream._FEW_EDGES)
        for name in "ab":
            versions = tuple(embedded.versions(name))
            starts += [WalkStart(versions, name, outside=True), WalkStart(versions[:1], name)]
        direction = data.draw(st.sampled_from(Direction))
        for start in starts:
            query = WalkQuery(start, direction, depth, 1_000)
            # Once without and once with what the first one left in memory.
            assert [comparable(neo4j.walk(query)) for _ in range(2)] == [comparable(embedded.walk(query))] * 2


def from_git(count: int) -> list[NewEvent]:
    history = open_history(_HISTORY)
    return [accept(orjson.loads(orjson.dumps(event))) for event in islice(events(history.commits()), count)]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_real_history_gives_the_same_graph_in_both(neo4j_stores: Neo4jOpener, is_reversed: bool) -> None:
    stated = from_git(quick_or_long(200, 2_000))
    log = a_log(*(reversed(stated) if is_reversed else stated))
    with EmbeddedOpener().empty() as embedded, neo4j_stores.empty() as neo4j:
        follow(embedded, log, 150)
        follow(neo4j, log, 97)

        assert neo4j.digest() == embedded.digest()
        assert list(neo4j.flaws()) == []
        assert neo4j.resolutions_changed_at() > 0 or not is_reversed
        for start in (stated[-1].event_id, stated[len(stated) // 2].event_id, stated[0].event_id):
            for direction in Direction:
                query = WalkQuery(WalkStart((start,)), direction, None, 100_000)
                assert comparable(neo4j.walk(query)) == comparable(embedded.walk(query))


def test_an_artifact_with_many_versions_gives_the_same_graph_in_both(neo4j_stores: Neo4jOpener) -> None:
    def stated(numbers: Iterable[int]) -> list[NewEvent]:
        return [
            pem(
                number + 1,
                at=number * 7 % 400,
                uses=["hot", f"x{number // 2}"],
                produces=["hot", f"x{number}"],
            )
            for number in numbers
        ]

    with EmbeddedOpener().empty() as embedded, neo4j_stores.empty() as neo4j:
        for store in (embedded, neo4j):
            apply(store, *stated(range(300)))
            apply(store, *stated(range(399, 299, -1)))

        assert neo4j.digest() == embedded.digest()
        assert neo4j.versions("hot") == embedded.versions("hot")
        assert neo4j.versions("hot", limit=7) == embedded.versions("hot", limit=7)


def test_reading_ahead_goes_no_further_than_there_are_statements() -> None:
    assert len(walks.CAUSES) == len(walks.EFFECTS) == walks.FURTHEST + 1
