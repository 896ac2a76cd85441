"""What the artifacts of tracked work are called in the graph. No two things are called the same."""

from __future__ import annotations

from provgraph.joined import escaped
from provgraph.tracking.kinds import MAIN

GROUP_ARTIFACT_KIND = "group"
RUN_ARTIFACT_KIND = "run"

_RUN = "run"
_BRANCH = "branch~"


def run_artifact(run_id: str) -> str:
    """Return the artifact whose versions are what became of a run."""
    return f"{_RUN}/{run_id}"


def object_artifact(*, branch: str, kind: str, key: str) -> str:
    """
    Return the artifact whose versions are an object's history: ``KIND/KEY``.

    The main branch is the one that goes unnamed, another one stands before it: ``branch~BRANCH/KIND/KEY``. A key stands
    there as it is, for it is the last part.
    """
    name = f"{_kind(kind)}/{key}"
    return name if branch == MAIN else f"{_BRANCH}{escaped(branch)}/{name}"


def _kind(kind: str) -> str:
    """Return a kind that reads as nothing else: neither as a branch, nor as that of runs."""
    written = escaped(kind).replace("~", "%7E")
    return f"%{ord(written[0]):02X}{written[1:]}" if written == _RUN else written
