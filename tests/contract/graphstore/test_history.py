"""Looking back: what was known up to a position, what was the case up to a time, and both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.eventlog import InMemoryEventLog
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import (
    ArtifactState,
    Checkpoint,
    Effect,
    EmitterState,
    GraphStore,
    Mismatch,
    Moment,
    Production,
    TagFacts,
    Unseen,
    View,
    project,
)
from tests.contract.builders import at_us, pem, pem_id, version
from tests.contract.graphstore.history import Made, histories
from tests.contract.graphstore.stores import EPOCH, EmbeddedOpener, apply
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provgraph.events import NewEvent, RecordedEvent
    from provgraph.graphstore import HistoryReader
    from tests.contract.graphstore.stores import Neo4jOpener

ALL = View(1_000_000)


def by(seconds: float, position: int = 1_000_000) -> View:
    """Return what occurred up to so many seconds after the builders' start, and was recorded up to a position."""
    return View(position, at_us(seconds))


def made_by(number: int, at: float, position: int, **facts: Any) -> Production:
    """Return a production by an event; it says nothing more unless stated."""
    stated = {"version": None, "digest": None, "kind": None, "properties": "{}", **facts}
    return Production(pem_id(number), at_us(at), position, **stated)


def all_artifacts(store: HistoryReader, view: View, *, size: int = 100) -> list[ArtifactState]:
    """Return the artifacts of a view, read in pages."""
    found: list[ArtifactState] = []
    while page := store.artifact_states(view, after=found[-1].name if found else "", limit=size):
        found += page
    return found


def all_tags(store: HistoryReader, view: View, *, size: int = 100) -> list[TagFacts]:
    """Return the tags of a view, read in pages."""
    found: list[TagFacts] = []
    while page := store.tag_states(view, after=found[-1][:2] if found else ("", ""), limit=size):
        found += page
    return found


def all_unseen(store: HistoryReader, view: View, *, size: int = 100) -> list[Unseen]:
    """Return what a view's events name and did not see, read in pages."""
    found: list[Unseen] = []
    while page := store.unseen(view, after=found[-1].event_id if found else "", limit=size):
        found += page
    return found


def all_mismatches(store: HistoryReader, view: View, *, size: int = 100) -> list[Mismatch]:
    """Return the mismatches of a view, read in pages."""
    found: list[Mismatch] = []
    after = ("", "", "")
    while page := store.mismatches(view, after=after, limit=size):
        found += page
        after = (page[-1].event_id, page[-1].artifact, page[-1].version or "")
    return found


def latest(store: HistoryReader, view: View) -> dict[str, str | None]:
    """Return for each artifact of a view the event that produced its latest version."""
    return {
        state.name: None if state.production is None else state.production.event_id
        for state in all_artifacts(store, view)
    }


# ------------------------------------------------------------------------------------------------ events and edges


def test_events_are_told_with_all_their_edges_and_those_that_are_not_there_are_left_out(
    store: GraphStore,
) -> None:
    apply(
        store,
        pem(1, at=1, produces=[{"Name": "a", "Version": "v", "Properties": {"x": 1}}]),
        pem(2, at=2, uses=["a", "b"], after=[1, 9]),
        pem(3, at=3),
    )

    found = store.events([pem_id(2), pem_id(9), pem_id(1), pem_id(7), pem_id(2)])

    assert sorted(found) == list(store.pems())[:2]
    assert store.events([]) == []


def test_the_effects_of_events_come_in_the_order_of_the_emitters_clocks(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["a", version("b", "v1")]),
        pem(7, at=4, uses=["a"]),
        pem(6, at=4, uses=["a", "b", version("b", "v1")], after=[2, 1]),
        pem(5, at=2, after=[1]),
        pem(2, at=3, uses=["a"], produces=["c"]),
        pem(8, at=0, uses=["a"]),
        pem(9, at=9, uses=["c"]),
    )
    expected = [
        Effect(pem_id(1), pem_id(8), at_us(0), 6, "a", None),
        Effect(pem_id(1), pem_id(5), at_us(2), 4, None, None),
        Effect(pem_id(1), pem_id(2), at_us(3), 5, "a", None),
        Effect(pem_id(1), pem_id(6), at_us(4), 3, None, None),
        Effect(pem_id(2), pem_id(6), at_us(4), 3, None, None),
        Effect(pem_id(1), pem_id(6), at_us(4), 3, "a", None),
        Effect(pem_id(1), pem_id(6), at_us(4), 3, "b", None),
        Effect(pem_id(1), pem_id(6), at_us(4), 3, "b", "v1"),
        Effect(pem_id(1), pem_id(7), at_us(4), 2, "a", None),
        Effect(pem_id(2), pem_id(9), at_us(9), 7, "c", None),
    ]

    assert store.effects([pem_id(2), pem_id(1), pem_id(2), pem_id(4)], view=ALL, limit=100) == expected
    for limit in range(len(expected)):
        assert store.effects([pem_id(1), pem_id(2)], view=ALL, limit=limit) == expected[:limit]
    assert store.effects([], view=ALL, limit=5) == []


