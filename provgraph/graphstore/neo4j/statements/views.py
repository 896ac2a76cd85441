"""
Every statement that looks back over the graph in Neo4j: see `provgraph.graphstore.base.HistoryReader`.

How nodes are labelled and found is told in `statement`. A view is $position, and $until: the time up to which events
count as a text that compares with ``occurred_at`` (`keys.until`). Every statement says what is so among the events of
its view also while later ones are being committed, or says with a last value that it has to be asked once more.

Texts compare here as UTF-16 does, which is not the order of code points for all of them; in an index they have that
one. So nothing but times and ids is compared, and keys through their index alone, with two bounds only where these
begin alike: names are left to who asks.
"""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement, reading

# ------------------------------------------------------------------------------------------------ edges between events

_EFFECT = "u.rk_id, u.occurred_at, u.position"
# What events led to in a view: all of it, uses of one artifact (its $key), or those that $named them as predecessors.
# Returns of each edge: id of the event, what it led to, key of the artifact that this one used (null: it named the
# event as its predecessor), key of the version that it named.
EFFECTS_OF: Final = reading(f"""
CALL () {{
  UNWIND $ids AS rk_id
  MATCH (e:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK e:_PEM_@(rk_id)
  MATCH (e)<-[r:INFORMED_BY|PREDECESSOR]-(u) WHERE u.position <= $position AND u.occurred_at <= $until
    AND ($key IS NULL OR r.artifact = $key) AND NOT ($named AND r.artifact IS NOT NULL)
  WITH rk_id, r, u ORDER BY u.occurred_at, u.rk_id LIMIT $limit
  RETURN collect([rk_id, {_EFFECT}, r.artifact, r._version]) AS effects
}}
RETURN effects
""")


def _taken(entry: str, width: int, stated: str) -> Statement:
    """Return a statement for one of the two indexes, whose entries begin with so many characters that say whose."""
    return reading(
        f"""
CALL () {{
  UNWIND $ids AS rk_id
  MATCH (v:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK v:_PEM_@(rk_id)
  MATCH (v)-[y:PRODUCES]->(a) WHERE y.ENTRY IS NOT NULL AND ($key IS NULL OR a._key = $key)
  WITH rk_id, a, y, y.ENTRY AS own, left(y.ENTRY, {width}) AS begin
  CALL (own, begin) {{
    MATCH (p)-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY)
    WHERE x.ENTRY > begin AND x.ENTRY < own AND p.position <= $position
    WITH x ORDER BY x.ENTRY DESC LIMIT 1
    RETURN collect(x.ENTRY) AS before
  }}
  CALL (own, begin) {{
    MATCH (p)-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY)
    WHERE x.ENTRY > own AND x.ENTRY < begin + $end_moment AND p.position <= $position
    WITH x ORDER BY x.ENTRY LIMIT 1
    RETURN collect(x.ENTRY) AS behind
  }}
  WITH rk_id, a, y, own, before, coalesce(before[0], begin) AS low, coalesce(behind[0], begin + $end_moment) AS high
  CALL (rk_id, a, own, before, low, high) {{
    MATCH (q)-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY)
    WHERE x.ENTRY > low AND x.ENTRY < high AND q.position > $position
    MATCH (q)<-[r:INFORMED_BY]-(u)
    WHERE r.artifact = a._key AND r._version {stated} AND u.position <= $position AND u.occurred_at <= $until
      AND (x.ENTRY > own OR before = [] AND u.rk_id <> rk_id)
    RETURN r, u
  }}
  RETURN collect([rk_id, {_EFFECT}, r.artifact, r._version, y.version]) AS taken
}}
RETURN taken
""".replace("ENTRY", entry)
    )


# Uses that mean versions of events in a view, and ones recorded behind it in the whole graph: those lie between the
# next versions of the view (low, high) before and behind one. Returns of each what EFFECTS_OF does, and the label of
# the version that it means in the view. First, of those that name no version;
TAKEN: Final = _taken("_at_@", 32, "IS NULL")
# and of those that do: what they name is still to be compared with that label, for it may be an event's id.
TAKEN_NAMED: Final = _taken("_named_@", 64, "IS NOT NULL")
# Names of artifacts with these keys: key, name.
NAMES: Final = reading("""
CALL () {
  UNWIND $keys AS key
  MATCH (a:_Artifact_@ {_key: key}) USING INDEX SEEK a:_Artifact_@(_key)
  RETURN collect([key, a.rk_id]) AS names
}
RETURN names
""")
# Uses of an artifact: id of the event whose version that was, the event, the version that it named.
USERS_OF: Final = reading(f"""
CALL () {{
  MATCH (a:_Artifact_@ {{_key: $key}}) USING INDEX SEEK a:_Artifact_@(_key)
  MATCH (a)<-[r:USES]-(u) WHERE u.position <= $position AND u.occurred_at <= $until
  WITH r, u ORDER BY u.occurred_at, u.rk_id LIMIT $limit
  RETURN collect([r._producer, {_EFFECT}, r.version]) AS uses
}}
RETURN uses
""")

