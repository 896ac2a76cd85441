"""Who recorded an event is told wherever an event is told of, and nowhere else."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from provgraph.exports import FORMATS
from provgraph.families.credential.events import Role
from tests.integration.serving import Served, pem, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.graphstore.base import GraphDigest

ADA = "ada the recorder"
INGEST = pem(Type="ingest", ProducesArtifacts=[{"Name": "table/a"}], TimestampClient="2026-01-02 03:04:05")
TRAIN = pem(
    Type="train",
    UsesArtifacts=[{"Name": "table/a"}],
    ProducesArtifacts=[{"Name": "model/m"}],
    TimestampClient="2026-01-02 03:05:05",
)
DECIDE = pem(
    Type="decide",
    UsesArtifacts=[{"Name": "model/m"}],
    ProducesArtifacts=[{"Name": "decision/d"}],
    TimestampClient="2026-01-02 03:06:05",
)


class Story(Served):
    """Three events of a chain; the first two came with ada's credential, the last one with none."""

    @property
    def ada(self) -> dict[str, str]:
        credential, *_ = self.services.catalog.credentials()
        return {"id": credential.id, "name": credential.name}

    def ask(self, question: str, **params: str) -> Any:
        answer = self.client.get(f"/api/v1/{question}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with serving(tmp_path_factory.mktemp("recorded") / "data") as served:
        story = Story(*served)
        bearer = served.bearer(Role.WRITER, name=ADA)
        assert served.client.post("/api/v1/events", json=[INGEST], headers=bearer).json()["accepted"] == 1
        assert served.client.post("/receiver/pem", json=TRAIN, headers=bearer).status_code == 200
        assert served.client.post("/receiver/pem", json=DECIDE).status_code == 200
        story.flush()
        yield story


def by_event(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return who recorded each event of an answer, by its id."""
    return {
        item.get("event") or item["id"]: item.get("recorded_by")
        for item in items
        if item.get("kind", "pem") == "pem"
    }


def expected(story: Story) -> dict[str, Any]:
    return {INGEST["ID"]: story.ada, TRAIN["ID"]: story.ada, DECIDE["ID"]: None}


@pytest.mark.parametrize("params", [{}, {"known_at": "now"}, {"direction": "both"}, {"versions": "any"}])
def test_lineage_tells_it_the_quick_way_and_through_the_past(story: Story, params: dict[str, str]) -> None:
    answer = story.ask("lineage", node="decision/d", **params)

    assert by_event(answer["nodes"]) == expected(story)


def test_lineage_downstream_tells_it(story: Story) -> None:
    answer = story.ask("lineage", node="table/a", direction="downstream")

    assert by_event(answer["nodes"]) == {TRAIN["ID"]: story.ada, DECIDE["ID"]: None}


def test_why_tells_it_in_steps_graph_claims_and_text(story: Story) -> None:
    answer = story.ask("why", node="decision/d")

    assert by_event(answer["steps"]) == expected(story)
    assert by_event(answer["graph"]["nodes"]) == expected(story)
    recorded = f"the credential {ADA!r} ({story.ada['id']}) recorded it"
    told = [claim["claim"] for claim in answer["claims"] if recorded in claim["claim"]]
    assert [claim.split()[2] for claim in told] == ["'train'", "'ingest'"]
    assert answer["text"].count(f'Z by "{ADA}"\n') == 2


def test_impact_and_path_tell_it(story: Story) -> None:
    impact = story.ask("impact", node="table/a", format="json")
    path = story.ask("path", source="table/a", target="decision/d")

    assert by_event(impact["items"]) == {TRAIN["ID"]: story.ada, DECIDE["ID"]: None}
    assert by_event(path["path"]) == {TRAIN["ID"]: story.ada, DECIDE["ID"]: None}


def test_impact_tells_it_line_by_line(story: Story) -> None:
    answer = story.client.get("/api/v1/impact", params={"node": "table/a"})

    lines = [json.loads(line) for line in answer.text.splitlines()]
    items = [line for line in lines if "event" in line]
    assert by_event(items) == {TRAIN["ID"]: story.ada, DECIDE["ID"]: None}


@pytest.mark.parametrize("format_", sorted(FORMATS))
@pytest.mark.parametrize("question", ["lineage", "why"])
def test_every_export_tells_it(story: Story, question: str, format_: str) -> None:
    params = {"node": "decision/d", "format": format_}
    answer = story.client.get(f"/api/v1/{question}", params=params)

    assert answer.status_code == 200
    assert answer.text.count(ADA) >= 2


def test_record_keepers_lists_tell_it_in_a_field_of_its_own(story: Story) -> None:
    ada = {"ID": story.ada["id"], "Name": ADA}

    listed = {each["ID"]: each.get("RecordedBy") for each in story.client.get("/query/pems").json()}
    single = story.client.get(f"/query/pem/{TRAIN['ID']}").json()
    without = story.client.get(f"/query/pem/{DECIDE['ID']}").json()
    assert listed == {INGEST["ID"]: ada, TRAIN["ID"]: ada, DECIDE["ID"]: None}
    assert single["RecordedBy"] == ada
    assert "RecordedBy" not in without


def test_state_and_diff_tell_it_of_versions_and_of_tags(story: Story) -> None:
    state = story.ask("state")
    changes = story.ask("diff", **{"from": "0", "to": "now", "clock": "recorded"})["changes"]

    made = {each["artifact"]: each["version"].get("recorded_by") for each in state["artifacts"]}
    assert made == {"table/a": story.ada, "model/m": story.ada, "decision/d": None}
    assert {each["artifact"]: each["after"]["version"].get("recorded_by") for each in changes} == made


def told_events(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield every event that an answer tells of: with its place in the log, and when it was."""
    if isinstance(answer, dict):
        if "position" in answer and answer.keys() & {"occurred_at", "at"}:
            yield answer
        for each in answer.values():
            yield from told_events(each)
    elif isinstance(answer, list):
        for each in answer:
            yield from told_events(each)


# What is asked for by each route that tells of events, and the routes that tell of none so.
TELLING = {
    "/api/v1/lineage": {"node": "decision/d", "known_at": "now"},
    "/api/v1/why": {"node": "decision/d"},
    "/api/v1/impact": {"node": "table/a", "format": "json"},
    "/api/v1/path": {"source": "table/a", "target": "decision/d"},
    "/api/v1/runs/{id}/operations": {},
    "/api/v1/objects/{id}/operations": {},
}
TELLING_OTHERWISE = {
    "/api/v1/state": {},
    "/api/v1/diff": {"from": "1", "to": "4"},
    "/api/v1/gaps": {},
    "/api/v1/runs": {},
    "/api/v1/runs/{id}": {},
    "/api/v1/runs/{id}/diff": {"with": "{id}"},
    "/api/v1/groups": {},
    "/api/v1/groups/{id}": {},
    "/api/v1/objects": {"kind": "TestNodeKind"},
    "/api/v1/objects/{id}": {},
    "/api/v1/kinds": {},
}


class Everything(NamedTuple):
    """A service where everything came with one credential: the story, and a run that saved an object."""

    story: Story
    ids: dict[str, str]  # by the second word of a route


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    with serving(tmp_path_factory.mktemp("everything") / "data") as served:
        story = Story(*served)
        bearer = served.bearer(Role.WRITER, name=ADA)

        def post(path: str, **body: Any) -> Any:
            asked = {"request": uuid.uuid4().hex, **body}
            answer = served.client.post(f"/api/v1/{path}", json=asked, headers=bearer)
            assert answer.is_success, answer.text
            return answer.json()

        served.client.post("/api/v1/events", json=[INGEST, TRAIN, DECIDE], headers=bearer)
        run = post("runs", identifier="loans")["id"]
        saved = post("objects", run=run, objects=[{"kind": "TestNodeKind", "values": {"name": "x"}}])
        closed = post(f"runs/{run}/close")
        story.flush()
        yield Everything(
            story, {"runs": run, "objects": saved["objects"][0]["id"], "groups": closed["group"]["id"]}
        )


def test_every_route_that_asks_is_in_a_table(story: Story) -> None:
    paths = story.client.get("/openapi.json").json()["paths"]

    asking = {path for path, methods in paths.items() if "get" in methods and path.startswith("/api/v1/")}
    assert asking == TELLING.keys() | TELLING_OTHERWISE.keys()


@pytest.mark.parametrize("path", [*TELLING, *TELLING_OTHERWISE])
def test_every_event_that_is_told_with_its_place_says_who_recorded_it(
    everything: Everything, path: str
) -> None:
    id_ = everything.ids.get(path.split("/")[3], "")
    params = {name: value.format(id=id_) for name, value in (TELLING | TELLING_OTHERWISE)[path].items()}

    answer = everything.story.ask(path.removeprefix("/api/v1/").format(id=id_), **params)

    told = list(told_events(answer))
    assert bool(told) is (path in TELLING)
    assert all(event["recorded_by"] == everything.story.ada for event in told)


def test_it_is_still_told_when_the_credential_was_revoked(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("revoked") / "data") as served:
        bearer = served.bearer(Role.WRITER, name=ADA)
        served.client.post("/receiver/pem", json=INGEST, headers=bearer)
        (credential,) = served.services.catalog.credentials()
        assert served.client.request("DELETE", f"/admin/credentials/{credential.id}").is_success
        served.flush()

        (listed,) = served.client.get("/query/pems").json()

        assert listed["RecordedBy"] == {"ID": credential.id, "Name": ADA}


def test_graphs_are_equal_whoever_sent_the_events(
    story: Story, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(tmp_path_factory.mktemp("anonymous") / "data") as served:
        for sent in (INGEST, TRAIN, DECIDE):
            assert served.client.post("/receiver/pem", json=sent).status_code == 200
        served.flush()
        other: GraphDigest = served.services.graph.digest()

    assert story.services.graph.digest().lineage == other.lineage