def test_a_placeholder_has_effects(store: GraphStore) -> None:
    apply(store, pem(2, at=2, after=[1]))

    assert store.effects([pem_id(1)], view=ALL, limit=5) == [
        Effect(pem_id(1), pem_id(2), at_us(2), 1, None, None),
    ]


def test_the_users_of_an_artifact_come_in_the_order_of_the_emitters_clocks(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=2, produces=[version("a", "v1")]),
        pem(5, at=1, uses=[version("a", "v2"), "b"]),
        pem(4, at=3, uses=["a"]),
        pem(2, at=9, produces=["a"]),
        pem(3, at=10, uses=[version("a", "v1"), "a"]),
    )
    expected = [
        Effect(None, pem_id(5), at_us(1), 2, "a", "v2"),
        Effect(pem_id(1), pem_id(4), at_us(3), 3, "a", None),
        Effect(pem_id(2), pem_id(3), at_us(10), 5, "a", None),
        Effect(pem_id(1), pem_id(3), at_us(10), 5, "a", "v1"),
    ]

    for limit in range(6):
        assert store.users("a", view=ALL, limit=limit) == expected[:limit]
    assert [use.event_id for use in store.users("b", view=ALL, limit=5)] == [pem_id(5)]
    assert store.users("c", view=ALL, limit=5) == []


def test_edges_lead_to_the_events_of_a_view_alone(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["a", "b"]),
        pem(2, at=9, uses=["a"]),
        pem(3, at=2, uses=["a", "b"], after=[1]),
        pem(4, at=3, uses=["a"]),
    )

    def ids(found: Sequence[Effect]) -> list[str]:
        return [effect.event_id for effect in found]

    assert ids(store.effects([pem_id(1)], view=View(2), limit=1)) == [pem_id(2)]
    assert ids(store.users("a", view=View(2), limit=1)) == [pem_id(2)]
    assert ids(store.effects([pem_id(1)], view=by(3), artifact="a", limit=9)) == [pem_id(3), pem_id(4)]
    assert ids(store.users("a", view=by(3), limit=9)) == [pem_id(3), pem_id(4)]
    assert ids(store.effects([pem_id(1)], view=ALL, named=True, limit=9)) == [pem_id(3)]
    assert store.effects([pem_id(1)], view=ALL, artifact="c", limit=9) == []


def test_a_use_that_names_an_event_recorded_after_a_view_is_no_version_that_was_taken_over(
    store: GraphStore,
) -> None:
    apply(
        store,
        pem(
            1,
            uses=[{"Name": "a"}, {"Name": "a", "Version": pem_id(2)}],
            produces=[{"Name": "a", "Version": pem_id(2)}],
        ),
        pem(2, produces=["a"]),
    )

    assert store.taken([pem_id(1)], view=View(1)) == []


@pytest.mark.parametrize("long", ["", "n" * 3_000])
def test_uses_that_versions_behind_a_view_took_are_found_beside_their_own(
    store: GraphStore, long: str
) -> None:
    a, label = "a" + long, "v" + long
    apply(
        store,
        pem(1, at=1, produces=[version(a, label)]),
        pem(2, at=5, uses=[a, version(a, label)]),
        pem(3, at=7, produces=[a]),
        pem(4, at=8, uses=[a, version(a, label)]),
        # What comes now is behind the view.
        pem(5, at=2, produces=[version(a, "other")]),
        pem(6, at=3, produces=[version(a, label)]),
        pem(7, at=9, uses=[a]),
    )

    found = store.taken([pem_id(1), pem_id(3)], view=View(4))

    assert sorted(found, key=str) == sorted(
        [
            Effect(pem_id(1), pem_id(2), at_us(5), 2, a, None),
            Effect(pem_id(1), pem_id(2), at_us(5), 2, a, label),
            Effect(pem_id(1), pem_id(4), at_us(8), 4, a, label),
        ],
        key=str,
    )
    assert store.taken([pem_id(1)], view=View(4), artifact="c") == []
    assert store.taken([pem_id(1)], view=View(7)) == []


