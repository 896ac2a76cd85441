"""``GET /api/v1/state`` and ``/api/v1/diff``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.graphstore import Checkpoint
from tests.integration.query.story import AGAIN, DECIDE, INGEST, TRAIN, Story, told
from tests.integration.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from provgraph.graphstore.base import GraphStore
    from tests.integration.serving import Served


def versions(answer: dict[str, Any]) -> dict[str, str | None]:
    """Return which event produced each artifact's version."""
    return {each["artifact"]: (each["version"] or {}).get("event") for each in answer["artifacts"]}


def changes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Return how what changed."""
    return [
        (each["change"], each.get("artifact") or f"{each['namespace']}/{each['tag']}")
        for each in answer["changes"]
    ]


def test_the_state_is_every_artifact_with_its_version_and_every_tag(story: Story) -> None:
    answer = story.ask("state")

    assert versions(answer) == {
        "decision/4711": DECIDE,
        "model/churn": TRAIN,
        "raw/crm": None,
        "table/customers": AGAIN,
    }
    assert answer["artifacts"][1]["version"]["label"] == "7"
    assert answer["artifacts"][1]["properties"] == {"auc": 0.91}
    assert [(tag["namespace"], tag["tag"], tag["event"]) for tag in answer["tags"]] == [
        ("prod", "current", TRAIN)
    ]
    assert (answer["complete"], answer["cursor"], answer["position"]) == (True, None, 4)


@pytest.mark.parametrize(
    "when",
    [
        {"as_of": "2026-03-01T05:00:00Z"},
        {"as_of": "2026-03-01T05:00:00.5+02:00"},
        {"as_of": "2026-03-01 05:00:00"},
        {"as_of": 1},
        {"known_at": 1},
        {"known_at": 3, "as_of": "2026-03-01T05:00:00Z"},
    ],
    ids=str,
)
def test_the_state_then_knows_nothing_later_on_either_clock(story: Story, when: dict[str, object]) -> None:
    answer = story.ask("state", **when)

    assert versions(answer) == {"raw/crm": None, "table/customers": INGEST}
    assert answer["tags"] == []


def test_before_everything_there_is_nothing(story: Story) -> None:
    answer = story.ask("state", as_of="1999-12-31")

    assert (answer["artifacts"], answer["tags"], answer["complete"]) == ([], [], True)


@pytest.mark.parametrize("when", [{}, {"as_of": "now"}, {"known_at": "now"}], ids=str)
def test_pages_of_a_state_add_up(story: Story, when: dict[str, str]) -> None:
    whole = story.ask("state", **when)

    pages = list(story.pages("state", **when, limit=1))

    assert [entry for page in pages for entry in page["artifacts"]] == whole["artifacts"]
    assert [entry for page in pages for entry in page["tags"]] == whole["tags"]
    assert {page["reason"] for page in pages[:-1]} == {"limit"}


def test_all_pages_of_a_state_are_true_for_the_first(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        first = story.ask("state", limit=2)
        story.send({**_EVENT, "ProducesArtifacts": [{"Name": "table/customers"}, {"Name": "zzz"}]})

        rest = story.ask("state", limit=100, cursor=first["cursor"])

        assert versions(rest) == {"raw/crm": None, "table/customers": AGAIN}
        assert rest["position"] == first["position"]


def test_pages_go_on_behind_a_name_that_is_longer_than_a_url(tmp_path: Path) -> None:
    names = [letter * 70_000 for letter in "BCD"]
    with told(tmp_path) as story:
        story.send({**_EVENT, "ProducesArtifacts": [{"Name": name} for name in names]})

        pages = list(story.pages("state", limit=1))
        differences = list(story.pages("diff", from_=4, to=5, clock="recorded", limit=1))

    assert [entry["artifact"] for page in pages for entry in page["artifacts"]][:3] == names
    assert [change["artifact"] for page in differences for change in page["changes"]] == names


def test_a_difference_says_what_appeared_changed_and_moved(story: Story) -> None:
    answer = story.ask("diff", from_="2026-03-01T05:00:00Z", to="2026-03-03")

    assert changes(answer) == [
        ("appeared", "decision/4711"),
        ("appeared", "model/churn"),
        ("changed", "table/customers"),
        ("appeared", "prod/current"),
    ]
    changed = answer["changes"][2]
    assert (changed["before"]["version"]["event"], changed["after"]["version"]["event"]) == (INGEST, AGAIN)
    assert (answer["from"]["as_of"], answer["to"]["as_of"]) == (
        "2026-03-01T05:00:00.000000Z",
        "2026-03-03T00:00:00.000000Z",
    )


def test_the_other_way_round_things_disappear(story: Story) -> None:
    answer = story.ask("diff", from_="2026-03-03", to="2026-03-01T05:00:00Z")

    assert changes(answer)[0] == ("disappeared", "decision/4711")


def test_the_clock_of_a_difference_can_be_the_logs(story: Story) -> None:
    answer = story.ask("diff", from_=1, to=2, clock="recorded")

    assert changes(answer) == [("appeared", "model/churn"), ("appeared", "prod/current")]
    for end, position in (("from", 1), ("to", 2)):
        assert answer[end] == {"position": position, "as_of": None, "tag_order": "arrival"}


def test_by_the_logs_clock_everything_was_recorded_just_now(story: Story) -> None:
    answer = story.ask("diff", from_="now-1h", to="now", clock="recorded")

    assert answer["from"]["position"] == 0
    assert len(answer["changes"]) == 5


def test_pages_of_a_difference_add_up(story: Story) -> None:
    asked = {"from_": "2026-03-01", "to": "now"}
    whole = story.ask("diff", **asked)

    pages = list(story.pages("diff", **asked, limit=1))

    assert [change for page in pages for change in page["changes"]] == whole["changes"]
    assert len({page["to"]["as_of"] for page in pages}) == 1


@pytest.mark.parametrize(
    ("question", "asked"), [("state", {"known_at": 3}), ("diff", {"from_": "today", "to": "now"})]
)
def test_a_cursor_belongs_to_one_question(story: Story, question: str, asked: dict[str, object]) -> None:
    cursor = story.ask("state", limit=1)["cursor"]

    problem = story.problem(question, **asked, cursor=cursor)

    assert (problem["status"], problem["rule"]) == (400, "same-question")


def test_a_cursor_from_before_a_cleaning_is_a_conflict(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        cursor = story.ask("state", limit=1)["cursor"]
        ends = {"position": story.served.services.log.head().position}
        assert story.served.client.post("/admin/clean", json=ends).status_code == 200
        story.served.flush()

        assert story.problem("state", cursor=cursor)["status"] == 409


def test_the_first_event_of_all_is_no_cleaning(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = served.services.graph
    answers = iter([Checkpoint(), Checkpoint("e", 1)])
    asked = type(graph).checkpoint

    def checkpoint(self: GraphStore) -> Checkpoint:
        # The projector goes on asking meanwhile.
        follows = threading.current_thread().name == "graph-projector"
        return asked(self) if follows else next(answers)

    monkeypatch.setattr(type(graph), "checkpoint", checkpoint)

    answer = served.client.get("/api/v1/state").json()

    assert (answer["artifacts"], answer["position"]) == ([], 0)


_EVENT = {"ID": f"{7:032x}", "Type": "odd", "Emitter": "odd", "OccurredAt": "2026-04-01T00:00:00Z"}


def test_the_kind_that_a_use_states_of_what_came_from_outside_counts(tmp_path: Path) -> None:
    events = [
        {
            "ID": f"{number:032x}",
            "Type": "train",
            "Emitter": "trainer",
            "OccurredAt": f"2026-03-01T0{number}:00:00Z",
            "UsesArtifacts": [{"Name": "ext/y", "Digest": f"sha256:{number}", "Kind": kind}],
        }
        for number, kind in ((1, "model"), (2, "data"))
    ]
    with serving(tmp_path) as served:
        story = Story(served)
        story.send(*events)
        answers = [
            story.ask("state", **when) for when in ({}, {"as_of": "2026-03-01T01:30:00Z"}, {"known_at": 1})
        ]

    found = [(shown["kind"], shown["digest"]) for answer in answers for shown in answer["artifacts"]]
    assert found == [("data", "sha256:2"), ("model", "sha256:1"), ("model", "sha256:1")]
