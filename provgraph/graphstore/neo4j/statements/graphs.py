"""Statements about the generations of the graph: which one is served, how far each has come."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement, reading

# Is tried in READ access mode: a server that ran it could not be trusted with users' queries.
WRITE_IN_READ_MODE: Final = "CREATE (n:_Probe)"

# ------------------------------------------------------------------------------------------------ generations

# Which generation is served, which one is being built, and whether the public labels are on their way. One in another
# format has no token. A generation's letter and token come from one node: the state may change while this is read, and
# what stands there would be read twice.
STATE: Final = """
MATCH (s:GraphState {name: $graph}) USING INDEX SEEK s:GraphState(name)
OPTIONAL MATCH (c:Checkpoint {name: s.generation}) WHERE c.format = $format
OPTIONAL MATCH (n:Checkpoint {name: s.next}) WHERE n.format = $format
RETURN coalesce(c.name, s.generation), c._token, n.name, n._token, s.publishing
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


# Give the nodes of a generation their public labels, and take them away. An event may be reported in this very moment:
# setting the label waits for whoever does that, and what the node says is looked at afterwards.
PUBLISH: Final = _in_pieces("SET n:LABEL") | {
    "PEM": Statement("""
MATCH (n:_PEM_@) USING INDEX SEEK n:_PEM_@(rk_id) WHERE n.rk_id > $after
WITH n ORDER BY n.rk_id LIMIT $size
SET n:PEM
WITH n
FOREACH (waiting IN CASE WHEN n.position IS NULL THEN [n] ELSE [] END | REMOVE waiting:PEM SET waiting:Unreported)
RETURN max(n.rk_id)
""")
}
UNPUBLISH: Final = _in_pieces("REMOVE n:LABEL:Unreported")
# Remove a piece of a generation; PEMs first, with all edges.
REMOVE_NODES: Final = tuple(
    Statement(f"MATCH (n:_{label}_@) WITH n LIMIT $size DETACH DELETE n RETURN count(*)")
    for label in ("PEM", "Artifact", "Emitter", "Tag", "TagMoves")
)

# ------------------------------------------------------------------------------------------------ checkpoint

_SAID: Final = (
    "[@.epoch, coalesce(@.digest, ''), @.position, @.resolutions_changed_at, @.covers, @._revision]"
)
# What the checkpoint says, and what it says when it is read once more: while a commit changes a node, Neo4j shows old
# values beside new ones, and may show none for a moment.
CHECKPOINT: Final = reading(f"""
WITH {_SAID.replace("@", "c")} AS said
MATCH (again:Checkpoint {{name: '@'}}) USING INDEX SEEK again:Checkpoint(name) WHERE again._token = $token
RETURN said, {_SAID.replace("@", "again")}
""")
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
SET c.epoch = $epoch, c.position = $position, c.digest = $digest, c._applied = $batch,
    c.resolutions_changed_at = coalesce($changed_at, c.resolutions_changed_at),
    c._revision = c._revision + CASE WHEN $changed_at IS NULL THEN 0 ELSE 1 END
""")