def test_a_view_names_an_artifact_when_one_of_its_events_does(store: GraphStore) -> None:
    apply(store, pem(1, at=5, uses=["a"]), pem(2, at=1, uses=["a"], produces=["b"]))

    assert [store.names(ALL, name) for name in "abc"] == [True, True, False]
    assert [store.names(View(1), name) for name in "ab"] == [True, False]
    assert [store.names(by(4, 1), name) for name in "ab"] == [False, False]
    assert [store.names(by(4), name) for name in "ab"] == [True, True]


# ------------------------------------------------------------------------------------------------ productions


@pytest.fixture
def versions(store: GraphStore) -> GraphStore:
    """A store with five versions of an artifact, one of them late, and one of another."""
    apply(
        store,
        pem(1, at=1, produces=[version("a", "v1")]),
        pem(2, at=2, produces=[{"Name": "a", "Digest": "d", "Kind": "table", "Properties": {"x": [1]}}]),
        pem(4, at=4, produces=["a", "once"]),
        pem(5, at=4, produces=[version("a", "v1")]),
    )
    apply(store, pem(3, at=3, produces=["a"]))
    return store


def numbers(found: Sequence[Production]) -> list[int]:
    """Return the numbers of the events."""
    return [int(production.event_id, 16) for production in found]


def test_productions_come_with_what_was_said_of_the_version(versions: GraphStore) -> None:
    assert versions.productions("a", limit=10) == [
        made_by(5, 4, 4, version="v1"),
        made_by(4, 4, 3),
        made_by(3, 3, 5),
        made_by(2, 2, 2, digest="d", kind="table", properties='{"x":[1]}'),
        made_by(1, 1, 1, version="v1"),
    ]


def test_productions_lie_between_moments_that_are_not_counted_in(versions: GraphStore) -> None:
    two, four = Moment(at_us(2), 0, pem_id(2)), Moment(at_us(4), 0, pem_id(4))

    assert numbers(versions.productions("a", before=four, limit=10)) == [3, 2, 1]
    assert numbers(versions.productions("a", before=Moment(at_us(4), 0, pem_id(5)), limit=1)) == [4]
    assert numbers(versions.productions("a", after=two, newest_first=False, limit=10)) == [3, 4, 5]
    assert numbers(versions.productions("a", after=two, before=four, limit=10)) == [3]
    assert numbers(versions.productions("a", after=Moment(at_us(9), 0, pem_id(0)), limit=10)) == []
    assert numbers(versions.productions("a", newest_first=False, limit=2)) == [1, 2]
    assert numbers(versions.productions("a", limit=0)) == []


def test_an_only_production_is_found_as_others_are(versions: GraphStore) -> None:
    at = Moment(at_us(4), 0, pem_id(4))

    assert versions.productions("once", limit=10) == [made_by(4, 4, 3)]
    assert versions.productions("once", before=Moment(at_us(4), 0, pem_id(5)), limit=10) == [made_by(4, 4, 3)]
    assert versions.productions("once", before=at, limit=10) == []
    assert versions.productions("once", after=at, newest_first=False, limit=10) == []
    assert versions.productions("once", limit=0) == []


def test_productions_of_a_version_are_those_that_state_it(versions: GraphStore) -> None:
    assert numbers(versions.productions("a", version="v1", limit=10)) == [5, 1]
    assert numbers(versions.productions("a", version="v1", newest_first=False, limit=1)) == [1]
    assert numbers(
        versions.productions("a", version="v1", before=Moment(at_us(4), 0, pem_id(5)), limit=10)
    ) == [1]
    assert numbers(versions.productions("a", version="v2", limit=10)) == []
    assert numbers(versions.productions("a", version=pem_id(1), limit=10)) == []
    assert numbers(versions.productions("b", version="v1", limit=10)) == []


def test_what_was_never_produced_has_no_productions(store: GraphStore) -> None:
    apply(store, pem(1, uses=["a"]))

    assert store.productions("a", limit=10) == store.productions("b", limit=10) == []


# ------------------------------------------------------------------------------------------------ artifacts


def test_the_artifacts_of_a_position_are_those_that_were_recorded_by_then(store: GraphStore) -> None:
    apply(store, pem(1, at=9, uses=["b"]), pem(2, at=8, produces=["a"]))
    apply(store, pem(3, at=7, produces=["b", "c"]))
    apply(store, pem(4, at=10, produces=["a"]), pem(5, at=7.5, produces=["a"]))

    assert latest(store, View(0)) == {}
    assert latest(store, View(1)) == {"b": None}
    assert latest(store, View(2)) == {"a": pem_id(2), "b": None}
    assert latest(store, View(3)) == {"a": pem_id(2), "b": pem_id(3), "c": pem_id(3)}
    assert latest(store, View(4)) == {"a": pem_id(4), "b": pem_id(3), "c": pem_id(3)}
    assert latest(store, ALL) == latest(store, View(5)) == latest(store, View(4))


