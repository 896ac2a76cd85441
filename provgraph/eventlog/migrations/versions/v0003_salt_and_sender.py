"""Events with a salt and a sender, credentials with rights, the log's secret, and its format beside Alembic's own."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

# A default that is a constant changes no row: the tables need not be written anew, however large they are. Old events
# have an empty salt, and so their digests stay.
_LOG = r"""
ALTER TABLE event ADD COLUMN salt bytea NOT NULL DEFAULT '\x', ADD COLUMN sender bytea;
ALTER TABLE log_state ADD COLUMN format integer NOT NULL DEFAULT 2, ADD COLUMN secret bytea;
"""

# What each role of before allows now, in the order in which rights are written.
_CREDENTIALS = """
ALTER TABLE credential
    ADD COLUMN rights text COLLATE "C" NOT NULL DEFAULT '', ADD COLUMN emitters text COLLATE "C" NOT NULL DEFAULT '[]',
    ADD COLUMN exclusive bigint NOT NULL DEFAULT 0, ADD COLUMN expires_us bigint;
UPDATE credential SET rights = CASE role
    WHEN 'admin' THEN 'read write cypher approve admin' WHEN 'writer' THEN 'read write' ELSE 'read' END;
ALTER TABLE credential DROP COLUMN role;
"""


def upgrade() -> None:
    """Change the tables."""
    op.execute(_LOG)
    op.execute(_CREDENTIALS)
