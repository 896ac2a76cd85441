"""What the artifacts of tracked work are called in the graph."""

from __future__ import annotations

from provgraph.tracking.kinds import MAIN

GROUP_ARTIFACT_KIND = "group"
RUN_ARTIFACT_KIND = "run"


def run_artifact(run_id: str) -> str:
    """Return the artifact whose versions are what became of a run."""
    return f"run/{run_id}"


def object_artifact(*, branch: str, kind: str, key: str) -> str:
    """Return the artifact whose versions are an object's history. The main branch is the one that goes unnamed."""
    name = f"{kind}/{key}"
    return name if branch == MAIN else f"branch~{branch}/{name}"
