"""
Every statement that reads or writes the graph in Neo4j, but for those that look back: `history_statements`.

Several generations of the graph lie in one database. A node of generation ``a`` has the label ``_PEM_a`` (or
``_Artifact_a``, ``_Emitter_a``, ``_Tag_a``, and ``_Placeholder_a`` beside ``_PEM_a``), and in the generation that is
served the public label ``PEM`` (``Artifact``, ``Emitter``, ``Tag``) as well. Statements of ours match by the label of
the generation; public labels are for the queries of users. Properties that begin with ``_`` are ours too:

==============  ======================  ============================================================================
``_key``        Artifact, Emitter, Tag  its name, or what stands for a long one (`provgraph.graphstore.neo4j.keys`)
``_last``       Artifact                moment of its latest production
``_first``      Artifact                moment of its earliest production, once there are several
``_used``       Artifact                once there are several: moment of the latest use that names no version
``_named``      Artifact                true once a use names a version of it
``_since_us``   Artifact                the earliest on the emitters' clocks that an event named it
``_since``      Artifact                log position of the first event that named it
``_described``  Artifact                log position of the event that gave the properties, if one did
``_pem``        Tag                     id of the event that it marks, be it there or not
``_producer``   USES                    id of the event whose version was used; INFORMED_BY leads to that event
``_version``    INFORMED_BY             key of the version that the use named
``_at_a``       PRODUCES                entry in the index of productions, for artifacts with several
``_named_a``    PRODUCES, USES          entry in the index of those that name a version
==============  ======================  ============================================================================

Where tags were before is with nodes that are ours altogether, ``_TagMoves_a``: emitters may move a tag with each event,
so a node holds the moves of a tag in one batch, in the order of the log. Such runs of moves do not overlap.

===================  ============================================================================================
``_key``             the tag's key, then the log position of the first move
``_of``              the tag's key
``_namespace``       the tag's
``_tag``             the tag's
``_positions``       log positions of the moves
``_pems``            the events that it was put on, one for each position
``_moved_us``        when: microseconds since 1970, one for each position
===================  ============================================================================================

An earlier version wrote another format: what it left counts as no generation at all, and is built anew from the log.

In the texts here ``@`` stands for the letter of a generation, and ``+PEM`` for the public label where a generation is
served and for nothing where it is not. Nothing else is ever put into a statement: all values are parameters.

Nodes are found by their key, with the index named: right after a load Neo4j's statistics say that there is nothing,
and its planner would read a whole index rather than look into it. Inside one transaction nodes are found by ``id()``,
which it handed out a moment before. Rows come back as one list: each row of a result costs as much as creating a node.
"""

from __future__ import annotations

import re
from typing import Final

# Of what is written below; a generation with another one is none.
FORMAT: Final = 2

# What users' queries call the nodes.
PUBLIC_LABELS: Final = frozenset({"PEM", "Artifact", "Emitter", "Tag"})
_PUBLIC = re.compile(r"\+([A-Z][A-Za-z]+)")
_LETTER = re.compile("[a-z]").fullmatch


class Statement:
    """A statement with a form for each generation of the graph."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._forms: dict[tuple[str, bool], str] = {}

    def of(self, letter: str, *, served: bool = False) -> str:
        """
        Return the form for a generation.

        :param letter: names the generation
        :param served: whether what it makes gets public labels
        """
        form = self._forms.get((letter, served))
        if form is None:
            if not _LETTER(letter):
                raise ValueError(f"not a generation's letter: {letter!r}")
            form = _PUBLIC.sub(r":\1" if served else "", self._text).replace("@", letter)
            self._forms[letter, served] = form
        return form


# ------------------------------------------------------------------------------------------------ schema

# What a database needs whatever generations it holds: name of the constraint or index, and how to make it. The public
# indexes are for users' queries.
SHARED_SCHEMA: Final = {
    "provgraph_graph": """
CREATE CONSTRAINT provgraph_graph IF NOT EXISTS FOR (n:GraphState) REQUIRE n.name IS UNIQUE
""",
    "provgraph_checkpoint": """
CREATE CONSTRAINT provgraph_checkpoint IF NOT EXISTS FOR (n:Checkpoint) REQUIRE n.name IS UNIQUE
""",
    "provgraph_public_pem": "CREATE INDEX provgraph_public_pem IF NOT EXISTS FOR (n:PEM) ON (n.rk_id)",
    "provgraph_public_artifact": """
