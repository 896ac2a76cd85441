"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from provgraph.families.artifact.events import ARTIFACTS_REMOVED, read
from provgraph.families.base import Family

FAMILY = Family("artifact", {ARTIFACTS_REMOVED: lambda _id, payload: read(payload)}, alone=True)
