"""The graph store on Neo4j, for many processes."""

from provgraph.graphstore.neo4j.store import Neo4jGraphStore

__all__ = ["Neo4jGraphStore"]
