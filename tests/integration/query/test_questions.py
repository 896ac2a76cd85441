"""What all questions share: who may ask, what cannot be asked, times as people write them, the description."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.cli.compose import build_app
from provgraph.families.credential.events import Role
from provgraph.http import Places
from provgraph.lineage.times import FORMS
from tests.integration.query.story import DECIDE, TRAIN, lines, told
from tests.integration.serving import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.http.turns import Turns
    from tests.integration.query.story import Story
    from tests.integration.serving import Served

ASKED: dict[str, dict[str, Any]] = {
    "lineage": {"node": "decision/4711"},
    "why": {"node": "decision/4711"},
    "state": {},
    "diff": {"from_": "2026-03-01", "to": "now"},
    "impact": {"node": "raw/crm"},
    "path": {"source": "raw/crm", "target": "decision/4711"},
    "gaps": {},
}
AT_A_TIME = [name for name in ASKED if name != "diff"]
IN_TIME = [name for name in ASKED if name != "state"]
LISTED = [name for name in ASKED if name != "path"]
PAGED = [name for name in LISTED if name not in ("why", "gaps")]

every_question = pytest.mark.parametrize("question", ASKED)


@every_question
def test_every_question_has_an_answer(story: Story, question: str) -> None:
    assert story.get(question, **ASKED[question]).status_code == 200


@every_question
def test_a_question_needs_a_reader(secured: Served, question: str) -> None:
    path = f"/api/v1/{question}"

    assert secured.client.get(path).status_code == 401
    assert secured.client.get(path, headers=secured.bearer(Role.READER)).status_code in (200, 400)


@every_question
def test_an_unknown_parameter_is_refused_with_those_that_there_are(story: Story, question: str) -> None:
    problem = story.problem(question, **ASKED[question], colour="red")

    assert (problem["status"], problem["field"], problem["rule"]) == (400, "colour", "known-parameter")
    assert "wait" in problem["detail"]


@every_question
def test_a_parameter_that_stands_there_twice_is_refused(story: Story, question: str) -> None:
    problem = story.problem(question, **ASKED[question], wait=[1, 2])

    assert (problem["status"], problem["field"], problem["rule"]) == (400, "wait", "once")


@every_question
def test_a_query_string_that_is_no_text_is_refused(story: Story, question: str) -> None:
    assert story.served.client.get(f"/api/v1/{question}?node=%ff").json()["rule"] == "utf-8"


@every_question
@pytest.mark.parametrize("wait", [-1, "soon", 1_000_000])
def test_waiting_is_for_a_position_of_the_log(story: Story, question: str, wait: object) -> None:
    problem = story.problem(question, **ASKED[question], wait=wait)

    assert (problem["status"], problem["field"]) == (400, "wait")


@every_question
def test_an_answer_can_wait_for_what_the_log_has(story: Story, question: str) -> None:
    assert story.get(question, **ASKED[question], wait=4).status_code == 200


@pytest.mark.parametrize("question", AT_A_TIME)
@pytest.mark.parametrize("field", ["as_of", "known_at"])
@pytest.mark.parametrize("stated", ["whenever", "", "2026-13-01", "now-2y", "12:00", "-5", "9" * 19])
def test_a_bad_time_is_refused_with_the_forms_that_there_are(
    story: Story, question: str, field: str, stated: str
) -> None:
    problem = story.problem(question, **ASKED[question], **{field: stated})

    assert (problem["status"], problem["field"], problem["rule"]) == (400, field, "time")
    assert FORMS in problem["detail"]


@pytest.mark.parametrize("question", ["lineage", "impact", "diff"])
@pytest.mark.parametrize("field", ["from_", "to"])
def test_a_bad_end_of_a_time_span_is_refused_too(story: Story, question: str, field: str) -> None:
    problem = story.problem(question, **{**ASKED[question], field: "whenever"})

    assert (problem["status"], problem["field"]) == (400, field.removesuffix("_"))
    assert FORMS in problem["detail"]


@pytest.mark.parametrize("question", ["lineage", "impact"])
def test_a_time_span_that_ends_before_it_begins_is_refused(story: Story, question: str) -> None:
    problem = story.problem(question, **ASKED[question], from_="now", to="yesterday")

    assert (problem["status"], problem["field"]) == (400, "from")


@pytest.mark.parametrize("question", AT_A_TIME)
def test_a_position_that_the_log_does_not_have_has_no_time(story: Story, question: str) -> None:
    problem = story.problem(question, **ASKED[question], as_of=1_000_000)

    assert (problem["status"], problem["field"], problem["rule"]) == (400, "as_of", "in-the-log")


@pytest.mark.parametrize("question", IN_TIME)
@pytest.mark.parametrize("seconds", [0, 61, "1.5", "long", -1])
def test_the_time_budget_is_bounded(story: Story, question: str, seconds: object) -> None:
    problem = story.problem(question, **ASKED[question], seconds=seconds)

    assert (problem["status"], problem["field"]) == (400, "seconds")


@pytest.mark.parametrize("question", LISTED)
@pytest.mark.parametrize("limit", [0, -1, "all", 100_001])
def test_a_limit_out_of_bounds_is_refused(story: Story, question: str, limit: object) -> None:
    problem = story.problem(question, **ASKED[question], limit=limit)

    assert (problem["status"], problem["field"]) == (400, "limit")


@pytest.mark.parametrize("question", PAGED)
@pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "", "ü", "bnVsbA", "W10"])
def test_what_is_no_cursor_is_refused(story: Story, question: str, cursor: str) -> None:
    problem = story.problem(question, **ASKED[question], cursor=cursor)

    assert (problem["status"], problem["field"]) == (400, "cursor")


@pytest.mark.parametrize("question", PAGED)
def test_a_cursor_that_was_changed_on_the_way_is_refused(story: Story, question: str) -> None:
    given = story.ask("state", limit=1)["cursor"]

    problem = story.problem(question, **ASKED[question], cursor=f"{given[:-2]}AA")

    assert (problem["status"], problem["field"], problem["rule"]) == (400, "cursor", "cursor")


@pytest.mark.parametrize(
    ("question", "changed", "field"),
    [
        ("lineage", {"node": ""}, "node"),
        ("lineage", {"direction": "sideways", "as_of": "now"}, "direction"),
        ("lineage", {"versions": "some"}, "versions"),
        ("lineage", {"depth": 0, "as_of": "now"}, "depth"),
        ("lineage", {"format": "pdf"}, "format"),
        ("lineage", {"format": "text"}, "format"),
        ("lineage", {"node": f"pem:{TRAIN}", "version": "7", "as_of": "now"}, "version"),
        ("why", {"node": ""}, "node"),
        ("why", {"node": "pem:nonsense"}, "node"),
        ("why", {"depth": 0}, "depth"),
        ("why", {"format": "pdf"}, "format"),
        ("why", {"cursor": "x"}, "cursor"),
        ("diff", {"from_": ""}, "from"),
        ("diff", {"to": ""}, "to"),
        ("diff", {"clock": "wall"}, "clock"),
        ("diff", {"as_of": "now"}, "as_of"),
        ("impact", {"node": ""}, "node"),
        ("impact", {"format": "dot"}, "format"),
        ("impact", {"direction": "both"}, "direction"),
        ("path", {"source": ""}, "source"),
        ("path", {"target": ""}, "target"),
        ("path", {"limit": 5}, "limit"),
        ("gaps", {"list": "emitters"}, "list"),
        ("gaps", {"silent_after": "long"}, "silent_after"),
        ("gaps", {"cursor": "x"}, "cursor"),
        ("gaps", {"cursor": "x", "list": "never_produced"}, "cursor"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_a_problem_that_names_the_parameter(
    story: Story, question: str, changed: dict[str, object], field: str
) -> None:
    problem = story.problem(question, **{**ASKED[question], **changed})

    assert (problem["status"], problem["field"]) == (400, field)


@pytest.mark.parametrize("question", ["lineage", "why", "impact"])
@pytest.mark.parametrize("node", ["nothing", "artifact:nothing", f"pem:{9:030x}ff", "tag:prod/none", "tag:x"])
def test_what_nothing_is_known_of_is_not_found(story: Story, question: str, node: str) -> None:
    assert story.problem(question, node=node)["status"] == 404


@pytest.mark.parametrize("asked", [{"source": "nothing"}, {"target": "nothing"}], ids=str)
def test_both_ends_of_a_path_must_be_known(story: Story, asked: dict[str, str]) -> None:
    assert story.problem("path", **{**ASKED["path"], **asked})["status"] == 404


# Times as people write them


@pytest.fixture(scope="module")
def clockwork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with told(tmp_path_factory.mktemp("clockwork")) as story:
        now = datetime.now(UTC)
        story.send(*(_at(now - timedelta(hours=hours), hours) for hours in (100, 3, 1)))
        yield story


def _at(moment: datetime, hours: int) -> dict[str, Any]:
    return {
        "ID": f"{1_000 + hours:032x}",
        "Type": "tick",
        "Emitter": "clock",
        "OccurredAt": moment.isoformat(),
        "ProducesArtifacts": [{"Name": f"tick/{hours}"}],
    }


@pytest.mark.parametrize(
    ("stated", "ticks"),
    [
        ("now", {100, 3, 1}),
        ("NOW", {100, 3, 1}),
        ("now-2h", {100, 3}),
        ("now-120m", {100, 3}),
        ("now-1h30m", {100, 3}),
        ("now - 2h", {100, 3}),
        ("now-7200s", {100, 3}),
        ("now-2d", {100}),
        ("now-1w", set()),
        ("now+1d", {100, 3, 1}),
        ("yesterday", {100}),
        ("2026-03-05", set()),
        ("6", {100, 3}),  # the positions of the story's four events come before
        ("7", {100, 3, 1}),
    ],
)
def test_times_are_understood_as_people_write_them(clockwork: Story, stated: str, ticks: set[int]) -> None:
    if stated == "yesterday" and datetime.now(UTC).hour < 4:
        pytest.skip("an hour ago was yesterday")

    answer = clockwork.ask("state", as_of=stated)

    names = {each["artifact"] for each in answer["artifacts"]}
    assert {name for name in names if name.startswith("tick/")} == {f"tick/{hours}" for hours in ticks}


@pytest.mark.parametrize(
    "stated",
    [
        "2026-03-01T10:00:00Z",
        "2026-03-01T11:00:00+01:00",
        "2026-03-01T11:00:00 01:00",  # a plus that URL decoding made a blank
        "2026-03-01T05:00:00.000-05:00",
        "2026-03-01 10:00:00",
        "20260301T100000Z",
        " 2026-03-01T10:00 ",
    ],
)
def test_zones_and_spellings_mean_the_same_time(story: Story, stated: str) -> None:
    assert story.ask("state", as_of=stated)["as_of"] == "2026-03-01T10:00:00.000000Z"


def test_a_time_on_the_logs_clock_is_a_position(clockwork: Story) -> None:
    assert clockwork.ask("state", known_at="now")["position"] == 7
    assert clockwork.ask("state", known_at="now-1h")["position"] == 0
    assert clockwork.ask("state", known_at=5)["position"] == 5
    assert clockwork.problem("state", known_at=10**9)["rule"] == "in-the-log"


# Bounds and description


def test_what_is_asked_while_too_many_ask_is_told_to_come_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provgraph.http.streaming._WAIT_SECONDS", 0.0)
    monkeypatch.setattr(Places, "__init__", _without_places)

    answer = Client(build_app(served.services)).get("/api/v1/state")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def _without_places(self: Places, *, turns: Turns) -> None:
    self.turns = turns
    self._beginning = self._streaming = asyncio.Semaphore(0)
    self._may_wait = self._waiting = 0


@every_question
def test_the_description_has_every_parameter_and_an_example(story: Story, question: str) -> None:
    described = story.served.client.get("/openapi.json").json()["paths"][f"/api/v1/{question}"]["get"]

    named = {each["name"]: each for each in described["parameters"]}
    assert {name.removesuffix("_") for name in ASKED[question]} <= set(named)
    assert all(each["description"] for each in named.values())
    assert all(content["example"] for content in described["responses"]["200"]["content"].values())
    assert {"400", "401", "403", "503"} <= set(described["responses"])


def test_the_example_of_an_answer_has_the_members_of_one(story: Story) -> None:
    paths = story.served.client.get("/openapi.json").json()["paths"]
    for question, asked in ASKED.items():
        content = next(iter(paths[f"/api/v1/{question}"]["get"]["responses"]["200"]["content"].values()))
        got = story.get(question, **asked)
        answer = lines(got)[-2] if question == "impact" else got.json()
        # What is null may be left out. Members that no answer has are found where all answers are compared.
        said = {name for name, value in answer.items() if value is not None}
        assert said <= set(content["example"]), question


@pytest.mark.parametrize(
    ("question", "asked", "field", "detail"),
    [
        ("lineage", {"node": "nope"}, "node", "No artifact 'nope' is known in the graph"),
        ("lineage", {"node": "model/churn", "version": "9"}, "version", "has no version '9' in the graph"),
        ("why", {"node": "nope"}, "node", "No artifact 'nope' is known in the graph"),
        ("why", {"node": "model/churn", "known_at": 1}, "node", "is known up to log position 1"),
        ("why", {"node": "model/churn", "as_of": "2026-03-01"}, "node", "at 2026-03-01T00:00:00.000000Z"),
        ("why", {"node": f"pem:{DECIDE}", "known_at": 1}, "node", "is known up to log position 1"),
        ("impact", {"node": "tag:no/such"}, "node", "No tag 'such' in namespace 'no' is known in the graph"),
        ("impact", {"node": "model/churn", "version": "9", "format": "json"}, "version", "no version '9'"),
        ("path", {"source": "nope", "target": "model/churn"}, "source", "No artifact 'nope', the source, is"),
        ("path", {"source": "raw/crm", "target": "nope"}, "target", "No artifact 'nope', the target, is"),
        (
            "path",
            {"source": "raw/crm", "target": "model/churn", "target_version": "9"},
            "target_version",
            "no version '9'",
        ),
    ],
)
def test_what_is_not_found_says_which_parameter_named_it_and_where(
    story: Story, question: str, asked: dict[str, Any], field: str, detail: str
) -> None:
    problem = story.problem(question, **asked)

    assert (problem["status"], problem["field"]) == (404, field)
    assert detail in problem["detail"]


def test_a_version_of_an_event_is_refused_by_its_own_name(story: Story) -> None:
    problem = story.problem("path", source=f"pem:{TRAIN}", source_version="7", target="decision/4711")

    assert (problem["status"], problem["field"]) == (400, "source_version")


@pytest.mark.parametrize("question", ["lineage", "why", "impact"])
def test_a_name_of_any_length_is_not_found_in_a_few_words(story: Story, question: str) -> None:
    assert len(story.problem(question, node="x" * 20_000)["detail"]) < 200


@pytest.mark.parametrize("question", ["lineage", "why", "impact"])
@pytest.mark.parametrize("depth", [10**9 + 1, 10**17, "9" * 30, "9" * 6_000])
def test_a_depth_has_the_same_bound_everywhere(story: Story, question: str, depth: object) -> None:
    problem = story.problem(question, node="decision/4711", depth=depth)

    assert (problem["field"], problem["detail"]) == ("depth", "depth must be from 1 to 1,000,000,000")
