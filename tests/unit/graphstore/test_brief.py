"""The embedded store's reader for callers that cannot wait, and what walks remember."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.errors import TakesLongerError
from provgraph.graphstore import Direction, EmbeddedGraphStore, Walk, WalkQuery, WalkStart
from provgraph.graphstore.embedded import walker
from tests.contract.builders import pem, pem_id
from tests.contract.graphstore.history import histories
from tests.contract.graphstore.stores import OPENERS, apply
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from provgraph.graphstore import GraphReader
    from tests.contract.graphstore.history import Made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedGraphStore]:
    with closing(EmbeddedGraphStore(tmp_path)) as opened:
        yield opened


def upstream(reader: GraphReader, number: int, *, depth: int | None = None) -> Walk:
    return reader.walk(WalkQuery(WalkStart((pem_id(number),)), Direction.UPSTREAM, depth, 1_000_000))


def used(walk: Walk) -> list[tuple[str, str | None]]:
    return [(use[1], use[2]) for use in walk.uses]


def test_a_brief_reader_says_what_the_store_says(store: EmbeddedGraphStore) -> None:
    apply(store, pem(1, produces=["table"]), pem(2, at=1, uses=["table"], produces=["model"], after=[1]))
    brief = store.brief()
    assert upstream(brief, 2) == upstream(store, 2)
    assert brief.versions("model") == store.versions("model") == [pem_id(2)]
    assert (brief.has_pem(pem_id(1)), brief.has_pem(pem_id(9))) == (True, False)
    assert (brief.has_artifact("table"), brief.has_artifact("chair")) == (True, False)
    assert brief.resolutions_changed_at() == store.resolutions_changed_at() == 0


def test_a_walk_over_many_events_is_given_up(store: EmbeddedGraphStore) -> None:
    apply(store, *(pem(number, after=[number - 1] if number > 1 else []) for number in range(1, 1_200)))
    with pytest.raises(TakesLongerError, match="1000 events"):
        upstream(store.brief(), 1_199)
    assert len(upstream(store.brief(), 900).pems) == 900
    assert len(upstream(store, 1_199).pems) == 1_199


def test_a_walk_over_one_event_with_very_many_uses_is_given_up(store: EmbeddedGraphStore) -> None:
    apply(store, pem(1, uses=[f"a{number}" for number in range(20_000)]))
    with pytest.raises(TakesLongerError, match="steps"):
        upstream(store.brief(), 1)
    assert len(upstream(store, 1).uses) == 20_000
    # The connection that was interrupted serves again.
    assert store.brief().has_pem(pem_id(1))


def test_the_versions_of_a_hot_artifact_are_given_up(store: EmbeddedGraphStore) -> None:
    apply(store, *(pem(number, produces=["hot"]) for number in range(1, 20_001)))
    with pytest.raises(TakesLongerError, match="steps"):
        store.brief().versions("hot")
    assert store.brief().versions("hot", limit=1) == [pem_id(20_000)]


def test_what_a_late_event_changes_is_not_remembered_as_it_was(store: EmbeddedGraphStore) -> None:
    apply(store, pem(1, at=1, produces=["table"]), pem(3, at=3, uses=["table"]))
    assert used(upstream(store, 3)) == [("table", pem_id(1))]
    apply(store, pem(2, at=2, produces=["table"]))
    assert used(upstream(store, 3)) == [("table", pem_id(2))]


def test_a_placeholder_is_not_remembered_as_one(store: EmbeddedGraphStore) -> None:
    apply(store, pem(2, at=2, after=[1]))
    assert upstream(store, 2).pems[1][2] is None
    apply(store, pem(1, at=1, uses=["raw"]))
    found = upstream(store, 2)
    assert (found.pems[1][2], used(found)) == ("train", [("raw", None)])


def test_a_cleared_graph_remembers_nothing(store: EmbeddedGraphStore) -> None:
    apply(store, pem(1, produces=["table"]), pem(2, at=1, uses=["table"]))
    upstream(store, 2)
    store.clear()
    apply(store, pem(2, uses=["chair"]))
    assert used(upstream(store, 2)) == [("chair", None)]


def test_memory_is_bounded_within_one_walk_too(
    store: EmbeddedGraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walker, "_REMEMBERED_PEMS", 10)
    monkeypatch.setattr(walker, "_REMEMBERED_EDGES", 10)
    apply(store, *(pem(number, after=[number - 1] if number > 1 else []) for number in range(1, 200)))
    memory = store._served.memory
    for _ in range(2):
        assert len(upstream(store, 199).pems) == 199
        assert len(memory._pems[1]) < 20
        assert len(memory._causes[1]) < 20


@given(history=histories().filter(len), data=st.data())
@settings(deadline=None, max_examples=examples(20))
def test_remembering_changes_no_answer(history: Sequence[Made], data: st.DataObject) -> None:
    embedded = OPENERS["embedded"]
    with embedded.empty() as asked_all_along, embedded.empty() as asked_once:
        for made in history:
            apply(asked_all_along, made.event())
            apply(asked_once, made.event())
            for earlier in history:
                upstream(asked_all_along, int(earlier.id, 16))
        start = data.draw(st.sampled_from(list(history)))
        depth = data.draw(st.none() | st.integers(1, 4))
        expected = upstream(asked_once, int(start.id, 16), depth=depth)
        assert upstream(asked_all_along, int(start.id, 16), depth=depth) == expected
