"""Tracked work. It changed the catalog alone, whose tables are built from the log, see `provgraph.catalog`."""

from __future__ import annotations

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change nothing: databases of this version are on their way to the next one."""
