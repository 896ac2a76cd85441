"""
The statements that look for what is wrong in a generation of the graph although its facts do not tell.

They read everything there is, a page at a time and in the order of keys; only deep verification asks them. For what
the letter and the properties mean see `provgraph.graphstore.neo4j.statements.statement`.
"""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import PUBLIC_LABELS, Statement, reading

# Events and placeholders: id, labels, letter, whether it is a placeholder, is late, says anything; emitter,
# occurred_at, recorded_at, stated moment; keys of the emitters that it leads to; uses; what informed it; productions;
# types of edges that lead out of the generation; whether edges lead into it from outside of the generation.
PEMS: Final = Statement("""
MATCH (p:_PEM_@) USING INDEX SEEK p:_PEM_@(rk_id) WHERE p.rk_id > $after
WITH p ORDER BY p.rk_id LIMIT $size
RETURN p.rk_id, labels(p), '@', p.position IS NULL, p._late IS NOT NULL,
  coalesce(p.type, p.emitter, p.properties, p.timestamp_client, p.occurred_at, p.recorded_at, p.outcome, p.error,
           p._rank) IS NOT NULL,
  p.emitter, p.occurred_at, p.recorded_at, moment(p),
  COLLECT { MATCH (p)-[:EMITTED_BY]->(e) RETURN CASE WHEN e:_Emitter_@ THEN e._key ELSE '' END },
  COLLECT { MATCH (p)-[u:USES]->(a) RETURN [a._key, a.rk_id, u.version, u._named_@, u.out_of_order] },
  COLLECT { MATCH (p)-[i:INFORMED_BY]->(q) RETURN [i.artifact, i._version, i.out_of_order, moment(q)] },
  COLLECT {
    MATCH (p)-[m:PRODUCES]->(a) RETURN [a._key, a.rk_id, m.version, m._named_@, m._at_@, a._first IS NOT NULL]
  },
  COLLECT {
    MATCH (p)-[r:USES|PRODUCES|INFORMED_BY|PREDECESSOR]->(x)
    WHERE NOT CASE WHEN type(r) IN ['USES', 'PRODUCES'] THEN x:_Artifact_@ ELSE x:_PEM_@ END
    RETURN DISTINCT type(r)
  },
  EXISTS {
    MATCH (p)<-[r:INFORMED_BY|PREDECESSOR|MARKS]-(x) WHERE NOT CASE type(r) WHEN 'MARKS' THEN x:_Tag_@ ELSE x:_PEM_@ END
  }
""")
# Artifacts: key, labels, letter, name, what is kept with it, and what its edges say: how many productions, stated
# moments of the earliest and the latest, and of the latest use that names no version, whether uses name versions
# and say more of it; whether edges lead to it from outside.
ARTIFACTS: Final = Statement("""
MATCH (a:_Artifact_@) USING INDEX SEEK a:_Artifact_@(_key) WHERE a._key > $after
WITH a ORDER BY a._key LIMIT $size
CALL (a) {
  OPTIONAL MATCH (a)<-[:PRODUCES]-(p) WHERE p.occurred_at IS :: STRING NOT NULL
  WITH moment(p) AS moment
  RETURN count(moment) AS productions, min(moment) AS first, max(moment) AS last
}
CALL (a) {
  OPTIONAL MATCH (a)<-[u:USES]-(p) WHERE p.occurred_at IS :: STRING NOT NULL
  RETURN max(CASE WHEN u.version IS NULL THEN moment(p) END) AS used, count(u.version) > 0 AS named,
    count(coalesce(u._properties, u._digest, u._kind)) > 0 AS told
}
RETURN a._key, labels(a), '@', a.rk_id, [a._first, a._last, a._used, a._named, a._told],
  productions, first, last, used, named, told, EXISTS { MATCH (a)<-[:USES|PRODUCES]-(x) WHERE NOT x:_PEM_@ }
ORDER BY a._key
""")
# Emitters: key, labels, letter, name, whether they emitted anything, whether edges lead to them from outside.
EMITTERS: Final = Statement("""
MATCH (e:_Emitter_@) USING INDEX SEEK e:_Emitter_@(_key) WHERE e._key > $after
WITH e ORDER BY e._key LIMIT $size
RETURN e._key, labels(e), '@', e.rk_id, EXISTS { (e)<-[:EMITTED_BY]-() },
  EXISTS { MATCH (e)<-[:EMITTED_BY]-(x) WHERE NOT x:_PEM_@ }
""")
# Tags: key, labels, letter, namespace, tag, id of the event that it should mark, whether there is one, ids of those
# that it marks.
TAGS: Final = Statement("""
MATCH (t:_Tag_@) USING INDEX SEEK t:_Tag_@(_key) WHERE t._key > $after
WITH t ORDER BY t._key LIMIT $size
RETURN t._key, labels(t), '@', t.namespace, t.tag, t._pem,
  EXISTS { MATCH (p:_PEM_@ {rk_id: t._pem}) USING INDEX SEEK p:_PEM_@(rk_id) },
  COLLECT { MATCH (t)-[:MARKS]->(p) RETURN CASE WHEN p:_PEM_@ THEN coalesce(p.rk_id, '') ELSE '' END }
""")
# Runs of moves: key, labels, letter, and then as in `statements.SCAN_TAG_MOVES`.
TAG_MOVES: Final = Statement("""
MATCH (m:_TagMoves_@) USING INDEX SEEK m:_TagMoves_@(_key) WHERE m._key > $after
WITH m ORDER BY m._key LIMIT $size
RETURN m._key, labels(m), '@', m._of, m._namespace, m._tag, m._positions, m._pems, m._moved_us
""")


