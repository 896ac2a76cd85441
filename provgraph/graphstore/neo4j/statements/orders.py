"""Statements about the order of events inside their moments: see `provgraph.graphstore.groups`."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement, reading

# How many steps a statement goes at once.
AFTER_STEPS: Final = (16, 256, 4_096)


def _after(condition: str) -> dict[int, str]:
    """
    Return the text of a statement for each number of steps: what comes after events in their moments.

    The server comes to each event once, nearest first; but once for each of those that it begins with.

    :param condition: for each event on the way
    """
    return {
        steps: f"""
UNWIND $ids AS rk_id
MATCH (e:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK e:_PEM_@(rk_id)
MATCH path = (e)<-[:PREDECESSOR*0..{steps}]-(f)
WHERE all(n IN nodes(path) WHERE n.occurred_at = e.occurred_at{condition})
WITH f, min(length(path)) AS steps
RETURN collect([f.rk_id, steps])"""
        for steps in AFTER_STEPS
    }


# What comes after events in their moments: id, how many steps it is away.
AFTER: Final = {steps: Statement(text) for steps, text in _after("").items()}
# The same among the events of a view that were recorded up to a position.
AFTER_IN_VIEW: Final = {
    steps: reading(f"CALL () {{{text} AS found }} RETURN found")
    for steps, text in _after(" AND n.position <= $position").items()
}
# Events of a view that name a predecessor of their own moment which was recorded behind it.
LATE: Final = reading("""
CALL () {
  MATCH (e:_Late_@) USING INDEX SEEK e:_Late_@(_late)
  WHERE e._late > $position AND e.position <= $position AND e.occurred_at <= $until
  RETURN collect(e.rk_id) AS late
}
RETURN late
""")
# Which predecessors of their own moment events of a view name: event, predecessor, its _rank.
LINKS: Final = reading("""
CALL () {
  UNWIND $ids AS rk_id
  MATCH (e:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK e:_PEM_@(rk_id)
  WHERE e.position <= $position AND e.occurred_at <= $until
  MATCH (e)-[:PREDECESSOR]->(k) WHERE k.occurred_at = e.occurred_at AND k.position <= $position
  RETURN collect([rk_id, k.rk_id, k._rank]) AS links
}
RETURN links
""")

# ------------------------------------------------------------------------------------------------ moving events

# Events: rk_id, id, occurred_at, position, _rank, _late (0: none), and of each predecessor that they name in their
# moments: rk_id, position, _rank.
MEMBERS: Final = Statement("""
UNWIND $rows AS rk_id
MATCH (e:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK e:_PEM_@(rk_id)
RETURN collect([rk_id, id(e), e.occurred_at, e.position, e._rank, coalesce(e._late, 0), COLLECT {
  MATCH (e)-[:PREDECESSOR]->(k) WHERE k.occurred_at = e.occurred_at RETURN [k.rk_id, k.position, k._rank]
}])
""")
# Rows: id, _rank.
SET_RANKS: Final = "UNWIND $rows AS r MATCH (p) WHERE id(p) = r[0] SET p._rank = r[1]"
# Events. Returns their productions (id of the edge, rk_id of the event, id and name of the artifact, version, whether
# it has an entry in the index) and their uses (the same, and _used of the artifact instead).
EDGES_OF: Final = Statement("""
UNWIND $rows AS event
MATCH (p) WHERE id(p) = event
WITH collect(p) AS events
CALL (events) {
  UNWIND events AS p
  MATCH (p)-[m:PRODUCES]->(a)
  RETURN collect([id(m), p.rk_id, id(a), a.rk_id, m.version, m._at_@ IS NOT NULL]) AS productions
}
CALL (events) {
  UNWIND events AS p
  MATCH (p)-[u:USES]->(a)
  RETURN collect([id(u), p.rk_id, id(a), a.rk_id, u.version, a._used]) AS uses
}
RETURN [productions, uses]
""")
# Rows: id of the edge, _at, _named.
SET_PRODUCTIONS: Final = Statement("""
UNWIND $rows AS r
MATCH ()-[m:PRODUCES]->() WHERE id(m) = r[0]
SET m._at_@ = r[1], m._named_@ = r[2]
""")
# Rows: id of the edge, _named.
SET_USES: Final = Statement(
    "UNWIND $rows AS r MATCH ()-[u:USES]->() WHERE id(u) = r[0] SET u._named_@ = r[1]"
)
# Rows: id, _used.
NOTE_USES: Final = "UNWIND $rows AS r MATCH (a) WHERE id(a) = r[0] SET a._used = r[1]"
_USE = """[id(p), p.rk_id, moment(p), id(a), a._key, a.rk_id, u.version, u._producer, u.out_of_order,
  COLLECT { MATCH (p)-[m:PRODUCES]->(a) RETURN coalesce(m.version, '') }]"""
# Uses of $artifacts that may see other versions when productions of theirs stand elsewhere in the moments at $times:
# those in these moments, and those of versions made in them. Returns of each: id, rk_id and stated moment of the event;
# id, key and name of the artifact; version named, event whose version was used, whether it is out of order; and if the
# event produced the artifact itself, with which version ('' for none), as a list.
CONCERNED: Final = Statement(f"""
UNWIND $artifacts AS artifact
MATCH (a) WHERE id(a) = artifact
WITH a, COLLECT {{ MATCH (a)<-[:PRODUCES]-(q) WHERE q.occurred_at IN $times RETURN q.rk_id }} AS made
MATCH (a)<-[u:USES]-(p)
WHERE u._producer IN made OR p.occurred_at IN $times
RETURN collect({_USE})
""")
# The same of all uses by events.
USES_BY: Final = Statement(f"""
UNWIND $rows AS event
MATCH (p) WHERE id(p) = event
MATCH (p)-[u:USES]->(a)
RETURN collect({_USE})
""")
# Rows: event, artifact, version named, its key, event whose version is used now (null: none), whether it is out of
# order.
RELINK: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
MATCH (p)-[u:USES]->(a) WHERE coalesce(u.version = r[2], u.version IS NULL AND r[2] IS NULL)
OPTIONAL MATCH (p)-[before:INFORMED_BY]->()
WHERE before.artifact = a._key AND coalesce(before._version = r[3], before._version IS NULL AND r[3] IS NULL)
DELETE before
WITH r, p, u, a
OPTIONAL MATCH (q:_PEM_@ {rk_id: r[4]})
SET u._producer = q.rk_id, u.out_of_order = r[5]
FOREACH (cause IN CASE WHEN q IS NULL THEN [] ELSE [q] END |
  CREATE (p)-[:INFORMED_BY {artifact: a._key, _version: r[3], out_of_order: r[5]}]->(cause))
""")
