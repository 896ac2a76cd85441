"""Single items that are wrong, put right: whatever was done to them, and what comes later finds everything in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from provgraph.errors import CheckpointMismatchError
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import (
    ArtifactFacts,
    Checkpoint,
    Corrections,
    GraphStore,
    PemFacts,
    ProductionFacts,
    TagFacts,
    UseFacts,
    View,
)
from tests.contract.builders import at_us, pem, pem_id, version
from tests.contract.graphstore.history import Made, histories
from tests.contract.graphstore.stores import EPOCH, apply
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.contract.graphstore.stores import Opener

EVENTS = [
    pem(1, at=1, produces=["a", version("b", "v1")], Tag="t"),
    pem(2, at=2, uses=["a", version("b", "v1")], produces=["a", "c"], after=[1, 9]),
    pem(3, at=3, uses=["a", "outside"], produces=[version("b", "v2")]),
    pem(4, at=4, uses=["b", version("a", 1), "c"], after=[3]),
    tag_set("n", "latest", pem_id(2)),
]
LATER = [
    pem(12, at=2.5, uses=["c"], produces=["a", version("b", "v1")]),
    pem(13, at=9, uses=["a", "b", "c", version("b", "v1"), "outside"], after=[4]),
    pem(11, at=0, produces=["outside", "c", "a"], uses=["a"]),
]


def corrections(right: GraphStore, wrong: GraphStore) -> Corrections:
    """Return what is to be corrected in ``wrong`` to make it like ``right``."""
    found = Corrections()
    _compare(right.pems(), wrong.pems(), lambda facts: facts.id, found.pems, found.surplus_pems)
    _compare(
        right.artifacts(),
        wrong.artifacts(),
        lambda facts: facts.name,
        found.artifacts,
        found.surplus_artifacts,
    )
    _compare(right.placeholders(), wrong.placeholders(), str, found.placeholders, found.surplus_placeholders)
    _compare(right.tags(), wrong.tags(), lambda tag: tag, found.tags, found.surplus_tags)
    return found


def _compare(
    right: Iterable[Any], wrong: Iterable[Any], key: Callable[[Any], Any], put: list[Any], surplus: list[Any]
) -> None:
    expected = {key(item): item for item in right}
    found = {key(item): item for item in wrong}
    put.extend(item for name, item in expected.items() if found.get(name) != item)
    surplus.extend(name for name in found if name not in expected)


def mend(right: GraphStore, wrong: GraphStore) -> None:
    """Make ``wrong`` like ``right``."""
    wrong.mend(corrections(right, wrong), expected=wrong.checkpoint())


DAMAGE = {
    "a PEM is gone": Corrections(surplus_pems=[pem_id(2)]),
    "two PEMs are gone": Corrections(surplus_pems=[pem_id(1), pem_id(4)]),
    "a placeholder is gone": Corrections(surplus_placeholders=[pem_id(9)]),
    "a placeholder was made up": Corrections(placeholders=[pem_id(77)]),
    "a tag is gone": Corrections(surplus_tags=[TagFacts("n", "latest", pem_id(2), 5_000_000, 5)]),
    "a tag points elsewhere": Corrections(tags=[TagFacts("n", "latest", pem_id(3), 5_000_000, 6)]),
    "a tag was made up": Corrections(tags=[TagFacts("n", "other", pem_id(3), 5_000_000, 5)]),
    "a tag was elsewhere before": Corrections(tags=[TagFacts("n", "latest", pem_id(3), 5_000_000, 2)]),
    "an artifact is another one": Corrections(
        artifacts=[ArtifactFacts("a", '{"x":9}', "2020-01-01 00:00:00", at_us(0.5), 4, 4)]
    ),
    "a PEM says something else": Corrections(
        pems=[
            PemFacts(
                *(pem_id(3), "test", "tester", '{"x":1}', "2020-01-01 00:00:00", at_us(7), 3, 9_000_000, ()),
                (UseFacts("a", None, pem_id(1), digest="d", kind="k"),),
                (ProductionFacts("b", None, "d", "k", '{"x":2}'), ProductionFacts("a", "v", None, None)),
            )
        ]
    ),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_mended_graph_is_right_and_goes_on_as_one_that_always_was(stores: Opener, damage: str) -> None:
    with stores.filled(EVENTS) as right, stores.filled(EVENTS) as wrong:
        wrong.mend(DAMAGE[damage], expected=wrong.checkpoint())
        assert wrong.digest() != right.digest()

        mend(right, wrong)
        assert (wrong.digest(), wrong.counts()) == (right.digest(), right.counts())

        for event in LATER:
            apply(right, event)
            apply(wrong, event)
        assert wrong.digest() == right.digest()
        assert list(wrong.flaws()) == []
        assert wrong.versions("a") == right.versions("a")


@settings(max_examples=examples(10))
@given(histories(), histories(), histories())
def test_any_graph_is_mended_to_be_any_other(
    stores: Opener, before: list[Made], after: list[Made], later: list[Made]
) -> None:
    known = {made.number for made in after}
    more = [made.event() for made in later if made.number not in known]
    with (
        stores.filled([made.event() for made in before]) as wrong,
        stores.filled([made.event() for made in after]) as right,
    ):
        mend(right, wrong)
        assert wrong.digest() == right.digest()
        assert list(wrong.flaws()) == []

        here, there = wrong.checkpoint(), right.checkpoint()
        wrong.apply([], expected=here, to=Checkpoint(EPOCH, there.position))
        right.apply([], expected=there, to=Checkpoint(EPOCH, there.position))
        for event in more:
            apply(wrong, event)
            apply(right, event)
        assert wrong.digest() == right.digest()
        assert list(wrong.flaws()) == []


def test_a_tag_that_moved_very_often_is_mended_wherever_it_was(stores: Opener) -> None:
    events = [pem(number, at=number % 700, Tag="t" if number % 5 else "u") for number in range(1, 1_400)]
    damage = Corrections(
        surplus_tags=[
            TagFacts("", "t" if number % 5 else "u", pem_id(number), 0, number)
            for number in (*range(1, 10), *range(497, 503), 700, 990, *range(1_200, 1_400))
        ],
        tags=[
            TagFacts("", "t", pem_id(1), at_us(number), number)
            for number in (5, 502, 700, 1_000, *range(1_390, 1_396))
        ]
        + [TagFacts("", name, pem_id(7), at_us(3), number) for name in "vw" for number in (9, 3)],
    )
    with stores.filled(events) as right, stores.filled(events) as wrong:
        wrong.mend(damage, expected=wrong.checkpoint())
        there = {(move.tag, move.position): move for move in right.tags()}
        for move in damage.surplus_tags:
            del there[move.tag, move.position]
        there.update(((move.tag, move.position), move) for move in damage.tags)
        assert list(wrong.tags()) == sorted(there.values(), key=lambda move: (move.tag, move.position))
        assert {
            move.tag: move.position for move in wrong.tag_states(View(9_999), after=("", ""), limit=9)
        } == {"t": 1_395, "u": 1_195, "v": 9, "w": 9}

        mend(right, wrong)
        assert wrong.digest() == right.digest()
        for graph in (right, wrong):
            apply(graph, pem(2_000, Tag="t"), pem(2_001, Tag="v"))
        assert wrong.digest() == right.digest()
        for view in (View(503), View(1_450), View(1_450, at_us(200))):
            ours = wrong.tag_states(view, after=("", ""), limit=9)
            assert ours == right.tag_states(view, after=("", ""), limit=9) != []


def test_mending_leaves_the_checkpoint_where_it_is(store: GraphStore) -> None:
    apply(store, *EVENTS)
    here = store.checkpoint()

    store.mend(DAMAGE["a PEM is gone"], expected=here)

    assert store.checkpoint() == here


def test_a_graph_that_moved_meanwhile_is_not_mended(store: GraphStore) -> None:
    apply(store, *EVENTS)
    here = store.checkpoint()
    apply(store, pem(5))
    digest = store.digest()

    with pytest.raises(CheckpointMismatchError):
        store.mend(DAMAGE["a PEM is gone"], expected=here)

    assert store.digest() == digest
