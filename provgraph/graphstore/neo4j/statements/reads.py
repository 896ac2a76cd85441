"""Statements that look up events, artifacts, tags and versions."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import reading

COUNTS: Final = reading("""
CALL () { MATCH (n:_PEM_@) RETURN count(n) AS pems }
CALL () { MATCH (n:_Placeholder_@) RETURN count(n) AS placeholders }
CALL () { MATCH (n:_Artifact_@) RETURN count(n) AS artifacts }
RETURN pems - placeholders, artifacts, placeholders
""")
HAS_PEM: Final = reading("""
OPTIONAL MATCH (p:_PEM_@ {rk_id: $rk_id}) USING INDEX SEEK p:_PEM_@(rk_id)
RETURN p IS NOT NULL
""")
HAS_ARTIFACT: Final = reading("""
OPTIONAL MATCH (a:_Artifact_@ {_key: $key}) USING INDEX SEEK a:_Artifact_@(_key)
RETURN a IS NOT NULL
""")
# The moments of an artifact's earliest (null: there is one at most) and latest production.
LATEST_VERSION: Final = reading("""
OPTIONAL MATCH (a:_Artifact_@ {_key: $key}) USING INDEX SEEK a:_Artifact_@(_key)
RETURN a._first, a._last
""")
# The entries of an artifact's productions, the latest first.
_VERSIONS = """
CALL () {
  MATCH ()-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY) WHERE x.ENTRY > $begin AND x.ENTRY < $end
  WITH x.ENTRY AS entry ORDER BY entry DESC LIMIT $most
  RETURN collect(entry) AS entries
}
RETURN entries
"""
VERSIONS: Final = reading(_VERSIONS.replace("ENTRY", "_at_@"))
NAMED_VERSIONS: Final = reading(_VERSIONS.replace("ENTRY", "_named_@"))
# Whether an event produced an artifact; if so, the event's stated moment.
VERSION_BY: Final = reading("""
OPTIONAL MATCH (p:_PEM_@ {rk_id: $rk_id})-[:PRODUCES]->(a:_Artifact_@ {_key: $key})
USING INDEX SEEK p:_PEM_@(rk_id)
RETURN moment(p) LIMIT 1
""")
