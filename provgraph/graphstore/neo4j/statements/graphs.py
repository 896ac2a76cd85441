"""Statements about the generations of the graph: schema, which one is served, how far each has come."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement, reading

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

# ------------------------------------------------------------------------------------------------ checkpoint

CHECKPOINT: Final = reading("RETURN c.epoch, c.position, c.resolutions_changed_at, c.covers")
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
