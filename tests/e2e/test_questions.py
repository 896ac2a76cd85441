"""Every question, from events over HTTP to what the command line and the client say, on whichever stores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from provgraph import exports
from provgraph.client import Client
from provgraph.exports import to_networkx
from tests.e2e.builders import artifact, new_id, pem, unique
from tests.e2e.native import assert_is_problem, batch
from tests.e2e.service import command

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.e2e.conftest import Secured
    from tests.e2e.wire import Wire


class Story(NamedTuple):
    """raw -ingest-> table -train-> model -decide-> decision, and a table that was loaded again after the training."""

    url: str
    prefix: str
    ingest: str
    train: str
    decide: str
    position: int  # of the log before it

    def name(self, what: str) -> str:
        """Return the artifact's name."""
        return f"{self.prefix}/{what}"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``provgraph`` against the service."""
        return command(*arguments, "--url", self.url)

    def said(self, *arguments: str) -> str:
        """Return what ``provgraph`` prints; it must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, *arguments: str) -> Any:
        """Return what ``provgraph`` prints as JSON."""
        return json.loads(self.said(*arguments, "--json"))


@pytest.fixture(scope="module")
def story(wire: Wire) -> Story:
    prefix = unique("story-")
    ingest, train, again, decide = (new_id() for _ in range(4))

    def event(
        id_: str, type_: str, day: int, uses: str | None, makes: str, **fields: object
    ) -> dict[str, Any]:
        return pem(
            ID=id_,
            Type=type_,
            Emitter=f"{prefix}-{type_}er",
            OccurredAt=f"2026-03-{day:02}T10:00:00Z",
            Tag="latest",
            TagNamespace=prefix,
            UsesArtifacts=[] if uses is None else [artifact(f"{prefix}/{uses}")],
            ProducesArtifacts=[artifact(f"{prefix}/{makes}") | fields],
        )

    before = batch(wire, pem())["position"]
    judged = batch(
        wire,
        event(ingest, "ingest", 1, "raw", "table"),
        event(train, "train", 2, "table", "model", Version="7", Kind="model"),
        event(again, "ingest", 3, None, "table"),
        event(decide, "decide", 4, "model", "decision"),
    )
    assert judged["accepted"] == 4
    wire.flush()
    return Story(wire.url, prefix, ingest, train, decide, before)


@pytest.fixture
def client(story: Story) -> Iterator[Client]:
    with Client(story.url) as connected:
        yield connected


# The command line


def test_why_is_a_text_to_read(story: Story) -> None:
    said = story.said("why", story.name("decision"))

    assert said.startswith(f"Why artifact {story.name('decision')}:")
    assert [story.decide in said, story.train in said, story.ingest in said] == [True] * 3
    assert f"Model: {story.name('model')}." in said


def test_why_takes_a_tag_and_a_time(story: Story) -> None:
    told = story.told("why", f"tag:{story.prefix}/latest", "--at", "2026-03-02T12:00:00+01:00")

    assert told["steps"][0]["event"] == story.train


@pytest.mark.parametrize("name", exports.FORMATS)
@pytest.mark.parametrize("question", ["why", "lineage"])
def test_an_answer_can_be_had_in_every_format(story: Story, question: str, name: str) -> None:
    assert story.train in story.said(question, story.name("model"), "--format", name) or name in (
        "dot",
        "mermaid",
    )


def test_lineage_knows_both_clocks(story: Story) -> None:
    table = story.name("table")

    assert story.told("lineage", table, "--at", "2026-03-02")["node"]["version"] == story.ingest
    known_at = str(story.position + 1)
    assert story.told("lineage", table, "--known-at", known_at)["node"]["version"] == story.ingest


def test_all_of_a_lineage_is_what_one_page_would_be(story: Story) -> None:
    whole = story.told("lineage", story.name("decision"), "--direction", "both")
    paged = story.told("lineage", story.name("decision"), "--direction", "both", "--all", "--limit", "2")

    assert paged["nodes"] == whole["nodes"]
    assert paged["complete"]


