"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from provgraph.families.base import Family
from provgraph.families.operation.events import LOG_CLEANED, REBUILD_REQUESTED, read_cleaned, read_rebuild

FAMILY = Family(
    "operation",
    {LOG_CLEANED: lambda _id, payload: read_cleaned(payload), REBUILD_REQUESTED: read_rebuild},
)
