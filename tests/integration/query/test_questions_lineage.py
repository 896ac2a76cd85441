"""``GET /api/v1/lineage`` through the past: both clocks, filters, any version, both ways; and in other formats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.exports import FORMATS
from tests.integration.query.story import AGAIN, DECIDE, INGEST, TRAIN, UNSEEN, ids, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.query.story import Story


def test_what_is_asked_the_quick_way_and_through_the_past_is_answered_alike(story: Story) -> None:
    quick = story.ask("lineage", node="decision/4711")
    walked = story.ask("lineage", node="decision/4711", versions="exact")

    for node in walked["nodes"]:
        node.pop("recorded_at", None)
    for answer in (quick, walked):
        # At the same distance the quick way has another order.
        answer["nodes"].sort(key=lambda node: (node["depth"], node["id"]))
    assert walked == {**quick, "as_of": None}


def test_a_walk_through_the_past_says_when_events_were_recorded(story: Story) -> None:
    answer = story.ask("lineage", node=f"pem:{DECIDE}", seconds=5)

    assert answer["nodes"][0]["recorded_at"].endswith("Z")


def test_an_answer_as_of_a_time_knows_nothing_later(story: Story) -> None:
    then = story.ask("lineage", node="table/customers", as_of="2026-03-01T12:00:00Z")
    now = story.ask("lineage", node="table/customers")

    assert (then["node"]["version"], now["node"]["version"]) == (INGEST, AGAIN)
    assert then["as_of"] == "2026-03-01T12:00:00.000000Z"


def test_an_answer_as_known_at_a_position_knows_nothing_recorded_later(story: Story) -> None:
    answer = story.ask("lineage", node="table/customers", known_at=2)

    assert (answer["node"]["version"], answer["position"]) == (INGEST, 2)


def test_any_version_leads_to_every_event_that_made_one(story: Story) -> None:
    exact = story.ask("lineage", node="decision/4711", versions="exact")
    loose = story.ask("lineage", node="decision/4711", versions="any")

    assert AGAIN not in ids(exact, "pem")
    assert AGAIN in ids(loose, "pem")


def test_both_directions_are_one_answer_that_says_on_which_side_a_node_lies(story: Story) -> None:
    answer = story.ask("lineage", node="model/churn", direction="both")

    assert answer["node"]["version"] == TRAIN
    sides = {node["id"]: node.get("side") for node in answer["nodes"] if node["kind"] == "pem"}
    assert sides == {TRAIN: "upstream", INGEST: "upstream", UNSEEN: "upstream", DECIDE: "downstream"}


@pytest.mark.parametrize(
    ("only", "left"),
    [
        ({"type": "ingest"}, [INGEST]),
        ({"type": ["ingest", "decide"]}, [DECIDE, INGEST]),
        ({"emitter": "trainer"}, [TRAIN]),
        ({"emitter": ["trainer", "campaigns"]}, [DECIDE, TRAIN]),
        ({"emitter": "trainer,campaigns"}, []),
        ({"type": "ingest", "emitter": "trainer"}, []),
        ({"from_": "2026-03-02"}, [DECIDE]),
        ({"to": "2026-03-01T03:00:00Z"}, [INGEST]),
        ({"from_": 2, "to": 2}, [TRAIN]),
    ],
)
def test_filters_say_which_events_are_listed(story: Story, only: dict[str, Any], left: list[str]) -> None:
    assert ids(story.ask("lineage", node="decision/4711", **only), "pem") == left


def test_a_tag_stands_for_the_event_that_it_marks(story: Story) -> None:
    answer = story.ask("lineage", node="tag:prod/current", depth=1)

    told = {"kind": "tag", "id": "prod/current", "event": TRAIN, "tag_order": "arrival"}
    assert answer["node"] == told
    assert ids(answer, "pem") == [TRAIN, INGEST, UNSEEN]


@pytest.mark.parametrize("more", [{}, {"depth": 3}, {"seconds": 9}], ids=str)
def test_a_version_may_stand_behind_the_artifacts_name(story: Story, more: dict[str, Any]) -> None:
    answer = story.ask("lineage", node="model/churn@7", **more)

    assert answer["node"] == {"kind": "artifact", "id": "model/churn", "version": TRAIN}


def test_what_is_unknown_with_or_without_a_version_is_not_found(story: Story) -> None:
    assert story.problem("lineage", node="model/nothing@7")["status"] == 404
    assert story.problem("lineage", node="tag:prod/nothing")["status"] == 404
    assert story.problem("lineage", node="decision/4711", as_of="2026-03-01")["status"] == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"node": "decision/4711", "versions": "exact"},
        {"node": "decision/4711", "as_of": "now-1s"},
        {"node": "model/churn", "direction": "both"},
        {"node": "model/churn@7"},
        {"node": "tag:prod/current"},
        {"node": "decision/4711"},
    ],
    ids=str,
)
def test_pages_add_up_to_the_whole_answer(story: Story, asked: dict[str, str]) -> None:
    whole = story.ask("lineage", **asked)

    pages = list(story.pages("lineage", **asked, limit=2))

    assert len(pages) > 1
    assert [node for page in pages for node in page["nodes"]] == whole["nodes"]
    by_text = sorted(str(edge) for page in pages for edge in page["edges"])
    assert by_text == sorted(map(str, whole["edges"]))
    assert {page["position"] for page in pages} == {whole["position"]}
    assert len({page.get("as_of") for page in pages}) == 1


def test_a_cursor_belongs_to_one_question(story: Story) -> None:
    cursor = story.ask("lineage", node="decision/4711", as_of="now", limit=2)["cursor"]

    for other in (
        {"node": "model/churn", "as_of": "now"},
        {"node": "decision/4711", "as_of": "today"},
        {"node": "decision/4711", "as_of": "now", "type": "train"},
        {"node": "decision/4711"},
    ):
        problem = story.problem("lineage", **other, cursor=cursor)
        assert (problem["status"], problem["field"], problem["rule"]) == (400, "cursor", "same-question")


def test_a_cursor_of_the_quick_way_is_none_of_the_past(story: Story) -> None:
    cursor = story.ask("lineage", node="decision/4711", limit=2)["cursor"]

    problem = story.problem("lineage", node="decision/4711", as_of="now", cursor=cursor)

    assert (problem["status"], problem["field"]) == (400, "cursor")


@pytest.mark.parametrize("asked", [{}, {"as_of": "now"}], ids=["quick", "past"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_as_a_file_of_its_media_type(
    story: Story, name: str, asked: dict[str, str]
) -> None:
    answer = story.get("lineage", node="decision/4711", format=name, **asked)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == FORMATS[name].media_type
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="lineage-upstream-decision_4711{FORMATS[name].suffix}"'
    )
    assert "decision" in answer.text


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("dot", "mermaid")])
def test_an_export_of_a_part_says_that_it_is_one(story: Story, name: str) -> None:
    answer = story.get("lineage", node="decision/4711", format=name, limit=2)

    assert "limit" in answer.text


def test_a_name_that_no_file_can_have_is_made_one(tmp_path: Path) -> None:
    with told(tmp_path) as story:
        story.send({**_EVENT, "ProducesArtifacts": [{"Name": 'weiß"\n/../x'}]})

        answer = story.get("lineage", node='weiß"\n/../x', format="dot")

    disposition = answer.headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="lineage-upstream-wei_\.\._x-[0-9a-f]{12}\.gv"', disposition)


def test_prov_of_more_than_memory_allows_is_refused(story: Story) -> None:
    problem = story.problem("lineage", node="decision/4711", format="prov-n", limit=10_001)

    assert (problem["status"], problem["field"]) == (400, "limit")


def test_an_answer_may_hold_properties_nested_as_deep_as_an_event_may(tmp_path: Path) -> None:
    nested: Any = 1
    for _ in range(240):
        nested = [nested]
    with told(tmp_path) as story:
        story.send({**_EVENT, "Properties": {"nested": nested}})

        assert story.get("why", node=f"pem:{_EVENT['ID']}").status_code == 200


_EVENT = {"ID": f"{7:032x}", "Type": "odd", "Emitter": "odd", "OccurredAt": "2026-04-01T00:00:00Z"}


def test_an_answer_goes_on_as_it_began_whatever_time_it_may_take(story: Story) -> None:
    asked = {"node": "decision/4711", "limit": 2}
    quick, walked = story.ask("lineage", **asked), story.ask("lineage", **asked, seconds=9)

    for first, other in ((quick, {"seconds": 9}), (walked, {})):
        second = story.ask("lineage", **asked, **other, cursor=first["cursor"])
        assert second["nodes"] == story.ask("lineage", **asked, **other, cursor=first["cursor"])["nodes"]
        assert ids(second, "pem") == [TRAIN]


def test_a_cursor_of_now_does_not_go_on_with_then(story: Story) -> None:
    cursor = story.ask("lineage", node="decision/4711", limit=2)["cursor"]

    problem = story.problem("lineage", node="decision/4711", limit=2, as_of="now", cursor=cursor)

    assert (problem["field"], problem["rule"]) == ("cursor", "same-question")
