"""Lineage over HTTP: what a walk meets, how depth counts, where limit and cursor cut, versions and clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.e2e.builders import artifact, new_id, pem, unique
from tests.e2e.native import assert_is_problem, batch, depths, edges, ids, lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.e2e.wire import Wire


# The walk


class Story(NamedTuple):
    """raw -ingest-> table -train-> model -deploy-> service, and an audit that used table and model."""

    ingest: str
    train: str
    deploy: str
    audit: str
    prefix: str

    def name(self, what: str) -> str:
        """Return the artifact's name."""
        return f"{self.prefix}/{what}"


@pytest.fixture(scope="module")
def story(wire: Wire) -> Story:
    prefix = unique("story-")
    ingest, train, deploy, audit = (new_id() for _ in range(4))

    def artifacts(*names: str) -> list[dict[str, Any]]:
        return [artifact(f"{prefix}/{name}") for name in names]

    def event(id_: str, type_: str, minute: int, **fields: object) -> dict[str, Any]:
        return pem(ID=id_, Type=type_, OccurredAt=f"2026-03-01T10:{minute:02}:00Z", **fields)

    events = [
        event(ingest, "ingest", 1, UsesArtifacts=artifacts("raw"), ProducesArtifacts=artifacts("table")),
        event(train, "train", 2, UsesArtifacts=artifacts("table"), ProducesArtifacts=artifacts("model")),
        event(
            *(deploy, "deploy", 3),
            Predecessor=train,
            UsesArtifacts=artifacts("model"),
            ProducesArtifacts=artifacts("service"),
        ),
        event(audit, "audit", 4, UsesArtifacts=artifacts("table", "model")),
    ]
    assert batch(wire, *events)["accepted"] == 4
    wire.flush()
    return Story(ingest, train, deploy, audit, prefix)


def test_upstream_of_an_artifact_is_everything_it_came_from(wire: Wire, story: Story) -> None:
    answer = lineage(wire, f"artifact:{story.name('model')}")

    assert (answer["node"]["kind"], answer["node"]["id"]) == ("artifact", story.name("model"))
    assert answer["node"]["version"] == story.train
    assert answer["direction"] == "upstream"
    assert ids(answer, "pem") == {story.train, story.ingest}
    assert ids(answer, "artifact") == {story.name(each) for each in ("model", "table", "raw")}
    assert edges(answer, "PRODUCES") >= {
        (story.train, story.name("model")),
        (story.ingest, story.name("table")),
    }
    assert edges(answer, "USES") == {(story.train, story.name("table")), (story.ingest, story.name("raw"))}
    assert (answer["complete"], answer["reason"], answer["cursor"]) == (True, None, None)


def test_an_event_in_an_answer_says_what_it_was(wire: Wire, story: Story) -> None:
    answer = lineage(wire, f"artifact:{story.name('model')}")

    train = next(node for node in answer["nodes"] if node["id"] == story.train)
    assert (train["kind"], train["type"]) == ("pem", "train")
    assert train["occurred_at"] == "2026-03-01T10:02:00.000000Z"
    assert train["emitter"].startswith("emitter-")
    assert 0 < train["position"] <= answer["position"]


def test_a_use_names_the_version_that_was_used(wire: Wire, story: Story) -> None:
    answer = lineage(wire, f"artifact:{story.name('model')}")

    uses = {edge["target"]: edge for edge in answer["edges"] if edge["type"] == "USES"}
    assert uses[story.name("table")]["version"] == story.ingest
    assert not uses[story.name("raw")].get("version")
    assert not any(edge.get("out_of_order") for edge in uses.values())


def test_depth_counts_events(wire: Wire, story: Story) -> None:
    answer = depths(lineage(wire, f"artifact:{story.name('service')}"))

    assert answer == {
        story.name("service"): 0,
        story.deploy: 1,
        story.name("model"): 1,
        story.train: 2,
        story.name("table"): 2,
        story.ingest: 3,
        story.name("raw"): 3,
    }


@pytest.mark.parametrize(("depth", "events"), [(1, 1), (2, 2), (3, 3), (4, 3), (1_000, 3)])
def test_depth_cuts_the_walk_and_says_so(wire: Wire, story: Story, depth: int, events: int) -> None:
    node = f"artifact:{story.name('service')}"
    whole = lineage(wire, node)

    answer = lineage(wire, node, depth=depth)

    assert depths(answer) == {id_: at for id_, at in depths(whole).items() if at <= depth}
    assert len(ids(answer, "pem")) == events
    assert answer["depth"] == depth
    assert (answer["complete"], answer["reason"]) == ((True, None) if depth >= 3 else (False, "depth"))


