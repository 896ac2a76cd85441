from __future__ import annotations

import base64
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provgraph.errors import ConflictError, InvalidInputError, NotFoundError
from provgraph.graphstore import Checkpoint, EmbeddedGraphStore, GraphStore
from provgraph.lineage import DEFAULT_LIMIT, LARGEST_LIMIT, Direction, LineageRequest, lineage
from tests.contract.builders import pem, pem_id, version
from tests.contract.graphstore.history import Made, histories
from tests.contract.graphstore.stores import OPENERS, apply
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Json = dict[str, Any]
UP, DOWN = Direction.UPSTREAM, Direction.DOWNSTREAM


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    with closing(EmbeddedGraphStore(tmp_path)) as opened:
        yield opened


@pytest.fixture
def story(store: GraphStore) -> GraphStore:
    """A table is ingested, a model trained on it, an answer inferred with that."""
    apply(
        store,
        pem(1, at=1, Type="ingest", uses=["raw"], produces=["table"]),
        pem(2, at=2, Type="train", uses=["table"], produces=["model"], after=[1]),
        pem(3, at=3, Type="infer", Emitter="server", uses=["model"], produces=["answer"]),
    )
    return store


def ask(store: GraphStore, node: str, direction: Direction = UP, **further: Any) -> Json:
    """Ask, and return the answer."""
    answer: Json = json.loads(lineage(store, LineageRequest(node, direction, **further)))
    return answer


def pages(store: GraphStore, node: str, direction: Direction = UP, **further: Any) -> Iterator[Json]:
    """Ask for every page of an answer."""
    cursor = None
    while True:
        page = ask(store, node, direction, cursor=cursor, **further)
        yield page
        cursor = page["cursor"]
        if cursor is None:
            return


def depths(answer: Json) -> dict[str, int]:
    """Return the depth of each node; events by their number."""
    return {
        str(int(node["id"], 16)) if node["kind"] == "pem" else node["id"]: node["depth"]
        for node in answer["nodes"]
    }


# ------------------------------------------------------------------------------------------------ an answer


def test_an_answer_says_what_was_asked_and_what_was_found(story: GraphStore) -> None:
    assert ask(story, "artifact:model", depth=10) == {
        "node": {"kind": "artifact", "id": "model", "version": pem_id(2)},
        "direction": "upstream",
        "depth": 10,
        "nodes": [
            {"kind": "artifact", "id": "model", "depth": 0},
            {
                "kind": "pem",
                "id": pem_id(2),
                "type": "train",
                "emitter": "trainer",
                "occurred_at": "2026-01-02T03:04:07.000000Z",
                "position": 2,
                "depth": 1,
            },
            {"kind": "artifact", "id": "table", "depth": 1},
            {
                "kind": "pem",
                "id": pem_id(1),
                "type": "ingest",
                "emitter": "trainer",
                "occurred_at": "2026-01-02T03:04:06.000000Z",
                "position": 1,
                "depth": 2,
            },
            {"kind": "artifact", "id": "raw", "depth": 2},
        ],
        "edges": [
            {"type": "USES", "source": pem_id(2), "target": "table", "version": pem_id(1)},
            {"type": "USES", "source": pem_id(1), "target": "raw"},
            {"type": "PRODUCES", "source": pem_id(2), "target": "model"},
            {"type": "PRODUCES", "source": pem_id(1), "target": "table"},
            {"type": "PREDECESSOR", "source": pem_id(2), "target": pem_id(1)},
        ],
        "position": 3,
        "complete": True,
        "reason": None,
        "cursor": None,
    }


def test_an_event_that_was_only_named_is_a_placeholder(store: GraphStore) -> None:
    apply(store, pem(1, after=[9]))

    assert ask(store, pem_id(1))["nodes"][1] == {
        "kind": "pem",
        "id": pem_id(9),
        "depth": 1,
        "placeholder": True,
    }


def test_a_use_that_no_earlier_version_explains_is_marked(store: GraphStore) -> None:
    apply(store, pem(1, at=1, uses=["a"]), pem(2, at=2, produces=["a"]))

    assert ask(store, pem_id(1))["edges"][0] == {
        "type": "USES",
        "source": pem_id(1),
        "target": "a",
        "version": pem_id(2),
        "out_of_order": True,
    }


