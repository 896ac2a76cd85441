"""Statements that apply events: nodes, edges, and which version each use was of."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement

# ------------------------------------------------------------------------------------------------ writing nodes

# Which of these artifacts are there: key, id, _since_us, _first, _last, _used, _named, _told.
KNOWN_ARTIFACTS: Final = Statement("""
UNWIND $rows AS key
MATCH (a:_Artifact_@ {_key: key}) USING INDEX SEEK a:_Artifact_@(_key)
RETURN collect([key, id(a), a._since_us, a._first, a._last, a._used, a._named, a._told])
""")
# Rows: key, name (null: the key), properties, created_at, _since_us, _since, _described, _first, _last, _used, _named,
# _told. Returns key, id.
CREATE_ARTIFACTS: Final = Statement("""
UNWIND $rows AS r
CREATE (a:_Artifact_@+Artifact {_key: r[0], rk_id: coalesce(r[1], r[0]), properties: r[2], created_at: r[3],
                                _since_us: r[4], _since: r[5], _described: r[6],
                                _first: r[7], _last: r[8], _used: r[9], _named: r[10], _told: r[11]})
RETURN collect([r[0], id(a)])
""")
# Rows: id, properties, _described. The first that are not empty stay.
FILL_PROPERTIES: Final = """
UNWIND $rows AS r MATCH (a) WHERE id(a) = r[0] AND a.properties = '{}' SET a.properties = r[1], a._described = r[2]
"""
# Rows: id, _since_us.
SET_SINCE: Final = "UNWIND $rows AS r MATCH (a) WHERE id(a) = r[0] SET a._since_us = r[1]"
# Rows: id, _first, _last, _used, _named, _told.
NOTE_PRODUCTIONS: Final = """
UNWIND $rows AS r MATCH (a) WHERE id(a) = r[0]
SET a._first = r[1], a._last = r[2], a._used = r[3], a._named = r[4], a._told = r[5]
"""
# Rows: key, name. Returns key, id.
MERGE_EMITTERS: Final = Statement("""
UNWIND $rows AS r
MERGE (e:_Emitter_@ {_key: r[0]}) ON CREATE SET e:_Emitter_@+Emitter, e.rk_id = r[1]
RETURN collect([r[0], id(e)])
""")
HAS_PLACEHOLDERS: Final = Statement("MATCH (p:_Placeholder_@) RETURN count(p) > 0")
# Which of these events are there as placeholders: rk_id, id.
KNOWN_PLACEHOLDERS: Final = Statement("""
UNWIND $rows AS rk_id
MATCH (p:_Placeholder_@ {rk_id: rk_id}) USING INDEX SEEK p:_Placeholder_@(rk_id)
RETURN collect([rk_id, id(p)])
""")
# Which of these events are there: rk_id, id.
KNOWN_PEMS: Final = Statement("""
UNWIND $rows AS rk_id
MATCH (p:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK p:_PEM_@(rk_id)
RETURN collect([rk_id, id(p)])
""")
# The same, with their places: rk_id, id, occurred_at (null: a placeholder), _rank.
KNOWN_PLACES: Final = Statement("""
UNWIND $rows AS rk_id
MATCH (p:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK p:_PEM_@(rk_id)
RETURN collect([rk_id, id(p), p.occurred_at, p._rank])
""")
# Rows: id, _late.
MARK_LATE: Final = Statement("UNWIND $rows AS r MATCH (p) WHERE id(p) = r[0] SET p:_Late_@, p._late = r[1]")
# Rows: rk_id, id of the emitter, and the other properties. Returns rk_id, id.
CREATE_PEMS: Final = Statement("""
UNWIND $rows AS r
MATCH (e) WHERE id(e) = r[1]
CREATE (p:_PEM_@+PEM {rk_id: r[0], type: r[2], emitter: r[3], properties: r[4], timestamp_client: r[5],
                      occurred_at: r[6], position: r[7], recorded_at: r[8], outcome: r[9], error: r[10], _rank: r[11]})
       -[:EMITTED_BY]->(e)
RETURN collect([r[0], id(p)])
""")
# Rows: id of the placeholder, and then as in `CREATE_PEMS`.
FILL_PLACEHOLDERS: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (e) WHERE id(e) = r[2]
SET p:_PEM_@+PEM, p.type = r[3], p.emitter = r[4], p.properties = r[5], p.timestamp_client = r[6], p.occurred_at = r[7],
    p.position = r[8], p.recorded_at = r[9], p.outcome = r[10], p.error = r[11], p._rank = r[12]
REMOVE p:_Placeholder_@:Unreported
CREATE (p)-[:EMITTED_BY]->(e)
""")
CREATE_PLACEHOLDERS: Final = Statement("""
UNWIND $rows AS rk_id
CREATE (p:_PEM_@:_Placeholder_@+Unreported {rk_id: rk_id})
RETURN collect([rk_id, id(p)])
""")
# Rows: key, namespace, tag, id of the event. A tag marks one event at a time.
SET_TAGS: Final = Statement("""
UNWIND $rows AS r
MERGE (t:_Tag_@ {_key: r[0]}) ON CREATE SET t:_Tag_@+Tag, t.namespace = r[1], t.tag = r[2]
SET t._pem = r[3]
WITH t, r
OPTIONAL MATCH (t)-[before:MARKS]->()
DELETE before
WITH t, r
MATCH (p:_PEM_@ {rk_id: r[3]}) USING INDEX SEEK p:_PEM_@(rk_id)
CREATE (t)-[:MARKS]->(p)
""")
# Rows: key of the run, key of the tag, namespace, tag, positions, events, times.
CREATE_TAG_MOVES: Final = Statement("""
UNWIND $rows AS r
CREATE (:_TagMoves_@ {_key: r[0], _of: r[1], _namespace: r[2], _tag: r[3], _positions: r[4], _pems: r[5],
                      _moved_us: r[6]})
""")
# The artifacts with these keys that nothing is connected to.
REMOVE_UNCONNECTED: Final = Statement("""
UNWIND $rows AS key
MATCH (a:_Artifact_@ {_key: key}) USING INDEX SEEK a:_Artifact_@(_key)
WHERE NOT EXISTS { (a)<-[:USES|PRODUCES]-() }
DELETE a
""")

# ------------------------------------------------------------------------------------------------ writing edges
# Their ends come as ids. Most edges say little of their own, so those that do have statements of their own.

# Rows: event, artifact, properties.
CREATE_PRODUCTIONS: Final = """
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
CREATE (p)-[:PRODUCES {properties: r[2]}]->(a)
"""
# Rows: event, artifact, version, digest, kind, properties, _at, _named.
CREATE_STATED_PRODUCTIONS: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
CREATE (p)-[:PRODUCES {version: r[2], digest: r[3], kind: r[4], properties: r[5], _at_@: r[6], _named_@: r[7]}]->(a)
""")
# Rows: artifact, _at. The only production that an artifact had so far enters the index.
ENTER_ONLY_PRODUCTION: Final = Statement("""
UNWIND $rows AS r
MATCH (a) WHERE id(a) = r[0]
MATCH (a)<-[made:PRODUCES]-()
SET made._at_@ = r[1]
""")
# Rows: event, artifact, event whose version was used.
CREATE_USES: Final = """
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
MATCH (q) WHERE id(q) = r[2]
CREATE (p)-[:USES {_producer: q.rk_id}]->(a)
CREATE (p)-[:INFORMED_BY {artifact: a._key}]->(q)
"""
# Rows: event, artifact, event whose version was used, version named, its key, _named, whether it is out of order,
# _properties, _digest, _kind.
CREATE_STATED_USES: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
MATCH (q) WHERE id(q) = r[2]
CREATE (p)-[:USES {version: r[3], _named_@: r[5], out_of_order: r[6], _producer: q.rk_id,
                   _properties: r[7], _digest: r[8], _kind: r[9]}]->(a)
CREATE (p)-[:INFORMED_BY {artifact: a._key, _version: r[4], out_of_order: r[6]}]->(q)
""")
# Rows: event, artifact, version named, _named, _properties, _digest, _kind.
CREATE_USES_FROM_OUTSIDE: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
CREATE (p)-[:USES {version: r[2], _named_@: r[3], _properties: r[4], _digest: r[5], _kind: r[6]}]->(a)
""")
# Rows: event, event before it.
CREATE_PREDECESSORS: Final = """
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (q) WHERE id(q) = r[1]
CREATE (p)-[:PREDECESSOR]->(q)
"""

# ------------------------------------------------------------------------------------------------ versions

# Rows: index, beginning of the entries, entry, end of the entries. Returns of each: index, the entry before, the entry
# behind.
_NEIGHBOURS = """
UNWIND $rows AS r
CALL (r) {
  OPTIONAL MATCH ()-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY) WHERE x.ENTRY > r[1] AND x.ENTRY < r[2]
  RETURN x.ENTRY AS before ORDER BY x.ENTRY DESC LIMIT 1
}
CALL (r) {
  OPTIONAL MATCH ()-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY) WHERE x.ENTRY > r[2] AND x.ENTRY < r[3]
  RETURN x.ENTRY AS behind ORDER BY x.ENTRY LIMIT 1
}
RETURN collect([r[0], before, behind])
"""
NEIGHBOURS: Final = Statement(_NEIGHBOURS.replace("ENTRY", "_at_@"))
NAMED_NEIGHBOURS: Final = Statement(_NEIGHBOURS.replace("ENTRY", "_named_@"))
# Rows: index, id of an event, artifact. Returns for those where the event produced the artifact: index, stated moment.
PRODUCED_BY: Final = Statement("""
UNWIND $rows AS r
MATCH (p:_PEM_@ {rk_id: r[1]}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (p)-[:PRODUCES]->(a) WHERE id(a) = r[2]
RETURN collect([r[0], moment(p)])
""")
# Artifacts. Returns of each: id, stated moment of the latest use that names no version.
LATEST_USES: Final = Statement("""
UNWIND $rows AS artifact
MATCH (a) WHERE id(a) = artifact
OPTIONAL MATCH (a)<-[u:USES]-(p) WHERE u.version IS NULL
WITH artifact, max(moment(p)) AS latest
RETURN collect([artifact, latest])
""")
# Rows: artifact, id of an event. Returns of each: how many uses the artifact has, how many uses that event's versions.
USERS_OF: Final = Statement("""
UNWIND $rows AS r
MATCH (a) WHERE id(a) = r[0]
MATCH (p:_PEM_@ {rk_id: r[1]}) USING INDEX SEEK p:_PEM_@(rk_id)
RETURN collect([COUNT { (a)<-[:USES]-() }, COUNT { (p)<-[:INFORMED_BY]-() }])
""")

# Late productions take over uses that were there before. Rows: artifact, its key, windows, end of the last window,
# and the event whose version they used so far. A window is a stated moment and the event that takes over the uses
# behind it; windows are in order, and together they hold exactly the uses that change hands. How many did is returned.
_TAKE_OVER = """
WITH r, p, u, before, last([w IN r[2] WHERE w[0] < moment(p) | w]) AS window
MATCH (q) WHERE id(q) = window[1]
DELETE before
WITH r, p, u, q, CASE WHEN moment(p) < moment(q) THEN true END AS out_of_order
SET u._producer = q.rk_id, u.out_of_order = out_of_order
CREATE (p)-[:INFORMED_BY {artifact: r[1], out_of_order: out_of_order}]->(q)
RETURN count(*)
"""
# Searched for among the uses of the artifact.
TAKE_OVER_FROM_ARTIFACT: Final = Statement(f"""
UNWIND $rows AS r
MATCH (a) WHERE id(a) = r[0]
MATCH (a)<-[u:USES]-(p)
WHERE u.version IS NULL AND r[2][0][0] < moment(p) <= r[3]
OPTIONAL MATCH (p)-[before:INFORMED_BY]->() WHERE before.artifact = r[1] AND before._version IS NULL
{_TAKE_OVER}
""")
# Searched for among the events that the version used so far informed.
TAKE_OVER_FROM_VERSION: Final = Statement(f"""
UNWIND $rows AS r
MATCH (v:_PEM_@ {{rk_id: r[4]}}) USING INDEX SEEK v:_PEM_@(rk_id)
MATCH (v)<-[before:INFORMED_BY]-(p)
WHERE before.artifact = r[1] AND before._version IS NULL AND r[2][0][0] < moment(p) <= r[3]
MATCH (p)-[u:USES]->(a) WHERE id(a) = r[0] AND u.version IS NULL
{_TAKE_OVER}
""")
# The use from outside of an event that made the earliest version itself.
TAKE_OVER_OWN: Final = Statement(f"""
UNWIND $rows AS r
MATCH (p:_PEM_@ {{rk_id: r[4]}}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (p)-[u:USES]->(a) WHERE id(a) = r[0] AND u.version IS NULL AND u._producer IS NULL
WITH r, p, u, null AS before
{_TAKE_OVER}
""")
# Uses that name a version. Rows: beginning and end of the entries, event that takes them over, key of the version, id
# of the event whose version stays with those that use it (null: none).
TAKE_OVER_NAMED: Final = Statement("""
UNWIND $rows AS r
MATCH (p)-[u:USES]->(a) USING INDEX SEEK u:USES(_named_@)
WHERE u._named_@ > r[0] AND u._named_@ <= r[1] AND (r[4] IS NULL OR u._producer IS NULL OR u._producer <> r[4])
MATCH (q) WHERE id(q) = r[2] AND (u._producer IS NULL OR u._producer <> q.rk_id) AND q <> p
OPTIONAL MATCH (p)-[before:INFORMED_BY]->() WHERE before.artifact = a._key AND before._version = r[3]
DELETE before
WITH r, p, u, a, q, CASE WHEN moment(p) < moment(q) THEN true END AS out_of_order
SET u._producer = q.rk_id, u.out_of_order = out_of_order
CREATE (p)-[:INFORMED_BY {artifact: a._key, _version: r[3], out_of_order: out_of_order}]->(q)
RETURN count(*)
""")