CREATE INDEX provgraph_public_artifact IF NOT EXISTS FOR (n:Artifact) ON (n._key)
""",
}
# What each generation needs.
GENERATION_SCHEMA: Final = {
    "provgraph_pem_@": Statement(
        "CREATE CONSTRAINT provgraph_pem_@ IF NOT EXISTS FOR (n:_PEM_@) REQUIRE n.rk_id IS UNIQUE"
    ),
    "provgraph_artifact_@": Statement(
        "CREATE CONSTRAINT provgraph_artifact_@ IF NOT EXISTS FOR (n:_Artifact_@) REQUIRE n._key IS UNIQUE"
    ),
    "provgraph_emitter_@": Statement(
        "CREATE CONSTRAINT provgraph_emitter_@ IF NOT EXISTS FOR (n:_Emitter_@) REQUIRE n._key IS UNIQUE"
    ),
    "provgraph_tag_@": Statement(
        "CREATE CONSTRAINT provgraph_tag_@ IF NOT EXISTS FOR (n:_Tag_@) REQUIRE n._key IS UNIQUE"
    ),
    "provgraph_tag_moves_@": Statement(
        "CREATE CONSTRAINT provgraph_tag_moves_@ IF NOT EXISTS FOR (n:_TagMoves_@) REQUIRE n._key IS UNIQUE"
    ),
    "provgraph_placeholder_@": Statement(
        "CREATE INDEX provgraph_placeholder_@ IF NOT EXISTS FOR (n:_Placeholder_@) ON (n.rk_id)"
    ),
    "provgraph_at_@": Statement(
        "CREATE INDEX provgraph_at_@ IF NOT EXISTS FOR ()-[r:PRODUCES]-() ON (r._at_@)"
    ),
    "provgraph_named_@": Statement(
        "CREATE INDEX provgraph_named_@ IF NOT EXISTS FOR ()-[r:PRODUCES]-() ON (r._named_@)"
    ),
    "provgraph_named_use_@": Statement(
        "CREATE INDEX provgraph_named_use_@ IF NOT EXISTS FOR ()-[r:USES]-() ON (r._named_@)"
    ),
}
# Which constraints (as the indexes behind them) and indexes there are.
KNOWN_INDEXES: Final = "SHOW INDEXES YIELD name WHERE name STARTS WITH 'provgraph_' RETURN collect(name)"
AWAIT_INDEXES: Final = "CALL db.awaitIndexes(300)"
# Is tried in READ access mode: a server that ran it could not be trusted with users' queries.
WRITE_IN_READ_MODE: Final = "CREATE (n:_Probe)"

# ------------------------------------------------------------------------------------------------ generations

# Which generation is served, which one is being built, and whether the public labels are on their way. One in another
# format has no token.
STATE: Final = """
MATCH (s:GraphState {name: $graph}) USING INDEX SEEK s:GraphState(name)
OPTIONAL MATCH (c:Checkpoint {name: s.generation}) WHERE c.format = $format
OPTIONAL MATCH (n:Checkpoint {name: s.next}) WHERE n.format = $format
RETURN s.generation, c._token, s.next, n._token, s.publishing
"""
# The first thing in a database that holds no graph yet. Several processes may do it at once.
MAKE_STATE: Final = """
MERGE (s:GraphState {name: $graph}) ON CREATE SET s.generation = $letter, s.publishing = false
"""
# Takes the lock that every change of the state holds, so one at a time looks and changes. It writes a value that was
# never there before: writing what is there already may be left out.
LOCK_STATE: Final = (
    "MATCH (s:GraphState {name: $graph}) USING INDEX SEEK s:GraphState(name) SET s._locked = $token"
)
# How many nodes a generation has, from the store of counts; -1 when even its checkpoint is gone.
LEFT_OF: Final = Statement("""
OPTIONAL MATCH (c:Checkpoint {name: '@'})
CALL () { MATCH (n:_PEM_@) RETURN count(n) AS pems }
CALL () { MATCH (n:_Artifact_@) RETURN count(n) AS artifacts }
CALL () { MATCH (n:_Emitter_@) RETURN count(n) AS emitters }
CALL () { MATCH (n:_Tag_@) RETURN count(n) AS tags }
CALL () { MATCH (n:_TagMoves_@) RETURN count(n) AS moves }
RETURN pems + artifacts + emitters + tags + moves, c._token
""")
# The checkpoint of a generation that begins with nothing.
MAKE_CHECKPOINT: Final = Statement("""
CREATE (:Checkpoint {name: '@', epoch: '', position: 0, resolutions_changed_at: 0, covers: $covers, served: $served,
                     format: $format, _token: $token, _revision: 0})
