"""What a use states of what it used stands in every answer, and so does that its version has another digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from provgraph.client.told import Gaps as TypedGaps
from provgraph.client.told import Route as TypedRoute
from provgraph.client.told import State as TypedState
from provgraph.client.told import Why as TypedWhy
from provgraph.exports import FORMATS
from provgraph.graphstore import View
from provgraph.lineage.details import add_to, facts_of
from provgraph.lineage.gaps import Gaps, gaps
from provgraph.lineage.path import Path, path
from provgraph.lineage.state import diff, state
from provgraph.lineage.trace import Trace, trace
from provgraph.lineage.why import Why, why
from query.why import as_lineage
from tests.contract.builders import at_us, pem, pem_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore import GraphStore
    from tests.contract.graphstore.stores import Opener

OUTSIDE = {"Name": "ext/y", "Digest": "sha256:aa", "Kind": "model", "Properties": {"rows": 3}}
# An event that states something of all that it uses, in a version (2) that another one (1) made.
EVENTS = [
    pem(
        1,
        at=1,
        produces=[{"Name": name, "Digest": "sha256:cc", "Version": "7"} for name in ("agreed", "other")]
        + ["silent"],
    ),
    pem(
        2,
        at=2,
        uses=[
            OUTSIDE,
            {"Name": "agreed", "Digest": "sha256:cc", "Version": "7"},
            {"Name": "other", "Digest": "sha256:OTHER", "Kind": "data"},
            {"Name": "silent", "Digest": "sha256:dd", "Properties": {"rows": 5}},
            {"Name": "unknown", "Digest": "sha256:ee", "Version": "8"},
        ],
        produces=["report"],
    ),
]
USER = pem_id(2)
CONTRADICTED = {"stated": "sha256:OTHER", "version": "sha256:cc"}
SAID = {"digest": "sha256:aa", "kind": "model", "properties": {"rows": 3}}
SENTENCE = "the use stated digest sha256:OTHER, the version has sha256:cc"
# What is stated of a version that says nothing of it itself.
MORE = "the use stated digest sha256:dd, {rows: 5}"


@pytest.fixture
def store(stores: Opener) -> Iterator[GraphStore]:
    """A graph of the events."""
    with stores.filled(EVENTS) as filled:
        yield filled


@pytest.fixture
def answer(store: GraphStore) -> dict[str, Any]:
    """Why there is a report."""
    return why(store, Why("artifact:report"))


def used(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["artifact"]: each for each in answer["steps"][0]["used"]}


def test_why_says_what_each_use_stated(answer: dict[str, Any]) -> None:
    assert {name: each.get("stated") for name, each in used(answer).items()} == {
        "ext/y": SAID,
        "agreed": {"digest": "sha256:cc"},
        "other": {"digest": "sha256:OTHER", "kind": "data"},
        "silent": {"digest": "sha256:dd", "properties": {"rows": 5}},
        "unknown": {"digest": "sha256:ee"},
    }
    assert {name: each.get("contradicted") for name, each in used(answer).items()} == dict.fromkeys(
        ("ext/y", "agreed", "silent", "unknown")
    ) | {"other": CONTRADICTED}


def test_the_stated_kind_of_what_came_from_outside_counts(answer: dict[str, Any]) -> None:
    assert used(answer)["ext/y"]["kind"] == "model"
    (entry,) = answer["artifacts"]["model"]
    assert (entry["artifact"], entry["stated"]) == ("ext/y", SAID)


def test_an_artifact_of_why_says_which_use_contradicts_it(answer: dict[str, Any]) -> None:
    (entry,) = [each for each in answer["artifacts"]["artifact"] if each["artifact"] == "other"]

    assert entry["used_by"] == [{"event": USER, "position": 2, "contradicted": CONTRADICTED}]


def test_the_text_says_it(answer: dict[str, Any]) -> None:
    lines = [line.strip().removeprefix("from").strip() for line in answer["text"].splitlines()]

    assert "ext/y (from outside, model, digest sha256:aa) {rows: 3}" in lines
    assert "agreed (7, made at position 1, digest sha256:cc)" in lines
    assert (
        f"other (7, made at position 1, digest sha256:cc; but {SENTENCE}; the use stated kind data)" in lines
    )
    assert f"silent (made at position 1; {MORE})" in lines
    assert "unknown (version 8, which no other event is known to have made, digest sha256:ee)" in lines
    assert f"Used with another digest than the version has: other (event {USER})." in lines


def test_the_claims_say_it(answer: dict[str, Any]) -> None:
    claims = [each["claim"] for each in answer["claims"]]

    assert (
        "'train' used 'ext/y' (model, digest sha256:aa) {rows: 3}, which came from outside: "
        "no event produced it before."
    ) in claims
    assert [claim for claim in claims if "but the use" in claim] == [
        claim
        for claim in claims
        if "'other'" in claim and claim.endswith(f"; but {SENTENCE}; the use stated kind data.")
    ]
    assert [claim for claim in claims if claim.endswith(f"; {MORE}.")] == [
        claim for claim in claims if "'silent'" in claim and "used version" in claim
    ]
    assert sum(SENTENCE in claim for claim in claims) == 1


@pytest.mark.parametrize("detail", ["why", "lineage", "trace"])
def test_the_edges_say_it(store: GraphStore, answer: dict[str, Any], detail: str) -> None:
    edges = edges_of(store, answer, detail)

    outside, other = edges["ext/y"], edges["other"]
    assert (outside["digest"], outside["artifact_kind"], outside["properties"]) == (
        *("sha256:aa", "model"),
        {"rows": 3},
    )
    assert (other["contradicted"], other["stated"]) == (
        CONTRADICTED,
        {"digest": "sha256:OTHER", "artifact_kind": "data"},
    )
    assert not any("contradicted" in edge for name, edge in edges.items() if name != "other")
    assert edges["unknown"]["digest"] == "sha256:ee"


def edges_of(store: GraphStore, answer: dict[str, Any], detail: str) -> dict[str, dict[str, Any]]:
    """Return the uses of an answer as edges, by artifact."""
    if detail == "why":
        edges = answer["graph"]["edges"]
    elif detail == "trace":
        edges = trace(store, Trace("artifact:report", details=True))["edges"]
    else:  # as of a page whose nodes stand on another one
        edges = [dict(edge) for edge in trace(store, Trace("artifact:report"))["edges"]]
        add_to([], edges, facts_of(store, [], edges))
    return {edge["target"]: edge for edge in edges if edge["type"] == "USES"}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_each_export_says_it(answer: dict[str, Any], name: str) -> None:
    text = FORMATS[name].render(as_lineage(answer, depth=None)).decode()
    text = re.sub("#([0-9]+);", lambda found: chr(int(found[1])), text)

    assert "sha256:aa" in text
    assert "sha256:OTHER" in text
    assert "sha256:dd" in text
    assert "model" in text
    assert "contradicted" in text or SENTENCE in text


def test_uses_from_outside_that_state_other_digests_are_told_apart(stores: Opener) -> None:
    events = [
        pem(1, at=1, uses=[{"Name": "ext", "Digest": "d1", "Kind": "model"}], produces=["a"]),
        pem(2, at=2, uses=[{"Name": "ext", "Digest": "d2"}, "a"], produces=["b"]),
    ]
    with stores.filled(events) as store:
        answer = why(store, Why("artifact:b"))

    found = [
        (each["stated"]["digest"], each["used_by"][0]["position"]) for each in answer["artifacts"]["model"]
    ]
    assert sorted(found) == [("d1", 1), ("d2", 2)]
    for name in FORMATS:
        text = FORMATS[name].render(as_lineage(answer, depth=None)).decode()
        assert "d1" in text
        assert "d2" in text


def test_a_drawing_of_several_versions_says_only_what_a_use_states_beyond_them(stores: Opener) -> None:
    made = [pem(n, at=n, produces=[{"Name": "m", "Digest": f"d{n}"}]) for n in (1, 3)]
    users = [
        pem(2, at=2, uses=[{"Name": "m", "Digest": "d1"}], produces=["a"]),
        pem(4, at=4, uses=["a", {"Name": "m", "Digest": "d3", "Kind": "weights"}], produces=["b"]),
    ]
    with stores.filled([*made, *users]) as store:
        answer = as_lineage(why(store, Why("artifact:b")), depth=None)

    for name in ("dot", "mermaid"):
        text = re.sub("#([0-9]+);", lambda found: chr(int(found[1])), FORMATS[name].render(answer).decode())
        assert "the use stated kind weights" in text
        assert "the use stated digest" not in text


def test_the_state_shows_what_uses_state_of_what_came_from_outside(store: GraphStore) -> None:
    now = {each["artifact"]: each for each in state(store)["artifacts"]}
    then = {each["artifact"]: each for each in state(store, as_of_us=at_us(1))["artifacts"]}

    assert (now["ext/y"]["digest"], now["ext/y"]["kind"]) == ("sha256:aa", "model")
    assert "digest" not in now["other"]
    assert now["other"]["version"]["digest"] == "sha256:cc"
    assert "ext/y" not in then


def test_another_digest_of_what_came_from_outside_is_a_change(stores: Opener) -> None:
    events = [pem(n, at=n, uses=[{"Name": "ext", "Digest": f"d{n}"}]) for n in (1, 2)]
    with stores.filled(events) as store:
        (change,) = diff(store, View(2, at_us(1)), View(2, at_us(2)))["changes"]

    assert [change[side]["digest"] for side in ("before", "after")] == ["d1", "d2"]


def test_a_path_says_it(store: GraphStore) -> None:
    assert path(store, Path("artifact:other", "artifact:report"))["used"]["contradicted"] == CONTRADICTED
    assert path(store, Path("artifact:ext/y", "artifact:report"))["used"]["stated"] == SAID
    assert "contradicted" not in path(store, Path("artifact:agreed", "artifact:report"))["used"]


def test_gaps_lists_it(store: GraphStore) -> None:
    (item,) = gaps(store, Gaps())["contradicted"]["items"]

    assert (item["event"], item["artifact"], item["contradicted"]) == (USER, "other", CONTRADICTED)
    assert (item["emitter"], item["version"]["event"]) == ("trainer", pem_id(1))


def test_a_version_that_came_later_contradicts_only_from_then_on(stores: Opener) -> None:
    late = pem(3, at=1.5, produces=[{"Name": "agreed", "Version": "7", "Digest": "sha256:ff"}])
    with stores.filled(EVENTS, [late]) as store:
        now = gaps(store, Gaps(only="contradicted"))["contradicted"]["items"]
        before = gaps(store, Gaps(only="contradicted", known_at=2))["contradicted"]["items"]

    assert [each["artifact"] for each in now] == ["agreed", "other"]
    assert [each["artifact"] for each in before] == ["other"]


def test_the_client_prints_it(store: GraphStore, answer: dict[str, Any]) -> None:
    read = TypedWhy.read(orjson.loads(orjson.dumps(answer)))
    parts = {part.artifact: part.brief() for part in read.steps[0].used}

    assert parts["ext/y"] == "ext/y (from outside, digest sha256:aa)"
    assert parts["other"].endswith(f"; but {SENTENCE}; the use stated kind data)")
    assert parts["silent"].endswith(f"; {MORE})")
    assert parts["agreed"] == f"agreed (7, event {pem_id(1)}, position 1)"
    routes = {
        name: str(
            TypedRoute.read(
                orjson.loads(orjson.dumps(path(store, Path(f"artifact:{name}", "artifact:report"))))
            )
        )
        for name in ("other", "silent", "agreed")
    }
    assert SENTENCE in routes["other"]
    assert MORE in routes["silent"]
    assert "the use stated" not in routes["agreed"]
    assert SENTENCE in str(TypedGaps.read(gaps(store, Gaps())))
    assert "from outside, digest sha256:aa" in str(TypedState.read(state(store)))
