"""``GET /api/v1/impact``, ``/api/v1/path`` and ``/api/v1/gaps``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.query.story import DECIDE, INGEST, TRAIN, UNSEEN, lines, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.query.story import Story


# Impact


def test_what_came_of_something_is_streamed_nearest_first_with_the_way_to_it(story: Story) -> None:
    answer = story.get("impact", node="table/customers")

    start, train, decide, end = lines(answer)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert (start["kind"], start["affected"], start["position"]) == ("start", 2, 4)
    assert [(step["event"], step["by"]) for step in train["path"]] == [(TRAIN, "table/customers")]
    assert [(step["event"], step["by"]) for step in decide["path"]] == [
        (TRAIN, "table/customers"),
        (DECIDE, "model/churn"),
    ]
    assert decide["produced"][0]["artifact"] == "decision/4711"
    assert (end["kind"], end["complete"], end["cursor"]) == ("end", True, None)


def test_the_list_can_be_one_object(story: Story) -> None:
    streamed = lines(story.get("impact", node="raw/crm"))

    page = story.ask("impact", node="raw/crm", format="json")

    assert page["items"] == streamed[1:-1]
    assert page["complete"] is True
    assert "kind" not in page


def test_one_version_has_an_impact_of_its_own(story: Story) -> None:
    first = story.ask("impact", node="table/customers", version=INGEST, format="json")
    second = story.ask("impact", node="table/customers", version=f"{3:032x}", format="json")

    assert ([each["event"] for each in first["items"]], second["items"]) == ([TRAIN, DECIDE], [])


@pytest.mark.parametrize(
    ("only", "left"),
    [
        ({"type": "decide"}, [DECIDE]),
        ({"emitter": ["trainer", "campaigns"]}, [TRAIN, DECIDE]),
        ({"to": "2026-03-02"}, [TRAIN]),
        ({"depth": 1}, [TRAIN]),
        ({"as_of": "2026-03-02"}, [TRAIN]),
        ({"known_at": 1}, []),
    ],
    ids=str,
)
def test_what_is_listed_can_be_chosen(story: Story, only: dict[str, Any], left: list[str]) -> None:
    answer = story.ask("impact", node="table/customers", format="json", **only)

    assert [each["event"] for each in answer["items"]] == left


@pytest.mark.parametrize("when", [{}, {"to": "now"}], ids=str)
def test_the_cursor_at_the_end_goes_on(story: Story, when: dict[str, str]) -> None:
    first = lines(story.get("impact", node="raw/crm", limit=2, **when))
    rest = lines(story.get("impact", node="raw/crm", limit=2, cursor=first[-1]["cursor"], **when))

    assert (first[-1]["complete"], first[-1]["reason"]) == (False, "limit")
    assert [each["event"] for each in (*first[1:-1], *rest[1:-1])] == [INGEST, TRAIN, DECIDE]
    assert rest[-1]["complete"] is True


def test_the_cursor_at_the_start_gives_the_same_lines_again(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        first = lines(story.get("impact", node="raw/crm"))
        story.send(
            {
                "ID": f"{7:032x}",
                "Type": "audit",
                "Emitter": "audit",
                "OccurredAt": "2026-03-01T03:00:00Z",
                "UsesArtifacts": [{"Name": "raw/crm"}],
            }
        )

        again = lines(story.get("impact", node="raw/crm", cursor=first[0]["cursor"]))

        assert again[1:-1] == first[1:-1]
        assert len(lines(story.get("impact", node="raw/crm"))) == len(first) + 1


def test_a_question_that_cannot_be_answered_is_no_stream(story: Story) -> None:
    assert story.problem("impact", node="nothing")["status"] == 404
    assert story.problem("impact", node="raw/crm", as_of="whenever")["field"] == "as_of"


# Path


def test_a_path_is_the_shortest_evidence(story: Story) -> None:
    answer = story.ask("path", source="raw/crm", target="decision/4711")

    assert answer["connected"] is True
    assert [(step["event"], step["by"]) for step in answer["path"]] == [
        (INGEST, "table/customers"),
        (TRAIN, "model/churn"),
        (DECIDE, None),
    ]
    assert answer["used"] == {"event": INGEST, "artifact": "raw/crm", "version": None}


def test_what_did_not_lead_to_something_has_no_path(story: Story) -> None:
    answer = story.ask("path", source="decision/4711", target="raw/crm")

    assert (answer["connected"], answer["path"], answer["complete"]) == (False, [], True)


@pytest.mark.parametrize(
    ("asked", "connected"),
    [
        ({"source_version": INGEST}, True),
        ({"source_version": f"{3:032x}"}, False),
        ({"target_version": TRAIN}, True),
        ({"as_of": "2026-03-01T12:00:00Z"}, True),
        ({"known_at": 2}, True),
    ],
    ids=str,
)
def test_a_path_may_be_between_versions_and_at_a_time(
    story: Story, asked: dict[str, object], connected: bool
) -> None:
    answer = story.ask("path", source="table/customers", target="model/churn", **asked)

    assert answer["connected"] is connected


# Gaps


def test_gaps_are_three_lists_and_the_emitters(story: Story) -> None:
    answer = story.ask("gaps")

    assert answer["never_produced"]["items"] == [{"artifact": "raw/crm"}]
    assert answer["unseen_predecessors"]["items"] == [{"event": UNSEEN, "named_by": TRAIN, "times": 1}]
    assert answer["out_of_order"] == {"items": [], "complete": True, "reason": None, "cursor": None}
    assert [each["emitter"] for each in answer["emitters"]] == ["campaigns", "crm-export", "trainer"]
    assert all(each["silent"] for each in answer["emitters"])


def test_silence_is_measured_against_the_time_that_is_asked_for(story: Story) -> None:
    then = story.ask("gaps", as_of="2026-03-02T12:00:00Z", silent_after="12h")

    assert {each["emitter"]: each["silent"] for each in then["emitters"]} == {
        "campaigns": False,
        "crm-export": False,
        "trainer": True,
    }


def test_silence_is_measured_against_the_present_of_what_was_known_then(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        recent = datetime.now(UTC) - timedelta(minutes=30)
        position = story.send(
            {"ID": f"{7:032x}", "Type": "beat", "Emitter": "heart", "OccurredAt": recent.isoformat()}
        )

        for known_at in (position, "now"):
            answer = story.ask("gaps", known_at=known_at, silent_after="1h")
            assert [each["emitter"] for each in answer["emitters"] if not each["silent"]] == ["heart"]
        assert not story.ask("gaps", known_at="now+1d", silent_after="25h")["emitters"][2]["silent"]


def test_one_list_is_paged_by_itself(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        story.send(
            {
                "ID": f"{7:032x}",
                "Type": "use",
                "Emitter": "user",
                "OccurredAt": "2026-03-01T00:00:00Z",
                "Predecessors": [f"{number:032x}" for number in range(20, 25)],
                "UsesArtifacts": [{"Name": f"outside/{number}"} for number in range(5)],
            }
        )
        for name, entries in (("never_produced", 6), ("unseen_predecessors", 6)):
            found = story.ask("gaps", limit=4)[name]
            assert (found["complete"], found["reason"], len(found["items"])) == (False, "limit", 4)
            rest = story.ask("gaps", list=name, limit=4, cursor=found["cursor"])
            assert set(rest) == {name, "position", "as_of"}
            assert len(found["items"] + rest[name]["items"]) == entries
            assert rest[name]["complete"] is True


def test_a_use_of_what_was_made_later_is_out_of_order(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        story.send(
            {
                "ID": f"{7:032x}",
                "Type": "peek",
                "Emitter": "early",
                "OccurredAt": "2026-03-01T01:00:00Z",
                "UsesArtifacts": [{"Name": "table/customers"}],
            }
        )

        (item,) = story.ask("gaps", list="out_of_order")["out_of_order"]["items"]

        assert (item["emitter"], item["version"]["event"], item["seconds_early"]) == ("early", INGEST, 3600.0)