""")
DROP_CHECKPOINT: Final = Statement("MATCH (c:Checkpoint {name: '@'}) DELETE c")
SET_NEXT: Final = """
MATCH (s:GraphState {name: $graph}) USING INDEX SEEK s:GraphState(name) SET s.next = $letter
"""
# Serves a generation. The checkpoints' locks make it wait for a batch that is being applied.
SERVE: Final = Statement("""
MATCH (s:GraphState {name: $graph}) USING INDEX SEEK s:GraphState(name)
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name)
OPTIONAL MATCH (before:Checkpoint {name: s.generation})
SET before.served = false
SET c.served = true, c.covers = $covers, s.generation = '@', s.publishing = true
SET s.next = CASE s.next WHEN '@' THEN null ELSE s.next END
""")
PUBLISHED: Final = """
MATCH (s:GraphState {name: $graph}) USING INDEX SEEK s:GraphState(name)
WHERE s.generation = $letter SET s.publishing = false
"""


def _in_pieces(change: str) -> dict[str, Statement]:
    """Return a statement for each public label that changes a piece of a generation's nodes, in the order of keys."""
    template = f"""
MATCH (n:_LABEL_@) USING INDEX SEEK n:_LABEL_@(KEY) WHERE n.KEY > $after
WITH n ORDER BY n.KEY LIMIT $size
{change}
RETURN max(n.KEY)
"""
    keys = {"PEM": "rk_id", "Artifact": "_key", "Emitter": "_key", "Tag": "_key"}
    return {
        label: Statement(template.replace("LABEL", label).replace("KEY", key)) for label, key in keys.items()
    }


# Give the nodes of a generation their public labels, and take them away.
PUBLISH: Final = _in_pieces("SET n:LABEL")
UNPUBLISH: Final = _in_pieces("REMOVE n:LABEL")
# Remove a piece of a generation; PEMs first, with all edges.
REMOVE_NODES: Final = tuple(
    Statement(f"MATCH (n:_{label}_@) WITH n LIMIT $size DETACH DELETE n RETURN count(*)")
    for label in ("PEM", "Artifact", "Emitter", "Tag", "TagMoves")
)

# Every statement that reads begins so.
_HEAD: Final = """
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name) WHERE c._token = $token AND (c.served OR $any)
WITH c
"""


def reading(text: str) -> Statement:
    """
    Return a statement that reads the generation whose checkpoint ``c`` is.

    It has no row when the generation is another one by now, or (unless $any) is not the one that is served.
    """
    return Statement(_HEAD + text)


# ------------------------------------------------------------------------------------------------ checkpoint

CHECKPOINT: Final = Statement(f"{_HEAD} RETURN c.epoch, c.position, c.resolutions_changed_at, c.covers")
# Takes the lock that keeps other writers out; what it guards is read afterwards.
LOCK_CHECKPOINT: Final = Statement("""
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name) WHERE c._token = $token
SET c._locked = $batch
RETURN c.served
""")
LOCKED_CHECKPOINT: Final = Statement("""
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name) WHERE c._token = $token
RETURN c.epoch, c.position, c.served, c._applied
""")
SET_CHECKPOINT: Final = Statement("""
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name)
SET c.epoch = $epoch, c.position = $position, c._applied = $batch,
    c.resolutions_changed_at = coalesce($changed_at, c.resolutions_changed_at),
    c._revision = c._revision + CASE WHEN $changed_at IS NULL THEN 0 ELSE 1 END
""")

# ------------------------------------------------------------------------------------------------ writing nodes

