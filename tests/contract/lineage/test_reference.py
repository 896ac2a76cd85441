"""
Every question, on both clocks, on every store: the answer is what a graph of the counted events alone would say.

Histories are generated: out of order, with ties, cycles, labels, ids as labels, predecessors that never come.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provgraph.errors import NotFoundError
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import Direction, View
from provgraph.lineage.gaps import Gaps, gaps
from provgraph.lineage.impact import Impact, impact
from provgraph.lineage.path import Path, path
from provgraph.lineage.state import diff, state
from provgraph.lineage.trace import Trace, trace
from provgraph.lineage.why import Why, why
from tests.contract.builders import at_us, pem, pem_id
from tests.contract.graphstore.history import Made, histories
from tests.contract.graphstore.stores import apply
from tests.contract.lineage.reference import Counted, Moved, Told
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provgraph.events import NewEvent
    from provgraph.graphstore import GraphStore
    from tests.contract.graphstore.stores import Opener

pytestmark = pytest.mark.timeout(600)
_EXAMPLES = settings(max_examples=examples(10), suppress_health_check=[HealthCheck.too_slow])


class Case(NamedTuple):
    """A log, how it is cut into batches, whether the graph was rebuilt then, and a view of it."""

    log: list[Made | Moved]
    batch: int
    is_rebuilt: bool
    view: View
    other: View

    def events(self) -> list[NewEvent]:
        return [
            item.event() if isinstance(item, Made) else tag_set("n", item.tag, item.pem_id)
            for item in self.log
        ]

    def fill(self, store: GraphStore) -> None:
        events = self.events()
        for begin in range(0, len(events), self.batch):
            apply(store, *events[begin : begin + self.batch])
        if self.is_rebuilt:
            apply(store.next_generation(), *events)
            store.switch()

    def at(self, view: View) -> Counted:
        return Told(self.log).at(view)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    history: Sequence[Made | Moved] = draw(histories().filter(bool))
    numbers = [made.number for made in history if isinstance(made, Made)]
    moves = draw(
        st.lists(st.builds(Moved, st.sampled_from(["latest", "x/y"]), st.sampled_from(numbers)), max_size=2)
    )
    log = draw(st.permutations([*history, *moves]))

    def view() -> View:
        position = draw(st.integers(1, len(log)) | st.just(len(log)))
        return View(position, draw(st.none() | st.integers(0, 3).map(at_us)))

    return Case(log, draw(st.integers(1, 9)), draw(st.booleans()), view(), view())


@contextmanager
def reading_few_edges_at_once(count: int) -> Iterator[None]:
    """Let walks downstream read no more edges at first, and so leave out what they do not need sooner."""
    with (
        patch("provgraph.lineage.downstream._EDGES_FOR_A_NODE", 0),
        patch("provgraph.lineage.downstream._LEAST_EDGES", count),
    ):
        yield


def at(view: View) -> dict[str, Any]:
    """Return what makes a question be about a view."""
    return {"as_of_us": view.as_of_us, "known_at": view.position}


def depths(answer: dict[str, Any]) -> dict[str, int]:
    return {node["id"]: node["depth"] for node in answer["nodes"] if node["kind"] == "pem"}


def ending(told: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer says of how the work of an event ended."""
    return {name: told[name] for name in ("outcome", "error") if name in told}


