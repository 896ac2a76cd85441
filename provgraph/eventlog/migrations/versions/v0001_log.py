"""The event log. The catalog's tables are no part of this: they are built from the log, see `provgraph.catalog`."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

# One row says where the log ends: it is read and moved by each append, so it is the log's counter as well, and
# positions have no holes.
_LOG = """
CREATE TABLE log_state (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    epoch text NOT NULL, position bigint NOT NULL, digest bytea NOT NULL, recorded_us bigint NOT NULL);
CREATE TABLE log_probe (is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only), probed_at timestamptz NOT NULL);
CREATE TABLE event (
    position bigint PRIMARY KEY, event_id bytea NOT NULL CONSTRAINT event_event_id_key UNIQUE, kind text NOT NULL,
    recorded_us bigint NOT NULL, payload bytea NOT NULL, digest bytea NOT NULL);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(_LOG)