# Which of these artifacts are there: key, id, _since_us, _first, _last, _used, _named.
KNOWN_ARTIFACTS: Final = Statement("""
UNWIND $rows AS key
MATCH (a:_Artifact_@ {_key: key}) USING INDEX SEEK a:_Artifact_@(_key)
RETURN collect([key, id(a), a._since_us, a._first, a._last, a._used, a._named])
""")
# Rows: key, name (null: the key), properties, created_at, _since_us, _since, _described, _first, _last, _used, _named.
# Returns key, id.
CREATE_ARTIFACTS: Final = Statement("""
UNWIND $rows AS r
CREATE (a:_Artifact_@+Artifact {_key: r[0], rk_id: coalesce(r[1], r[0]), properties: r[2], created_at: r[3],
                                _since_us: r[4], _since: r[5], _described: r[6],
                                _first: r[7], _last: r[8], _used: r[9], _named: r[10]})
RETURN collect([r[0], id(a)])
""")
# Rows: id, properties, _described. The first that are not empty stay.
FILL_PROPERTIES: Final = """
UNWIND $rows AS r MATCH (a) WHERE id(a) = r[0] AND a.properties = '{}' SET a.properties = r[1], a._described = r[2]
"""
# Rows: id, _since_us.
SET_SINCE: Final = "UNWIND $rows AS r MATCH (a) WHERE id(a) = r[0] SET a._since_us = r[1]"
# Rows: id, _first, _last, _used, _named.
NOTE_PRODUCTIONS: Final = """
UNWIND $rows AS r MATCH (a) WHERE id(a) = r[0]
SET a._first = r[1], a._last = r[2], a._used = r[3], a._named = r[4]
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
# Rows: rk_id, id of the emitter, and the other properties. Returns rk_id, id.
CREATE_PEMS: Final = Statement("""
UNWIND $rows AS r
MATCH (e) WHERE id(e) = r[1]
CREATE (p:_PEM_@+PEM {rk_id: r[0], type: r[2], emitter: r[3], properties: r[4], timestamp_client: r[5],
                      occurred_at: r[6], position: r[7], recorded_at: r[8]})-[:EMITTED_BY]->(e)