# ------------------------------------------------------------------------------------------------ the node


@pytest.mark.parametrize(
    ("node", "kind", "id_"),
    [
        ("artifact:model", "artifact", "model"),
        ("model", "artifact", "model"),
        (f"pem:{pem_id(2)}", "pem", pem_id(2)),
        (pem_id(2), "pem", pem_id(2)),
        ("pem:00000000-0000-0000-0000-000000000002", "pem", pem_id(2)),
        ("00000000-0000-0000-0000-000000000002", "pem", pem_id(2)),
    ],
)
def test_a_node_is_an_artifact_or_an_event(story: GraphStore, node: str, kind: str, id_: str) -> None:
    found = ask(story, node)["node"]

    assert (found["kind"], found["id"]) == (kind, id_)


def test_an_artifact_named_like_an_event_can_be_asked_for(store: GraphStore) -> None:
    apply(store, pem(1, uses=[pem_id(1), pem_id(9), "pem:x", "artifact:x"]))

    assert ask(store, pem_id(1))["node"]["kind"] == "pem"
    assert ask(store, f"artifact:{pem_id(1)}")["node"]["kind"] == "artifact"
    assert ask(store, pem_id(9))["node"]["kind"] == "artifact"
    assert ask(store, "artifact:pem:x")["node"]["id"] == "pem:x"
    assert ask(store, "artifact:artifact:x")["node"]["id"] == "artifact:x"


@pytest.mark.parametrize("node", ["nothing", "artifact:", "artifact:nothing", f"pem:{pem_id(9)}", pem_id(9)])
def test_an_unknown_node_is_not_found(story: GraphStore, node: str) -> None:
    with pytest.raises(NotFoundError):
        ask(story, node)