# ------------------------------------------------------------------------------------------------ versions

# What a PRODUCES edge x of an event p says.
_PRODUCTION = """p.rk_id, p.occurred_at, p.position, x.version, x.digest, x.kind, x.properties, p.outcome, p.error,
    p._rank"""
# Productions of an artifact whose entries in the index lie between two.
_PRODUCTIONS = f"""
MATCH (p)-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY)
  WHERE x.ENTRY > $begin AND x.ENTRY < $end AND p.position IS NOT NULL
  WITH p, x ORDER BY x.ENTRY ORDER LIMIT $limit
  RETURN collect([{_PRODUCTION}]) AS made
"""


def _in_both_orders(text: str) -> dict[bool, Statement]:
    """Return a statement that gives the earliest first (False), and one that gives the latest first (True)."""
    return {
        newest_first: reading(text.replace("ORDER LIMIT", f"{order} LIMIT"))
        for newest_first, order in ((False, "ASC"), (True, "DESC"))
    }


# Who produced an artifact. A production that is the only one is in no index: it comes wherever it lies.
PRODUCTIONS_OF: Final = _in_both_orders(f"""
OPTIONAL MATCH (a:_Artifact_@ {{_key: $key}}) USING INDEX SEEK a:_Artifact_@(_key)
CALL (a) {{
  WITH a WHERE a._first IS NULL
  MATCH (a)<-[x:PRODUCES]-(p) WHERE p.position IS NOT NULL
  RETURN collect([{_PRODUCTION}]) AS only
}}
CALL (a) {{
  WITH a WHERE a._first IS NOT NULL
  {_PRODUCTIONS.strip().replace("ENTRY", "_at_@")}
}}
RETURN only + made
""")
NAMED_PRODUCTIONS_OF: Final = _in_both_orders(f"""
CALL () {{
  {_PRODUCTIONS.strip().replace("ENTRY", "_named_@")}
}}
RETURN made
""")

# ------------------------------------------------------------------------------------------------ what there was


def _behind_and_between(text: str) -> dict[bool, Statement]:
    """Return a statement for what has keys behind $begin (False), and one for what has them before $end too (True)."""
    return {
        is_between: reading(text.replace("BOUND", bound))
        for is_between, bound in ((False, ""), (True, "AND n._key < $end"))
    }


_COUNTS = "p.position <= $position AND p.occurred_at <= $until"
# Artifacts that a view's events name. Of each: key, name, and the latest production; where there is none, what the
# latest events that give properties, a digest, and a kind with their uses say in each: version named ('' for none), and
# what; a list for each of the three. What is noted
# with an artifact tells whether an event named it, unless both clocks leave events out: then one has to be found.
# Should both have come to do so meanwhile, the last value is false: then ask with $strict.
ARTIFACT_STATES: Final = _behind_and_between(f"""
WITH $is_timed AND ($strict OR c.position > $position) AS is_by_both
CALL (is_by_both) {{
  MATCH (n:_Artifact_@) USING INDEX SEEK n:_Artifact_@(_key)
  WHERE n._key > $begin BOUND AND n._since <= $position AND n._since_us <= $until_us
    AND (NOT is_by_both OR EXISTS {{ (n)<-[:USES|PRODUCES]-(p) WHERE {_COUNTS} }})
  WITH n ORDER BY n._key LIMIT $limit
  CALL (n) {{
    MATCH (p:_PEM_@ {{rk_id: right(n._last, 32)}}) USING INDEX SEEK p:_PEM_@(rk_id) WHERE {_COUNTS}
    MATCH (p)-[x:PRODUCES]->(n)
    RETURN collect([{_PRODUCTION}]) AS last
  }}
  CALL (n, last) {{
    WITH n WHERE last = [] AND n._first IS NOT NULL
    MATCH (n)<-[any:PRODUCES]-()
    WITH left(any._at_@, 32) AS entry LIMIT 1
    MATCH (p)-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(_at_@)
    WHERE x._at_@ > entry AND x._at_@ < entry + $end_moment AND p.position <= $position
    WITH p, x ORDER BY x._at_@ DESC LIMIT 1
    RETURN collect([{_PRODUCTION}]) AS earlier
  }}
  WITH n, last + earlier AS made
  CALL (n, made) {{
    WITH n WHERE made = [] AND n._told
    UNWIND ['_properties', '_digest', '_kind'] AS what
    CALL (n, what) {{
      MATCH (n)<-[u:USES]-(p) WHERE u[what] IS NOT NULL AND {_COUNTS}
      WITH p, collect([coalesce(u.version, ''), u[what]]) AS said
      WITH said, moment(p) AS moment ORDER BY moment DESC LIMIT 1
      RETURN collect(said) AS latest
    }}
    RETURN collect([what, latest]) AS described
  }}
  RETURN collect([n._key, n.rk_id, made, described]) AS states
}}
MATCH (c:Checkpoint {{name: '@'}}) USING INDEX SEEK c:Checkpoint(name)
RETURN states, is_by_both OR NOT $is_timed OR c.position <= $position
""")


