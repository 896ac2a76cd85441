"""Dates that git cannot read, and what one clone notes for itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.sources import git, rawdates
from provgraph.sources.commits import Commit
from provgraph.sources.export import Export
from provgraph.sources.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.sources.repositories import Repo

_NEW_YEAR = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "time"),
    [
        ("-5270400000 +0000", datetime(1802, 12, 28, tzinfo=UTC)),
        ("-1 +0000", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0 +0000", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1700000000", _NEW_YEAR),
        ("1700000000 UTC", _NEW_YEAR),
        ("+1700000000 +0000", _NEW_YEAR),
        ("0001700000000 +0000", _NEW_YEAR),
        ("1700000000 +9999999", _NEW_YEAR),
        ("253402300799 +0000", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("-62135596800 +0000", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_time_is_the_number_in_the_commit_object(repo: Repo, stated: str, time: datetime) -> None:
    commit = repo.commit_as_stated(f"committer A <a@example.org> {stated}")
    history = Repository(repo.folder)

    assert [(each.id, each.committed_at) for each in history.commits()] == [(commit, time)]
    assert history.undated == ()


@pytest.mark.parametrize(
    "line",
    [
        "committer A <a@example.org> text +0000",
        "committer A <a@example.org> 253402300800 +0000",
        "committer A <a@example.org> -62135596801 +0000",
        "committer A <a@example.org> 99999999999999999999 +0000",
        "committer A <a@example.org> -99999999999999999999 +0000",
        "committer A <a@example.org> " + "9" * 5_000 + " +0000",
        "committer A <a@example.org> 1700000000.5 +0000",
        "committer A <a@example.org> 1700000000abc +0000",
        "committer A <a@example.org>",
        "committer A 1700000000 +0000",
        "committer",
        "",
    ],
    ids=lambda line: line[-30:],
)
def test_what_is_no_time_is_1970_and_named(repo: Repo, line: str) -> None:
    first = repo.commit(a="one")
    odd = repo.commit_as_stated(line, first)
    last = repo.commit(a="two")
    history = Repository(repo.folder)

    times = {each.id: each.committed_at for each in history.commits()}

    assert set(times) == {first, odd, last}
    assert times[odd] == rawdates.UNDATED == datetime(1970, 1, 1, tzinfo=UTC)
    assert history.undated == (odd,)


@given(st.integers(-(10**12), 10**12))
def test_any_number_is_its_time_or_none(seconds: int) -> None:
    stored = f"tree 1\nauthor A <a> 5 +0000\ncommitter A <a> b> {seconds} +0000\n\ncommitter A <a> 7 +0000".encode()

    found = rawdates.committed_at("", lambda: stored)

    assert (None if found is None else (found - rawdates.UNDATED).total_seconds()) in {None, seconds}
    assert (found is None) == (not -62_135_596_800 <= seconds <= 253_402_300_799)


def test_many_odd_commits_are_read_one_after_another(repo: Repo) -> None:
    commits = [repo.commit(a="one")]
    for number in range(30):
        commits.append(repo.commit_as_stated(f"committer A <a@example.org> -{number}00 +0000", commits[-1]))

    read = list(Repository(repo.folder).commits())

    assert [commit.id for commit in read] == commits
    assert [commit.committed_at.timestamp() for commit in read[1:]] == [-100 * number for number in range(30)]


def test_reading_may_stop_in_the_middle_of_odd_commits(repo: Repo) -> None:
    first = repo.commit_as_stated("committer A <a@example.org> -1 +0000")
    repo.commit_as_stated("committer A <a@example.org> -2 +0000", first)
    commits = Repository(repo.folder).commits()

    assert next(commits).id == first
    commits.close()  # type: ignore[attr-defined] # it is a generator


def test_an_undated_commit_is_an_event_like_any_other(repo: Repo) -> None:
    odd = repo.commit_as_stated("committer A <a@example.org> text")

    (event,) = git.events(Repository(repo.folder).commits())

    assert event["ID"] == git.event_id(odd)
    assert (event["OccurredAt"], event["TimestampClient"]) == ("1970-01-01T00:00:00Z", "1970-01-01 00:00:00")


def test_an_export_says_with_null_that_there_is_no_time(tmp_path: Path) -> None:
    file = tmp_path / "export.ndjson"
    commit = "a" * 40
    file.write_text(f'{{"commit": "{commit}", "parents": [], "committed_at": null, "changes": []}}\n')
    history = Export(file)

    assert list(history.commits()) == [Commit(commit, (), rawdates.UNDATED, ())]
    assert history.undated == (commit,)


def test_grafts_and_replacements_of_one_clone_do_not_count(repo: Repo) -> None:
    first, second, third = repo.commit(a="one"), repo.commit(a="two"), repo.commit(a="three")
    before = list(Repository(repo.folder).commits())

    (repo.folder / ".git" / "info" / "grafts").write_text(f"{third} {first}\n{second}\n")
    repo.git("replace", "--force", second, first)

    assert list(Repository(repo.folder).commits()) == before
    assert Repository(repo.folder).total == 3
