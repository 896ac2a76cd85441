"""
Events with a salt and a sender, credentials with rights, and the number of the format beside Alembic's own.

And how PEMs say that their work ended, and the log's secret.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

# A default that is a constant changes no row: the tables need not be written anew, however large they are. Old events
# have an empty salt, and so their digests stay. The index is empty in a log of before, but making it reads all of that.
_LOG = r"""
ALTER TABLE event ADD COLUMN salt bytea NOT NULL DEFAULT '\x', ADD COLUMN sender bytea;
ALTER TABLE log_state ADD COLUMN format integer NOT NULL DEFAULT 2, ADD COLUMN lost text, ADD COLUMN secret bytea;
CREATE INDEX event_by_acceptance ON event (position) WHERE kind IN ('change.accepted', 'loss.accepted');
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

# As `families.pem.events` reads it, which has a rule for it since format 2. Events of before may say anything there.
# The whole log is looked through: some seconds for a million events.
_OUTCOMES = r"""
CREATE TABLE pem_outcome (position bigint PRIMARY KEY, outcome text COLLATE "C", error text COLLATE "C");
INSERT INTO pem_outcome
WITH said AS MATERIALIZED (
    SELECT position, convert_from(payload, 'UTF8')::jsonb AS payload FROM event WHERE kind = 'pem'
    AND (position('"Outcome":'::bytea in payload) > 0 OR position('"Error":'::bytea in payload) > 0)
), ended AS (
    SELECT position,
        CASE WHEN coalesce(payload -> 'Outcome', 'null') IN ('null', '""') THEN NULL
            WHEN payload -> 'Outcome' IN ('"failed"', '"aborted"') THEN payload ->> 'Outcome'
            ELSE 'unknown' END AS outcome,
        CASE WHEN jsonb_typeof(payload -> 'Error') = 'string' AND payload ->> 'Error' <> '' THEN
            CASE WHEN length(payload ->> 'Error') <= 2000 THEN payload ->> 'Error'
            ELSE left(payload ->> 'Error', 1999) || U&'\2026' END END AS error
    FROM said
)
SELECT position, outcome, error FROM ended WHERE outcome IS NOT NULL OR error IS NOT NULL;
"""

# The step that made an object: lists are in its order, for no later change moves an object there.
_OBJECTS = """
ALTER TABLE tracked_object ADD COLUMN created bigint;
UPDATE tracked_object SET created = coalesce(
    (SELECT min(done.sequence) FROM tracked_operation AS done WHERE done.object_id = tracked_object.id), sequence);
ALTER TABLE tracked_object ALTER COLUMN created SET NOT NULL,
    DROP CONSTRAINT tracked_object_kind_lookup_sequence_id_key, DROP CONSTRAINT tracked_object_is_group_sequence_id_key,
    ADD UNIQUE (kind_lookup, created, id), ADD UNIQUE (is_group, created, id);
"""


def upgrade() -> None:
    """Change the tables."""
    op.execute(_LOG)
    op.execute(_CREDENTIALS)
    op.execute(_OUTCOMES)
    op.execute(_OBJECTS)