RETURN collect([r[0], id(p)])
""")
# Rows: id of the placeholder, and then as in `CREATE_PEMS`.
FILL_PLACEHOLDERS: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (e) WHERE id(e) = r[2]
SET p.type = r[3], p.emitter = r[4], p.properties = r[5], p.timestamp_client = r[6], p.occurred_at = r[7],
    p.position = r[8], p.recorded_at = r[9]
REMOVE p:_Placeholder_@
CREATE (p)-[:EMITTED_BY]->(e)
""")
CREATE_PLACEHOLDERS: Final = Statement("""
UNWIND $rows AS rk_id
CREATE (p:_PEM_@:_Placeholder_@+PEM {rk_id: rk_id})
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
# Rows: event, artifact, event whose version was used, version named, its key, _named, whether it is out of order.
CREATE_STATED_USES: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
MATCH (q) WHERE id(q) = r[2]
CREATE (p)-[:USES {version: r[3], _named_@: r[5], out_of_order: r[6], _producer: q.rk_id}]->(a)
CREATE (p)-[:INFORMED_BY {artifact: a._key, _version: r[4], out_of_order: r[6]}]->(q)
""")
# Rows: event, artifact, version named, _named.
CREATE_USES_FROM_OUTSIDE: Final = Statement("""
UNWIND $rows AS r
MATCH (p) WHERE id(p) = r[0]
MATCH (a) WHERE id(a) = r[1]
CREATE (p)-[:USES {version: r[2], _named_@: r[3]}]->(a)
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
# Rows: index, id of an event, artifact. Returns for those where the event produced the artifact: index, occurred_at.
PRODUCED_BY: Final = Statement("""
UNWIND $rows AS r
MATCH (p:_PEM_@ {rk_id: r[1]}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (p)-[:PRODUCES]->(a) WHERE id(a) = r[2]
RETURN collect([r[0], p.occurred_at])
""")
# Artifacts. Returns of each: id, stated moment of the latest use that names no version.
LATEST_USES: Final = """
UNWIND $rows AS artifact
MATCH (a) WHERE id(a) = artifact
OPTIONAL MATCH (a)<-[u:USES]-(p) WHERE u.version IS NULL
WITH artifact, max(p.occurred_at + p.rk_id) AS latest
RETURN collect([artifact, latest])
"""
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
WITH r, p, u, before, last([w IN r[2] WHERE w[0] < p.occurred_at + p.rk_id | w]) AS window
MATCH (q) WHERE id(q) = window[1]
DELETE before
WITH r, p, u, q, CASE WHEN p.occurred_at + p.rk_id < q.occurred_at + q.rk_id THEN true END AS out_of_order
SET u._producer = q.rk_id, u.out_of_order = out_of_order
CREATE (p)-[:INFORMED_BY {artifact: r[1], out_of_order: out_of_order}]->(q)
RETURN count(*)
"""
# Searched for among the uses of the artifact.
TAKE_OVER_FROM_ARTIFACT: Final = f"""
UNWIND $rows AS r
MATCH (a) WHERE id(a) = r[0]
MATCH (a)<-[u:USES]-(p)
WHERE u.version IS NULL AND r[2][0][0] < p.occurred_at + p.rk_id <= r[3]
OPTIONAL MATCH (p)-[before:INFORMED_BY]->() WHERE before.artifact = r[1] AND before._version IS NULL
{_TAKE_OVER}
"""
# Searched for among the events that the version used so far informed.
TAKE_OVER_FROM_VERSION: Final = Statement(f"""
UNWIND $rows AS r
MATCH (v:_PEM_@ {{rk_id: r[4]}}) USING INDEX SEEK v:_PEM_@(rk_id)
MATCH (v)<-[before:INFORMED_BY]-(p)
WHERE before.artifact = r[1] AND before._version IS NULL AND r[2][0][0] < p.occurred_at + p.rk_id <= r[3]
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
WITH r, p, u, a, q, CASE WHEN p.occurred_at + p.rk_id < q.occurred_at + q.rk_id THEN true END AS out_of_order
SET u._producer = q.rk_id, u.out_of_order = out_of_order
CREATE (p)-[:INFORMED_BY {artifact: a._key, _version: r[3], out_of_order: out_of_order}]->(q)
RETURN count(*)
""")

# ------------------------------------------------------------------------------------------------ mending

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
REMOVE a:PEM:Artifact:Emitter:Tag:_PEM_@:_Placeholder_@:_Emitter_@:_Tag_@:_TagMoves_@
SET a:_Artifact_@+Artifact, a.rk_id = r[1], a.properties = r[2], a.created_at = r[3],
    a._since_us = r[4], a._since = r[5], a._described = r[6]
RETURN collect(id(a))
""")
PUT_PLACEHOLDERS: Final = Statement("""
UNWIND $rows AS rk_id
MERGE (p:_PEM_@ {rk_id: rk_id})
WITH p WHERE p.position IS NULL
SET p:_PEM_@:_Placeholder_@+PEM
""")
# Makes events placeholders, whatever they were. Returns what they led to: id, whether it is an emitter (else it is an
# artifact).
EMPTY_PEMS: Final = Statement("""
UNWIND $rows AS rk_id
MATCH (p:_PEM_@ {rk_id: rk_id}) USING INDEX SEEK p:_PEM_@(rk_id)
SET p = {rk_id: rk_id}
REMOVE p:PEM:Artifact:Emitter:Tag:_Artifact_@:_Emitter_@:_Tag_@:_TagMoves_@
SET p:_PEM_@:_Placeholder_@+PEM
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
REMOVE e:PEM:Artifact:Emitter:Tag:_PEM_@:_Placeholder_@:_Artifact_@:_Tag_@:_TagMoves_@
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
REMOVE m:PEM:Artifact:Emitter:Tag:_PEM_@:_Placeholder_@:_Artifact_@:_Emitter_@:_Tag_@
""")
# Rows: event, name of the artifact, its key, version, digest, kind, properties, _named.
PUT_PRODUCTIONS: Final = Statement("""
UNWIND $rows AS r
MATCH (p:_PEM_@ {rk_id: r[0]}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (a:_Artifact_@ {_key: r[2]}) USING INDEX SEEK a:_Artifact_@(_key)
CREATE (p)-[:PRODUCES {version: r[3], digest: r[4], kind: r[5], properties: r[6], _named_@: r[7]}]->(a)
RETURN collect(DISTINCT id(a))
""")
# Rows: event, name of the artifact, its key, version, key of the version, _named, event whose version was used.
PUT_USES: Final = Statement("""
UNWIND $rows AS r
MATCH (p:_PEM_@ {rk_id: r[0]}) USING INDEX SEEK p:_PEM_@(rk_id)
MATCH (a:_Artifact_@ {_key: r[2]}) USING INDEX SEEK a:_Artifact_@(_key)
OPTIONAL MATCH (q:_PEM_@ {rk_id: r[6]})
WITH r, p, a, q, CASE WHEN p.occurred_at + p.rk_id < q.occurred_at + q.rk_id THEN true END AS out_of_order
CREATE (p)-[:USES {version: r[3], _named_@: r[5], out_of_order: out_of_order, _producer: q.rk_id}]->(a)
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
NOTED_OF: Final = """
UNWIND $rows AS artifact
MATCH (a) WHERE id(a) = artifact
CALL (a) {
  OPTIONAL MATCH (a)<-[:PRODUCES]-(p)
  WITH p.occurred_at + p.rk_id AS moment
  RETURN count(moment) AS productions, min(moment) AS first, max(moment) AS last
}
CALL (a) {
  OPTIONAL MATCH (a)<-[u:USES]-(p)
  RETURN max(CASE WHEN u.version IS NULL THEN p.occurred_at + p.rk_id END) AS used, count(u.version) > 0 AS named
}
RETURN collect([artifact, a.rk_id, productions, first, last, used, named])
"""
# Productions of artifacts that are not in the index. Returns of each: id, id of the artifact, stated moment.
NOT_ENTERED: Final = Statement("""
UNWIND $rows AS artifact
MATCH (a) WHERE id(a) = artifact
MATCH (a)<-[m:PRODUCES]-(p) WHERE m._at_@ IS NULL
RETURN collect([id(m), artifact, p.occurred_at + p.rk_id])
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

# ------------------------------------------------------------------------------------------------ looking up

COUNTS: Final = Statement(f"""{_HEAD}
CALL () {{ MATCH (n:_PEM_@) RETURN count(n) AS pems }}
CALL () {{ MATCH (n:_Placeholder_@) RETURN count(n) AS placeholders }}
CALL () {{ MATCH (n:_Artifact_@) RETURN count(n) AS artifacts }}
RETURN pems - placeholders, artifacts, placeholders
""")
HAS_PEM: Final = Statement(f"""{_HEAD}
OPTIONAL MATCH (p:_PEM_@ {{rk_id: $rk_id}}) USING INDEX SEEK p:_PEM_@(rk_id)
RETURN p IS NOT NULL
""")
HAS_ARTIFACT: Final = Statement(f"""{_HEAD}
OPTIONAL MATCH (a:_Artifact_@ {{_key: $key}}) USING INDEX SEEK a:_Artifact_@(_key)
RETURN a IS NOT NULL
""")
# The moments of an artifact's earliest (null: there is one at most) and latest production.
LATEST_VERSION: Final = Statement(f"""{_HEAD}
OPTIONAL MATCH (a:_Artifact_@ {{_key: $key}}) USING INDEX SEEK a:_Artifact_@(_key)
RETURN a._first, a._last
""")
# The entries of an artifact's productions, the latest first.
_VERSIONS = f"""{_HEAD}
CALL () {{
  MATCH ()-[x:PRODUCES]->() USING INDEX SEEK x:PRODUCES(ENTRY) WHERE x.ENTRY > $begin AND x.ENTRY < $end
  WITH x.ENTRY AS entry ORDER BY entry DESC LIMIT $most
  RETURN collect(entry) AS entries
}}
RETURN entries
"""
VERSIONS: Final = Statement(_VERSIONS.replace("ENTRY", "_at_@"))
NAMED_VERSIONS: Final = Statement(_VERSIONS.replace("ENTRY", "_named_@"))
# Whether an event produced an artifact; if so, when it occurred.
VERSION_BY: Final = Statement(f"""{_HEAD}
OPTIONAL MATCH (p:_PEM_@ {{rk_id: $rk_id}})-[:PRODUCES]->(a:_Artifact_@ {{_key: $key}})
USING INDEX SEEK p:_PEM_@(rk_id)
RETURN p.occurred_at LIMIT 1
""")

# ------------------------------------------------------------------------------------------------ walking

# A walk is true for one state of the graph, and statements are not isolated from what is committed while they run. So
# each looks at the state before and behind what it reads, and says whether it was the same: position is the first.
_BEFORE = f"{_HEAD} WITH c.epoch AS epoch, c.position AS position, c._revision AS revision"
_BEHIND = """
MATCH (c:Checkpoint {name: '@'}) USING INDEX SEEK c:Checkpoint(name)
RETURN epoch, position, revision, c._token = $token AND c._revision = revision
"""
WALK_STATE: Final = Statement(f"{_BEFORE} RETURN epoch, position, revision, true")
# The event that produced the latest version of an artifact, if any did.
_LATEST = """
CALL () {
  OPTIONAL MATCH (a:_Artifact_@ {_key: $key}) USING INDEX SEEK a:_Artifact_@(_key)
  RETURN right(a._last, 32) AS latest
}
"""
LATEST_STATE: Final = Statement(
    f"{_BEFORE} {_LATEST} WITH epoch, position, revision, latest {_BEHIND}, latest"
)
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
     [e IN events | [e.rk_id, e.type, e.emitter, e.occurred_at, e.position]] AS facts
{_BEHIND}, facts, {found}{kept}
"""
    reached = [f"MATCH {pattern.replace('LEVELS', str(levels))}" for levels in range(1, FURTHEST + 1)]
    return tuple(Statement(text.replace("REACHED", how)) for how in ("WITH p AS e", *reached))


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
EFFECTS_OF_ONE: Final = Statement(f"""{_BEFORE}
CALL () {{
  MATCH (e:_PEM_@ {{rk_id: $rk_id}}) USING INDEX SEEK e:_PEM_@(rk_id)
  MATCH (e)<-[r:INFORMED_BY|PREDECESSOR]-(u) WHERE u.rk_id > $after AND u.position <= $known_at
  WITH r, u ORDER BY u.rk_id LIMIT $most_edges
  RETURN collect([$rk_id, {_EFFECT}]) AS edges
}}
{_BEHIND}, edges
""")
# Those that others led to among some events. Edges as in `EFFECTS`.
EFFECTS_AMONG: Final = Statement(f"""{_BEFORE}
CALL () {{
  UNWIND $ids AS rk_id
  MATCH (u:_PEM_@ {{rk_id: rk_id}}) USING INDEX SEEK u:_PEM_@(rk_id)
  MATCH (u)-[r:INFORMED_BY|PREDECESSOR]->(e) WHERE e.rk_id IN $causes
  RETURN collect([e.rk_id, {_EFFECT}]) AS edges
}}
{_BEHIND}, edges
""")
# Events that used one of some versions of an artifact: a page, ordered by id. Edges as in `EFFECTS`.
USERS_OF_VERSIONS: Final = Statement(f"""{_BEFORE}
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
USERS_OF_ARTIFACT: Final = Statement(f"""{_BEFORE}
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
STATED_VERSIONS: Final = Statement(f"""{_BEFORE}
CALL () {{
  UNWIND $rows AS r
  MATCH (p:_PEM_@ {{rk_id: r[0]}})-[u:USES]->(a) USING INDEX SEEK p:_PEM_@(rk_id)
  WHERE a._key = r[1] AND u.version IS NOT NULL
  RETURN collect([r[0], r[1], u.version]) AS versions
}}
{_BEHIND}, versions
""")

# ------------------------------------------------------------------------------------------------ scanning
# A page of each, in the order of keys.

_PEM_FACTS = """p.rk_id, p.type, p.emitter, p.properties, p.timestamp_client, p.occurred_at, p.position, p.recorded_at,
  COLLECT { MATCH (p)-[:PREDECESSOR]->(q) RETURN q.rk_id },
  COLLECT { MATCH (p)-[u:USES]->(a) RETURN [a.rk_id, u.version, u._producer] },
  COLLECT { MATCH (p)-[i:INFORMED_BY]->(q) RETURN [i.artifact, i._version, q.rk_id] },
  COLLECT { MATCH (p)-[m:PRODUCES]->(a) RETURN [a.rk_id, m.version, m.digest, m.kind, coalesce(m.properties, '{}')] }"""
SCAN_PEMS: Final = Statement(f"""
MATCH (p:_PEM_@) USING INDEX SEEK p:_PEM_@(rk_id) WHERE p.rk_id > $after AND p.position IS NOT NULL
WITH p ORDER BY p.rk_id LIMIT $size
RETURN {_PEM_FACTS}
""")
# The same of some events, as one list.
EVENTS: Final = Statement(f"""{_HEAD}
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
MATCH (p:_Placeholder_@) USING INDEX SEEK p:_Placeholder_@(rk_id) WHERE p.rk_id > $after AND p.position IS NULL
RETURN p.rk_id ORDER BY p.rk_id LIMIT $size
""")
