from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from provgraph.sources.commits import Change
from provgraph.sources.errors import SourceError
from provgraph.sources.repository import Repository
from tests.unit.sources.repositories import Repo

if TYPE_CHECKING:
    from pathlib import Path


def test_a_root_commit_adds_every_file(repo: Repo) -> None:
    root = repo.commit(a="one")

    (commit,) = Repository(repo.folder).commits()

    assert commit.id == root
    assert commit.parents == ()
    assert commit.changes == (Change("a.txt", None, repo.blob("one")),)


def test_the_time_is_the_commit_time_in_utc(repo: Repo) -> None:
    repo.commit(a="one")

    (commit,) = Repository(repo.folder).commits()

    assert commit.committed_at == datetime(2023, 11, 14, 22, 14, 20, tzinfo=UTC)


def test_a_change_names_both_blobs_and_a_deletion_only_the_old_one(repo: Repo) -> None:
    repo.commit(a="one", b="two")
    (repo.folder / "b.txt").unlink()
    repo.commit(a="another")

    *_, commit = Repository(repo.folder).commits()

    assert commit.changes == (
        Change("a.txt", repo.blob("one"), repo.blob("another")),
        Change("b.txt", repo.blob("two"), None),
    )


def test_a_rename_is_a_deletion_and_an_addition_whatever_the_configuration_says(repo: Repo) -> None:
    repo.git("config", "diff.renames", "copies")
    repo.commit(a="one")
    repo.git("mv", "a.txt", "z.txt")
    repo.commit()

    *_, commit = Repository(repo.folder).commits()

    assert commit.changes == (
        Change("a.txt", repo.blob("one"), None),
        Change("z.txt", None, repo.blob("one")),
    )


def test_a_merge_has_all_parents_and_its_changes_against_the_first(repo: Repo) -> None:
    base = repo.commit(a="one")
    repo.git("checkout", "--quiet", "-b", "side", base)
    side = repo.commit(b="two")
    repo.git("checkout", "--quiet", "main")
    main = repo.commit(c="three")
    merge = repo.merge("side")

    *_, commit = Repository(repo.folder).commits()

    assert commit.id == merge
    assert commit.parents == (main, side)
    assert commit.changes == (Change("b.txt", None, repo.blob("two")),)


def test_parents_come_before_children_whatever_their_clocks_say(repo: Repo) -> None:
    first = repo.commit(a="one")
    repo._seconds -= 100_000
    second = repo.commit(a="two")
    repo._seconds -= 100_000
    third = repo.commit(a="three")

    ids = [commit.id for commit in Repository(repo.folder).commits()]

    assert ids == [first, second, third]


def test_an_empty_commit_changes_nothing(repo: Repo) -> None:
    repo.commit(a="one")
    repo.commit()

    *_, commit = Repository(repo.folder).commits()

    assert commit.changes == ()


def test_a_change_of_mode_alone_is_no_change(repo: Repo) -> None:
    repo.commit(a="one")
    repo.git("update-index", "--chmod=+x", "a.txt")
    repo.git("config", "core.fileMode", "false")
    repo.commit()

    *_, commit = Repository(repo.folder).commits()

    assert commit.changes == ()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b'quo"te\\back', 'quo"te\\back'),
        (b"tab\tline\nend", "tab\tline\nend"),
        (b":100644 colon", ":100644 colon"),
        (b" spaces ", " spaces "),
        ("gr\u00fc\u00dfe/\U0001f600".encode(), "gr\u00fc\u00dfe/\U0001f600"),
        (b"latin\xe9", "latin\\xe9"),
    ],
)
def test_odd_paths_arrive_as_text_that_can_be_sent(repo: Repo, path: bytes, text: str) -> None:
    repo.write(path, "content")
    repo.commit()

    (commit,) = Repository(repo.folder).commits()

    assert [change.path for change in commit.changes] == [text]
    assert text.encode()


