"""The event log and the catalog."""

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

# Texts compare and sort by code points, whatever the database's own rules are.
_CATALOG = """
CREATE TABLE pem (
    position bigint PRIMARY KEY, id text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL,
    predecessor text COLLATE "C", emitter text COLLATE "C" NOT NULL, timestamp_client text COLLATE "C" NOT NULL,
    timestamp_received text COLLATE "C" NOT NULL, properties text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL, tag text COLLATE "C", tag_namespace text COLLATE "C",
    uses text COLLATE "C" NOT NULL, produces text COLLATE "C" NOT NULL);
CREATE TABLE artifact (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL,
    properties text COLLATE "C" NOT NULL, created_us bigint NOT NULL, created_at text COLLATE "C" NOT NULL);
CREATE TABLE tag (
    namespace text COLLATE "C" NOT NULL, tag text COLLATE "C" NOT NULL, pem_id text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL);
CREATE TABLE report (
    report_id text COLLATE "C" PRIMARY KEY, subject text COLLATE "C" NOT NULL, status text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL, names text COLLATE "C" NOT NULL, opened_at text COLLATE "C" NOT NULL,
    position bigint NOT NULL);
CREATE TABLE credential (
    credential_id text COLLATE "C" PRIMARY KEY, name text COLLATE "C" NOT NULL, holder text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL, token_sha256 text COLLATE "C" NOT NULL UNIQUE,
    created_at text COLLATE "C" NOT NULL, revoked_at text COLLATE "C", position bigint NOT NULL);
"""

# An index takes texts up to 2.7 kB, and names may be as long as an event. So what is unique is a text's beginning
# together with the hash of a long one. (The doubled backslashes make `decode` give the text's own bytes.)
_LONG = r"CASE WHEN octet_length({0}) > 200 THEN sha256(decode(replace({0}, '\', '\\'), 'escape')) ELSE ''::bytea END"
_KEY = "left({0}, 200), (" + _LONG + ")"
_UNIQUE = f"""
CREATE UNIQUE INDEX artifact_name_key ON artifact ({_KEY.format("name")});
CREATE UNIQUE INDEX tag_namespace_tag_key ON tag ({_KEY.format("namespace")}, {_KEY.format("tag")});
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(_LOG)
    op.execute(_CATALOG)
    op.execute(_UNIQUE)