# Nodes that are called as ours are, and are of no generation.
_MADE_BY_HAND: Final = (
    f"MATCH (n:{'|'.join(sorted(PUBLIC_LABELS))}) WHERE none(label IN labels(n) WHERE label STARTS WITH '_')"
)
# What they are called, the first of them.
FIND_MADE_BY_HAND: Final = f"""
{_MADE_BY_HAND}
WITH n LIMIT $most
RETURN collect([head([label IN labels(n) WHERE label IN $labels]), coalesce(n.rk_id, n.tag)])
"""
DELETE_MADE_BY_HAND: Final = f"{_MADE_BY_HAND} DETACH DELETE n RETURN count(*)"


def _unreachable(what: str) -> dict[str, str]:
    """Return for each label how nodes with it are found that no index on their key finds."""
    key = {"PEM": "rk_id", "Artifact": "_key", "Emitter": "_key", "Tag": "_key", "TagMoves": "_key"}
    without_key = {
        label: f"MATCH (n:_{label}_@) WHERE coalesce(NOT n.{name} IS :: STRING OR n.{name} = '', true) {what}"
        for label, name in key.items()
    }
    # Labels that nodes have beside another one, and here have without it.
    alone = {label: f"MATCH (n:_{label}_@) WHERE NOT n:_PEM_@ {what}" for label in ("Placeholder", "Late")}
    # What somebody made by hand: users count it with what was reported.
    return {**without_key, **alone, "by hand": f"{_MADE_BY_HAND} {what}"}


# How many nodes there are that nothing finds by a key, for each label.
COUNT_UNREACHABLE: Final = {label: reading(text) for label, text in _unreachable("RETURN count(n)").items()}
# Remove them.
DELETE_UNREACHABLE: Final = {
    label: Statement(text) for label, text in _unreachable("DETACH DELETE n").items()
}
# Rows: keys. Remove the edges that lead to nodes with these keys from outside of the generation: somebody took the
# labels of the nodes that they come from, or made them by hand.
DELETE_FROM_OUTSIDE: Final = {
    "PEM": Statement("""
UNWIND $rows AS rk_id
MATCH (p:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (p)<-[r:INFORMED_BY|PREDECESSOR|MARKS]-(x) WHERE NOT CASE type(r) WHEN 'MARKS' THEN x:_Tag_@ ELSE x:_PEM_@ END
DELETE r
"""),
    "Artifact": Statement("""
UNWIND $rows AS key
MATCH (a:_Artifact_@ {_key: key}) USING INDEX SEEK a:_Artifact_@(_key)
MATCH (a)<-[r:USES|PRODUCES]-(x) WHERE NOT x:_PEM_@
DELETE r
"""),
    "Emitter": Statement("""
UNWIND $rows AS key
MATCH (e:_Emitter_@ {_key: key}) USING INDEX SEEK e:_Emitter_@(_key)
MATCH (e)<-[r:EMITTED_BY]-(x) WHERE NOT x:_PEM_@
DELETE r
"""),
}