def test_the_artifacts_of_a_time_are_those_that_events_named_by_then(store: GraphStore) -> None:
    apply(store, pem(1, at=9, uses=["b"]), pem(2, at=8, produces=["a"]), pem(3, at=7, produces=["b"]))
    apply(store, pem(4, at=10, produces=["a"]), pem(5, at=7.5, produces=["a"]), pem(6, at=6, uses=["a"]))

    assert latest(store, by(5)) == {}
    assert latest(store, by(6)) == {"a": None}
    assert latest(store, by(7)) == {"a": None, "b": pem_id(3)}
    assert latest(store, by(7.5)) == {"a": pem_id(5), "b": pem_id(3)}
    assert latest(store, by(8)) == latest(store, by(9.9)) == {"a": pem_id(2), "b": pem_id(3)}
    assert latest(store, by(10)) == {"a": pem_id(4), "b": pem_id(3)}


def test_an_artifact_that_each_clock_knows_but_none_of_the_events_by_both_is_not_there(
    store: GraphStore,
) -> None:
    apply(
        store,
        pem(1, at=9, uses=["used"], produces=["made"]),
        pem(2, at=1, uses=["other"]),
        pem(3, at=1, uses=["used"], produces=["made"]),
        pem(4, at=8, produces=["used"]),
    )

    assert latest(store, by(5, 2)) == {"other": None}
    assert latest(store, by(5, 3)) == {"made": pem_id(3), "other": None, "used": None}
    assert latest(store, by(8, 3)) == {"made": pem_id(3), "other": None, "used": None}
    assert latest(store, by(8, 4)) == {"made": pem_id(3), "other": None, "used": pem_id(4)}
    assert latest(store, by(9, 2)) == {"made": pem_id(1), "other": None, "used": None}


def test_an_artifact_that_was_only_used_is_there_by_both_clocks(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, uses=["a"]),
        pem(2, at=2, produces=["a"]),
        pem(3, at=3, uses=["a"]),
        pem(4, at=0, produces=["a"]),
        pem(5, at=0.5, uses=["b"]),
    )

    assert latest(store, by(1, 3)) == {"a": None}
    assert latest(store, by(1, 4)) == {"a": pem_id(4)}


def test_the_latest_production_of_a_view_may_be_one_of_many(store: GraphStore) -> None:
    apply(store, *(pem(number, at=number, produces=["a", "b"]) for number in range(1, 40)))
    apply(store, *(pem(100 - number, at=100 - number, produces=["a"]) for number in range(40)))

    for number in (1, 7, 39):
        assert latest(store, View(number))["a"] == latest(store, by(number))["a"] == pem_id(number)
        assert latest(store, by(7, number))["a"] == pem_id(min(7, number))
    assert latest(store, ALL) == {"a": pem_id(100), "b": pem_id(39)}
    assert latest(store, by(98.5))["a"] == pem_id(98)
    assert latest(store, by(98.5, 45))["a"] == pem_id(98)
    assert latest(store, by(50, 45))["a"] == pem_id(39)


def test_an_artifact_has_the_properties_of_its_latest_version(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=1, produces=["a", "b"]),
        pem(2, at=2, uses=[{"Name": "a", "Properties": {"x": 1}}]),
        pem(
            3,
            at=3,
            produces=[{"Name": "a", "Properties": {"x": 2}, "Version": "v", "Digest": "d", "Kind": "k"}],
        ),
    )
    second = made_by(3, 3, 3, properties='{"x":2}', version="v", digest="d", kind="k")

    assert all_artifacts(store, View(1))[0] == ArtifactState("a", "{}", made_by(1, 1, 1))
    assert all_artifacts(store, View(2))[0] == ArtifactState("a", "{}", made_by(1, 1, 1))
    assert all_artifacts(store, View(3)) == [
        ArtifactState("a", '{"x":2}', second),
        ArtifactState("b", "{}", made_by(1, 1, 1)),
    ]


