"""Statements that walk along the graph's edges."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement, reading

# A walk is true for one state of the graph, and statements are not isolated from what is committed while they run. So
# each looks at the state before and behind what it reads, and says whether it was the same: position is the first.
_BEFORE = "WITH c.epoch AS epoch, c.position AS position, c._revision AS revision"
_BEHIND = """
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name)
RETURN epoch, position, revision, c._token = $token AND c._revision = revision
"""
WALK_STATE: Final = reading(f"{_BEFORE} RETURN epoch, position, revision, true")
# The event that produced the latest version of an artifact, if any did.
_LATEST = """
CALL () {
  OPTIONAL MATCH (a:_Artifact_@ {_key: $key}) USING INDEX SEEK a:_Artifact_@(_key)
  RETURN right(a._last, 32) AS latest
}
"""
LATEST_STATE: Final = reading(f"{_BEFORE} {_LATEST} WITH epoch, position, revision, latest {_BEHIND}, latest")
# How many levels of events one statement reads ahead, at most.
FURTHEST: Final = 9


def _reaching(pattern: str, connected: str, found: str, *, of_latest: bool = False) -> tuple[Statement, ...]:
    """
    Return a statement for each number of levels to read ahead: the events reached, and what each is connected to.

    :param of_latest: from the latest version of an artifact rather than from events; that one comes last
    """
    head, scope, ids, kept = _BEFORE, "", "$ids", ""
    if of_latest:
        head, scope, ids, kept = _BEFORE + _LATEST, "latest", "[latest]", ", latest"
    text = f"""{head}
CALL ({scope}) {{
  UNWIND {ids} AS rk_id
  MATCH (p:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK p:_PEM_@(rk_id)
  REACHED
  WITH DISTINCT e LIMIT $most_events
  RETURN collect(e) AS events
}}
{connected}
WITH epoch, position, revision, {found}{kept},
     [e IN events | [e.rk_id, e.type, e.emitter, e.occurred_at, e.position, e.outcome, e.error]] AS facts
{_BEHIND}, facts, {found}{kept}
"""
    reached = [f"MATCH {pattern.replace('LEVELS', str(levels))}" for levels in range(1, FURTHEST + 1)]
    return tuple(reading(text.replace("REACHED", how)) for how in ("WITH p AS e", *reached))


# What caused events. Edges: event, whether it is a use, name of the artifact or id of the predecessor, id of the event
# whose version was used, version named, whether it is out of order.
_TOWARDS_CAUSES = (
    "(p)-[:INFORMED_BY|PREDECESSOR*0..LEVELS]->(e)",
    """
CALL (events) {
  UNWIND events AS e
  MATCH (e)-[r:USES|PREDECESSOR]->(x)
  WITH e, r, x LIMIT $most_edges
  RETURN collect([e.rk_id, type(r) = 'USES', x.rk_id, r._producer, r.version, r.out_of_order]) AS edges
}
""",
    "edges",
)
CAUSES: Final = _reaching(*_TOWARDS_CAUSES)
CAUSES_OF_LATEST: Final = _reaching(*_TOWARDS_CAUSES, of_latest=True)
_EFFECT = "u.rk_id, u.position, r.artifact, r._version, r.out_of_order"
# What events led to. Edges: event, id and log position of the event it led to, key of the artifact that this one used
# (null: it named the event as its predecessor), key of the version it named, whether the use is out of order.
# Productions: event, name of the artifact, and its key where that is not the name.
EFFECTS: Final = _reaching(
    "(p)<-[:INFORMED_BY|PREDECESSOR*0..LEVELS]-(e)",
    f"""
CALL (events) {{
  UNWIND events AS e
  MATCH (e)<-[r:INFORMED_BY|PREDECESSOR]-(u)
  WITH e, r, u LIMIT $most_edges
  RETURN collect([e.rk_id, {_EFFECT}]) AS edges
}}
CALL (events) {{
  UNWIND events AS e
  MATCH (e)-[:PRODUCES]->(a)
  RETURN collect([e.rk_id, a.rk_id, CASE WHEN a._key <> a.rk_id THEN a._key END]) AS productions
}}
""",
    "edges, productions",
)
# The same for one event that led to very many others: a page of them, ordered by their ids.
EFFECTS_OF_ONE: Final = reading(f"""{_BEFORE}
CALL () {{
  MATCH (e:_PEM_@ {{rk_id: $rk_id}}) USING INDEX SEEK e:_PEM_@(rk_id)
  MATCH (e)<-[r:INFORMED_BY|PREDECESSOR]-(u) WHERE u.rk_id > $after AND u.position <= $known_at
  WITH r, u ORDER BY u.rk_id LIMIT $most_edges
  RETURN collect([$rk_id, {_EFFECT}]) AS edges
}}
{_BEHIND}, edges
""")
# Those that others led to among some events. Edges as in `EFFECTS`.
EFFECTS_AMONG: Final = reading(f"""{_BEFORE}
CALL () {{
  UNWIND $ids AS rk_id
  MATCH (u:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK u:_PEM_@(rk_id)
  MATCH (u)-[r:INFORMED_BY|PREDECESSOR]->(e) WHERE e.rk_id IN $causes
  RETURN collect([e.rk_id, {_EFFECT}]) AS edges
}}
{_BEHIND}, edges
""")
# Events that used one of some versions of an artifact: a page, ordered by id. Edges as in `EFFECTS`.
USERS_OF_VERSIONS: Final = reading(f"""{_BEFORE}
CALL () {{
  UNWIND $ids AS rk_id
  MATCH (v:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK v:_PEM_@(rk_id)
  MATCH (v)<-[r:INFORMED_BY]-(u) WHERE r.artifact = $key AND u.rk_id > $after AND u.position <= $known_at
  WITH rk_id, r, u ORDER BY u.rk_id LIMIT $most_edges
  RETURN collect([rk_id, {_EFFECT}]) AS edges
}}
{_BEHIND}, edges
""")
# The same for very many versions, and for uses that no version explains: those come first with null. The key of the
# version named is not told but the version.
USERS_OF_ARTIFACT: Final = reading(f"""{_BEFORE}
CALL () {{
  MATCH (a:_Artifact_@ {{_key: $key}}) USING INDEX SEEK a:_Artifact_@(_key)
  MATCH (a)<-[r:USES]-(u)
  WHERE (r._producer IN $ids OR $outside AND r._producer IS NULL) AND u.rk_id > $after AND u.position <= $known_at
  WITH r, u ORDER BY u.rk_id LIMIT $most_edges
  RETURN collect([r._producer, u.rk_id, u.position, $key, r.version, r.out_of_order]) AS edges
}}
{_BEHIND}, edges
""")
# What events say of the versions of artifacts that they used. Rows: id of the event, key of the artifact. Returns of
# each use that names a version: id, key, version.
STATED_VERSIONS: Final = reading(f"""{_BEFORE}
CALL () {{
  UNWIND $rows AS r
  MATCH (p:_PEM_@ {{rk_id: r[0]}})-[u:USES]->(a) USING INDEX SEEK p:_PEM_@(rk_id)
  WHERE a._key = r[1] AND u.version IS NOT NULL
  RETURN collect([r[0], r[1], u.version]) AS versions
}}
{_BEHIND}, versions
""")