# One row when an event of a view uses or produces an artifact.
NAMES_ARTIFACT: Final = reading(f"""
CALL () {{
  MATCH (n:_Artifact_@ {{_key: $key}}) USING INDEX SEEK n:_Artifact_@(_key)
  WHERE n._since <= $position
    AND (NOT $is_timed OR EXISTS {{ (n)<-[:USES|PRODUCES]-(p) WHERE {_COUNTS} }})
  RETURN count(n) > 0 AS is_named
}}
RETURN is_named
""")


def _tag_states(state: str) -> dict[bool, Statement]:
    """Return statements for where tags are."""
    return _behind_and_between(f"""
CALL () {{
  MATCH (n:_Tag_@) USING INDEX SEEK n:_Tag_@(_key) WHERE n._key > $begin BOUND
  CALL (n) {{
    MATCH (m:_TagMoves_@) USING INDEX SEEK m:_TagMoves_@(_key)
    WHERE m._key > n._key + $no_position AND m._key <= n._key + $last_position
    {state.strip()}
  }}
  WITH n, state ORDER BY n._key LIMIT $limit
  RETURN collect([n._key, n.namespace, n.tag] + state) AS states
}}
RETURN states
""")


# Where tags are: key, namespace, tag, event, time, position. First, where their last moves put them;
TAG_STATES: Final = _tag_states("""
    WITH m ORDER BY m._key DESC LIMIT 1
    WITH m, size([position IN m._positions WHERE position <= $position]) - 1 AS index
    RETURN [m._pems[index], m._moved_us[index], m._positions[index]] AS state
""")
# and where their latest moves up to a time put them.
TAG_STATES_AS_OF: Final = _tag_states("""
    WITH m._positions AS positions, m._pems AS pems, m._moved_us AS times
    UNWIND range(0, size(positions) - 1) AS index
    WITH positions, pems, times, index WHERE positions[index] <= $position AND times[index] <= $until_us
    WITH pems[index] AS pem, times[index] AS moved_us, positions[index] AS position
    ORDER BY moved_us DESC, position DESC LIMIT 1
    RETURN [pem, moved_us, position] AS state
""")
# What emitters did: name, events, connected ones, earliest and latest time, last position; of the delays between the
# clocks the least and the greatest; their sums of whole seconds and of microseconds, since the sum of all may be large;
# how many of the events say that they failed, that they were aborted, or something unknown.
EMITTER_STATES: Final = reading(f"""
CALL () {{
  MATCH (m:_Emitter_@) USING INDEX SEEK m:_Emitter_@(_key) WHERE m._key > ''
  CALL (m) {{
    MATCH (m)<-[:EMITTED_BY]-(p) WHERE {_COUNTS}
    WITH p, datetime(p.recorded_at) AS recorded, datetime(p.occurred_at) AS occurred,
         CASE WHEN EXISTS {{ (p)-[:USES|PRODUCES|PREDECESSOR]->() }} THEN 1 ELSE 0 END AS connected
    WITH p, connected, recorded.epochSeconds - occurred.epochSeconds AS seconds,
         recorded.microsecond - occurred.microsecond AS microseconds
    WITH p, connected, seconds, microseconds, 1000000 * seconds + microseconds AS delay
    RETURN count(p) AS events,
           [sum(connected), min(p.occurred_at), max(p.occurred_at), max(p.position), min(delay), max(delay),
            sum(seconds), sum(microseconds), count(CASE p.outcome WHEN 'failed' THEN 1 END),
            count(CASE p.outcome WHEN 'aborted' THEN 1 END), count(CASE p.outcome WHEN 'unknown' THEN 1 END)] AS facts
  }}
  WITH m, events, facts WHERE events > 0
  RETURN collect([m.rk_id, events] + facts) AS states
}}
RETURN states
""")