def test_a_long_history_is_answered_as_a_short_one_is(wire: Wire) -> None:
    ids_of_chain = [new_id() for _ in range(1_300)]
    chain = [
        pem(ID=id_, Predecessor=before)
        for id_, before in zip(ids_of_chain, [None, *ids_of_chain], strict=False)
    ]
    assert batch(wire, *chain)["accepted"] == len(chain)
    wire.flush()

    short = lineage(wire, f"pem:{ids_of_chain[-1]}", depth=20)
    long = lineage(wire, f"pem:{ids_of_chain[-1]}", depth=2_000)

    assert [node["id"] for node in short["nodes"]] == ids_of_chain[-1:-22:-1]
    assert [node["id"] for node in long["nodes"]] == ids_of_chain[::-1]
    assert (short["complete"], long["complete"]) == (False, True)


def test_downstream_of_an_artifact_is_everything_it_went_into(wire: Wire, story: Story) -> None:
    answer = lineage(wire, f"artifact:{story.name('raw')}", direction="downstream")

    assert ids(answer, "pem") == {story.ingest, story.train, story.deploy, story.audit}
    assert ids(answer, "artifact") == {story.name(each) for each in ("raw", "table", "model", "service")}


def test_downstream_of_an_event_holds_what_followed_it(wire: Wire, story: Story) -> None:
    answer = lineage(wire, f"pem:{story.train}", direction="downstream")

    assert ids(answer, "pem") == {story.train, story.deploy, story.audit}
    assert (story.deploy, story.train) in edges(answer, "PREDECESSOR")


@pytest.mark.parametrize("spelling", ["pem:{}", "{}", "pem:dashed"])
def test_an_event_is_a_start_under_every_spelling(wire: Wire, story: Story, spelling: str) -> None:
    hexed = story.deploy
    dashed = "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
    node = spelling.replace("dashed", dashed).format(hexed)

    answer = lineage(wire, node)

    assert (answer["node"]["kind"], answer["node"]["id"]) == ("pem", hexed)
    assert ids(answer, "pem") == {story.deploy, story.train, story.ingest}


def test_a_bare_name_that_is_no_known_event_is_an_artifact(wire: Wire, story: Story) -> None:
    looks_like_an_id = new_id()
    wire.accepted(pem(ProducesArtifacts=[artifact(looks_like_an_id)]))
    wire.flush()

    assert lineage(wire, looks_like_an_id)["node"]["kind"] == "artifact"
    assert lineage(wire, story.name("raw"))["node"]["kind"] == "artifact"


@pytest.mark.parametrize("name", ["pem:x", "artifact:y", "a b+c&d=e", "ü😀", "%2F/..//", "'\"\\"])
def test_an_artifact_of_any_name_is_a_start(wire: Wire, name: str) -> None:
    whole = unique() + name
    sent = pem(ProducesArtifacts=[artifact(whole)])
    wire.accepted(sent)
    wire.flush()

    assert ids(lineage(wire, f"artifact:{whole}"), "pem") == {sent["ID"]}


def test_the_walk_starts_from_the_version_that_is_asked_for(wire: Wire) -> None:
    name = unique("model-")
    first, second = (
        pem(
            OccurredAt=f"2026-03-0{day}T00:00:00Z",
            ProducesArtifacts=[{"Name": name, "Version": f"v{day}"}],
        )
        for day in (1, 2)
    )
    batch(wire, second, first)
    wire.flush()

    assert lineage(wire, f"artifact:{name}")["node"]["version"] == second["ID"]
    for version in ("v1", first["ID"]):
        answer = lineage(wire, f"artifact:{name}", version=version)
        assert answer["node"]["version"] == first["ID"]
        assert ids(answer, "pem") == {first["ID"]}


def test_a_version_that_does_not_exist_is_a_problem(wire: Wire, story: Story) -> None:
    answer = wire.get("/api/v1/lineage", node=f"artifact:{story.name('model')}", version="v99")

    assert_is_problem(answer, 404)


def test_a_use_resolves_to_the_version_before_it_whatever_arrives_first(wire: Wire) -> None:
    name = unique("table-")
    early, late = (
        pem(OccurredAt=f"2026-03-0{day}T00:00:00Z", ProducesArtifacts=[artifact(name)]) for day in (1, 5)
    )
    use = pem(OccurredAt="2026-03-03T00:00:00Z", UsesArtifacts=[artifact(name)])
    for event in (late, use, early):
        batch(wire, event)
        wire.flush()

    answer = lineage(wire, f"pem:{use['ID']}")

    assert ids(answer, "pem") == {use["ID"], early["ID"]}
    assert [edge["version"] for edge in answer["edges"] if edge["type"] == "USES"] == [early["ID"]]


def test_a_use_before_every_version_is_marked(wire: Wire) -> None:
    name = unique("table-")
    use = pem(OccurredAt="2026-03-01T00:00:00Z", UsesArtifacts=[artifact(name)])
    made = pem(OccurredAt="2026-03-02T00:00:00Z", ProducesArtifacts=[artifact(name)])
    batch(wire, made, use)
    wire.flush()

    answer = lineage(wire, f"pem:{use['ID']}")

    assert [
        (edge["version"], edge.get("out_of_order")) for edge in answer["edges"] if edge["type"] == "USES"
    ] == [(made["ID"], True)]


