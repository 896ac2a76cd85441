from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from provgraph.cli import importing
from provgraph.sources import git
from tests.unit.sources.repositories import Repo

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]

_SVCS = str(Path(__file__).parents[2] / "data" / "git-history" / "svcs.ndjson.gz")
_ROUTE = "POST /api/v1/events"


def _judge(request: httpx.Request, *, verdict: str = "accepted") -> httpx.Response:
    ids = [orjson.loads(line)["ID"] for line in request.content.splitlines()]
    results = [{"index": index, "ID": id_, "verdict": verdict} for index, id_ in enumerate(ids)]
    counts = dict.fromkeys(("accepted", "duplicates", "conflicts", "invalid"), 0)
    counts[{"duplicate": "duplicates", "conflict": "conflicts"}.get(verdict, verdict)] = len(ids)
    return httpx.Response(200, json={"results": results, "position": 716, **counts})


def test_an_import_sends_every_commit_once_in_batches(run: Run, service: FakeService) -> None:
    service.answer_with(_ROUTE, _judge)

    ended = run("import", "git", _SVCS, "--batch", "300")

    sent = [orjson.loads(line) for request in service.requests for line in request.content.splitlines()]
    assert [len(request.content.splitlines()) for request in service.requests] == [300, 300, 116]
    assert len({event["ID"] for event in sent}) == 716
    assert (ended.code, "716 accepted, 0 duplicates, 0 conflicts, 0 invalid" in ended.out) == (0, True)


def test_no_request_is_larger_than_a_megabyte(run: Run, service: FakeService) -> None:
    service.answer_with(_ROUTE, _judge)
    large = str(Path(_SVCS).with_name("eventsourcing.ndjson.gz"))

    run("import", "git", large, "--batch", "10000")

    assert len(service.requests) > 1
    assert all(len(request.content) <= 1_000_000 for request in service.requests)


def test_json_is_the_only_thing_on_stdout(run: Run, service: FakeService) -> None:
    service.answer_with(_ROUTE, _judge)

    ended = run("import", "git", _SVCS, "--json")

    assert ended.json == {
        "events": 716,
        "accepted": 716,
        "duplicates": 0,
        "conflicts": 0,
        "invalid": 0,
        "position": 716,
        "problems": [],
        "undated": [],
        "warned": 0,
        "warnings": [],
    }


def test_duplicates_are_fine(run: Run, service: FakeService) -> None:
    service.answer_with(_ROUTE, lambda request: _judge(request, verdict="duplicate"))

    ended = run("import", "git", _SVCS)

    assert (ended.code, "716 duplicates" in ended.out) == (0, True)


def test_conflicts_end_with_1_and_are_named(run: Run, service: FakeService) -> None:
    service.answer_with(_ROUTE, lambda request: _judge(request, verdict="conflict"))

    ended = run("import", "git", _SVCS)

    assert ended.code == 1
    assert "conflict: 2d7353f33a18b257deeb4f6ce56857f1a04d4472" in ended.err
    assert "and 706 more" in ended.err


def test_only_an_event_that_is_too_large_by_itself_is_refused(run: Run, service: FakeService) -> None:
    victim = git.event_id("2d7353f33a18b257deeb4f6ce56857f1a04d4472")

    def judge(request: httpx.Request) -> httpx.Response:
        if f'"ID":"{victim}"'.encode() in request.content:
            return httpx.Response(413, json={"detail": "too large"})
        return _judge(request)

    service.answer_with(_ROUTE, judge)

    ended = run("import", "git", _SVCS, "--json")

    assert ended.code == 1
    assert (ended.json["accepted"], ended.json["invalid"]) == (715, 1)
    (problem,) = ended.json["problems"]
    assert (problem["ID"], problem["commit"]) == (victim, "2d7353f33a18b257deeb4f6ce56857f1a04d4472")
    assert problem["detail"].startswith("too large; ")
    assert "PROVGRAPH_PEM_SIZE_LIMIT" in problem["detail"]