def endings(told: Iterable[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Return the same of several events, by their ids, which stand under ``key``."""
    return {each[key]: ending(each) for each in told}


def uses(answer: dict[str, Any]) -> set[tuple[str, str, str | None, str]]:
    return {
        (edge["source"], edge["target"], edge.get("version"), edge.get("named_version", ""))
        for edge in answer["edges"]
        if edge["type"] == "USES"
    }


@_EXAMPLES
@given(case=cases(), data=st.data())
def test_lineage(stores: Opener, case: Case, data: Any) -> None:
    right = case.at(case.view)
    any_version = data.draw(st.booleans())
    with stores.empty() as store:
        case.fill(store)
        for id_ in [made.id for made in case.log if isinstance(made, Made)]:
            for direction in Direction:
                asked = Trace(f"pem:{id_}", direction, any_version=any_version, **at(case.view))
                if id_ not in right.events and id_ not in right.placeholders():
                    with pytest.raises(NotFoundError):
                        trace(store, asked)
                    continue
                found = trace(store, asked)
                walk = right.upstream if direction is Direction.UPSTREAM else right.downstream
                expected = walk([id_], first=0, any_version=any_version)
                assert depths(found) == expected
                pems = [node for node in found["nodes"] if node["kind"] == "pem"]
                assert endings(pems, "id") == right.endings(expected)
                assert uses(found) >= right.used_by(expected) if direction is Direction.UPSTREAM else True
                assert uses(found) <= right.used_by(right.events)
                assert found["complete"]


@_EXAMPLES
@given(case=cases(), data=st.data())
def test_lineage_of_an_artifact(stores: Opener, case: Case, data: Any) -> None:
    right = case.at(case.view)
    name = data.draw(st.sampled_from("ab"))
    with stores.empty() as store:
        case.fill(store)
        asked = Trace(f"artifact:{name}", **at(case.view))
        if name not in right.artifacts():
            with pytest.raises(NotFoundError):
                trace(store, asked)
            return
        assert depths(trace(store, asked)) == right.upstream(right.versions(name)[:1], first=1)
        assert depths(trace(store, asked._replace(any_version=True))) == right.upstream(
            right.versions(name), first=1, any_version=True
        )
        down = asked._replace(direction="downstream")
        assert depths(trace(store, down)) == right.downstream(right.users(name), first=1)
        for version in right.versions(name):
            # Another version may have this one's id as its label: the latest of the two is meant.
            meant = next(
                id_
                for id_ in right.versions(name)
                if version in (id_, dict(right.events[id_].produces)[name])
            )
            users = [id_ for id_, *used, _ in right.used_by(right.events) if used == [name, meant]]
            assert depths(trace(store, down._replace(version=version))) == right.downstream(users, first=1)


@_EXAMPLES
@given(case=cases(), limit=st.integers(1, 4), few=st.integers(1, 5), any_version=st.booleans())
def test_pages_add_up_to_the_whole_answer(
    stores: Opener, case: Case, limit: int, few: int, *, any_version: bool
) -> None:
    right = case.at(case.view)
    with stores.empty() as store:
        case.fill(store)
        for node in (*right.events, *(f"artifact:{name}" for name in right.artifacts())):
            for direction in ("upstream", "downstream", "both"):
                asked = Trace(node, direction, any_version=any_version, **at(case.view))
                whole = trace(store, asked)
                with reading_few_edges_at_once(few):
                    nodes, edges = paged(store, asked._replace(limit=limit))
                assert nodes == whole["nodes"]
                assert sorted(map(str, edges)) == sorted(map(str, whole["edges"]))


def paged(store: GraphStore, asked: Trace) -> tuple[list[Any], list[Any]]:
    """Return the nodes and edges of all pages of an answer."""
    page = trace(store, asked)
    nodes, edges = page["nodes"], page["edges"]
    while page["cursor"] is not None:
        assert (page["complete"], page["reason"]) == (False, "limit")
        page = trace(store, asked._replace(cursor=page["cursor"]))
        nodes += page["nodes"]
        edges += page["edges"]
    return nodes, edges


@_EXAMPLES
@given(case=cases(), limit=st.integers(1, 3))
def test_state(stores: Opener, case: Case, limit: int) -> None:
    right = case.at(case.view)
    with stores.empty() as store:
        case.fill(store)
        artifacts, tags, page = [], [], state(store, **at(case.view), limit=limit)
        while True:
            artifacts += page["artifacts"]
            tags += page["tags"]
            if page["cursor"] is None:
                break
            page = state(store, **at(case.view), limit=limit, cursor=page["cursor"])

    assert [each["artifact"] for each in artifacts] == right.artifacts()
    assert {
        each["artifact"]: each["version"] and each["version"]["event"] for each in artifacts
    } == right.state()
    assert [each["tag"] for each in tags] == sorted(right.tags())
    assert {each["tag"]: each["event"] for each in tags} == right.tags()
    versions = [each["version"] for each in artifacts if each["version"] is not None]
    assert endings(versions, "event") == right.endings(version["event"] for version in versions)
    everything = case.at(
        View(len(case.log))
    )  # what a tag marks may be an event of after the time that is asked for
    assert endings(tags, "event") == everything.endings(right.tags().values())


@_EXAMPLES
@given(case=cases(), limit=st.integers(1, 3))
def test_diff(stores: Opener, case: Case, limit: int) -> None:
    before, after = case.at(case.view), case.at(case.other)
    with stores.empty() as store:
        case.fill(store)
        found, page = [], diff(store, case.view, case.other, limit=limit)
        while True:
            found += page["changes"]
            if page["cursor"] is None:
                break
            page = diff(store, case.view, case.other, limit=limit, cursor=page["cursor"])

    artifacts = {each["artifact"]: each["change"] for each in found if "artifact" in each}
    tags = {each["tag"]: each["change"] for each in found if "tag" in each}
    assert artifacts == _changes(before.state(), after.state(), "changed")
    assert tags == _changes(before.tags(), after.tags(), "moved")
    everything = case.at(View(len(case.log)))
    for side in [each[side] for each in found for side in ("before", "after") if each[side] is not None]:
        named = side if "tag" in side else side["version"]
        assert named is None or ending(named) == everything.events[named["event"]].ending


def _changes(old: dict[str, Any], new: dict[str, Any], changed: str) -> dict[str, str]:
    return {
        name: "appeared" if name not in old else "disappeared" if name not in new else changed
        for name in {*old, *new}
        if name not in old or name not in new or old[name] != new[name]
    }


@_EXAMPLES
@given(case=cases(), data=st.data())
def test_impact(stores: Opener, case: Case, data: Any) -> None:
    right = case.at(case.view)
    limit = data.draw(st.integers(1, 4))
    with stores.empty() as store:
        case.fill(store)
        for id_ in right.events:
            items: list[dict[str, Any]] = []
            cursor: str | None = None
            while True:
                page = impact(store, Impact(id_, limit=limit, cursor=cursor, **at(case.view)))
                items += page.items
                cursor = page.closing["cursor"]
                if cursor is None:
                    break
            expected = right.downstream([id_], first=0)
            assert {item["event"]: item["depth"] for item in items} == {
                key: depth for key, depth in expected.items() if depth
            }
            causes = right.causes()
            assert endings(items, "event") == right.endings(item["event"] for item in items)
            for item in items:
                for made in item["produced"]:
                    assert ending(made["version"]) == right.events[item["event"]].ending
                steps = [step["event"] for step in item["path"]]
                assert (steps[0], steps[-1], len(steps)) == (id_, item["event"], item["depth"] + 1)
                assert all(causes.has_edge(later, earlier) for earlier, later in itertools.pairwise(steps))


@_EXAMPLES
@given(case=cases())
def test_path(stores: Opener, case: Case) -> None:
    right = case.at(case.view)
    with stores.empty() as store:
        case.fill(store)
        for target in right.events:
            upstream = right.upstream([target], first=0)
            for source in right.events:
                found = path(store, Path(source, target, **at(case.view)))
                assert found["connected"] == (source in upstream)
                if found["connected"]:
                    steps = [step["event"] for step in found["path"]]
                    assert (steps[0], steps[-1], len(steps)) == (source, target, upstream[source] + 1)
                    assert endings(found["path"], "event") == right.endings(steps)
            for name in right.artifacts():
                found = path(store, Path(f"artifact:{name}", target, **at(case.view)))
                used = {artifact for _, artifact, _, _ in right.used_by(upstream)}
                assert found["connected"] == (name in used)


@_EXAMPLES
@given(case=cases(), limit=st.integers(1, 3))
def test_gaps(stores: Opener, case: Case, limit: int) -> None:
    right = case.at(case.view)
    lists: dict[str, list[Any]] = {}
    with stores.empty() as store:
        case.fill(store)
        first = gaps(store, Gaps(limit=limit, **at(case.view)))
        for name in ("never_produced", "unseen_predecessors", "out_of_order"):
            items, page = [], first[name]
            while True:
                items += page["items"]
                if page["cursor"] is None:
                    break
                page = gaps(store, Gaps(name, limit=limit, cursor=page["cursor"], **at(case.view)))[name]
            lists[name] = items

    assert [item["artifact"] for item in lists["never_produced"]] == right.never_produced()
    assert {item["event"]: item["times"] for item in lists["unseen_predecessors"]} == right.unseen()
    found = {(item["event"], item["artifact"], item["version"]["event"]) for item in lists["out_of_order"]}
    assert found == {(id_, name, producer) for id_, name, _, producer in right.out_of_order()}
    assert [(each["emitter"], each["events"]) for each in first["emitters"]] == (
        [("trainer", len(right.events))] if right.events else []
    )
    said = [made.ending.get("outcome") for made in right.events.values()]
    expected = {name: said.count(name) for name in ("failed", "aborted", "unknown")}
    assert first["outcomes"] == expected
    assert all({name: each[name] for name in expected} == expected for each in first["emitters"])


@_EXAMPLES
@given(case=cases())
def test_why(stores: Opener, case: Case) -> None:
    right = case.at(case.view)
    with stores.empty() as store:
        case.fill(store)
        for id_, made in right.events.items():
            found = why(store, Why(f"pem:{id_}", **at(case.view)))
            upstream = right.upstream([id_], first=0)
            assert {step["event"]: step["depth"] for step in found["steps"]} == upstream
            assert endings(found["steps"], "event") == right.endings(upstream)
            for used in [used for step in found["steps"] for used in step.get("used", ())]:
                version = used["version"]
                assert version is None or ending(version) == right.events[version["event"]].ending
            versions = {
                (entry["artifact"], entry["version"] and entry["version"]["event"])
                for entries in found["artifacts"].values()
                for entry in entries
            }
            assert versions == {(name, producer) for _, name, producer, _ in right.used_by(upstream)}
            for claim in found["claims"]:
                for proof in claim["evidence"]:
                    assert right.positions[proof["event"]] == proof["position"]
            assert sum(each["events"] for each in found["emitters"]) == len(
                right.events.keys() & upstream.keys()
            )
            assert made.id in found["text"]
        for name, pem in right.tags().items():
            if pem in right.events and "/" not in name:
                assert why(store, Why(f"tag:n/{name}", **at(case.view)))["node"]["event"] == pem


# ------------------------------------------------------------------------------------------------ what was wrong once


@pytest.mark.parametrize("batch", [1, 3])
def test_what_was_affected_before_a_late_version_does_not_depend_on_batches(
    stores: Opener, batch: int
) -> None:
    log: list[Made | Moved] = [
        Made(1, at=1, uses=(("a", None),)),
        Made(2, at=3, produces=(("a", None),)),
        Made(3, at=2, produces=(("a", None),)),
    ]
    view = View(2)
    with stores.empty() as store:
        Case(log, batch, is_rebuilt=False, view=view, other=view).fill(store)

        down = trace(store, Trace(pem_id(2), "downstream", **at(view)))
        affected = impact(store, Impact("artifact:a", pem_id(2), **at(view)))
        found = path(store, Path("artifact:a", pem_id(1), pem_id(2), **at(view)))

    assert depths(down) == {pem_id(2): 0, pem_id(1): 1}
    assert [item["event"] for item in affected.items] == [pem_id(1)]
    assert found["connected"]


@pytest.mark.parametrize("clock", ["log", "emitters"])
def test_uses_outside_a_view_do_not_crowd_out_those_in_it(stores: Opener, clock: str) -> None:
    dated_back = [pem(number, at=number / 100, uses=["a"]) for number in range(1, 61)]
    view = View(2) if clock == "log" else View(1_000, at_us(0.02))
    first = pem(100, at=50 if clock == "log" else 0.01, uses=["a"])
    with (
        stores.filled([pem(99, at=0, produces=["a"]), first], dated_back) as store,
        reading_few_edges_at_once(10),
    ):
        asked = Trace("artifact:a", "downstream", limit=10, **at(view))
        found = trace(store, asked)
        of_a_version = trace(store, asked._replace(version=pem_id(99)))

    assert pem_id(100) in depths(found)
    assert pem_id(100) in depths(of_a_version)
    assert found["complete"]
    assert of_a_version["complete"]


def test_uses_of_other_artifacts_do_not_crowd_out_those_of_the_one_asked_for(stores: Opener) -> None:
    others = [pem(number, at=number, uses=["b"]) for number in range(2, 62)]
    with (
        stores.filled([pem(1, at=1, produces=["a", "b"])], others, [pem(99, at=99, uses=["a"])]) as store,
        reading_few_edges_at_once(10),
    ):
        found = trace(store, Trace("artifact:a", "downstream", pem_id(1), limit=10))

    assert depths(found) == {pem_id(99): 1}
    assert found["complete"]


def test_a_page_has_the_edges_between_its_nodes_however_much_there_is_behind_it(stores: Opener) -> None:
    users = [pem(number, at=99 + number / 100, uses=["b"]) for number in range(10, 22)]
    story = [pem(1, at=1, produces=["a"]), pem(2, at=99, uses=["a"], produces=["b"])]
    with stores.filled([*story, pem(3, at=100, uses=["a", "b"]), *users]) as store:
        asked = Trace(pem_id(1), "downstream", **at(View(100)))
        whole = trace(store, asked)
        with reading_few_edges_at_once(8):
            first = trace(store, asked._replace(limit=5))
            _, edges = paged(store, asked._replace(limit=5))

    used = {edge["target"] for edge in first["edges"] if edge["source"] == pem_id(3)}
    assert used == {"a", "b"}
    assert sorted(map(str, edges)) == sorted(map(str, whole["edges"]))


def test_a_long_way_is_told_whole_or_says_how_much_is_left_out(stores: Opener) -> None:
    chain = [
        pem(number, at=number, uses=[f"c/{number - 1}"], produces=[f"c/{number}"]) for number in range(1, 251)
    ]
    with stores.filled(chain) as store:
        found = path(store, Path("c/0", "c/250"))
        *_, from_artifact = impact(store, Impact("c/0")).items
        *_, from_event = impact(store, Impact(pem_id(1))).items
        first = next(impact(store, Impact("c/0")).items)

    assert [step["event"] for step in found["path"]] == [pem_id(number) for number in range(1, 251)]
    for item, length in ((from_artifact, 250), (from_event, 250)):
        assert [step["event"] for step in item["path"]] == [pem_id(number) for number in range(151, 251)]
        assert item["path_left_out"] == length - 100
    assert "path_left_out" not in first