def test_what_came_from_outside_has_the_properties_that_its_latest_use_gave(store: GraphStore) -> None:
    def use(number: int, at: int, **properties: int) -> NewEvent:
        return pem(number, at=at, uses=[{"Name": "a", "Properties": properties}])

    apply(store, use(1, 3, x=3), use(2, 1, x=1))
    apply(store, use(3, 4), pem(4, at=2, uses=[version("a", "v") | {"Properties": {"x": 2}}]), use(5, 0))

    def said(view: View) -> str:
        (state,) = all_artifacts(store, view)
        return state.properties

    assert [said(View(5)), said(View(1)), said(View(5, at_us(2))), said(View(3, at_us(2)))] == [
        *('{"x":3}', '{"x":3}', '{"x":2}', '{"x":1}')
    ]
    assert said(View(5, at_us(0))) == "{}"


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_artifacts_are_paged_by_the_code_points_of_their_names(store: GraphStore, size: int) -> None:
    names = [f"{letter}{number}" for letter in "aZÄ\U0001f600\ufffd" for number in (1, 2, 10)]
    apply(store, *(pem(number + 1, uses=[name]) for number, name in enumerate(names)))

    assert [state.name for state in all_artifacts(store, ALL, size=size)] == sorted(names)
    assert [state.name for state in all_artifacts(store, by(1, 7), size=size)] == sorted(names[:7])


