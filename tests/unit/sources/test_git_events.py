from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.families.pem import events as pem
from provgraph.sources import git
from provgraph.sources.commits import Change, Commit
from provgraph.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.sources.repositories import Repo

_HISTORIES = Path(__file__).parents[2] / "data" / "git-history"
_NAMES = ("svcs", "eventsourcing")


def _events(path: Path, **options: Any) -> list[dict[str, Any]]:
    return list(git.events(git.open_history(path, **options).commits()))


def _exported(repo: Repo) -> Iterator[str]:
    """Export a history as the format says, asking git commit by commit."""
    for commit in repo.git("rev-list", "--topo-order", "--reverse", "HEAD").split():
        parents = repo.git("show", "-s", "--format=%P", commit).split()
        against = parents[0] if parents else repo.git("hash-object", "-t", "tree", "/dev/null")
        raw = repo.git("diff-tree", "-r", "-z", "--no-renames", against, commit).split("\0")
        changes = []
        for facts, path in zip(raw[::2], raw[1::2], strict=False):
            old, new = (None if set(blob) == {"0"} else blob for blob in facts.split()[2:4])
            if old != new:
                changes.append({"path": path, "old": old, "new": new})
        time = repo.git("show", "-s", "--format=%cI", commit)
        yield json.dumps({"commit": commit, "parents": parents, "committed_at": time, "changes": changes})


def test_an_event_says_what_the_commit_used_and_produced(repo: Repo) -> None:
    root = repo.commit(a="one", b="two")
    (repo.folder / "b.txt").unlink()
    second = repo.commit(a="three")

    _, event = _events(repo.folder)

    assert event == {
        "ID": git.event_id(second),
        "Type": "git.commit",
        "Emitter": "git",
        "Predecessors": [git.event_id(root)],
        "TimestampClient": "2023-11-14 22:15:20",
        "OccurredAt": "2023-11-14T22:15:20Z",
        "Properties": {"commit": second, "parents": 1},
        "UsesArtifacts": [
            {"Name": f"commit/{root}", "Kind": "git.commit"},
            {"Name": f"a.txt@{repo.blob('one')}", "Kind": "git.blob", "Version": git.event_id(root)},
            {"Name": f"b.txt@{repo.blob('two')}", "Kind": "git.blob", "Version": git.event_id(root)},
        ],
        "ProducesArtifacts": [
            {"Name": f"commit/{second}", "Kind": "git.commit"},
            {"Name": f"a.txt@{repo.blob('three')}", "Kind": "git.blob"},
        ],
    }


def test_the_event_id_of_a_commit_never_changes() -> None:
    # Another value would make everything that was imported before a different event.
    assert git.event_id("2d7353f33a18b257deeb4f6ce56857f1a04d4472") == "f1f32eb5c5875fb7b1d320e4a327133c"


def test_a_used_file_comes_from_its_own_line_though_another_branch_made_it_too(repo: Repo) -> None:
    base = repo.commit(a="one")
    own = repo.commit(a="same")
    repo.git("checkout", "--quiet", "-b", "side", base)
    repo.commit(a="same")
    repo.git("checkout", "--quiet", "main")
    repo.commit(a="next")

    events = {event["Properties"]["commit"]: event for event in _events(repo.folder, all_branches=True)}

    used = events[repo.head()]["UsesArtifacts"][1]
    assert used["Version"] == git.event_id(own)


def test_a_file_from_beyond_what_was_read_names_no_version(repo: Repo) -> None:
    repo.commit(a="one")
    repo.commit(b="one")
    repo.commit(a="two")

    _, event = _events(repo.folder, newest=2)

    assert "Version" not in event["UsesArtifacts"][1]


def test_since_leaves_out_older_commits_and_changes_no_event(repo: Repo) -> None:
    repo.commit(a="one")
    repo.commit(a="two")
    history = git.open_history(repo.folder)

    recent = list(git.events(history.commits(), since=datetime.fromisoformat("2023-11-14T22:15:20Z")))

    assert recent == _events(repo.folder)[1:]


def test_reading_a_repository_twice_gives_the_same_events(repo: Repo) -> None:
    for number in range(3):
        repo.commit(a=str(number))

    assert _events(repo.folder) == _events(repo.folder)


def test_a_repository_and_its_export_give_the_same_events(repo: Repo, tmp_path: Path) -> None:
    repo.commit(a="one", b="one")
    repo.git("checkout", "--quiet", "-b", "side")
    repo.write(b"odd \xe9\t\"'\n.txt", "odd")
    repo.commit()
    repo.git("checkout", "--quiet", "main")
    repo.git("mv", "b.txt", "c.txt")
    repo.commit(a="two")
    repo.merge("side")
    repo.commit()
    file = tmp_path / "export.ndjson"
    file.write_text("\n".join(_exported(repo)))

    from_repository = {event["ID"]: event for event in _events(repo.folder)}
    from_export = {event["ID"]: event for event in _events(file)}

    assert from_repository == from_export


