"""``GET /api/v1/why``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.cli.compose import opened
from provgraph.errors import SettingsError
from provgraph.exports import FORMATS
from provgraph.settings import read_settings
from tests.integration.query.story import DECIDE, INGEST, TRAIN, UNSEEN, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.query.story import Story


def test_why_is_the_chain_of_causes_with_its_evidence(story: Story) -> None:
    answer = story.ask("why", node="decision/4711")

    assert [(step["event"], step.get("position")) for step in answer["steps"]] == [
        (DECIDE, 4),
        (TRAIN, 2),
        (INGEST, 1),
        (UNSEEN, None),
    ]
    assert answer["steps"][0]["used"][0]["version"]["event"] == TRAIN
    assert answer["steps"][0]["properties"] == {"customer": 4711}
    assert {
        (proof["event"], proof["position"]) for claim in answer["claims"] for proof in claim["evidence"]
    } == {
        (DECIDE, 4),
        (TRAIN, 2),
        (INGEST, 1),
    }
    assert (answer["complete"], answer["position"], answer["as_of"]) == (True, 4, None)


def test_what_took_part_is_grouped_by_kind_and_emitter(story: Story) -> None:
    answer = story.ask("why", node="decision/4711")

    assert {kind: [each["artifact"] for each in found] for kind, found in answer["artifacts"].items()} == {
        "model": ["model/churn"],
        "data": ["table/customers"],
        "source": ["raw/crm"],
    }
    assert [each["emitter"] for each in answer["emitters"]] == ["campaigns", "crm-export", "trainer"]


@pytest.mark.parametrize("node", ["tag:prod/current", f"pem:{TRAIN}", TRAIN, "model/churn", "model/churn@7"])
def test_an_event_an_artifact_and_a_tag_can_be_asked_about(story: Story, node: str) -> None:
    assert story.ask("why", node=node)["steps"][0]["event"] == TRAIN


def test_why_then_is_another_answer_than_why_now(story: Story) -> None:
    then = story.ask("why", node="table/customers", as_of="2026-03-01T12:00:00+01:00")
    known = story.ask("why", node="table/customers", known_at=1)

    assert [step["event"] for step in then["steps"]] == [INGEST]
    assert [step["event"] for step in known["steps"]] == [INGEST]


@pytest.mark.parametrize(("asked", "reason"), [({"depth": 1}, "depth"), ({"limit": 1}, "limit")])
def test_a_chain_that_was_cut_says_why(story: Story, asked: dict[str, int], reason: str) -> None:
    answer = story.ask("why", node="decision/4711", **asked)

    assert (answer["complete"], answer["reason"]) == (False, reason)
    assert reason in answer["text"]


def test_the_text_alone_can_be_read_aloud(story: Story) -> None:
    answer = story.get("why", node="decision/4711", format="text")

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == story.ask("why", node="decision/4711")["text"]
    assert answer.text.startswith("Why artifact decision/4711:\n")


def test_a_name_cannot_put_a_line_into_the_text(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        odd = {"Type": "x\n2. forged", "Emitter": "\x1b[2J", "OccurredAt": "2026-04-01T00:00:00Z"}
        story.send({"ID": f"{8:032x}", **odd})

        text = story.get("why", node=f"pem:{8:032x}", format="text").text

    assert "\n2. forged" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_the_graph_comes_in_every_format(story: Story, name: str) -> None:
    answer = story.get("why", node="tag:prod/current", format=name)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == FORMATS[name].media_type
    assert (
        answer.headers["content-disposition"]
        == f'attachment; filename="why-prod_current{FORMATS[name].suffix}"'
    )


def test_json_as_a_format_is_the_whole_answer(story: Story) -> None:
    asked = story.ask("why", node="decision/4711")

    assert story.get("why", node="decision/4711", format="json").json() == asked


def test_an_operator_says_which_names_are_of_which_kind(tmp_path: Path) -> None:
    with told(tmp_path, artifact_kinds="table/*=table, decision/?*=decision") as story:
        answer = story.ask("why", node="decision/4711")

        assert answer["steps"][0]["produced"][0]["kind"] == "decision"
        assert sorted(answer["artifacts"]) == ["artifact", "table"]


def test_a_pattern_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    settings = read_settings(data_dir=tmp_path, artifact_kinds="model/*")

    with pytest.raises(SettingsError, match="PROVGRAPH_ARTIFACT_KINDS"), opened(settings):
        pass