# Keys stand for names that are so long; names that begin alike, or end where others go on, have theirs out of order.
LONG = [
    *("n" * 3_000 + end for end in ("b", "a", "Ä", "", "\U0001f600", "\ufffd", "c")),
    *("n" * size for size in (1_899, 1_900, 1_901, 1_999, 2_000, 2_001)),
    *(
        "n" * size + end
        for size in (1_899, 1_901, 1_998)
        for end in ("\x01", "Äx", "\U0010ffff", "\U0001f600x", "\ufffd")
    ),
    *("n", "n" * 1_899 + "z", "o", "Ä" * 2_000, "Ä" * 2_000 + "a", "Ä" * 2_000 + "b"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_long_names_are_paged_in_order_as_others_are(store: GraphStore, size: int) -> None:
    apply(
        store,
        *(
            pem(number, at=number, produces=[name], Tag=name, TagNamespace="n")
            for number, name in enumerate(LONG, 1)
        ),
    )

    assert [state.name for state in all_artifacts(store, ALL, size=size)] == sorted(LONG)
    assert [state.name for state in all_artifacts(store, View(9), size=size)] == sorted(LONG[:9])
    assert [move.tag for move in all_tags(store, ALL, size=size)] == sorted(LONG)
    assert [move.tag for move in all_tags(store, by(9), size=size)] == sorted(LONG[:9])
    assert [artifact.name for artifact in store.artifacts()] == sorted(LONG)
    assert [move.tag for move in store.tags()] == sorted(LONG)


@pytest.mark.parametrize("limit", [1, 3, 10, 100])
def test_effects_through_long_names_and_versions_are_told_by_them(store: GraphStore, limit: int) -> None:
    long = LONG[:7]
    labels = ["v" * 3_000 + str(number) for number in (3, 1, 2)]
    apply(
        store,
        pem(1, at=1, produces=[*long, version("b", labels[0])]),
        pem(2, at=2, produces=[version("b", labels[1])]),
        pem(3, at=3, uses=[*long, *(version("b", label) for label in labels), "b"]),
        pem(4, at=4, uses=["b"]),
    )
    expected = sorted(
        [
            *(Effect(pem_id(1), pem_id(3), at_us(3), 3, name, None) for name in long),
            Effect(pem_id(1), pem_id(3), at_us(3), 3, "b", labels[0]),
            Effect(pem_id(2), pem_id(3), at_us(3), 3, "b", labels[1]),
            Effect(pem_id(2), pem_id(3), at_us(3), 3, "b", None),
            Effect(pem_id(2), pem_id(4), at_us(4), 4, "b", None),
        ],
        key=lambda effect: (effect.occurred_us, effect.artifact or "", effect.version or ""),
    )

    assert store.effects([pem_id(1), pem_id(2)], view=ALL, limit=limit) == expected[:limit]


# ------------------------------------------------------------------------------------------------ tags


@pytest.fixture
def tagged(store: GraphStore) -> GraphStore:
    """A store with tags that were moved, by events in another order than their clocks', and by hand."""
    apply(
        store,
        pem(1, at=3, Tag="t", TagNamespace="n"),
        pem(2, at=1, Tag="t", TagNamespace="n"),
        pem(3, at=2, Tag="u"),
    )
    apply(store, pem(4, at=2, Tag="t", TagNamespace="n"), tag_set("n", "u", pem_id(1)))
    apply(store, pem(5, at=3, Tag="t", TagNamespace="n"), tag_set("n", "u", pem_id(2)))
    return store


def where(store: HistoryReader, view: View) -> dict[tuple[str, str], int]:
    """Return for each tag of a view the position of the move that counts."""
    return {(move.namespace, move.tag): move.position for move in all_tags(store, view)}


def test_at_a_position_a_tag_is_where_the_last_move_put_it(tagged: GraphStore) -> None:
    assert where(tagged, View(0)) == {}
    assert where(tagged, View(1)) == {("n", "t"): 1}
    assert where(tagged, View(3)) == {("n", "t"): 2, ("", "u"): 3}
    assert where(tagged, View(5)) == {("n", "t"): 4, ("", "u"): 3, ("n", "u"): 5}
    assert all_tags(tagged, ALL) == [
        TagFacts("", "u", pem_id(3), at_us(2), 3),
        TagFacts("n", "t", pem_id(5), at_us(3), 6),
        TagFacts("n", "u", pem_id(2), 7_000_000, 7),
    ]


def test_at_a_time_a_tag_is_where_the_latest_move_put_it_and_of_equal_ones_the_last(
    tagged: GraphStore,
) -> None:
    assert where(tagged, by(0)) == {("n", "u"): 7}  # by hand: on the log's clock, long before
    assert where(tagged, by(1)) == {("n", "u"): 7, ("n", "t"): 2}
    assert where(tagged, by(2)) == {("n", "u"): 7, ("n", "t"): 4, ("", "u"): 3}
    assert where(tagged, by(3)) == {("n", "u"): 7, ("n", "t"): 6, ("", "u"): 3}
    assert where(tagged, by(3, 5)) == {("n", "u"): 5, ("n", "t"): 1, ("", "u"): 3}
    assert where(tagged, by(2, 3)) == {("n", "t"): 2, ("", "u"): 3}
    assert where(tagged, View(10, 6_999_999)) == {("n", "u"): 5}


@pytest.mark.parametrize("view", [ALL, by(100)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_tags_are_paged_by_namespace_and_tag(store: GraphStore, size: int, view: View) -> None:
    names = [(namespace, tag) for namespace in ("", "b", "ba", "Ä", "\U0001f600") for tag in ("a", "A", "Ä")]
    apply(store, *(pem(number, Tag=tag, TagNamespace=name) for number, (name, tag) in enumerate(names, 1)))

    assert [move[:2] for move in all_tags(store, view, size=size)] == sorted(names)


def test_a_tag_that_moved_very_often_is_where_it_was_at_each_moment(store: GraphStore) -> None:
    many = 1_201
    apply(
        store,
        *(pem(number, at=number, Tag="t", Emitter=f"e{number % 2}") for number in range(1, many + 1)),
    )
    apply(store, pem(5_000, at=0.5, Tag="t"))

    for number in (1, 2, 499, 500, 501, 999, 1_000, 1_001, 1_200, many):
        expected = TagFacts("", "t", pem_id(number), at_us(number), number)
        assert store.tag_states(View(number), after=("", ""), limit=5) == [expected]
        assert store.tag_states(by(number + 0.5), after=("", ""), limit=5) == [expected]
    assert [move.position for move in all_tags(store, ALL)] == [many + 1]
    assert [move.position for move in store.tags()] == list(range(1, many + 2))


# ------------------------------------------------------------------------------------------------ emitters


def test_what_each_emitter_did_is_summed_up(store: GraphStore) -> None:
    apply(
        store,
        pem(1, at=10, Emitter="b", uses=["a"]),
        pem(2, at=5, Emitter="a"),
        pem(3, at=7, Emitter="b"),
        pem(4, at=8, Emitter="b", produces=["a"]),
        pem(5, at=9, Emitter="Ä", after=[99]),
    )

    def delay(at: float, position: int) -> int:
        return position * 1_000_000 - at_us(at)

    delays = [delay(10, 1), delay(7, 3), delay(8, 4)]
    assert store.emitter_states(ALL) == [
        EmitterState("a", 1, 0, at_us(5), at_us(5), 2, *[delay(5, 2)] * 3),
        EmitterState("b", 3, 2, at_us(7), at_us(10), 4, min(delays), max(delays), sum(delays)),
        EmitterState("Ä", 1, 1, at_us(9), at_us(9), 5, *[delay(9, 5)] * 3),
    ]
    assert store.emitter_states(by(8, 3)) == [
        EmitterState("a", 1, 0, at_us(5), at_us(5), 2, *[delay(5, 2)] * 3),
        EmitterState("b", 1, 0, at_us(7), at_us(7), 3, *[delay(7, 3)] * 3),
    ]
    assert store.emitter_states(View(0)) == []


def test_delays_add_up_however_long_they_are(store: GraphStore) -> None:
    many, end_us = 1_000, 253_402_300_799_999_999
    apply(store, *(pem(number, OccurredAt="9999-12-31T23:59:59.999999Z") for number in range(many)))

    (state,) = store.emitter_states(ALL)

    assert state.sum_of_delays_us == sum(position * 1_000_000 - end_us for position in range(1, many + 1))
    assert state.sum_of_delays_us < -(2**63)


# ------------------------------------------------------------------------------------------------ not seen


def test_what_a_view_names_and_does_not_hold_was_not_seen(store: GraphStore) -> None:
    apply(
        store,
        pem(5, at=5, after=[9, 1]),
        pem(4, at=4, after=[1]),
        pem(1, at=6, after=[8]),
        pem(6, at=1, after=[9]),
    )

    def unseen(number: int, named_by: int, times: int, position: int) -> Unseen:
        return Unseen(pem_id(number), pem_id(named_by), times, position)

    assert all_unseen(store, ALL) == [unseen(8, 1, 1, 3), unseen(9, 5, 2, 1)]
    assert all_unseen(store, View(1)) == [unseen(1, 5, 1, 1), unseen(9, 5, 1, 1)]
    assert all_unseen(store, View(2)) == [unseen(1, 4, 2, 2), unseen(9, 5, 1, 1)]
    assert all_unseen(store, by(5)) == [unseen(1, 4, 2, 2), unseen(9, 5, 2, 1)]
    assert all_unseen(store, by(4)) == [unseen(1, 4, 1, 2), unseen(9, 6, 1, 4)]
    assert all_unseen(store, by(4, 2)) == [unseen(1, 4, 1, 2)]
    assert all_unseen(store, View(0)) == []


@pytest.mark.parametrize("view", [ALL, View(40), by(1)])
def test_what_was_not_seen_is_paged(store: GraphStore, view: View) -> None:
    apply(store, *(pem(number, after=[200 - number, 300 - number]) for number in range(1, 41)))
    apply(store, pem(50))

    whole = all_unseen(store, view)

    assert [each.event_id for each in whole] == [pem_id(n) for n in (*range(160, 200), *range(260, 300))]
    assert all_unseen(store, view, size=7) == whole


def test_uses_of_what_lies_behind_them_or_was_not_seen_are_mismatches(store: GraphStore) -> None:
    apply(
        store,
        pem(3, at=3, uses=["a", "b", version("b", "v"), "out"], Emitter="e"),
        pem(4, at=4, produces=["a"]),
        pem(1, at=1, produces=[{"Name": "b", "Version": "v", "Properties": {"x": 1}}]),
        pem(2, at=2, uses=["b"]),
        pem(5, at=1, uses=["a"]),
    )
    behind = made_by(4, 4, 2)
    late = made_by(1, 1, 3, version="v", properties='{"x":1}')

    def mismatch(number: int, at: float, name: str, label: str | None, cause: Production) -> Mismatch:
        emitter = "e" if number == 3 else "trainer"
        return Mismatch(pem_id(number), at_us(at), emitter, name, label, cause)

    assert all_mismatches(store, ALL) == [
        mismatch(3, 3, "a", None, behind),
        mismatch(5, 1, "a", None, behind),
    ]
    assert all_mismatches(store, View(2)) == [
        mismatch(3, 3, "a", None, behind),
        mismatch(3, 3, "b", None, late),
        mismatch(3, 3, "b", "v", late),
    ]
    assert all_mismatches(store, by(3)) == all_mismatches(store, ALL)
    assert all_mismatches(store, by(2, 4)) == []
    assert all_mismatches(store, by(2)) == [mismatch(5, 1, "a", None, behind)]
    for size in (1, 2):
        assert all_mismatches(store, View(2), size=size) == all_mismatches(store, View(2))


# ------------------------------------------------------------------------------------------------ any history


@st.composite
def logs(draw: st.DrawFn) -> list[NewEvent]:
    """Generate a log: any history in any order, with tags, and with artifacts that some events describe."""
    events = [_said_more(draw, made) for made in draw(st.permutations(draw(histories())))]
    hands = st.builds(
        lambda tag, number: tag_set("n", tag, pem_id(number)), st.sampled_from("tu"), st.integers(1, 9)
    )
    for event in draw(st.lists(hands, max_size=2)):
        events.insert(draw(st.integers(0, len(events))), event)
    return events


def _said_more(draw: st.DrawFn, made: Made) -> NewEvent:
    def stated(name: str, label: str | None) -> dict[str, Any]:
        says = {"by": made.number} if draw(st.booleans()) else {}
        return {"Name": name, "Version": label, "Properties": says}

    tag = draw(st.none() | st.sampled_from("tu"))
    return pem(
        made.number,
        at=made.at,
        uses=[stated(*use) for use in made.uses],
        produces=[stated(*production) for production in made.produces],
        after=made.after,
        Emitter=f"e{made.number % 2}",
        **({} if tag is None else {"Tag": tag, "TagNamespace": "n"}),
    )


def views_of(log: InMemoryEventLog) -> Iterator[View]:
    """Yield every view that is another one."""
    times = [None, -1_000, 2_000_000, *(at_us(at) for at in range(-1, 5))]
    for position in (*range(log.head().position + 1), 1_000):
        yield from (View(position, as_of_us) for as_of_us in times)


def everything(store: HistoryReader, view: View) -> tuple[object, ...]:
    """Return all that depends on a view, read in small pages."""
    return (
        all_artifacts(store, view, size=1),
        all_tags(store, view, size=1),
        store.emitter_states(view),
        all_unseen(store, view, size=2),
        all_mismatches(store, view, size=2),
        *(store.names(view, name) for name in "abc"),
        *edges(store, view),
    )


def edges(store: HistoryReader, view: View) -> Iterator[object]:
    """Yield the edges that lead to events of a view, from every event of it, cut at several places."""
    ids = [pem_id(number) for number in range(10)]
    for limit in (1, 4, 100):
        yield store.effects(ids, view=view, limit=limit)
        yield store.effects(ids, view=view, named=True, limit=limit)
        yield from (store.effects(ids, view=view, artifact=name, limit=limit) for name in "ab")
        yield from (store.users(name, view=view, limit=limit) for name in "ab")
    there = [facts.id for facts in store.events(ids) if view.holds(facts.occurred_us, facts.position)]
    yield sorted(store.taken(there, view=view), key=str)
    yield from (sorted(store.taken(there, view=view, artifact=name), key=str) for name in "ab")


def whatever_the_view(store: HistoryReader, limit: int) -> list[object]:
    """Return the rest."""
    ids = [pem_id(number) for number in range(10)]
    moments = [None, Moment(at_us(1), 0, pem_id(3)), Moment(at_us(2), 0, pem_id(0))]
    return [
        sorted(store.events(ids)),
        *(
            store.productions(
                name, version=label, before=before, after=after, newest_first=newest_first, limit=limit
            )
            for name in "ab"
            for label in (None, "x")
            for before, after, newest_first in zip(moments, moments[::-1], (True, False, True), strict=True)
        ),
    ]


def followed(store: GraphStore, log: InMemoryEventLog, size: int) -> GraphStore:
    """Let a store follow a log in batches, and return it."""
    while read := log.read(after=store.checkpoint().position, limit=size):
        store.apply(project(read), expected=store.checkpoint(), to=Checkpoint(EPOCH, read[-1].position))
    return store


def a_log(events: Sequence[NewEvent]) -> InMemoryEventLog:
    log = InMemoryEventLog()
    log.append(list(events))
    return log


@settings(max_examples=examples(5))
@given(events=logs(), size=st.integers(1, 4), limit=st.integers(0, 12), data=st.data())
def test_any_history_looks_the_same_in_both(
    neo4j_stores: Neo4jOpener, events: list[NewEvent], size: int, limit: int, data: Any
) -> None:
    log = a_log(events)
    with EmbeddedOpener().empty() as embedded, neo4j_stores.empty() as neo4j:
        followed(embedded, log, 3)
        followed(neo4j, log, size)

        assert neo4j.digest() == embedded.digest()
        assert whatever_the_view(neo4j, limit) == whatever_the_view(embedded, limit)
        for view in data.draw(st.lists(st.sampled_from(list(views_of(log))), min_size=3, max_size=3)):
            assert everything(neo4j, view) == everything(embedded, view)


def _holds(view: View) -> Callable[[RecordedEvent], bool]:
    def holds(event: RecordedEvent) -> bool:
        occurred_us = getattr(event.content, "occurred_us", event.recorded_us)
        return view.holds(occurred_us, event.position)

    return holds


@settings(max_examples=examples(15))
@given(events=logs(), data=st.data())
def test_a_view_shows_what_a_graph_of_its_events_alone_would(events: list[NewEvent], data: Any) -> None:
    log = a_log(events)
    with EmbeddedOpener().empty() as whole, EmbeddedOpener().empty() as part:
        followed(whole, log, 3)
        view = data.draw(st.sampled_from(list(views_of(log))))
        held = list(filter(_holds(view), log.read(limit=100)))
        part.apply(project(held), expected=Checkpoint(), to=Checkpoint(EPOCH, 100))

        assert latest(whole, view) == latest(part, ALL)
        assert whole.emitter_states(view) == part.emitter_states(ALL)
        assert all_unseen(whole, view) == all_unseen(part, ALL)
        assert where(whole, view) == where(part, view)