def test_an_event_that_the_service_finds_too_large_says_what_to_raise(run: Run, service: FakeService) -> None:
    def judge(request: httpx.Request) -> httpx.Response:
        document = _judge(request, verdict="invalid").json()
        document["results"][0] |= {"rule": "size", "detail": "it is too large"}
        return httpx.Response(200, json=document)

    service.answer_with(_ROUTE, judge)

    ended = run("import", "git", _SVCS)

    assert (
        "  invalid: 2d7353f33a18b257deeb4f6ce56857f1a04d4472: it is too large; raise the service's "
        in ended.err
    )
    assert ended.err.count("PROVGRAPH_PEM_SIZE_LIMIT") == 1


def test_one_is_not_plural() -> None:
    tally = importing.Tally(events=1, duplicates=1)

    said = importing.summary(tally, seconds=1)

    assert said == "1 event sent in 1.0 s: 0 accepted, 1 duplicate, 0 conflicts, 0 invalid"


def test_since_leaves_older_commits_out(run: Run, service: FakeService) -> None:
    service.answer_with(_ROUTE, _judge)

    run("import", "git", _SVCS, "--since", "2024-06-01")

    sent = [orjson.loads(line) for request in service.requests for line in request.content.splitlines()]
    assert 0 < len(sent) < 716
    assert min(event["OccurredAt"] for event in sent) >= "2024-06-01"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([_SVCS, "--since", "soon"], "not an ISO date"),
        (["/nonexistent"], "does not exist"),
        ([_SVCS, "--batch", "0"], "--batch"),
    ],
)
def test_wrong_usage_ends_with_2(run: Run, service: FakeService, arguments: list[str], reason: str) -> None:
    ended = run("import", "git", *arguments)

    assert ended.code == 2
    assert reason in " ".join(ended.err.split())


def test_a_folder_that_is_no_repository_ends_with_2(run: Run, service: FakeService, tmp_path: Path) -> None:
    ended = run("import", "git", str(tmp_path))

    assert (ended.code, service.requests) == (2, [])
    assert "is not a git repository" in ended.err


def test_an_interrupted_import_says_how_to_go_on(run: Run, service: FakeService) -> None:
    def interrupt(request: httpx.Request) -> httpx.Response:
        if len(service.requests) == 2:
            raise KeyboardInterrupt
        return _judge(request)

    service.answer_with(_ROUTE, interrupt)

    ended = run("import", "git", _SVCS, "--batch", "100")

    assert ended.code == 130
    assert "Interrupted after 100 events. Run the same command again" in ended.err


def test_the_emitter_can_be_chosen(run: Run, service: FakeService) -> None:
    seen: set[Any] = set()

    def judge(request: httpx.Request) -> httpx.Response:
        seen.update(orjson.loads(line)["Emitter"] for line in request.content.splitlines())
        return _judge(request)

    service.answer_with(_ROUTE, judge)

    run("import", "git", _SVCS, "--emitter", "git/svcs")

    assert seen == {"git/svcs"}


def test_commits_without_a_readable_date_are_named_at_the_end(
    run: Run, service: FakeService, tmp_path: Path
) -> None:
    service.answer_with(_ROUTE, _judge)
    repo = Repo(tmp_path / "odd")
    odd = repo.commit_as_stated("committer A <a@example.org> text +0000")
    old = repo.commit_as_stated("committer A <a@example.org> -5270400000 +0000", odd)

    shown, told = (run("import", "git", str(repo.folder), *options) for options in ((), ("--json",)))

    assert shown.code == 0
    assert f"recorded as of 1970-01-01: 1 commit: {odd}" in " ".join(shown.err.split())
    assert old not in shown.err
    assert told.json["undated"] == [odd]


def test_commits_that_are_not_sent_are_not_named_as_recorded(
    run: Run, service: FakeService, tmp_path: Path
) -> None:
    service.answer_with(_ROUTE, _judge)
    repo = Repo(tmp_path / "odd")
    odd = repo.commit_as_stated("committer A <a@example.org> text +0000")
    repo.commit_as_stated("committer A <a@example.org> 1700000000 +0000", odd)

    shown, told = (
        run("import", "git", str(repo.folder), "--since", "2023-01-01", *options)
        for options in ((), ("--json",))
    )

    assert (shown.code, odd in shown.err) == (0, False)
    assert (told.json["undated"], told.json["accepted"]) == ([], 1)
