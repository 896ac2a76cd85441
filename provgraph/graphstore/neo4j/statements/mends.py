"""Statements that mend what differs from the log."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement

DELETE_ARTIFACTS: Final = Statement("""
UNWIND $rows AS key
MATCH (a:_Artifact_@ {_key: key}) USING INDEX SEEK a:_Artifact_@(_key)
DETACH DELETE a
""")
# Which names these artifacts have, whatever their keys: key, name.
NAMES_AT: Final = Statement("""
UNWIND $rows AS key
MATCH (a:_Artifact_@ {_key: key}) USING INDEX SEEK a:_Artifact_@(_key)
RETURN collect([key, a.rk_id])
""")
# Rows: key, name, properties, created_at, _since_us, _since, _described. Returns the artifacts.
PUT_ARTIFACTS: Final = Statement("""
UNWIND $rows AS r
MERGE (a:_Artifact_@ {_key: r[0]})
REMOVE a:PEM:Unreported:Artifact:Emitter:Tag:_PEM_@:_Placeholder_@:_Late_@:_Emitter_@:_Tag_@:_TagMoves_@
SET a:_Artifact_@+Artifact, a.rk_id = r[1], a.properties = r[2], a.created_at = r[3],
    a._since_us = r[4], a._since = r[5], a._described = r[6]
