"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from provgraph.families.artifact.events import ARTIFACTS_REMOVED, read
from provgraph.families.artifact.rows import rows
from provgraph.families.artifact.tables import ARTIFACT, SEEN
from provgraph.families.base import Family

FAMILY = Family(
    "artifact",
    {ARTIFACTS_REMOVED: lambda _id, payload: read(payload)},
    tables=(ARTIFACT,),
    writes=(SEEN,),
    rows=rows,
    needs=("pem",),
    alone=True,
)