@pytest.mark.parametrize("node", ["pem:", "pem:2", "pem:model"])
def test_an_event_needs_an_id(story: GraphStore, node: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        ask(story, node)

    assert refused.value.field == "node"


# ------------------------------------------------------------------------------------------------ depth


def test_depth_counts_events(story: GraphStore) -> None:
    assert depths(ask(story, "answer")) == {
        "answer": 0,
        "3": 1,
        "model": 1,
        "2": 2,
        "table": 2,
        "1": 3,
        "raw": 3,
    }
    assert depths(ask(story, pem_id(3))) == {"3": 0, "model": 0, "2": 1, "table": 1, "1": 2, "raw": 2}
    assert depths(ask(story, "raw", DOWN)) == {
        "raw": 0,
        "1": 1,
        "table": 1,
        "2": 2,
        "model": 2,
        "3": 3,
        "answer": 3,
    }
    assert depths(ask(story, pem_id(1), DOWN)) == {
        "1": 0,
        "table": 0,
        "2": 1,
        "model": 1,
        "3": 2,
        "answer": 2,
    }


def test_a_bound_on_depth_cuts_and_says_so(story: GraphStore) -> None:
    answer = ask(story, "answer", depth=2)

    assert set(depths(answer)) == {"answer", "3", "model", "2", "table"}
    assert (answer["complete"], answer["reason"], answer["cursor"]) == (False, "depth", None)


@pytest.mark.parametrize("depth", [3, 4, 1_000_000_000])
def test_a_bound_that_cuts_nothing_leaves_the_answer_complete(story: GraphStore, depth: int) -> None:
    answer = ask(story, "answer", depth=depth)

    assert (answer["complete"], answer["reason"], len(answer["nodes"])) == (True, None, 7)


@pytest.mark.parametrize("depth", [0, -1, 10**30])
def test_a_depth_out_of_bounds_is_refused(story: GraphStore, depth: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        ask(story, "answer", depth=depth)

    assert refused.value.field == "depth"


# ------------------------------------------------------------------------------------------------ versions


@pytest.fixture
def updates(store: GraphStore) -> GraphStore:
    """A table is made, then updated twice; each state of it is used."""
    apply(
        store,
        pem(1, at=1, produces=[version("t", "v1")]),
        pem(2, at=2, uses=["t"], produces=["one"]),
        pem(3, at=3, uses=["t"], produces=[version("t", "v2")]),
        pem(4, at=4, uses=["t"], produces=["two"]),
        pem(5, at=5, produces=[version("t", "v2")]),
        pem(6, at=6, uses=["t"], produces=["three"]),
    )
    return store


@pytest.mark.parametrize(
    ("asked", "found", "upstream"),
    [
        (None, 5, {"5"}),
        ("v1", 1, {"1"}),
        ("v2", 5, {"5"}),
        (pem_id(3), 3, {"3", "1"}),
        ("00000000-0000-0000-0000-000000000003", 3, {"3", "1"}),
    ],
)
def test_upstream_explains_the_version_asked_for_or_the_latest(
    updates: GraphStore, asked: str | None, found: int, upstream: set[str]
) -> None:
    answer = ask(updates, "t", version=asked)

    assert answer["node"]["version"] == pem_id(found)
    assert set(depths(answer)) - {"t"} == upstream


@pytest.mark.parametrize(
    ("asked", "downstream"),
    [
        ("v1", {"2", "one", "3", "4", "two"}),
        (pem_id(3), {"4", "two"}),
        ("v2", {"6", "three"}),
        (None, {"2", "one", "3", "4", "two", "6", "three"}),
    ],
)
def test_downstream_is_who_used_the_version_asked_for_or_any(
    updates: GraphStore, asked: str | None, downstream: set[str]
) -> None:
    answer = ask(updates, "t", DOWN, version=asked)

    assert set(depths(answer)) - {"t"} == downstream


def test_downstream_of_any_version_names_none_and_counts_what_came_from_outside(store: GraphStore) -> None:
    apply(store, pem(1, at=1, uses=["t"], produces=["t"]), pem(2, at=2, uses=["t"]))

    answer = ask(store, "t", DOWN)

    assert answer["node"]["version"] is None
    assert depths(answer) == {"t": 0, "1": 1, "2": 1}


def test_an_artifact_that_nobody_produced_has_no_upstream(story: GraphStore) -> None:
    answer = ask(story, "raw")

    assert (answer["node"]["version"], depths(answer)) == (None, {"raw": 0})


@pytest.mark.parametrize(("node", "asked"), [("t", "v9"), ("t", pem_id(2)), ("t", "")])
def test_a_version_that_is_not_there_is_not_found(updates: GraphStore, node: str, asked: str) -> None:
    for direction in Direction:
        with pytest.raises(NotFoundError):
            ask(updates, node, direction, version=asked)


def test_an_event_has_no_versions(story: GraphStore) -> None:
    with pytest.raises(InvalidInputError) as refused:
        ask(story, pem_id(1), version="v1")

    assert refused.value.field == "version"


# ------------------------------------------------------------------------------------------------ pages


@pytest.mark.parametrize("limit", [0, -1, LARGEST_LIMIT + 1])
def test_a_limit_out_of_bounds_is_refused(story: GraphStore, limit: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        ask(story, "answer", limit=limit)

    assert refused.value.field == "limit"


def test_an_answer_that_fits_exactly_is_complete(story: GraphStore) -> None:
    assert ask(story, "answer", limit=7)["complete"]
    assert ask(story, "answer", limit=6)["reason"] == "limit"


def test_the_last_page_may_be_cut_by_the_depth(story: GraphStore) -> None:
    reasons = [page["reason"] for page in pages(story, "answer", depth=2, limit=2)]

    assert reasons == ["limit", "limit", "depth"]


def add_up(answers: list[Json]) -> Json:
    """Return the pages of an answer as one, edges in no order."""
    return {
        **{name: answers[0][name] for name in ("node", "direction", "depth", "position")},
        "nodes": [node for page in answers for node in page["nodes"]],
        "edges": sorted((edge for page in answers for edge in page["edges"]), key=json.dumps),
        **{name: answers[-1][name] for name in ("complete", "reason", "cursor")},
    }


@settings(max_examples=examples(40))
@given(
    histories().filter(bool),
    st.sampled_from(Direction),
    st.none() | st.integers(1, 4),
    st.integers(1, 5),
    st.booleans(),
)
def test_pages_add_up_to_the_whole_answer(
    history: list[Made], direction: Direction, depth: int | None, limit: int, from_artifact: bool
) -> None:
    with OPENERS["embedded"].filled([made.event() for made in history]) as store:
        names = [artifact.name for artifact in store.artifacts()]
        node = f"artifact:{names[0]}" if from_artifact and names else history[0].id
        whole = ask(store, node, direction, depth=depth)

        parts = list(pages(store, node, direction, depth=depth, limit=limit))

    assert add_up(parts) == add_up([whole])
    assert [len(page["nodes"]) for page in parts[:-1]] == [limit] * (len(parts) - 1)
    assert [node["depth"] for node in whole["nodes"]] == sorted(node["depth"] for node in whole["nodes"])


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("limit", [499, 700, 2_000])
def test_pages_of_wide_levels_add_up_too(store: GraphStore, direction: Direction, limit: int) -> None:
    width = 1_300
    apply(
        store,
        pem(1, at=1, produces=["hub"]),
        *(
            pem(10 + number, at=2, uses=["hub", f"in{number}"], produces=[f"out{number}"])
            for number in range(width)
        ),
        *(
            pem(5_000 + number, at=3, uses=[f"out{number}"], after=[4_999 + number])
            for number in range(width)
        ),
        pem(9_000, at=4, after=range(5_000, 5_000 + width)),
    )
    node = pem_id(9_000) if direction is UP else "hub"

    whole = ask(store, node, direction)
    parts = list(pages(store, node, direction, limit=limit))

    assert add_up(parts) == add_up([whole])
    assert len(whole["nodes"]) > 3 * width


def test_a_page_has_the_edges_that_its_nodes_complete(story: GraphStore) -> None:
    known: set[str] = set()
    for page in pages(story, "answer", limit=1):
        known.update(node["id"] for node in page["nodes"])
        new = {node["id"] for node in page["nodes"]}
        for edge in page["edges"]:
            assert {edge["source"], edge["target"]} <= known
            assert {edge["source"], edge["target"]} & new


# ------------------------------------------------------------------------------------------------ cursors


@pytest.fixture
def cursor(story: GraphStore) -> str:
    """A cursor of the question for the upstream of the answer."""
    given = ask(story, "answer", limit=2)["cursor"]
    assert isinstance(given, str)
    return given


@pytest.mark.parametrize(
    "other",
    [
        LineageRequest("model"),
        LineageRequest("artifact:answer"),
        LineageRequest("answer", DOWN),
        LineageRequest("answer", depth=3),
        LineageRequest("answer", version=pem_id(3)),
    ],
)
def test_the_cursor_of_another_question_is_refused(
    story: GraphStore, cursor: str, other: LineageRequest
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        lineage(story, other._replace(cursor=cursor))

    assert (refused.value.field, refused.value.rule) == ("cursor", "same-question")


def test_the_limit_may_change_between_pages(story: GraphStore, cursor: str) -> None:
    whole = ask(story, "answer")

    rest = ask(story, "answer", limit=DEFAULT_LIMIT, cursor=cursor)

    assert rest["nodes"] == whole["nodes"][2:]


def body(cursor: str) -> list[Any]:
    """Return what a cursor says, after its code."""
    said: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[16:])
    return said


def forged(cursor: str, said: list[Any]) -> str:
    """Return a cursor that says something else under the same code."""
    code = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[:16]
    return base64.urlsafe_b64encode(code + json.dumps(said).encode()).decode()


def test_what_is_no_cursor_is_refused(story: GraphStore, cursor: str) -> None:
    nonsense = ["", "x", "=", "é", "AAAA", cursor[:-4], cursor + "A", "W10", "bnVsbA", "\0"]
    name, fingerprint, epoch, position, as_of, since = body(cursor)
    nonsense += [
        forged(cursor, [name, fingerprint, epoch, changed, as_of, since])
        for changed in (1e30, 10**18, -5, None, position - 1)
    ]
    nonsense += [
        forged(cursor, [name, fingerprint, epoch, position, as_of, changed]) for changed in ([], [1e30, None])
    ]

    for text in nonsense:
        with pytest.raises(InvalidInputError) as refused:
            ask(story, "answer", cursor=text)
        assert refused.value.field == "cursor"


@given(st.text(max_size=60))
def test_any_text_as_a_cursor_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with closing(EmbeddedGraphStore(tmp_path_factory.mktemp("graph"))) as store:
        apply(store, pem(1))

        with pytest.raises(InvalidInputError):
            ask(store, pem_id(1), cursor=text)


def test_a_cursor_of_a_graph_that_was_further_is_a_conflict(story: GraphStore, tmp_path: Path) -> None:
    apply(story, pem(4, at=4))
    given = ask(story, "answer", limit=2)["cursor"]

    with closing(EmbeddedGraphStore(tmp_path / "behind")) as behind:
        apply(behind, pem(3, produces=["answer"]))
        with pytest.raises(ConflictError):
            ask(behind, "answer", cursor=given)


# ------------------------------------------------------------------------------------------------ between pages


def test_events_that_arrive_between_pages_are_left_out_of_the_answer(story: GraphStore) -> None:
    for node, direction in (("answer", UP), ("raw", DOWN), (pem_id(1), DOWN)):
        whole = ask(story, node, direction)
        first = ask(story, node, direction, limit=3)
        number = 100 + story.checkpoint().position
        apply(story, *(pem(number + at, at=10 + at, uses=["table", "raw", "answer"]) for at in range(20)))

        rest = ask(story, node, direction, cursor=first["cursor"])

        assert first["nodes"] + rest["nodes"] == whole["nodes"]
        assert (rest["position"], rest["complete"]) == (whole["position"], True)


def test_a_new_version_between_pages_does_not_change_what_is_explained(story: GraphStore) -> None:
    whole = ask(story, "answer")
    first = ask(story, "answer", limit=3)
    apply(story, pem(9, at=9, uses=["elsewhere"], produces=["answer"]))

    rest = ask(story, "answer", cursor=first["cursor"])

    assert first["nodes"] + rest["nodes"] == whole["nodes"]
    assert rest["node"]["version"] == pem_id(3)


def test_new_versions_between_pages_do_not_change_who_is_affected(store: GraphStore) -> None:
    for number in range(1, 40):
        apply(
            store,
            pem(1_000 - number, at=2 * number, produces=["a"]),
            pem(2_000 + number, at=2 * number + 1, uses=["a"]),
        )
    whole = ask(store, "a", DOWN)
    answers = [ask(store, "a", DOWN, limit=7)]
    while answers[-1]["cursor"] is not None:
        number = 3_000 + len(answers)
        apply(store, pem(number, at=number, produces=["a"]), pem(2 * number, at=number + 0.5, uses=["a"]))
        answers.append(ask(store, "a", DOWN, limit=7, cursor=answers[-1]["cursor"]))

    assert add_up(answers) == add_up([whole])


@pytest.mark.parametrize(
    "late",
    [
        pem(7, at=1.5, produces=["table"]),  # another version is used now
        pem(8),  # was a placeholder
    ],
)
def test_a_late_event_between_pages_is_a_conflict(story: GraphStore, late: Any) -> None:
    apply(story, pem(5, at=5, uses=["answer"], produces=["last"], after=[8]))
    first = ask(story, "last", limit=2)
    apply(story, late)

    with pytest.raises(ConflictError):
        ask(story, "last", cursor=first["cursor"])
    assert ask(story, "last")["complete"]


def test_another_epoch_is_a_conflict(story: GraphStore, cursor: str) -> None:
    story.apply([], expected=story.checkpoint(), to=Checkpoint("another", 3))

    with pytest.raises(ConflictError):
        ask(story, "answer", cursor=cursor)


@settings(max_examples=examples(30))
@given(histories().filter(bool), histories(), st.sampled_from(Direction), st.integers(1, 4), st.booleans())
def test_pages_of_a_moving_graph_add_up_to_the_first_answer_or_end_in_a_conflict(
    history: list[Made], arrivals: list[Made], direction: Direction, limit: int, from_artifact: bool
) -> None:
    known = {made.number for made in history}
    arriving = [made.event() for made in arrivals if made.number not in known]
    with OPENERS["embedded"].filled([made.event() for made in history]) as store:
        names = [artifact.name for artifact in store.artifacts()]
        node = f"artifact:{names[0]}" if from_artifact and names else history[0].id
        whole = ask(store, node, direction)
        answers = [ask(store, node, direction, limit=limit)]
        try:
            while answers[-1]["cursor"] is not None:
                if arriving:
                    apply(store, arriving.pop())
                answers.append(ask(store, node, direction, limit=limit, cursor=answers[-1]["cursor"]))
        except ConflictError:
            assert store.resolutions_changed_at() > whole["position"]
        else:
            assert add_up(answers) == add_up([whole])
