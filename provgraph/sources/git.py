"""
Turn a git history into PEMs: one event of type ``git.commit`` for each commit.

A commit that changes very many files would make an event that no service takes. Its files go into further events of
type ``git.commit.files``, which follow the commit's own.

The event of a commit depends on the commit and on what stands behind it, never on where it was read from: a repository,
its clone, a fork and an export give the same events, so importing again changes nothing. That is why the author and
the subject, which an export lacks, are not in it, and why every history has the same emitter unless told otherwise.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from provgraph.sources import rawdates
from provgraph.sources.errors import SourceError
from provgraph.sources.export import Export
from provgraph.sources.firstparents import FirstParents
from provgraph.sources.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from provgraph.sources.commits import Change, Commit, History

EVENT_TYPE = "git.commit"
FILES_EVENT_TYPE = "git.commit.files"
# A commit with more changes is split, so many in each part: some 300 KB where paths are of ordinary length. It must not
# depend on what a service takes, for the same commit gives the same events everywhere; another number would make
# every import of such a commit a new one.
MOST_CHANGES = 1_000
DEFAULT_EMITTER = "git"
# Commit ids become event ids within this namespace (UUID version 5). Changing it would make every import a new one.
_NAMESPACE = uuid.UUID("17b9fa3a-43c3-48e9-a000-87dc0cbea63d")


def open_history(
    path: Path, *, all_branches: bool = False, newest: int | None = None, edges: bool = False
) -> History:
    """
    Open a repository (a folder) or an export (a file); the options matter to a repository only.

    :raises SourceError: there is nothing there, or it is neither
    """
    if path.is_dir():
        return Repository(path, all_branches=all_branches, newest=newest, edges=edges)
    if path.exists():
        return Export(path)
    raise SourceError(f"{path} does not exist: name a repository's folder or an export file.")


def event_id(commit: str) -> str:
    """Return the id of a commit's event, 32 hex digits."""
    return uuid.uuid5(_NAMESPACE, commit).hex


def part_id(commit: str, number: int) -> str:
    """Return the id of the event with the files of a large commit's part (from 1), 32 hex digits."""
    return uuid.uuid5(_NAMESPACE, f"{commit}/{number}").hex


def events(
    commits: Iterable[Commit], *, emitter: str = DEFAULT_EMITTER, since: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """
    Yield the events of each commit, as the native API takes them. ``since`` skips the commits before that time.

    The skipped ones are read all the same: which event made the version of a file that a commit changed is found in
    the commits before it.
    """
    makers = _Makers()
    for commit in commits:
        made = list(_events(commit, makers, emitter))
        makers.add(commit)
        if since is None or commit.committed_at >= since:
            yield from made


def undated(history: History, *, since: datetime | None = None) -> tuple[str, ...]:
    """Return the commits read so far that `events` gave an event of the time 1970-01-01: they state none."""
    return history.undated if since is None or since <= rawdates.UNDATED else ()


class _Makers:
    """Which event made the version of a file that a commit changed."""

    def __init__(self) -> None:
        self._line = FirstParents()
        self._parts: dict[str, list[str]] = {}  # of each large commit: the first path of each part

    def add(self, commit: Commit) -> None:
        """Add a commit; see `FirstParents.add`."""
        produced = (_name(change.path, change.new) for change in _sorted(commit) if change.new)
        self._line.add(commit.id, commit.parents, produced)
        if parts := _parts(commit):
            self._parts[commit.id] = [part[0].path for part in parts]

    def used(self, path: str, blob: str, *, by: Commit) -> str | None:
        """Return the event that put a file's content on the commit's own line, if one that was read did."""
        # The same content may have come to the same path on several branches, at any time. The clock would pick
        # whichever was last; the commit replaced the one on its own line, so it says which that was.
        maker = self._line.maker(_name(path, blob), of=by.parents[0]) if by.parents else None
        if maker is None:
            return None
        first_paths = self._parts.get(maker)
        return event_id(maker) if first_paths is None else part_id(maker, bisect_right(first_paths, path))


def _events(commit: Commit, makers: _Makers, emitter: str) -> Iterator[dict[str, Any]]:
    parts = _parts(commit)
    own = () if parts else _sorted(commit)
    yield _event(
        commit,
        emitter,
        ID=event_id(commit.id),
        Type=EVENT_TYPE,
        Predecessors=[event_id(parent) for parent in commit.parents[:1]],
        Properties={"commit": commit.id, "parents": len(commit.parents)},
        UsesArtifacts=[
            *(_commit_artifact(parent) for parent in dict.fromkeys(commit.parents)),
            *_used(own, commit, makers),
        ],
        ProducesArtifacts=[_commit_artifact(commit.id), *_produced(own)],
    )
    for number, changes in enumerate(parts, 1):
        yield _event(
            commit,
            emitter,
            ID=part_id(commit.id, number),
            Type=FILES_EVENT_TYPE,
            Predecessors=[event_id(commit.id)],
            Properties={"commit": commit.id, "part": number, "parts": len(parts)},
            UsesArtifacts=[
                _commit_artifact(commit.id) | {"Version": event_id(commit.id)},
                *_used(changes, commit, makers),
            ],
            ProducesArtifacts=_produced(changes),
        )


def _event(commit: Commit, emitter: str, **facts: Any) -> dict[str, Any]:
    second = _second(commit.committed_at)
    times = {"TimestampClient": second, "OccurredAt": second.replace(" ", "T") + "Z"}
    return {"ID": facts["ID"], "Type": facts["Type"], "Emitter": emitter} | times | facts


def _sorted(commit: Commit) -> list[Change]:
    return sorted(commit.changes, key=lambda change: change.path)


def _parts(commit: Commit) -> list[list[Change]]:
    """Return the changes of a large commit in parts, none for any other."""
    if len(commit.changes) <= MOST_CHANGES:
        return []
    changes = _sorted(commit)
    return [changes[start : start + MOST_CHANGES] for start in range(0, len(changes), MOST_CHANGES)]


def _used(changes: Iterable[Change], commit: Commit, makers: _Makers) -> list[dict[str, Any]]:
    used = []
    for change in changes:
        if change.old:
            version = makers.used(change.path, change.old, by=commit)
            used.append(
                _blob_artifact(change.path, change.old) | ({} if version is None else {"Version": version})
            )
    return used


def _produced(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [_blob_artifact(change.path, change.new) for change in changes if change.new]


def _name(path: str, blob: str) -> str:
    return f"{path}@{blob}"


def _commit_artifact(commit: str) -> dict[str, Any]:
    return {"Name": f"commit/{commit}", "Kind": "git.commit"}


def _blob_artifact(path: str, blob: str) -> dict[str, Any]:
    return {"Name": _name(path, blob), "Kind": "git.blob"}


def _second(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
