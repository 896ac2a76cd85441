"""Single items that are wrong, put right: whatever was done to them, and what comes later finds everything in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from provgraph.errors import CheckpointMismatchError
from provgraph.events import tag_set
from provgraph.graphstore import Checkpoint, Corrections, GraphStore, TagFacts
from tests.contract.builders import pem, pem_id, version
from tests.contract.graphstore.history import Made, histories
from tests.contract.graphstore.stores import EPOCH, apply

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
    "a tag is gone": Corrections(surplus_tags=[TagFacts("n", "latest", pem_id(2))]),
    "a tag points elsewhere": Corrections(tags=[TagFacts("n", "latest", pem_id(3))]),
    "a tag was made up": Corrections(tags=[TagFacts("n", "other", pem_id(3))]),
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
        assert wrong.versions("a") == right.versions("a")


@settings(max_examples=40)
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

        here, there = wrong.checkpoint(), right.checkpoint()
        wrong.apply([], expected=here, to=Checkpoint(EPOCH, there.position))
        right.apply([], expected=there, to=Checkpoint(EPOCH, there.position))
        for event in more:
            apply(wrong, event)
            apply(right, event)
        assert wrong.digest() == right.digest()


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