def test_a_submodule_is_a_change_like_any_other(repo: Repo) -> None:
    linked = "1" * 40
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{linked},lib")
    repo.git("commit", "--quiet", "--message=A submodule")

    (commit,) = Repository(repo.folder).commits()

    assert commit.changes == (Change("lib", None, linked),)


def test_only_what_head_reaches_is_read_unless_all_branches_are_asked_for(repo: Repo) -> None:
    base = repo.commit(a="one")
    repo.git("checkout", "--quiet", "-b", "side")
    side = repo.commit(a="two")
    repo.git("checkout", "--quiet", "main")

    of_head = [commit.id for commit in Repository(repo.folder).commits()]
    of_all = [commit.id for commit in Repository(repo.folder, all_branches=True).commits()]

    assert of_head == [base]
    assert of_all == [base, side]


def test_the_newest_ones_end_with_head(repo: Repo) -> None:
    ids = [repo.commit(a=str(number)) for number in range(5)]

    history = Repository(repo.folder, newest=2)

    assert [commit.id for commit in history.commits()] == ids[-2:]
    assert history.total == 2


@pytest.mark.parametrize("all_branches", [False, True])
def test_a_repository_without_commits_is_an_empty_history(repo: Repo, *, all_branches: bool) -> None:
    history = Repository(repo.folder, all_branches=all_branches)

    assert history.total == 0
    assert list(history.commits()) == []


def test_a_folder_without_a_repository_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"{tmp_path} is not a git repository"):
        Repository(tmp_path)


def test_a_bare_clone_reads_the_same(repo: Repo, tmp_path: Path) -> None:
    repo.commit(a="one")
    repo.commit(a="two")
    repo.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))

    assert list(Repository(tmp_path / "bare.git").commits()) == list(Repository(repo.folder).commits())


def test_the_environment_of_a_hook_does_not_redirect_the_reader(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit(a="one")
    other = Repo(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))

    assert Repository(repo.folder).total == 1


def test_the_edge_of_a_shallow_clone_is_left_out_with_a_warning(repo: Repo, tmp_path: Path) -> None:
    ids = [repo.commit(a=str(number)) for number in range(4)]
    repo.git("clone", "--quiet", "--depth=2", f"file://{repo.folder}", str(tmp_path / "shallow"))

    history = Repository(tmp_path / "shallow")

    assert [commit.id for commit in history.commits()] == ids[-1:]
    assert "shallow clone" in history.warnings[0]


def test_the_edge_of_a_shallow_clone_can_be_taken_for_a_root(repo: Repo, tmp_path: Path) -> None:
    ids = [repo.commit(a=str(number)) for number in range(4)]
    repo.git("clone", "--quiet", "--depth=2", f"file://{repo.folder}", str(tmp_path / "shallow"))

    commits = list(Repository(tmp_path / "shallow", edges=True).commits())

    assert [commit.id for commit in commits] == ids[-2:]
    assert commits[0].parents == ()


def test_a_reader_that_stops_early_leaves_no_process(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def remember(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = original(*arguments, **options)  # type: ignore[call-overload] # passed on
        started.append(process)
        return process

    for number in range(3):
        repo.commit(a=str(number))
    history = Repository(repo.folder)
    monkeypatch.setattr("provgraph.sources.repository.subprocess.Popen", remember)

    commits = history.commits()
    next(commits)
    commits.close()  # type: ignore[attr-defined] # it is a generator, and this is what leaving a loop does

    assert [process.poll() is not None for process in started] == [True]


def test_a_history_that_git_cannot_read_on_is_an_error(repo: Repo) -> None:
    repo.commit(a="one")
    repo.commit(a="two")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    (repo.folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()

    with pytest.raises(SourceError, match="git cannot read"):
        list(Repository(repo.folder).commits())


def test_without_git_the_error_says_so(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(SourceError, match="install git"):
        Repository(repo.folder)
