"""
Events with a salt and a sender, and the number of the format beside Alembic's own.

And the log's secret, and what the catalog's tables are.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

# A default that is a constant changes no row: the tables need not be written anew, however large they are. Old events
# have an empty salt, and so their digests stay. The index is empty in a log of before, but making it reads all of that.
_LOG = r"""
ALTER TABLE event ADD COLUMN salt bytea NOT NULL DEFAULT '\x', ADD COLUMN sender bytea;
ALTER TABLE log_state ADD COLUMN format integer NOT NULL DEFAULT 2, ADD COLUMN lost text, ADD COLUMN secret bytea,
    ADD COLUMN catalog text;
CREATE INDEX event_by_acceptance ON event (position) WHERE kind IN ('change.accepted', 'loss.accepted');
"""


def upgrade() -> None:
    """Change the tables."""
    op.execute(_LOG)
