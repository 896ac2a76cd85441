"""Tracked work in the catalog: objects, groups, runs and what was done."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# Names may be longer than an index takes: what is looked up is a hash of them. Other indexed texts are ids.
_TRACKED = """
CREATE TABLE tracked_step (
    sequence bigint PRIMARY KEY, request text COLLATE "C" NOT NULL UNIQUE, event_id text COLLATE "C" NOT NULL,
    occurred_us bigint NOT NULL, position bigint NOT NULL, answer text COLLATE "C" NOT NULL);
CREATE TABLE tracked_object (
    id text COLLATE "C" PRIMARY KEY, lookup text COLLATE "C" UNIQUE, artifact_lookup text COLLATE "C" NOT NULL,
    kind_lookup text COLLATE "C" NOT NULL, parent text COLLATE "C", is_group bigint NOT NULL, live bigint NOT NULL,
    version text COLLATE "C" NOT NULL, position bigint NOT NULL, sequence bigint NOT NULL, recorded_us bigint NOT NULL,
    actor text COLLATE "C", run_id text COLLATE "C", document text COLLATE "C" NOT NULL,
    UNIQUE (artifact_lookup, id), UNIQUE (kind_lookup, sequence, id), UNIQUE (parent, id),
    UNIQUE (is_group, sequence, id));
CREATE TABLE tracked_member (
    group_id text COLLATE "C" NOT NULL, ordinal bigint NOT NULL, member_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (group_id, ordinal), UNIQUE (member_id, group_id, ordinal));
CREATE TABLE tracked_run (
    id text COLLATE "C" PRIMARY KEY, group_id text COLLATE "C", state text COLLATE "C" NOT NULL,
    identifier text COLLATE "C" NOT NULL, opened bigint NOT NULL, closed bigint, position bigint NOT NULL,
    document text COLLATE "C" NOT NULL, UNIQUE (group_id, closed, id), UNIQUE (opened, id));
CREATE TABLE tracked_operation (
    sequence bigint NOT NULL, ordinal bigint NOT NULL, run_id text COLLATE "C", object_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL, position bigint NOT NULL, recorded_us bigint NOT NULL, actor text COLLATE "C",
    document text COLLATE "C" NOT NULL, PRIMARY KEY (sequence, ordinal),
    UNIQUE (run_id, sequence, ordinal), UNIQUE (object_id, sequence, ordinal));
CREATE TABLE tracked_kind (
    kind text COLLATE "C" PRIMARY KEY, sequence bigint NOT NULL, document text COLLATE "C" NOT NULL);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(_TRACKED)
