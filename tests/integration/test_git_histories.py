"""Two real histories, and what git itself says about them."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from provgraph.eventlog import SQLiteEventLog, Verdict
from provgraph.families.pem.events import accept
from provgraph.graphstore import Checkpoint, EmbeddedGraphStore, project
from provgraph.graphstore.neo4j import Neo4jGraphStore
from provgraph.lineage import LARGEST_LIMIT, LineageRequest, lineage
from provgraph.lineage.why import Why, why
from provgraph.sources.git import events, open_history
from tests.effort import quick_or_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.events import NewEvent
    from provgraph.graphstore import GraphStore
    from tests.servers.neo4j import Neo4jServer

# The second is ten times the first.
HISTORIES = quick_or_long(("svcs",), ("svcs", "eventsourcing"))
_DATA = Path(__file__).parents[1] / "data" / "git-history"
_BATCH = 2_000


def accepted(name: str) -> Iterator[NewEvent]:
    history = open_history(_DATA / f"{name}.ndjson.gz")
    return (accept(orjson.loads(orjson.dumps(event))) for event in events(history.commits()))


@pytest.fixture(scope="module", params=HISTORIES)
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, SQLiteEventLog, EmbeddedGraphStore]]:
    """A history, in a log and a graph of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    log = SQLiteEventLog(folder / "provgraph.db")
    graph = EmbeddedGraphStore(folder / "graph")
    stream = accepted(request.param)
    while batch := list(islice(stream, _BATCH)):
        log.append(batch)
    follow(log, graph)
    yield request.param, log, graph
    graph.close()
    log.close()


def follow(log: SQLiteEventLog, graph: GraphStore) -> None:
    checkpoint = graph.checkpoint()
    while read := log.read(after=checkpoint.position, limit=_BATCH):
        to = Checkpoint(log.head().epoch, read[-1].position)
        graph.apply(project(read), expected=checkpoint, to=to)
        checkpoint = to


def ancestors(graph: GraphStore, commit: str) -> list[str]:
    """Return the commits upstream of one, asked page by page."""
    node = f"artifact:commit/{commit}"
    found: set[str] = set()
    cursor: str | None = None
    while True:
        answer = orjson.loads(lineage(graph, LineageRequest(node, limit=LARGEST_LIMIT, cursor=cursor)))
        found.update(item["id"] for item in answer["nodes"] if item["id"].startswith("commit/"))
        cursor = answer["cursor"]
        if answer["complete"]:
            return sorted(id_.removeprefix("commit/") for id_ in found - {f"commit/{commit}"})


def assert_git_agrees(graph: GraphStore, name: str) -> None:
    said_by_git = json.loads((_DATA / f"{name}.ancestors.json").read_text())
    for commit, expected in said_by_git.items():
        found = ancestors(graph, commit)
        digest = hashlib.sha256("\n".join(found).encode()).hexdigest()
        assert (commit, len(found), digest) == (commit, expected["ancestors"], expected["sha256"])


def test_the_upstream_closure_of_a_commit_has_exactly_the_ancestors_that_git_names(
    imported: tuple[str, SQLiteEventLog, EmbeddedGraphStore],
) -> None:
    name, _, graph = imported

    assert_git_agrees(graph, name)


def test_the_same_holds_on_neo4j_and_the_graph_is_the_same(
    imported: tuple[str, SQLiteEventLog, EmbeddedGraphStore], cleared_neo4j: Neo4jServer
) -> None:
    name, log, embedded = imported
    with closing(
        Neo4jGraphStore(cleared_neo4j.uri, user=cleared_neo4j.user or "", password=cleared_neo4j.password)
    ) as graph:
        follow(log, graph)

        assert graph.digest() == embedded.digest()
        assert_git_agrees(graph, name)


def test_importing_a_history_twice_changes_nothing(
    imported: tuple[str, SQLiteEventLog, EmbeddedGraphStore],
) -> None:
    name, log, graph = imported
    head, digest = log.head(), graph.digest()

    verdicts = {answer.verdict for answer in log.append(list(accepted(name)))}
    follow(log, graph)

    assert verdicts == {Verdict.DUPLICATE}
    assert (log.head(), graph.digest()) == (head, digest)


def test_why_a_file_is_as_it_is_names_the_commit_that_made_it_and_its_ancestors(
    imported: tuple[str, SQLiteEventLog, EmbeddedGraphStore],
) -> None:
    name, _, graph = imported
    said_by_git = json.loads((_DATA / f"{name}.ancestors.json").read_text())
    asked = 0
    for commit, expected in list(said_by_git.items())[::5]:
        made = files_of(graph, commit)
        if made is None:
            continue  # a commit that only merges or removes
        node, is_latest = made
        answer = why(graph, Why(node, limit=LARGEST_LIMIT, seconds=60))
        first, *_ = answer["steps"]
        commits = {
            each["artifact"].removeprefix("commit/")
            for step in answer["steps"]
            for each in step["produced"]
            if each["artifact"].startswith("commit/")
        }
        if is_latest:
            assert f"commit/{commit}" in [each["artifact"] for each in first["produced"]]
            found = sorted(commits - {commit})
            digest = hashlib.sha256("\n".join(found).encode()).hexdigest()
            assert (commit, len(found), digest) == (commit, expected["ancestors"], expected["sha256"])
            asked += 1
        assert answer["complete"]
        assert answer["text"].startswith(f"Why artifact {node}")
    assert asked >= 3


def files_of(graph: EmbeddedGraphStore, commit: str) -> tuple[str, bool] | None:
    """Return a file that a commit made, and whether its latest version is by that commit."""
    (latest,) = graph.productions(f"commit/{commit}", limit=1)
    (facts,) = graph.events([latest.event_id])
    for made in facts.produces:
        if not made.artifact.startswith("commit/"):
            (newest,) = graph.productions(made.artifact, limit=1)
            return made.artifact, newest.event_id == facts.id
    return None
