"""
Turn a git history into PEMs: one event of type ``git.commit`` for each commit.

The event of a commit depends on the commit and on what stands behind it, never on where it was read from: a repository,
its clone, a fork and an export give the same events, so importing again changes nothing. That is why the author and
the subject, which an export lacks, are not in it, and why every history has the same emitter unless told otherwise.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

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


def events(
    commits: Iterable[Commit], *, emitter: str = DEFAULT_EMITTER, since: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """
    Yield the event of each commit, as the native API takes it. ``since`` skips the commits before that time.

    The skipped ones are read all the same: which event made the version of a file that a commit changed is found in
    the commits before it.
    """
    line = FirstParents()
    for commit in commits:
        event = _event(commit, line, emitter)
        line.add(commit.id, commit.parents, (artifact["Name"] for artifact in event["ProducesArtifacts"]))
        if since is None or commit.committed_at >= since:
            yield event


def _event(commit: Commit, line: FirstParents, emitter: str) -> dict[str, Any]:
    changes = sorted(commit.changes, key=lambda change: change.path)
    used = [_commit_artifact(parent) for parent in dict.fromkeys(commit.parents)]
    used += [_used_blob(change, change.old, line, commit) for change in changes if change.old]
    produced = [_commit_artifact(commit.id)]
    produced += [_blob_artifact(change.path, change.new) for change in changes if change.new]
    return {
        "ID": event_id(commit.id),
        "Type": EVENT_TYPE,
        "Emitter": emitter,
        "Predecessors": [event_id(parent) for parent in commit.parents[:1]],
        "TimestampClient": _second(commit.committed_at),
        "OccurredAt": _second(commit.committed_at).replace(" ", "T") + "Z",
        "Properties": {"commit": commit.id, "parents": len(commit.parents)},
        "UsesArtifacts": used,
        "ProducesArtifacts": produced,
    }


def _commit_artifact(commit: str) -> dict[str, Any]:
    return {"Name": f"commit/{commit}", "Kind": "git.commit"}


def _blob_artifact(path: str, blob: str) -> dict[str, Any]:
    return {"Name": f"{path}@{blob}", "Kind": "git.blob"}


def _used_blob(change: Change, blob: str, line: FirstParents, commit: Commit) -> dict[str, Any]:
    artifact = _blob_artifact(change.path, blob)
    # The same content may have come to the same path on several branches, at any time. The clock would pick whichever
    # was last; the commit replaced the one on its own line, so it says which that was.
    maker = line.maker(artifact["Name"], of=commit.parents[0]) if commit.parents else None
    return artifact if maker is None else artifact | {"Version": event_id(maker)}


def _second(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