def test_a_predecessor_that_never_arrived_is_a_placeholder(wire: Wire) -> None:
    unknown = new_id()
    sent = pem(Predecessor=unknown)
    wire.accepted(sent)
    wire.flush()

    nodes = {node["id"]: node for node in lineage(wire, f"pem:{sent['ID']}")["nodes"]}

    assert nodes[unknown]["placeholder"] is True
    assert not nodes[sent["ID"]].get("placeholder")


# Limit and cursor


@pytest.fixture(scope="module")
def wide(wire: Wire) -> str:
    """An artifact with 61 events and 120 further artifacts upstream, in a graph with many paths."""
    prefix = unique("wide-")

    def names(numbers: Sequence[int]) -> list[dict[str, Any]]:
        return [artifact(f"{prefix}/{number}") for number in numbers]

    events = [
        pem(
            OccurredAt=f"2026-03-01T10:{number:02}:00Z" if number < 60 else "2026-03-01T11:00:00Z",
            UsesArtifacts=names(
                [each for each in (2 * number - 2, 2 * number - 1, number // 2) if each < 2 * number]
            ),
            ProducesArtifacts=names([2 * number, 2 * number + 1]),
        )
        for number in range(61)
    ]
    assert batch(wire, *events)["accepted"] == 61
    wire.flush()
    return f"artifact:{prefix}/120"


def walked(wire: Wire, node: str, **params: object) -> list[dict[str, Any]]:
    """Return the answers, each continued by the cursor of the one before."""
    answers = [lineage(wire, node, **params)]
    while answers[-1]["cursor"] and len(answers) < 1_000:
        answers.append(lineage(wire, node, cursor=answers[-1]["cursor"], **params))
    return answers


def edge_keys(answers: Iterable[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    return {(e["type"], e["source"], e["target"]) for answer in answers for e in answer["edges"]}


@pytest.mark.parametrize("limit", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_the_parts_of_a_limited_answer_are_the_whole(
    wire: Wire, wide: str, limit: int, direction: str
) -> None:
    node = wide if direction == "upstream" else wide.replace("/120", "/0")
    whole = lineage(wire, node, direction=direction)

    parts = walked(wire, node, direction=direction, limit=limit)

    listed = [each["id"] for part in parts for each in part["nodes"]]
    assert whole["complete"]
    assert len(whole["nodes"]) > 100
    assert set(listed) == set(depths(whole))
    assert len(set(listed)) == len(listed)
    assert edge_keys(parts) == edge_keys([whole])
    assert all(len(part["nodes"]) <= limit for part in parts)
    assert [part["reason"] for part in parts] == ["limit"] * (len(parts) - 1) + [None]
    assert [part["complete"] for part in parts] == [False] * (len(parts) - 1) + [True]


def test_a_cursor_keeps_the_depth(wire: Wire, wide: str) -> None:
    whole = lineage(wire, wide, depth=5)

    parts = walked(wire, wide, depth=5, limit=3)

    assert {each["id"] for part in parts for each in part["nodes"]} == set(depths(whole))
    assert (whole["complete"], whole["reason"]) == (False, "depth")
    assert (parts[-1]["complete"], parts[-1]["reason"]) == (False, "depth")


# Waiting


def test_waiting_for_a_position_gives_an_answer_that_has_it(wire: Wire) -> None:
    for _ in range(20):
        event = pem()
        position = batch(wire, event)["position"]

        answer = lineage(wire, f"pem:{event['ID']}", wait=position)

        assert answer["position"] >= position
        assert ids(answer, "pem") == {event["ID"]}


def test_waiting_for_what_never_comes_is_bounded(wire: Wire, story: Story) -> None:
    answer = wire.get("/api/v1/lineage", node=f"pem:{story.train}", wait=10**15)

    assert answer.status < 500 or answer.status in (503, 504), answer


# Problems


@pytest.mark.parametrize("node", ["artifact:{}", "pem:{}", "{}", "pem:00000000000000000000000000000000"])
def test_an_unknown_node_is_a_problem(wire: Wire, node: str) -> None:
    answer = wire.get("/api/v1/lineage", node=node.format(unique() if "pem" not in node else new_id()))

    assert_is_problem(answer, 404)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"node": ""},
        {"node": "pem:nonsense"},
        {"node": "artifact:"},
        {"depth": 0},
        {"depth": -1},
        {"depth": "deep"},
        {"depth": 10**40},
        {"limit": 0},
        {"limit": 100_001},
        {"limit": "all"},
        {"direction": "sideways"},
        {"cursor": "nonsense"},
        {"cursor": "AAAA"},
        {"cursor": "ü"},
        {"wait": "long"},
        {"wait": -1},
    ],
    ids=ascii,
)
def test_an_impossible_question_is_a_problem(wire: Wire, story: Story, params: dict[str, object]) -> None:
    asked = params if not params or "node" in params else {"node": f"pem:{story.train}", **params}

    answer = wire.get("/api/v1/lineage", **asked)

    assert answer.status in (400, 404, 422), answer
    assert_is_problem(answer, answer.status)
