"""Every answer says what happened: what events said of themselves and of versions, and how their work ended."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.client.told import Gaps, Route
from provgraph.exports import FORMATS
from tests.integration.query.story import lines, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.query.story import Story

TRAIN, DECIDE, FIX = (f"{number:032x}" for number in (21, 22, 23))
ERROR = "ValueError: no rows"
EVENTS: tuple[dict[str, Any], ...] = (
    {
        "ID": TRAIN,
        "Type": "train",
        "Emitter": "ada",
        "OccurredAt": "2026-03-03T09:40:00Z",
        "UsesArtifacts": [{"Name": "features"}],
        "ProducesArtifacts": [
            {
                "Name": "model/credit",
                "Version": "2-beta",
                "Digest": "sha256:29c1b289",
                "Kind": "scorecard",
                "Properties": {"auc": 0.84, "log": "x" * 3_000},
            }
        ],
        "Outcome": "failed",
        "Error": ERROR,
        "Tag": "champion",
        "TagNamespace": "credit",
    },
    {
        "ID": DECIDE,
        "Type": "decide",
        "Emitter": "loan-service",
        "OccurredAt": "2026-03-03T15:05:00Z",
        "Properties": {"clerk": "c-17"},
        "UsesArtifacts": [{"Name": "model/credit"}],
        "ProducesArtifacts": [
            {"Name": "decision/A-1042", "Properties": {"outcome": "declined", "score": 0.38}}
        ],
    },
    {
        "ID": FIX,
        "Type": "fix-currency",
        "Emitter": "data-quality",
        "OccurredAt": "2026-03-03T08:15:00Z",
        "ProducesArtifacts": [{"Name": "features"}],
        "Outcome": "aborted",
    },
)
# What a reader of any answer that is a file has to find there.
SAID = ("declined", "0.38", "2-beta", "sha256:29c1b289", "scorecard", "0.84", "c-17", ERROR, "decide")


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with told(tmp_path_factory.mktemp("credit")) as story:
        for event in EVENTS:
            story.send(event)
        yield story


def recorded_at(credit: Story, event: str) -> str:
    steps = credit.ask("why", node=f"pem:{event}")["steps"]
    at: str = next(step["recorded_at"] for step in steps if step["event"] == event)
    return at


def readable(text: str) -> str:
    """Return what is in a file without the ways of its format to write marks and quotation marks."""
    return text.replace('\\"', '"').replace("#58;", ":").replace("#34;", '"').replace("\\", "")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("question", ["why", "lineage"])
def test_every_export_says_what_happened(credit: Story, question: str, name: str) -> None:
    answer = readable(credit.get(question, node="decision/A-1042", format=name).text)

    missing = [said for said in (*SAID, "failed", "aborted") if said not in answer]
    assert missing == []
    assert recorded_at(credit, DECIDE) in answer
    # The one property that is long is counted, and the report that came last is marked.
    assert "x" * 600 not in answer or (question, name) == ("why", "json")
    assert "reported_after" in answer or "reported after" in answer


def test_the_text_and_the_claims_say_what_happened(credit: Story) -> None:
    answer = credit.ask("why", node="decision/A-1042")

    for text in (answer["text"], json.dumps(answer["claims"])):
        assert [said for said in (*SAID, "failed", "aborted") if said not in text] == []
        assert recorded_at(credit, DECIDE) in text
        assert "reported after" in text
    assert "x" * 100 not in answer["text"]


@pytest.mark.parametrize(
    "way", [{"depth": 5}, {}, {"as_of": "now"}, {"direction": "both"}, {"details": "true"}]
)
def test_lineage_says_how_work_ended_on_every_way(credit: Story, way: dict[str, Any]) -> None:
    nodes = credit.ask("lineage", node="decision/A-1042", **way)["nodes"]

    ended = {node["id"]: (node.get("outcome"), node.get("error")) for node in nodes if node["kind"] == "pem"}
    assert ended == {DECIDE: (None, None), TRAIN: ("failed", ERROR), FIX: ("aborted", None)}


@pytest.mark.parametrize("way", [{}, {"as_of": "now"}])
def test_lineage_tells_details_when_it_is_asked_to(credit: Story, way: dict[str, Any]) -> None:
    plain = credit.ask("lineage", node="decision/A-1042", **way)
    answer = credit.ask("lineage", node="decision/A-1042", details="true", **way)

    edges = {(edge["type"], edge["target"]): edge for edge in answer["edges"] if edge["source"] == TRAIN}
    made = edges["PRODUCES", "model/credit"]
    assert (made["label"], made["digest"], made["artifact_kind"]) == (
        "2-beta",
        "sha256:29c1b289",
        "scorecard",
    )
    assert (made["properties"], made["properties_left_out"]) == ({"auc": 0.84}, 1)
    (decide,) = [node for node in answer["nodes"] if node["id"] == DECIDE]
    assert (decide["properties"], decide["recorded_at"]) == ({"clerk": "c-17"}, recorded_at(credit, DECIDE))
    (fix,) = [node for node in answer["nodes"] if node["id"] == FIX]
    assert fix["reported_after"]["event"] == TRAIN
    assert [node["id"] for node in plain["nodes"]] == [node["id"] for node in answer["nodes"]]
    assert not any("properties" in each for each in (*plain["nodes"], *plain["edges"]))


def test_a_use_tells_of_a_version_whose_event_is_not_listed(credit: Story) -> None:
    answer = credit.ask("lineage", node="decision/A-1042", depth=1, details="true")

    (use,) = [edge for edge in answer["edges"] if edge["type"] == "USES"]
    assert (use["version"], use["label"], use["properties"]) == (TRAIN, "2-beta", {"auc": 0.84})


def test_pages_with_details_go_on_where_those_without_ended(credit: Story) -> None:
    whole = credit.ask("lineage", node="decision/A-1042")
    first = credit.ask("lineage", node="decision/A-1042", limit=2)
    rest = credit.ask("lineage", node="decision/A-1042", cursor=first["cursor"], details="true")

    assert [node["id"] for node in (*first["nodes"], *rest["nodes"])] == [
        node["id"] for node in whole["nodes"]
    ]


def test_a_file_may_do_without_details(credit: Story) -> None:
    answer = credit.get("lineage", node="decision/A-1042", format="dot", details="false").text

    assert "declined" not in answer
    assert credit.problem("lineage", node="decision/A-1042", details="yes")["field"] == "details"


def test_every_other_answer_says_how_work_ended(credit: Story) -> None:
    failed = {"outcome": "failed", "error": ERROR}

    _, *items, _ = lines(credit.get("impact", node="features"))
    assert next(item for item in items if item["event"] == TRAIN).items() >= failed.items()
    made = next(made for item in items for made in item["produced"] if made["artifact"] == "model/credit")
    assert made["version"].items() >= failed.items()
    path = credit.ask("path", source="features", target="decision/A-1042")["path"]
    assert path[0].items() >= failed.items()
    state = credit.ask("state")
    versions = {each["artifact"]: each["version"] or {} for each in state["artifacts"]}
    assert versions["model/credit"].items() >= failed.items()
    (champion,) = [tag for tag in state["tags"] if tag["tag"] == "champion"]
    assert champion.items() >= failed.items()
    changes = credit.ask("diff", from_="2026-03-03T09:00:00Z", to="2026-03-04")["changes"]
    after = {change.get("tag") or change["artifact"]: change["after"] for change in changes}
    assert after["champion"].items() >= failed.items()
    assert after["model/credit"]["version"].items() >= failed.items()
    (use,) = [
        use
        for use in credit.ask("why", node="decision/A-1042")["steps"][0]["used"]
        if use["artifact"] == "model/credit"
    ]
    assert use["version"].items() >= failed.items()
    gaps = credit.ask("gaps")
    assert gaps["outcomes"] == {"failed": 1, "aborted": 1, "unknown": 0}
    counted = {each["emitter"]: (each["failed"], each["aborted"]) for each in gaps["emitters"]}
    assert (counted["ada"], counted["data-quality"], counted["loan-service"]) == ((1, 0), (0, 1), (0, 0))


def test_a_use_of_what_failed_work_made_says_so_everywhere(credit: Story) -> None:
    failed = {"outcome": "failed", "error": ERROR}

    path = credit.ask("path", source="model/credit", target="decision/A-1042")
    assert path["used"]["made"].items() >= {"event": TRAIN, "label": "2-beta", **failed}.items()
    assert path["source"].keys().isdisjoint(failed)  # it stands for any version
    route = Route.read(path)
    assert route.made is not None
    assert (route.made.outcome, route.made.error) == ("failed", ERROR)
    assert ERROR in str(route)
    path = credit.ask("path", source="artifact:model/credit", source_version="2-beta", target=f"pem:{DECIDE}")
    assert path["source"].items() >= failed.items()

    start, item, _ = lines(credit.get("impact", node="artifact:model/credit"))
    (used,) = item["path"][0]["used"]
    assert used == {"event": TRAIN, "position": used["position"], **failed}
    assert start["node"].keys().isdisjoint(failed)
    start, _, end = lines(credit.get("impact", node="artifact:model/credit", version=TRAIN))
    assert start["node"].items() >= failed.items()
    assert end["node"] == start["node"]
    _, train, decide, _ = lines(credit.get("impact", node=f"pem:{FIX}"))
    assert [step.get("outcome") for step in decide["path"]] == ["aborted", "failed", None]
    assert train["path"][-1].items() >= failed.items()

    (use,) = [
        use
        for use in credit.ask("why", node="decision/A-1042", depth=1)["graph"]["edges"]
        if use["type"] == "USES"
    ]
    assert use.items() >= failed.items()


@pytest.mark.parametrize("way", [{}, {"as_of": "now"}])
def test_lineage_with_details_says_so_of_versions_whose_events_it_does_not_list(
    credit: Story, way: dict[str, Any]
) -> None:
    failed = {"outcome": "failed", "error": ERROR}

    answer = credit.ask("lineage", node="decision/A-1042", depth=1, details="true", **way)
    (use,) = [edge for edge in answer["edges"] if edge["type"] == "USES"]
    assert use.items() >= failed.items()
    whole = credit.ask("lineage", node="decision/A-1042", details="true", **way)
    assert not any("outcome" in edge for edge in whole["edges"])  # the node of the event says it
    below = {"node": "model/credit", "version": TRAIN, "direction": "downstream", "details": "true"}
    assert credit.ask("lineage", **below, **way)["node"].items() >= failed.items()


@pytest.mark.parametrize("name", FORMATS)
def test_every_export_says_so_of_versions_whose_events_it_does_not_list(credit: Story, name: str) -> None:
    answer = readable(credit.get("lineage", node="decision/A-1042", depth=1, format=name).text)

    assert "failed" in answer
    assert ERROR in answer


def test_gaps_says_how_the_work_ended_of_both_ends_of_a_use(tmp_path: Path) -> None:
    made, used = f"{41:032x}", f"{42:032x}"
    with told(tmp_path) as story:
        story.send(
            {"ID": used, "Type": "use", "Emitter": "e", "OccurredAt": "2026-04-01T00:00:00Z"}
            | {"UsesArtifacts": [{"Name": "late"}], "Outcome": "aborted"},
            {"ID": made, "Type": "make", "Emitter": "e", "OccurredAt": "2026-04-02T00:00:00Z"}
            | {"ProducesArtifacts": [{"Name": "late"}], "Outcome": "failed", "Error": ERROR},
        )

        answer = story.ask("gaps")

    (use,) = answer["out_of_order"]["items"]
    assert ERROR in str(Gaps.read(answer))
    assert (use["event"], use["outcome"]) == (used, "aborted")
    assert use["version"].items() >= {"event": made, "outcome": "failed", "error": ERROR}.items()


def test_record_keepers_lists_have_it_as_more_fields(credit: Story) -> None:
    client = credit.served.client
    listed = {pem["ID"]: pem for pem in client.get("/query/pems").json()}

    assert (listed[TRAIN]["Outcome"], listed[TRAIN]["Error"]) == ("failed", ERROR)
    assert (listed[FIX]["Outcome"], "Error" in listed[FIX]) == ("aborted", False)
    assert not listed[DECIDE].keys() & {"Outcome", "Error"}
    assert client.get(f"/query/pem/{TRAIN}").json() == listed[TRAIN]
    assert client.get("/query/pems_count").json() == {"pems_count": len(listed)}


def test_users_own_queries_find_what_failed(credit: Story) -> None:
    query = "MATCH (p:PEM) WHERE p.outcome = 'failed' RETURN p.rk_id AS id, p.error AS error"

    answer = credit.served.client.post("/api/v1/cypher", json={"query": query})

    assert answer.json()["rows"] == [[TRAIN, ERROR]]


def test_each_door_takes_what_it_says(tmp_path: Path) -> None:
    event = {
        "Type": "t",
        "Emitter": "e",
        "OccurredAt": "2026-01-02T03:04:05Z",
        "TimestampClient": "2026-01-02 03:04:05",
    }
    with told(tmp_path) as story:
        client = story.served.client
        refused = client.post("/api/v1/events", json=[event | {"ID": f"{31:032x}", "Outcome": "ok"}]).json()
        odd = event | {"ID": f"{32:032x}", "Outcome": "ok", "Error": {"code": 7}}
        assert client.post("/receiver/pem", json=odd).status_code == 200
        story.served.flush()

        (verdict,) = refused["results"]
        assert (verdict["verdict"], verdict["field"], verdict["rule"]) == ("invalid", "Outcome", "outcome")
        (step,) = story.ask("why", node=f"pem:{32:032x}")["steps"]
        assert (step["outcome"], "error" in step) == ("unknown", False)
        assert story.ask("gaps")["outcomes"]["unknown"] == 1
        assert client.get(f"/query/pem/{32:032x}").json()["Outcome"] == "unknown"


def test_the_event_of_a_tracked_run_that_failed_says_so(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        client = story.served.client
        opened = client.post(
            "/api/v1/runs", json={"request": str(uuid.uuid4()), "identifier": "inventory"}
        ).json()
        failed = {"request": str(uuid.uuid4()), "error": "LookupError: ber"}
        assert client.post(f"/api/v1/runs/{opened['id']}/fail", json=failed).status_code == 200
        story.served.flush()

        (event,) = client.get("/query/pems", params={"Type": "run.failed"}).json()
        assert (event["Outcome"], event["Error"]) == ("failed", "LookupError: ber")
        (version,) = story.ask("why", node=f"pem:{event['ID']}")["steps"][0]["produced"]
        assert version["version"]["outcome"] == "failed"