def test_the_door_takes_the_event_of_the_oddest_commit(repo: Repo) -> None:
    repo.write(b"odd \xe9\t\"'\n\x7f.txt", "odd")
    repo.commit()

    (event,) = _events(repo.folder)

    assert pem.accept(json.loads(json.dumps(event))).event_id == event["ID"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "MOST_CHANGES", 2)


def _names(artifacts: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(artifact["Name"], artifact.get("Version")) for artifact in artifacts]


@pytest.mark.usefixtures("small_parts")
def test_the_files_of_a_large_commit_go_into_events_that_follow_its_own(repo: Repo) -> None:
    root = repo.commit(a="one", b="two", c="three")
    large = repo.commit(a="four", b="five", c="six")

    _, _, _, own, first, second = _events(repo.folder)

    assert own["ID"] == git.event_id(large)
    assert _names(own["UsesArtifacts"]) == [(f"commit/{root}", None)]
    assert _names(own["ProducesArtifacts"]) == [(f"commit/{large}", None)]
    for number, part in enumerate((first, second), 1):
        assert (part["ID"], part["Type"]) == (git.part_id(large, number), "git.commit.files")
        assert part["Predecessors"] == [own["ID"]]
        assert part["OccurredAt"] == own["OccurredAt"]
        assert part["Properties"] == {"commit": large, "part": number, "parts": 2}
    # A use of a file names the part that made it.
    assert _names(first["UsesArtifacts"]) == [
        (f"commit/{large}", own["ID"]),
        (f"a.txt@{repo.blob('one')}", git.part_id(root, 1)),
        (f"b.txt@{repo.blob('two')}", git.part_id(root, 1)),
    ]
    assert _names(second["UsesArtifacts"]) == [
        (f"commit/{large}", own["ID"]),
        (f"c.txt@{repo.blob('three')}", git.part_id(root, 2)),
    ]
    assert _names(second["ProducesArtifacts"]) == [(f"c.txt@{repo.blob('six')}", None)]


@pytest.mark.usefixtures("small_parts")
def test_a_commit_after_a_large_one_names_the_part_that_it_changed(repo: Repo) -> None:
    root = repo.commit(a="one", b="two", c="three")
    repo.commit(c="four")

    event = _events(repo.folder)[-1]

    assert (event["Type"], event["UsesArtifacts"][1]["Version"]) == ("git.commit", git.part_id(root, 2))


def test_the_event_id_of_a_part_never_changes() -> None:
    assert git.part_id("2d7353f33a18b257deeb4f6ce56857f1a04d4472", 1) == "b06b00d2e0bb5e8493f51e6c319da041"


def test_fifteen_thousand_files_make_no_event_above_half_a_megabyte() -> None:
    blob = "0" * 40
    changes = tuple(
        Change(f"a/folder/of/usual/depth/file-{number:05}.txt", blob, blob) for number in range(15_000)
    )
    root = Commit("a" * 40, (), datetime.fromisoformat("2024-01-01T00:00:00Z"), changes)
    child = root._replace(id="b" * 40, parents=("a" * 40,))

    made = list(git.events([root, child]))

    assert len(made) == 2 * 16
    assert max(len(json.dumps(event)) for event in made) < 500_000
    assert sum(len(event["ProducesArtifacts"]) for event in made) == 2 * 15_001


@pytest.mark.parametrize("name", _NAMES)
def test_histories_without_a_large_commit_keep_an_event_a_commit(name: str) -> None:
    events = _events(_HISTORIES / f"{name}.ndjson.gz")

    assert {event["Type"] for event in events} == {"git.commit"}


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        git.open_history(tmp_path / "missing")


@pytest.mark.parametrize("name", _NAMES)
def test_every_use_of_a_file_names_its_version(name: str) -> None:
    used = [
        artifact
        for event in _events(_HISTORIES / f"{name}.ndjson.gz")
        for artifact in event["UsesArtifacts"]
        if artifact["Kind"] == "git.blob"
    ]

    assert used
    assert all("Version" in artifact for artifact in used)


@pytest.mark.parametrize("name", _NAMES)
def test_what_events_say_they_used_leads_to_exactly_gits_ancestors(name: str) -> None:
    events = _events(_HISTORIES / f"{name}.ndjson.gz")
    commits = {event["ID"]: event["Properties"]["commit"] for event in events}
    behind = {commits[event["ID"]]: _directly_behind(event, commits) for event in events}
    truth = json.loads((_HISTORIES / f"{name}.ancestors.json").read_text())

    for commit, expected in truth.items():
        ancestors = _closure(commit, behind)
        digest = hashlib.sha256("\n".join(sorted(ancestors)).encode()).hexdigest()
        assert (len(ancestors), digest) == (expected["ancestors"], expected["sha256"]), commit


def _directly_behind(event: dict[str, Any], commits: dict[str, str]) -> set[str]:
    used = event["UsesArtifacts"]
    parents = {a["Name"].removeprefix("commit/") for a in used if a["Kind"] == "git.commit"}
    return parents | {commits[a["Version"]] for a in used if "Version" in a}


def _closure(start: str, behind: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    pending = [start]
    while pending:
        new = behind[pending.pop()] - seen
        seen |= new
        pending.extend(new)
    return seen