# ------------------------------------------------------------------------------------------------ what was not seen

# Events that a view's events name as their predecessors and that are not among them: id, one that names it, how many
# do, and the position of that one.
_UNSEEN = f"""
CALL () {{
  MATCH (k:LABEL) USING INDEX SEEK k:LABEL(rk_id) WHERE k.rk_id > $after CONDITION
  CALL (k) {{
    MATCH (k)<-[:PREDECESSOR]-(p) WHERE {_COUNTS}
    RETURN min([p.rk_id, p.position]) AS first, count(p) AS times
  }}
  WITH k, first, times WHERE times > 0
  WITH k, first, times ORDER BY k.rk_id LIMIT $limit
  RETURN collect([k.rk_id, first[0], times, first[1]]) AS unseen
}}
"""
UNSEEN: Final = reading(
    _UNSEEN.replace("LABEL", "_PEM_@").replace(
        "CONDITION", "AND (k.position IS NULL OR k.position > $position OR k.occurred_at > $until)"
    )
    + "RETURN unseen"
)
# The same where the view is all there is: then those are placeholders. The other value returned is false when it is
# not.
UNSEEN_NOW: Final = reading(
    _UNSEEN.replace("LABEL", "_Placeholder_@").replace("CONDITION", "AND k.position IS NULL")
    + """
WITH unseen
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name)
RETURN unseen, c.position <= $position
"""
)
# Uses of a view's events whose version lies behind them or is not in the view, and all uses that $unsettled events have
# to do with. Of each event that has some: id, time, _rank, emitter, and of each such use artifact, version named, and
# the production that the graph takes for it.
MISMATCHES: Final = reading(f"""
CALL () {{
  MATCH (e:_PEM_@) USING INDEX SEEK e:_PEM_@(rk_id)
  WHERE e.rk_id >= $id AND e.position <= $position AND e.occurred_at <= $until
  CALL (e) {{
    MATCH (e)-[i:INFORMED_BY]->(p) WHERE i.out_of_order OR p.position > $position OR p.occurred_at > $until
      OR $unsettled <> [] AND (e.rk_id IN $unsettled OR p.rk_id IN $unsettled)
    WITH DISTINCT p, i.artifact AS key
    MATCH (e)-[u:USES]->(a) WHERE a._key = key AND u._producer = p.rk_id
    MATCH (p)-[x:PRODUCES]->(a)
    RETURN collect([a.rk_id, u.version, [{_PRODUCTION}]]) AS uses
  }}
  WITH e, uses WHERE uses <> []
  WITH e, uses ORDER BY e.rk_id LIMIT $limit
  RETURN collect([e.rk_id, e.occurred_at, e._rank, e.emitter, uses]) AS found
}}
RETURN found
""")
# Uses of a view's events that state another digest than their version has, whose version is not in the view, or with
# $is_unsettled all that state a digest. Of each event that has some: id, and of each such use artifact and version
# named ('' for none).
DOUBTFUL_DIGESTS: Final = reading("""
CALL () {
  MATCH (e:_PEM_@) USING INDEX SEEK e:_PEM_@(rk_id)
  WHERE e.rk_id >= $id AND e.position <= $position AND e.occurred_at <= $until
  CALL (e) {
    MATCH (e)-[u:USES]->(a) WHERE u._digest IS NOT NULL
    OPTIONAL MATCH (p:_PEM_@ {rk_id: u._producer})-[x:PRODUCES]->(a)
    WITH a, u, p, x
    WHERE $is_unsettled OR x.digest <> u._digest OR p.position > $position OR p.occurred_at > $until
    RETURN collect([a.rk_id, coalesce(u.version, '')]) AS uses
  }
  WITH e, uses WHERE uses <> []
  WITH e, uses ORDER BY e.rk_id LIMIT $limit
  RETURN collect([e.rk_id, uses]) AS found
}
RETURN found
""")