def test_the_state_then_is_a_table(story: Story) -> None:
    said = story.said("state", "--at", "2026-03-01T10:00:00Z", "--all")

    assert story.name("table") in said
    assert story.name("model") not in said


def test_a_difference_is_a_table(story: Story) -> None:
    said = story.said("diff", "2026-03-02T11:00:00Z", "2026-03-05", "--all")

    rows = {" ".join(line.split()[:3]) for line in said.splitlines() if story.prefix in line}
    assert rows == {
        f"changed artifact {story.name('table')}",
        f"appeared artifact {story.name('decision')}",
        f"moved tag {story.prefix}/latest",
    }


def test_impact_is_what_to_do_again(story: Story) -> None:
    said = story.said("impact", story.name("table"))

    assert f"Came of artifact {story.name('table')}: 2 events" in said
    assert f"through   {story.name('table')} -> {story.name('model')}" in said
    lines = story.said("impact", story.name("table"), "--format", "ndjson").splitlines()
    assert [json.loads(line).get("event") for line in lines] == [story.train, story.decide, None]


def test_a_path_is_told_and_the_exit_code_says_whether_there_is_one(story: Story) -> None:
    there = story.run("path", story.name("raw"), story.name("decision"))
    back = story.run("path", story.name("decision"), story.name("raw"))

    assert (there.returncode, back.returncode) == (0, 1)
    assert "by 3 events" in there.stdout


def test_gaps_are_tables(story: Story) -> None:
    said = story.said("gaps", "--all", "--silent-after", "1h")

    assert story.name("raw") in said
    assert f"{story.prefix}-trainer" in said


def test_what_cannot_be_asked_ends_with_its_exit_code(story: Story) -> None:
    bad_time = story.run("state", "--at", "whenever")

    assert (bad_time.returncode, story.run("why", unique()).returncode) == (2, 5)
    assert "now-2h" in bad_time.stderr


# The client


def test_the_client_asks_every_question(story: Story, client: Client) -> None:
    decision, table = story.name("decision"), story.name("table")

    assert client.why(decision).steps[0].event == story.decide
    assert client.lineage(decision, versions="exact", emitter=f"{story.prefix}-trainer").nodes
    assert client.state(as_of="2026-03-05", limit=1).artifacts
    assert client.diff("2026-03-01", "2026-03-05", limit=1).changes
    assert [step.event for step in client.impact(table)] == [story.train, story.decide]
    assert client.path(table, decision).connected is True
    assert client.gaps().emitters


def test_the_pages_of_a_state_are_one_picture(story: Story, client: Client) -> None:
    pages = list(client.states(as_of="2026-03-05", limit=50))

    names = [each.artifact for page in pages for each in page.artifacts]
    assert names == sorted(set(names))
    assert {story.name(each) for each in ("raw", "table", "model", "decision")} <= set(names)
    assert len({page.position for page in pages}) == 1


def test_a_limited_impact_goes_on_with_its_cursor(story: Story, client: Client) -> None:
    first = client.impact(story.name("raw"), limit=1)
    found = [step.event for step in first]
    rest = [step.event for step in client.impact(story.name("raw"), cursor=first.cursor)]

    assert found + rest == [story.ingest, story.train, story.decide]


def test_an_answer_is_a_graph_in_a_notebook(story: Story, client: Client) -> None:
    graph = to_networkx(client.lineage(story.name("decision")).document)

    assert f"pem:{story.ingest}" in graph


# On the wire


@pytest.mark.parametrize("question", ["why", "state", "diff", "impact", "path", "gaps"])
def test_a_question_needs_a_credential_where_the_service_does(secured: Secured, question: str) -> None:
    assert_is_problem(secured.anonymous.get(f"/api/v1/{question}"), 401)
    assert secured.wire("puc", "reader").get(f"/api/v1/{question}").status in (200, 400)


def test_a_plus_in_a_query_string_still_is_a_zone(wire: Wire, story: Story) -> None:
    answer = wire.call("GET", f"/api/v1/why?node={story.name('table')}&as_of=2026-03-02T11:00:00+01:00")

    assert answer.json()["as_of"] == "2026-03-02T10:00:00.000000Z"
