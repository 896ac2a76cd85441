"""
The embedded graph's tables, and every statement that writes or reads them.

Events and artifacts have small integer keys inside; ids and names are looked up at the edge. ``cause`` holds all
edges that lead from an event to what came before it, resolved: a use with the event whose version was used, or (with
artifact 0) a predecessor as stated. So exact lineage is one table: upstream along its primary key, downstream along
its index.

``moment`` is the 28-byte key whose order is the order on the emitters' clocks. Which uses a late production may concern
is asked by the time alone, so a little generously, and answered exactly by resolving them again.
"""

CREATE = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS emitter (emitter_key INTEGER PRIMARY KEY, rk_id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS pem (
    pem_key INTEGER PRIMARY KEY,
    rk_id BLOB NOT NULL UNIQUE,
    position INTEGER,              -- NULL, as all that follows: a placeholder
    occurred_us INTEGER,
    type TEXT,
    emitter_key INTEGER,
    properties TEXT,
    timestamp_client TEXT,
    recorded_us INTEGER,
    outcome TEXT,                  -- NULL in nearly all events, as its error: a byte each
    error TEXT,
    rank INTEGER,                  -- see `provgraph.graphstore.base.PemFacts`
    late INTEGER                   -- the same; NULL for 0
);
CREATE INDEX IF NOT EXISTS pem_by_late ON pem (late) WHERE late IS NOT NULL;
CREATE TABLE IF NOT EXISTS artifact (
    artifact_key INTEGER PRIMARY KEY,
    rk_id TEXT NOT NULL UNIQUE,
    properties TEXT NOT NULL,
    created_at TEXT NOT NULL,
    since_us INTEGER NOT NULL,     -- see `provgraph.graphstore.base.ArtifactFacts`
    since INTEGER NOT NULL,
    described INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS produces (
    artifact_key INTEGER NOT NULL,
    moment BLOB NOT NULL,
    pem_key INTEGER NOT NULL,
    label TEXT,
    digest TEXT,
    kind TEXT,
    properties TEXT,               -- NULL: none
    PRIMARY KEY (artifact_key, moment)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS produces_by_pem ON produces (pem_key);
CREATE INDEX IF NOT EXISTS produces_by_label ON produces (artifact_key, label, moment) WHERE label IS NOT NULL;
CREATE TABLE IF NOT EXISTS cause (
    pem_key INTEGER NOT NULL,
    artifact_key INTEGER NOT NULL, -- 0: a predecessor
    label TEXT NOT NULL,           -- the version that a use names, or ''; of several predecessors, which
    cause_key INTEGER,             -- the producing or preceding event; NULL: used from outside
    PRIMARY KEY (pem_key, artifact_key, label)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cause_by_cause ON cause (cause_key, artifact_key);
CREATE INDEX IF NOT EXISTS cause_by_label ON cause (artifact_key, label) WHERE label <> '' AND artifact_key <> 0;
CREATE TABLE IF NOT EXISTS described (   -- the few uses that say something of what they use
    artifact_key INTEGER NOT NULL,
    pem_key INTEGER NOT NULL,
    label TEXT NOT NULL,           -- as in `cause`
    properties TEXT,               -- NULL: none
    digest TEXT,
    kind TEXT,
    PRIMARY KEY (artifact_key, pem_key, label)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS described_by_pem ON described (pem_key);
CREATE TABLE IF NOT EXISTS tag (   -- where each tag is now
    namespace TEXT NOT NULL, tag TEXT NOT NULL, pem_id TEXT NOT NULL, PRIMARY KEY (namespace, tag)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tag_move (
    namespace TEXT NOT NULL,
    tag TEXT NOT NULL,
    position INTEGER NOT NULL,
    pem_id TEXT NOT NULL,
    moved_us INTEGER NOT NULL,
    PRIMARY KEY (namespace, tag, position)
) WITHOUT ROWID;
"""
# Of what is written above; a file with another one is filled anew from the log.
FORMAT = 5
TABLES = ("state", "emitter", "pem", "artifact", "produces", "cause", "described", "tag", "tag_move")
PREDECESSOR = 0  # the artifact key of a predecessor in `cause`

# ------------------------------------------------------------------------------------------------ checkpoint

GET_STATE = "SELECT key, value FROM state"
SET_STATE = "INSERT OR REPLACE INTO state VALUES (?, ?)"

# ------------------------------------------------------------------------------------------------ writing

HIGHEST_KEYS = """
SELECT (SELECT max(pem_key) FROM pem), (SELECT max(artifact_key) FROM artifact), (SELECT max(emitter_key) FROM emitter)
"""
KNOWN_PEMS = "SELECT rk_id, pem_key, occurred_us, rank FROM pem WHERE rk_id IN"
KNOWN_ARTIFACTS = "SELECT rk_id, artifact_key, properties = '{}', since_us FROM artifact WHERE rk_id IN"
KNOWN_EMITTERS = "SELECT rk_id, emitter_key FROM emitter WHERE rk_id IN"
INSERT_EMITTERS = "INSERT INTO emitter VALUES"
INSERT_ARTIFACTS = "INSERT INTO artifact VALUES"
FILL_PROPERTIES = "UPDATE artifact SET properties = ?, described = ? WHERE artifact_key = ?"
SET_SINCE = "UPDATE artifact SET since_us = ? WHERE artifact_key = ?"
INSERT_PEMS = "INSERT INTO pem VALUES"
FILL_PLACEHOLDER = """
UPDATE pem SET position = ?2, occurred_us = ?3, type = ?4, emitter_key = ?5, properties = ?6, timestamp_client = ?7,
    recorded_us = ?8, outcome = ?9, error = ?10, rank = ?11, late = ?12
WHERE pem_key = ?1
"""
INSERT_PRODUCTIONS = "INSERT INTO produces VALUES"
INSERT_CAUSES = "INSERT INTO cause VALUES"
INSERT_DESCRIBED = "INSERT INTO described VALUES"
INSERT_TAGS = "INSERT OR REPLACE INTO tag VALUES"
INSERT_TAG_MOVES = "INSERT OR REPLACE INTO tag_move(namespace, tag, pem_id, moved_us, position) VALUES"

# The version that a use at moment m sees: the latest before it, else the earliest behind it (out of order).
# An event's own production lies at m itself: it does not use that one, nor, when that is the earliest, one behind it.
_RESOLVED = """coalesce(
    (SELECT p.pem_key FROM produces p WHERE p.artifact_key = {a} AND p.moment < {m} ORDER BY p.moment DESC LIMIT 1),
    (SELECT iif(p.moment > {m}, p.pem_key, NULL) FROM produces p WHERE p.artifact_key = {a} AND p.moment >= {m}
     ORDER BY p.moment LIMIT 1))"""
# The same for a use that names its version: by the id of the event that produced it, or by its label.
_RESOLVED_LABEL = """coalesce(
    (SELECT p.pem_key FROM pem e JOIN produces p ON p.pem_key = e.pem_key
     WHERE e.rk_id = {i} AND p.artifact_key = {a} AND p.moment <> {m}),
    (SELECT p.pem_key FROM produces p WHERE p.artifact_key = {a} AND p.label = {l} AND p.moment < {m}
     ORDER BY p.moment DESC LIMIT 1),
    (SELECT iif(p.moment > {m}, p.pem_key, NULL) FROM produces p WHERE p.artifact_key = {a} AND p.label = {l}
     AND p.moment >= {m} ORDER BY p.moment LIMIT 1))"""

# Many uses at once: their values come as (pem_key, artifact_key, label, moment[, id in the label]).
USES_VALUES = "WITH u(pem_key, artifact_key, label, moment) AS (VALUES"
INSERT_RESOLVED = f""")
INSERT INTO cause SELECT u.pem_key, u.artifact_key, u.label,
{_RESOLVED.format(a="u.artifact_key", m="u.moment")} FROM u
"""
LABELLED_USES_VALUES = "WITH u(pem_key, artifact_key, label, moment, id) AS (VALUES"
INSERT_RESOLVED_LABELLED = f""")
INSERT INTO cause SELECT u.pem_key, u.artifact_key, u.label,
{_RESOLVED_LABEL.format(a="u.artifact_key", m="u.moment", l="u.label", i="u.id")} FROM u
"""

# After a production of artifact a at a moment: which uses written before may see another version now?
_USES = """
SELECT c.pem_key, c.artifact_key, c.label, e.occurred_us, e.rank, e.rk_id
FROM cause c JOIN pem e ON e.pem_key = c.pem_key
"""
# (1) those behind it that see the version just before it;
USES_OF_VERSION_BEFORE = f"""{_USES}
WHERE c.cause_key = (SELECT p.pem_key FROM produces p WHERE p.artifact_key = ?1 AND p.moment < ?2
                     ORDER BY p.moment DESC LIMIT 1)
AND c.artifact_key = ?1 AND e.occurred_us >= ?3 AND c.label = ''
"""
# (2) if it is the earliest now: those from outside, and those out of order with the version that was the earliest;
IS_EARLIEST = "SELECT NOT EXISTS (SELECT 1 FROM produces WHERE artifact_key = ?1 AND moment < ?2)"
VERSIONS_BEHIND = """
SELECT p.pem_key, e.occurred_us FROM produces p JOIN pem e ON e.pem_key = p.pem_key
WHERE p.artifact_key = ?1 AND p.moment > ?2 ORDER BY p.moment
"""
USES_FROM_OUTSIDE = f"{_USES} WHERE c.cause_key IS NULL AND c.artifact_key = ?1 AND c.label = ''"
USES_OUT_OF_ORDER = f"""{_USES}
WHERE c.cause_key = ?2 AND c.artifact_key = ?1 AND e.occurred_us <= ?3 AND c.label = ''
"""
# (3) those that name this version by its event, and those that name its label unless they see one before it already.
USES_BY_ID = f"{_USES} WHERE c.artifact_key = ? AND c.label = ? AND c.label <> '' AND c.artifact_key <> 0"
USES_BY_LABEL = f"""{_USES} LEFT JOIN pem k ON k.pem_key = c.cause_key
WHERE c.artifact_key = ?1 AND c.label = ?2 AND c.label <> '' AND c.artifact_key <> 0
AND (e.occurred_us >= ?3 OR k.pem_key IS NULL OR k.occurred_us >= e.occurred_us)
"""

# After events came to stand elsewhere in their moments: their own uses, and those of their versions; beside these, what
# (1) to (3) say of the versions at their new places.
USES_OF_MOVED = """
SELECT c.pem_key, c.artifact_key, c.label, e.occurred_us, e.rank, e.rk_id FROM json_each(?1) f
CROSS JOIN cause c ON c.pem_key = f.value AND c.artifact_key <> 0 JOIN pem e ON e.pem_key = c.pem_key
UNION
SELECT c.pem_key, c.artifact_key, c.label, e.occurred_us, e.rank, e.rk_id FROM json_each(?1) f
CROSS JOIN cause c ON c.cause_key = f.value AND c.artifact_key <> 0 JOIN pem e ON e.pem_key = c.pem_key
"""
# Their productions, each with who made the version before it.
MOVED_PRODUCTIONS = """
SELECT p.artifact_key, p.moment, p.pem_key, p.label, p.digest, p.kind, p.properties,
    (SELECT q.pem_key FROM produces q WHERE q.artifact_key = p.artifact_key AND q.moment < p.moment
     ORDER BY q.moment DESC LIMIT 1)
FROM json_each(?) f CROSS JOIN produces p INDEXED BY produces_by_pem ON p.pem_key = f.value
"""
MOVE_PRODUCTIONS = "UPDATE produces SET moment = ? WHERE pem_key = ?"
SET_PLACE = "UPDATE pem SET rank = ?, late = ? WHERE pem_key = ?"
# Events, and those that come after them in their moments: with their places, and each of the predecessors that they
# name in their moments.
GROUPS_AFTER = """
WITH RECURSIVE after(pem_key, occurred_us) AS (
    SELECT p.pem_key, p.occurred_us FROM json_each(?) f CROSS JOIN pem p ON p.pem_key = f.value
    UNION
    SELECT e.pem_key, e.occurred_us FROM after a
    CROSS JOIN cause c ON c.cause_key = a.pem_key AND c.artifact_key = 0
    CROSS JOIN pem e ON e.pem_key = c.pem_key AND e.occurred_us = a.occurred_us
)
SELECT e.pem_key, e.rk_id, e.occurred_us, e.position, e.rank, e.late, k.pem_key, k.position, k.rank
FROM after a CROSS JOIN pem e ON e.pem_key = a.pem_key
LEFT JOIN cause c ON c.pem_key = e.pem_key AND c.artifact_key = 0
LEFT JOIN pem k ON k.pem_key = c.cause_key AND k.occurred_us = e.occurred_us
"""

# Only what comes out different is written: whether anything did is of interest.
_RESOLVE_AGAIN = """
UPDATE cause SET cause_key = new.version FROM (SELECT {resolved} AS version) AS new
WHERE pem_key = ?1 AND artifact_key = ?2 AND label = ?3 AND cause_key IS NOT new.version
"""
RESOLVE_AGAIN = _RESOLVE_AGAIN.format(resolved=_RESOLVED.format(a="?2", m="?4"))
RESOLVE_LABEL_AGAIN = _RESOLVE_AGAIN.format(resolved=_RESOLVED_LABEL.format(a="?2", m="?4", l="?3", i="?5"))
HAS_LABELS = "SELECT EXISTS (SELECT 1 FROM cause WHERE label <> '' AND artifact_key <> 0)"

_UNCONNECTED = """
NOT EXISTS (SELECT 1 FROM produces p WHERE p.artifact_key = artifact.artifact_key)
AND NOT EXISTS (SELECT 1 FROM cause c WHERE c.cause_key IS NULL AND c.artifact_key = artifact.artifact_key)
"""
REMOVE_UNCONNECTED = (
    f"DELETE FROM artifact WHERE rk_id IN (SELECT value FROM json_each(?)) AND {_UNCONNECTED}"
)

# ------------------------------------------------------------------------------------------------ mending

EMITTER_KEY = "SELECT emitter_key FROM emitter WHERE rk_id = ?"
PUT_EMITTER = "INSERT OR IGNORE INTO emitter(rk_id) VALUES (?)"
PUT_ARTIFACT = """
INSERT INTO artifact(rk_id, properties, created_at, since_us, since, described) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT(rk_id) DO UPDATE SET properties = excluded.properties, created_at = excluded.created_at,
    since_us = excluded.since_us, since = excluded.since, described = excluded.described
"""
PUT_PLACEHOLDER = "INSERT INTO pem(pem_key, rk_id) VALUES (?, ?)"
PUT_PRODUCTION = "INSERT OR REPLACE INTO produces VALUES (?, ?, ?, ?, ?, ?, ?)"
PUT_CAUSE = "INSERT OR REPLACE INTO cause VALUES (?, ?, ?, ?)"
PUT_DESCRIBED = "INSERT OR REPLACE INTO described VALUES (?, ?, ?, ?, ?, ?)"
DELETE_PRODUCTIONS_OF = "DELETE FROM produces WHERE pem_key = ?"
DELETE_CAUSES_OF = "DELETE FROM cause WHERE pem_key = ?"
DELETE_DESCRIBED_OF = "DELETE FROM described WHERE pem_key = ?"
# What is said of a use that is not there.
_IS_ASTRAY = """NOT EXISTS (SELECT 1 FROM cause c
WHERE c.pem_key = d.pem_key AND c.artifact_key = d.artifact_key AND c.label = d.label)"""
SCAN_DESCRIBED_ASTRAY = f"""
SELECT DISTINCT coalesce(a.rk_id, d.artifact_key) FROM described d
LEFT JOIN artifact a ON a.artifact_key = d.artifact_key WHERE {_IS_ASTRAY}
"""
DELETE_DESCRIBED_ASTRAY = f"DELETE FROM described AS d WHERE {_IS_ASTRAY}"
DELETE_UNUSED_EMITTERS = """
DELETE FROM emitter AS m WHERE NOT EXISTS (SELECT 1 FROM pem e WHERE e.emitter_key = m.emitter_key)
"""
DELETE_STATE = "DELETE FROM state WHERE key = ?"
REINDEX = "REINDEX"
DELETE_PEM = "DELETE FROM pem WHERE rk_id = ?"
DELETE_ARTIFACT = "DELETE FROM artifact WHERE rk_id = ?"
PUT_TAG_MOVE = (
    "INSERT OR REPLACE INTO tag_move(namespace, tag, pem_id, moved_us, position) VALUES (?, ?, ?, ?, ?)"
)
DELETE_TAG_MOVE = "DELETE FROM tag_move WHERE namespace = ? AND tag = ? AND position = ?"
DELETE_TAG = "DELETE FROM tag WHERE namespace = ? AND tag = ?"
PUT_TAG_AGAIN = """
INSERT INTO tag SELECT namespace, tag, pem_id FROM tag_move WHERE namespace = ? AND tag = ?
ORDER BY position DESC LIMIT 1
"""

# ------------------------------------------------------------------------------------------------ looking up

COUNTS = """
SELECT (SELECT count(*) FROM pem WHERE position IS NOT NULL), (SELECT count(*) FROM artifact),
       (SELECT count(*) FROM pem WHERE position IS NULL)
"""
PEM_KEY = "SELECT pem_key FROM pem WHERE rk_id = ?"
ARTIFACT_KEY = "SELECT artifact_key FROM artifact WHERE rk_id = ?"
VERSIONS = """
SELECT e.rk_id FROM artifact a JOIN produces p ON p.artifact_key = a.artifact_key JOIN pem e ON e.pem_key = p.pem_key
WHERE a.rk_id = ?1 AND (?2 IS NULL OR p.label = ?2 OR e.rk_id = ?3) ORDER BY p.moment DESC LIMIT ?4
"""
UNCONNECTED = f"SELECT rk_id FROM artifact WHERE {_UNCONNECTED} ORDER BY rk_id"

# ------------------------------------------------------------------------------------------------ walking
# Each takes a JSON list of event keys; CROSS JOIN keeps SQLite from turning the order of the loops round.

CAUSES = """
SELECT c.pem_key, a.rk_id, c.cause_key, c.label FROM json_each(?) f CROSS JOIN cause c ON c.pem_key = f.value
LEFT JOIN artifact a ON a.artifact_key = c.artifact_key
"""
EFFECTS = """
SELECT c.pem_key, a.rk_id, c.cause_key, c.label FROM json_each(?) f CROSS JOIN cause c ON c.cause_key = f.value
LEFT JOIN artifact a ON a.artifact_key = c.artifact_key
"""
EFFECTS_OF_VERSIONS = """
SELECT c.pem_key, a.rk_id, c.cause_key, c.label FROM json_each(?1) f CROSS JOIN artifact a
JOIN cause c ON c.cause_key = f.value AND c.artifact_key = a.artifact_key WHERE a.rk_id = ?2
"""
EFFECTS_FROM_OUTSIDE = """
SELECT c.pem_key, a.rk_id, c.cause_key, c.label FROM artifact a
JOIN cause c ON c.cause_key IS NULL AND c.artifact_key = a.artifact_key WHERE a.rk_id = ?
"""
PRODUCTIONS = """
SELECT p.pem_key, a.rk_id FROM json_each(?) f CROSS JOIN produces p INDEXED BY produces_by_pem ON p.pem_key = f.value
JOIN artifact a ON a.artifact_key = p.artifact_key
"""
PEMS = """
SELECT p.pem_key, lower(hex(p.rk_id)), p.type, e.rk_id, p.occurred_us, p.position, p.outcome, p.error
FROM json_each(?) f CROSS JOIN pem p ON p.pem_key = f.value LEFT JOIN emitter e ON e.emitter_key = p.emitter_key
"""
# What lies behind the last level of a walk: only which versions those were.
PEM_IDS = """
SELECT p.pem_key, lower(hex(p.rk_id)), NULL, NULL, p.occurred_us, p.position, NULL, NULL
FROM json_each(?) f CROSS JOIN pem p ON p.pem_key = f.value
"""
PEM_KEYS = "SELECT rk_id, pem_key FROM pem WHERE rk_id IN"

# Of events of one moment, which the ids alone do not put in order.
RANKS = "SELECT p.pem_key, p.rank FROM json_each(?) f CROSS JOIN pem p ON p.pem_key = f.value"

# ------------------------------------------------------------------------------------------------ looking back
# Bounds of a view: `position`; `until`, a time, and `end`, the moment behind everything of that microsecond.

_COUNTS = "{e}.position <= :position AND {e}.occurred_us <= :until"
_FACTS = """p.pem_key, p.rk_id, p.type, e.rk_id, p.properties, p.timestamp_client, p.occurred_us, p.position,
    p.recorded_us, p.outcome, p.error, p.rank, coalesce(p.late, 0)"""
EVENTS = f"""
SELECT {_FACTS}
FROM pem p JOIN emitter e ON e.emitter_key = p.emitter_key WHERE p.position IS NOT NULL AND p.rk_id IN"""
_EFFECT = "k.rk_id, e.rk_id, e.occurred_us, e.position, a.rk_id, c.label"
EFFECTS_OF = f"""
SELECT {_EFFECT} FROM json_each(:keys) f
CROSS JOIN cause c ON c.cause_key = f.value AND (:of IS NULL OR c.artifact_key = :of)
JOIN pem e ON e.pem_key = c.pem_key AND {_COUNTS.format(e="e")}
JOIN pem k ON k.pem_key = c.cause_key LEFT JOIN artifact a ON a.artifact_key = c.artifact_key
ORDER BY e.occurred_us, e.rk_id, a.rk_id, iif(c.artifact_key = 0, '', c.label), k.rk_id LIMIT :limit
"""
USERS_OF_ARTIFACT = f"""
SELECT {_EFFECT} FROM artifact a CROSS JOIN (
    SELECT c.pem_key, c.cause_key, c.label FROM cause c WHERE c.cause_key IS NULL AND c.artifact_key = :of
    UNION ALL
    SELECT c.pem_key, c.cause_key, c.label FROM produces p
    JOIN cause c ON c.cause_key = p.pem_key AND c.artifact_key = :of WHERE p.artifact_key = :of
) c JOIN pem e ON e.pem_key = c.pem_key AND {_COUNTS.format(e="e")} LEFT JOIN pem k ON k.pem_key = c.cause_key
WHERE a.artifact_key = :of ORDER BY e.occurred_us, e.rk_id, c.label LIMIT :limit
"""
# Versions (v) of some events, with the next ones of the view before and behind each (low, high): what lies between was
# recorded behind the view. A use of one of those means in the view the version before it; and the one behind it when
# there is none before, unless that is the user's own.
_TAKEN = f"""
SELECT v.rk_id, e.rk_id, e.occurred_us, e.position, a.rk_id, c.label FROM (
    SELECT k.rk_id, p.artifact_key, p.moment, p.label,
        coalesce((SELECT q.moment FROM produces q JOIN pem x ON x.pem_key = q.pem_key
                  WHERE q.artifact_key = p.artifact_key {{same}} AND q.moment < p.moment AND x.position <= :position
                  ORDER BY q.moment DESC LIMIT 1), x'') AS low,
        coalesce((SELECT q.moment FROM produces q JOIN pem x ON x.pem_key = q.pem_key
                  WHERE q.artifact_key = p.artifact_key {{same}} AND q.moment > p.moment AND q.moment < :end
                  AND x.position <= :position ORDER BY q.moment LIMIT 1), :end) AS high
    FROM json_each(:keys) f CROSS JOIN produces p INDEXED BY produces_by_pem ON p.pem_key = f.value
    JOIN pem k ON k.pem_key = p.pem_key WHERE (:of IS NULL OR p.artifact_key = :of) {{which}}
) v CROSS JOIN produces p ON p.artifact_key = v.artifact_key AND p.moment > v.low AND p.moment < v.high
CROSS JOIN pem k ON k.pem_key = p.pem_key AND k.position > :position
CROSS JOIN cause c ON c.cause_key = p.pem_key AND c.artifact_key = v.artifact_key AND {{stated}}
CROSS JOIN pem e ON e.pem_key = c.pem_key AND {_COUNTS.format(e="e")}
JOIN artifact a ON a.artifact_key = v.artifact_key
WHERE p.moment > v.moment OR v.low = x'' AND e.rk_id <> v.rk_id
"""
# Whoever names a version by the id of its event is not among them: the caller looks for that.
_NAMED = "c.label = v.label AND p.label = v.label"
TAKEN = f"""{_TAKEN.format(same="", which="", stated="c.label = ''")} UNION ALL
{_TAKEN.format(same="AND q.label = p.label", which="AND p.label IS NOT NULL", stated=_NAMED)}
"""
_PRODUCTION = (
    "e.rk_id, e.occurred_us, e.position, p.label, p.digest, p.kind, p.properties, e.outcome, e.error, e.rank"
)
PRODUCTIONS_OF = f"""
SELECT {_PRODUCTION} FROM artifact a JOIN produces p ON p.artifact_key = a.artifact_key
JOIN pem e ON e.pem_key = p.pem_key
WHERE a.rk_id = ?1 AND p.moment >= ?2 AND p.moment < ?3 AND ?5 IS NULL ORDER BY p.moment {{order}} LIMIT ?4
"""
LABELLED_PRODUCTIONS_OF = f"""
SELECT {_PRODUCTION} FROM artifact a JOIN produces p ON p.artifact_key = a.artifact_key AND p.label = ?5
JOIN pem e ON e.pem_key = p.pem_key
WHERE a.rk_id = ?1 AND p.moment >= ?2 AND p.moment < ?3 ORDER BY p.moment {{order}} LIMIT ?4
"""
# What the latest use that says such a thing says of artifact t.
_SAID_OF_OUTSIDE = f"""
    SELECT d.{{what}} FROM described d JOIN pem u ON u.pem_key = d.pem_key
    WHERE d.artifact_key = t.artifact_key AND d.{{what}} IS NOT NULL AND {_COUNTS.format(e="u")}
    ORDER BY u.occurred_us DESC, u.rank DESC, u.rk_id DESC, d.label DESC LIMIT 1
"""
_ARTIFACT_STATES = f"""
WITH s AS (
    SELECT a.artifact_key, a.rk_id,
        (SELECT p.moment FROM produces p JOIN pem e ON e.pem_key = p.pem_key
         WHERE p.artifact_key = a.artifact_key AND p.moment < :end AND e.position <= :position
         ORDER BY p.moment DESC LIMIT 1) AS moment
    FROM artifact a WHERE a.rk_id > :after AND a.since_us <= :until AND a.since <= :position
), t AS (SELECT * FROM s WHERE {{exists}} ORDER BY rk_id LIMIT :limit)
SELECT t.rk_id, iif(t.moment IS NULL, ({_SAID_OF_OUTSIDE.format(what="properties")}), p.properties),
    iif(t.moment IS NULL, ({_SAID_OF_OUTSIDE.format(what="digest")}), NULL),
    iif(t.moment IS NULL, ({_SAID_OF_OUTSIDE.format(what="kind")}), NULL), {_PRODUCTION} FROM t
LEFT JOIN produces p ON p.artifact_key = t.artifact_key AND p.moment = t.moment LEFT JOIN pem e ON e.pem_key = p.pem_key
ORDER BY t.rk_id
"""
ARTIFACT_STATES = _ARTIFACT_STATES.format(exists="1")
_USED = f"""EXISTS (
    SELECT 1 FROM cause c JOIN pem e ON e.pem_key = c.pem_key
    WHERE c.cause_key IS NULL AND c.artifact_key = s.artifact_key AND {_COUNTS.format(e="e")}
) OR EXISTS (
    SELECT 1 FROM produces p JOIN cause c ON c.cause_key = p.pem_key AND c.artifact_key = p.artifact_key
    JOIN pem e ON e.pem_key = c.pem_key WHERE p.artifact_key = s.artifact_key AND {_COUNTS.format(e="e")}
)"""
NAMES = f"""
SELECT 1 FROM artifact s WHERE s.rk_id = :artifact AND s.since_us <= :until AND s.since <= :position
AND (NOT :is_timed OR {_USED} OR EXISTS (
    SELECT 1 FROM produces p JOIN pem e ON e.pem_key = p.pem_key
    WHERE p.artifact_key = s.artifact_key AND {_COUNTS.format(e="e")}
))
"""
ARTIFACT_STATES_BY_BOTH = _ARTIFACT_STATES.format(exists=f"(moment IS NOT NULL OR {_USED})")
TAG_STATES = """
SELECT t.namespace, t.tag, m.pem_id, m.moved_us, m.position
FROM tag t JOIN tag_move m ON m.namespace = t.namespace AND m.tag = t.tag AND m.position = (
    SELECT max(position) FROM tag_move WHERE namespace = t.namespace AND tag = t.tag AND position <= :position)
WHERE (t.namespace, t.tag) > (:namespace, :tag) ORDER BY t.namespace, t.tag LIMIT :limit
"""
TAG_STATES_AS_OF = """
SELECT t.namespace, t.tag, m.pem_id, m.moved_us, m.position
FROM tag t JOIN tag_move m ON m.namespace = t.namespace AND m.tag = t.tag AND m.position = (
    SELECT position FROM tag_move WHERE namespace = t.namespace AND tag = t.tag AND position <= :position
    AND moved_us <= :until ORDER BY moved_us DESC, position DESC LIMIT 1)
WHERE (t.namespace, t.tag) > (:namespace, :tag) ORDER BY t.namespace, t.tag LIMIT :limit
"""
EMITTER_STATES = f"""
SELECT m.rk_id, count(*),
    sum(EXISTS (SELECT 1 FROM cause c WHERE c.pem_key = e.pem_key)
        OR EXISTS (SELECT 1 FROM produces p WHERE p.pem_key = e.pem_key)),
    min(e.occurred_us), max(e.occurred_us), max(e.position),
    min(e.recorded_us - e.occurred_us), max(e.recorded_us - e.occurred_us),
    -- in two parts: whole, the delays of some thousand events of the last century are more than 64 bits hold
    sum((e.recorded_us - e.occurred_us) / 1000000), sum((e.recorded_us - e.occurred_us) % 1000000),
    total(e.outcome = 'failed'), total(e.outcome = 'aborted'), total(e.outcome = 'unknown')
FROM pem e JOIN emitter m ON m.emitter_key = e.emitter_key WHERE {_COUNTS.format(e="e")}
GROUP BY e.emitter_key ORDER BY m.rk_id
"""
# The position is that of the event with the least id: SQLite takes bare columns from the row that has the `min`.
_UNSEEN = """
SELECT k.rk_id, min(e.rk_id), count(*), e.position FROM {source}
WHERE k.rk_id > :after AND {unseen} AND {counts} GROUP BY k.pem_key ORDER BY k.rk_id LIMIT :limit
"""
UNSEEN_NOW = _UNSEEN.format(
    source="pem k CROSS JOIN cause c ON c.cause_key = k.pem_key AND c.artifact_key = 0 "
    "JOIN pem e ON e.pem_key = c.pem_key",
    unseen="k.position IS NULL",
    counts=_COUNTS.format(e="e"),
)
UNSEEN = _UNSEEN.format(
    source="cause c JOIN pem k ON k.pem_key = c.cause_key JOIN pem e ON e.pem_key = c.pem_key",
    unseen="c.artifact_key = 0 AND (k.position IS NULL OR k.position > :position OR k.occurred_us > :until)",
    counts=_COUNTS.format(e="e"),
)
MISMATCHES = f"""
SELECT e.rk_id, e.occurred_us, m.rk_id, a.rk_id, c.label,
    k.rk_id, k.occurred_us, k.position, p.label, p.digest, p.kind, p.properties, k.outcome, k.error, k.rank, e.rank
FROM pem e JOIN cause c ON c.pem_key = e.pem_key AND c.artifact_key <> 0 JOIN pem k ON k.pem_key = c.cause_key
JOIN artifact a ON a.artifact_key = c.artifact_key JOIN emitter m ON m.emitter_key = e.emitter_key
JOIN produces p ON p.pem_key = k.pem_key AND p.artifact_key = c.artifact_key
WHERE {_COUNTS.format(e="e")} AND (e.rk_id, a.rk_id, c.label) > (:id, :artifact, :label) AND e.rk_id >= :id
AND (k.occurred_us > e.occurred_us OR k.occurred_us = e.occurred_us AND (k.rank, k.rk_id) > (e.rank, e.rk_id)
     OR k.position > :position OR k.occurred_us > :until
     OR :unsettled <> '[]' AND (e.pem_key IN (SELECT value FROM json_each(:unsettled))
                                OR k.pem_key IN (SELECT value FROM json_each(:unsettled))))
ORDER BY e.rk_id, a.rk_id, c.label LIMIT :limit
"""
# The few that say something are read, and put in order.
DOUBTFUL_DIGESTS = f"""
SELECT e.rk_id, a.rk_id, d.label
FROM described d JOIN pem e ON e.pem_key = d.pem_key JOIN artifact a ON a.artifact_key = d.artifact_key
JOIN cause c ON c.pem_key = d.pem_key AND c.artifact_key = d.artifact_key AND c.label = d.label
LEFT JOIN pem k ON k.pem_key = c.cause_key
LEFT JOIN produces p INDEXED BY produces_by_pem ON p.pem_key = k.pem_key AND p.artifact_key = c.artifact_key
WHERE d.digest IS NOT NULL AND {_COUNTS.format(e="e")}
AND (e.rk_id, a.rk_id, d.label) > (:id, :artifact, :label) AND e.rk_id >= :id
AND (:is_unsettled OR p.digest <> d.digest OR k.position > :position OR k.occurred_us > :until)
ORDER BY e.rk_id, a.rk_id, d.label LIMIT :limit
"""

UNSETTLED = """
WITH RECURSIVE after(pem_key, occurred_us) AS (
    SELECT pem_key, occurred_us FROM pem INDEXED BY pem_by_late
    WHERE late > :position AND position <= :position AND occurred_us <= :until
    UNION
    SELECT e.pem_key, e.occurred_us FROM after a
    CROSS JOIN cause c ON c.cause_key = a.pem_key AND c.artifact_key = 0
    CROSS JOIN pem e ON e.pem_key = c.pem_key AND e.occurred_us = a.occurred_us AND e.position <= :position
)
SELECT e.rk_id FROM after a CROSS JOIN pem e ON e.pem_key = a.pem_key
"""
LINKS = f"""
SELECT e.rk_id, k.rk_id, k.rank FROM json_each(:keys) f
CROSS JOIN pem e ON e.pem_key = f.value AND {_COUNTS.format(e="e")}
CROSS JOIN cause c ON c.pem_key = e.pem_key AND c.artifact_key = 0
CROSS JOIN pem k ON k.pem_key = c.cause_key AND k.occurred_us = e.occurred_us AND k.position <= :position
"""

# ------------------------------------------------------------------------------------------------ scanning

SCAN_PEMS = f"""
SELECT {_FACTS}
FROM pem p JOIN emitter e ON e.emitter_key = p.emitter_key WHERE p.rk_id > ? AND p.position IS NOT NULL
ORDER BY p.rk_id LIMIT ?
"""
SCAN_CAUSES = """
SELECT c.pem_key, a.rk_id, c.label, k.rk_id, coalesce(d.properties, '{}'), d.digest, d.kind
FROM json_each(?) f CROSS JOIN cause c ON c.pem_key = f.value
LEFT JOIN artifact a ON a.artifact_key = c.artifact_key LEFT JOIN pem k ON k.pem_key = c.cause_key
LEFT JOIN described d ON d.artifact_key = c.artifact_key AND d.pem_key = c.pem_key AND d.label = c.label
"""
SCAN_PRODUCTIONS = """
SELECT p.pem_key, a.rk_id, p.label, p.digest, p.kind, coalesce(p.properties, '{}') FROM json_each(?) f
CROSS JOIN produces p INDEXED BY produces_by_pem ON p.pem_key = f.value
JOIN artifact a ON a.artifact_key = p.artifact_key
"""
SCAN_ARTIFACTS = """
SELECT rk_id, properties, created_at, since_us, since, described FROM artifact WHERE rk_id > ? ORDER BY rk_id LIMIT ?
"""
SCAN_TAGS = (
    "SELECT namespace, tag, pem_id, moved_us, position FROM tag_move ORDER BY namespace, tag, position"
)
SCAN_TAGS_NOW = "SELECT namespace, tag, pem_id FROM tag"
SCAN_TAGS_WITHOUT_MOVES = """
SELECT namespace, tag, pem_id FROM tag t
WHERE NOT EXISTS (SELECT 1 FROM tag_move m WHERE m.namespace = t.namespace AND m.tag = t.tag) ORDER BY namespace, tag
"""
SCAN_PLACEHOLDERS = "SELECT rk_id FROM pem WHERE position IS NULL AND rk_id > ? ORDER BY rk_id LIMIT ?"