RETURN collect(id(a))
""")
PUT_PLACEHOLDERS: Final = Statement("""
UNWIND $rows AS rk_id
MERGE (p:_PEM_@ {rk_id: rk_id})
WITH p WHERE p.position IS NULL
REMOVE p:PEM
SET p:_PEM_@:_Placeholder_@+Unreported
""")
# Makes events placeholders, whatever they were. Returns what they led to: id, whether it is an emitter (else it is an
# artifact).
EMPTY_PEMS: Final = Statement("""
UNWIND $rows AS rk_id
MATCH (p:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK p:_PEM_@(rk_id)
SET p = {rk_id: rk_id}
REMOVE p:PEM:Unreported:Artifact:Emitter:Tag:_Late_@:_Artifact_@:_Emitter_@:_Tag_@:_TagMoves_@
SET p:_PEM_@:_Placeholder_@+Unreported
WITH p
OPTIONAL MATCH (p)-[r]->(x)
DELETE r
WITH DISTINCT CASE WHEN x:_Artifact_@ OR x:_Emitter_@ THEN [id(x), x:_Emitter_@] END AS led_to
RETURN collect(led_to)
""")
# Rows: key, name. Returns key, id.
PUT_EMITTERS: Final = Statement("""
UNWIND $rows AS r
MERGE (e:_Emitter_@ {_key: r[0]})
REMOVE e:PEM:Unreported:Artifact:Emitter:Tag:_PEM_@:_Placeholder_@:_Late_@:_Artifact_@:_Tag_@:_TagMoves_@
SET e:_Emitter_@+Emitter, e.rk_id = r[1]
RETURN collect([r[0], id(e)])
""")
# Which names emitters should have, by what their events say: key, name.
NAMES_OF_EMITTERS: Final = Statement("""
UNWIND $rows AS key
MATCH (e:_Emitter_@ {_key: key}) USING INDEX SEEK e:_Emitter_@(_key)
CALL (e) { MATCH (e)<-[:EMITTED_BY]-(p) RETURN p.emitter AS name LIMIT 1 }
RETURN collect([key, name])
""")
# Rows: ids. Those among them that emitted nothing go.
DELETE_IDLE_EMITTERS: Final = Statement("""
UNWIND $rows AS emitter
MATCH (e) WHERE id(e) = emitter AND e:_Emitter_@ AND NOT EXISTS { (e)<-[:EMITTED_BY]-() }
DETACH DELETE e
""")
# The same by their keys.
DELETE_IDLE_EMITTERS_AT: Final = Statement("""
UNWIND $rows AS key
MATCH (e:_Emitter_@ {_key: key}) USING INDEX SEEK e:_Emitter_@(_key)
WHERE NOT EXISTS { (e)<-[:EMITTED_BY]-() }
DETACH DELETE e
""")
# Rows: key of a run of moves.
RELABEL_TAG_MOVES: Final = Statement("""
UNWIND $rows AS key
MATCH (m:_TagMoves_@ {_key: key}) USING INDEX SEEK m:_TagMoves_@(_key)
REMOVE m:PEM:Unreported:Artifact:Emitter:Tag:_PEM_@:_Placeholder_@:_Late_@:_Artifact_@:_Emitter_@:_Tag_@
""")
# Rows: event, name of the artifact, its key, version, digest, kind, properties, _named.
PUT_PRODUCTIONS: Final = Statement("""
UNWIND $rows AS r
MATCH (p:_PEM_@ {rk_id: r[0]}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (a:_Artifact_@ {_key: r[2]}) USING INDEX SEEK a:_Artifact_@(_key)
CREATE (p)-[:PRODUCES {version: r[3], digest: r[4], kind: r[5], properties: r[6], _named_@: r[7]}]->(a)
RETURN collect(DISTINCT id(a))
""")
# Rows: event, name of the artifact, its key, version, key of the version, _named, event whose version was used,
# _properties, _digest, _kind.
PUT_USES: Final = Statement("""
UNWIND $rows AS r
MATCH (p:_PEM_@ {rk_id: r[0]}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (a:_Artifact_@ {_key: r[2]}) USING INDEX SEEK a:_Artifact_@(_key)
OPTIONAL MATCH (q:_PEM_@ {rk_id: r[6]})
WITH r, p, a, q, CASE WHEN moment(p) < moment(q) THEN true END AS out_of_order
CREATE (p)-[:USES {version: r[3], _named_@: r[5], out_of_order: out_of_order, _producer: q.rk_id,
                   _properties: r[7], _digest: r[8], _kind: r[9]}]->(a)
FOREACH (cause IN CASE WHEN q IS NULL THEN [] ELSE [q] END |
  CREATE (p)-[:INFORMED_BY {artifact: a._key, _version: r[4], out_of_order: out_of_order}]->(cause))
RETURN collect(DISTINCT id(a))
""")
# Rows: event, the event before it.
PUT_PREDECESSORS: Final = Statement("""
UNWIND $rows AS r
MATCH (p:_PEM_@ {rk_id: r[0]}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (q:_PEM_@ {rk_id: r[1]}) USING INDEX SEEK q:_PEM_@(rk_id)
CREATE (p)-[:PREDECESSOR]->(q)
""")
DELETE_PEMS: Final = Statement("""
UNWIND $rows AS rk_id
MATCH (p:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK p:_PEM_@(rk_id)
DETACH DELETE p
""")
DELETE_TAGS: Final = Statement("""
UNWIND $rows AS key
MATCH (t:_Tag_@ {_key: key}) USING INDEX SEEK t:_Tag_@(_key)
DETACH DELETE t
""")
# Tags that mark nothing mark their events, if these are there again.
MARK_AGAIN: Final = Statement("""
MATCH (t:_Tag_@) WHERE NOT EXISTS { (t)-[:MARKS]->() }
MATCH (p:_PEM_@ {rk_id: t._pem}) USING INDEX SEEK p:_PEM_@(rk_id)
CREATE (t)-[:MARKS]->(p)
""")
# Rows: index, beginning of the keys of a tag's runs of moves, and up to which key. Returns the last such run of each,
# as index and key; and those runs, as in `SCAN_TAG_MOVES`.
TAG_MOVES_UP_TO: Final = Statement("""
UNWIND $rows AS r
CALL (r) {
  MATCH (m:_TagMoves_@) USING INDEX SEEK m:_TagMoves_@(_key) WHERE m._key > r[1] AND m._key <= r[2]
  RETURN m ORDER BY m._key DESC LIMIT 1
}
WITH collect([r[0], m._key]) AS at, collect(DISTINCT m) AS runs
RETURN [at, [m IN runs | [m._key, m._of, m._namespace, m._tag, m._positions, m._pems, m._moved_us]]]
""")
DELETE_TAG_MOVES: Final = Statement("""
UNWIND $rows AS key
MATCH (m:_TagMoves_@ {_key: key}) USING INDEX SEEK m:_TagMoves_@(_key)
DETACH DELETE m
""")
# What is kept with artifacts, worked out from their edges. Returns of each: id, name, number of productions, stated
# moments of the earliest and the latest, and of the latest use that names no version, whether uses name versions.
NOTED_OF: Final = Statement("""
UNWIND $rows AS artifact
MATCH (a) WHERE id(a) = artifact
CALL (a) {
  OPTIONAL MATCH (a)<-[:PRODUCES]-(p)
  WITH moment(p) AS moment
  RETURN count(moment) AS productions, min(moment) AS first, max(moment) AS last
}
CALL (a) {
  OPTIONAL MATCH (a)<-[u:USES]-(p)
  RETURN max(CASE WHEN u.version IS NULL THEN moment(p) END) AS used, count(u.version) > 0 AS named,
    count(coalesce(u._properties, u._digest, u._kind)) > 0 AS told
}
RETURN collect([artifact, a.rk_id, productions, first, last, used, named, told])
""")
# Productions of artifacts that are not in the index. Returns of each: id, id of the artifact, stated moment.
NOT_ENTERED: Final = Statement("""
UNWIND $rows AS artifact
MATCH (a) WHERE id(a) = artifact
MATCH (a)<-[m:PRODUCES]-(p) WHERE m._at_@ IS NULL
RETURN collect([id(m), artifact, moment(p)])
""")
# Rows: production, _at.
ENTER_PRODUCTIONS: Final = Statement("""
UNWIND $rows AS r
MATCH ()-[m:PRODUCES]->() WHERE id(m) = r[0]
SET m._at_@ = r[1]
""")
# What was read before may have been wrong.
NOTE_MENDING: Final = Statement("""
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name)
SET c._revision = c._revision + 1, c._applied = $batch
""")
