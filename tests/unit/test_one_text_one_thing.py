"""
Every place where several texts become one that something is found by: different texts never give the same one.

A new place is added to `PLACES`. Texts hold no NUL: none is stored (`provgraph.events.canonical`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.client.calls import tag_segments
from provgraph.client.told import Change
from provgraph.exports import networks, parts, w3cprov
from provgraph.families.tracking import lookups
from provgraph.families.tracking.events import step_id
from provgraph.graphstore.neo4j import keys as neo4j_keys
from provgraph.joined import joined
from provgraph.lineage import cursor, node
from provgraph.sources import git
from provgraph.tracking.kinds import KeyPart, ObjectKind
from provgraph.tracking.naming import object_artifact, run_artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Mostly what a spelling could trip over: separators, escapes, and words that stand before a name.
_LETTERS = st.sampled_from("/%25F2~#@.-_ :\\\"'aä☂") | st.characters(codec="utf-8", exclude_characters="\0")
TEXTS = (
    st.text(_LETTERS, min_size=1, max_size=6)
    | st.sampled_from(["main", "run", "branch~b", "branch~b/K", "object", "kind", "%2F", "%25", "None", "[]"])
    | st.text(_LETTERS, max_size=4).map(lambda end: "long/" * 400 + end)  # longer than an index takes
)
HEX = st.text("0123456789abcdef", min_size=40, max_size=40)


class Place(NamedTuple):
    """Where texts become one."""

    name: str
    made: Callable[..., object]
    given: tuple[st.SearchStrategy[Any], ...]  # of each part


def key_of(*texts: str) -> str | None:
    """Return the key of an object of a kind whose objects are named by so many texts."""
    parts_ = tuple(KeyPart(f"part{number}") for number in range(len(texts)))
    return ObjectKind("Kind", parts_, is_group=False, longest={}, parents=()).key(texts)


def key_that_is_given(*texts: str) -> str | None:
    return ObjectKind("Kind", (), is_group=False, longest={}, parents=()).key(texts)


def an_object(branch: str, kind: str, key: str) -> str:
    return lookups.object_lookup(branch=branch, kind=kind, key=key)


def artifact(branch: str, kind: str, key: str) -> str:
    return object_artifact(branch=branch, kind=kind, key=key)


def changed_tag(namespace: str, tag: str) -> str:
    state = {"namespace": namespace, "tag": tag}
    return Change.read({**state, "change": "moved", "before": None, "after": None}).name


def version_in_a_network(artifact_: str, named: str) -> str:
    return networks._key(parts.Version(artifact_, None, named))


def version_in_prov(artifact_: str, named: str) -> str:
    return str(w3cprov._version(parts.Version(artifact_, None, named)))


def question(*texts: str) -> str:
    return cursor._fingerprint(texts)


PLACES = [
    Place("any texts", lambda *texts: joined(texts), (TEXTS, TEXTS, TEXTS)),
    Place("the key of an object named by one", key_of, (TEXTS,)),
    Place("the key of an object named by two", key_of, (TEXTS, TEXTS)),
    Place("the key of an object named by three", key_of, (TEXTS, TEXTS, TEXTS)),
    Place("a key that somebody gives", key_that_is_given, (TEXTS, TEXTS)),
    Place("an object's artifact", artifact, (TEXTS, TEXTS, TEXTS)),
    Place(
        "an object's lookup",
        an_object,
        (TEXTS, TEXTS, TEXTS),
    ),
    Place(
        "a kind's lookup", lambda branch, kind: lookups.kind_lookup(branch=branch, kind=kind), (TEXTS, TEXTS)
    ),
    Place("a tag in an answer", node.tag_name, (TEXTS, TEXTS)),
    Place("a tag that changed", changed_tag, (TEXTS, TEXTS)),
    Place("a tag in a path", tag_segments, (TEXTS, TEXTS)),
    Place("a tag's key in Neo4j", neo4j_keys.tag_key, (TEXTS, TEXTS)),
    Place("a labelled version in Neo4j", neo4j_keys.label_entry, (TEXTS, TEXTS)),
    Place("a version in a network", version_in_a_network, (TEXTS, TEXTS)),
    Place("a version in PROV", version_in_prov, (TEXTS, TEXTS)),
    Place("a step's id", step_id, (HEX, st.integers(0, 99))),
    Place("a file in git", git._name, (TEXTS, HEX)),
    Place("a question that a cursor belongs to", question, (TEXTS, TEXTS, TEXTS)),
]


@pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])
def test_different_texts_never_give_the_same(place: Place) -> None:
    lists = st.tuples(*place.given)

    @given(lists | shifted(place), lists | shifted(place))
    def check(one: Sequence[Any], other: Sequence[Any]) -> None:
        assert (place.made(*one) == place.made(*other)) == (tuple(one) == tuple(other))

    check()


def shifted(place: Place) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return lists that a careless joining would confuse: one text, cut in different places."""
    if not all(strategy is TEXTS for strategy in place.given) or len(place.given) == 1:
        return st.nothing()
    whole = st.text(st.sampled_from("/ab%"), min_size=8, max_size=8)
    wanted = len(place.given)
    cuts = st.lists(st.integers(1, 7), min_size=wanted - 1, max_size=wanted - 1, unique=True).map(sorted)
    return st.tuples(whole, cuts).map(lambda made: _cut(*made))


def _cut(whole: str, cuts: Sequence[int]) -> tuple[str, ...]:
    ends = [*cuts, len(whole)]
    return tuple(whole[start:end] for start, end in zip([0, *cuts], ends, strict=True))


@given(TEXTS, TEXTS, TEXTS, HEX)
def test_no_object_is_called_as_a_run_is(branch: str, kind: str, key: str, run: str) -> None:
    assert artifact(branch, kind, key) != run_artifact(run)
    assert artifact("main", "run", run) != run_artifact(run)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_names_of_another_length_than_the_kinds_name_nothing(texts: list[str]) -> None:
    kind = ObjectKind("Kind", (KeyPart("a"), KeyPart("b")), is_group=False, longest={}, parents=())

    assert (kind.key(texts) is None) == (len(texts) != 2)


@given(st.text(_LETTERS, max_size=8), st.text(_LETTERS, max_size=8))
def test_ordinary_names_are_called_as_ever(kind: str, key: str) -> None:
    if kind and not set(kind) & set("/%~") and kind != "run":
        assert artifact("main", kind, key) == f"{kind}/{key}"
