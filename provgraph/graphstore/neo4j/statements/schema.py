"""Statements about constraints and indexes."""

from __future__ import annotations

from typing import Final

from provgraph.graphstore.neo4j.statements.statement import Statement

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
    "provgraph_late_@": Statement("CREATE INDEX provgraph_late_@ IF NOT EXISTS FOR (n:_Late_@) ON (n._late)"),
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
# Which constraints (as the indexes behind them) and indexes there are, in what state, and whether for a constraint.
FOUND: Final = """
SHOW INDEXES YIELD name, state, owningConstraint WHERE name STARTS WITH 'provgraph_'
RETURN collect([name, state, owningConstraint IS NOT NULL])
"""
# An index is dropped with the constraint that it is for; alone, when no constraint came to be.
DROP_CONSTRAINT: Final = "DROP CONSTRAINT $name IF EXISTS"
DROP_INDEX: Final = "DROP INDEX $name IF EXISTS"
AWAIT: Final = "CALL db.awaitIndexes(300)"
