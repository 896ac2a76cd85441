"""Statements that read everything there is of a kind, a page at a time, in the order of keys."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement, reading

_PEM_FACTS = """p.rk_id, p.type, p.emitter, p.properties, p.timestamp_client, p.occurred_at, p.position, p.recorded_at,
  COLLECT { MATCH (p)-[:PREDECESSOR]->(q) RETURN q.rk_id },
  COLLECT { MATCH (p)-[u:USES]->(a)
            RETURN [a.rk_id, u.version, u._producer, coalesce(u._properties, '{}'), u._digest, u._kind] },
  COLLECT { MATCH (p)-[i:INFORMED_BY]->(q) RETURN [i.artifact, i._version, q.rk_id] },
  COLLECT { MATCH (p)-[m:PRODUCES]->(a) RETURN [a.rk_id, m.version, m.digest, m.kind, coalesce(m.properties, '{}')] },
  p.outcome, p.error, p._rank, coalesce(p._late, 0)"""
SCAN_PEMS: Final = Statement(f"""
MATCH (p:_PEM_@) USING INDEX SEEK p:_PEM_@(rk_id) WHERE p.rk_id > $after AND p.position IS NOT NULL
WITH p ORDER BY p.rk_id LIMIT $size
RETURN {_PEM_FACTS}
""")
# The same of some events, as one list.
EVENTS: Final = reading(f"""
CALL () {{
  UNWIND $ids AS rk_id
  MATCH (p:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK p:_PEM_@(rk_id) WHERE p.position IS NOT NULL
  RETURN collect([{_PEM_FACTS}]) AS facts
}}
RETURN facts
""")
SCAN_ARTIFACTS: Final = Statement("""
MATCH (a:_Artifact_@) USING INDEX SEEK a:_Artifact_@(_key) WHERE a._key > $after
WITH a ORDER BY a._key LIMIT $size
RETURN a._key, a.rk_id, a.properties, a.created_at, a._since_us, a._since, coalesce(a._described, 0)
""")
SCAN_UNCONNECTED: Final = Statement("""
MATCH (a:_Artifact_@) USING INDEX SEEK a:_Artifact_@(_key)
WHERE a._key > $after AND NOT EXISTS { (a)<-[:USES|PRODUCES]-() }
WITH a ORDER BY a._key LIMIT $size
RETURN a._key, a.rk_id
""")
# Runs of moves. With each comes what the tag marks now; null when there is no such tag.
SCAN_TAG_MOVES: Final = Statement("""
MATCH (m:_TagMoves_@) USING INDEX SEEK m:_TagMoves_@(_key) WHERE m._key > $after
WITH m ORDER BY m._key LIMIT $size
OPTIONAL MATCH (t:_Tag_@ {_key: m._of}) USING INDEX SEEK t:_Tag_@(_key)
RETURN m._key, m._of, m._namespace, m._tag, m._positions, m._pems, m._moved_us,
  CASE WHEN t IS NOT NULL THEN coalesce(head(COLLECT { MATCH (t)-[:MARKS]->(p) RETURN p.rk_id }), t._pem, '') END
""")
# Tags, each with what it marks now and whether it has moves.
SCAN_TAGS: Final = Statement("""
MATCH (t:_Tag_@) USING INDEX SEEK t:_Tag_@(_key) WHERE t._key > $after
WITH t ORDER BY t._key LIMIT $size
RETURN t._key, t.namespace, t.tag, coalesce(head(COLLECT { MATCH (t)-[:MARKS]->(p) RETURN p.rk_id }), t._pem),
  EXISTS {
    MATCH (m:_TagMoves_@) USING INDEX SEEK m:_TagMoves_@(_key)
    WHERE m._key > t._key + '\\u0000' AND m._key < t._key + '\\u0000~'
  }
""")
SCAN_PLACEHOLDERS: Final = Statement("""
MATCH (p:_Placeholder_@) USING INDEX SEEK p:_Placeholder_@(rk_id)
WHERE p.rk_id > $after AND p:_PEM_@ AND p.position IS NULL
RETURN p.rk_id ORDER BY p.rk_id LIMIT $size
""")
