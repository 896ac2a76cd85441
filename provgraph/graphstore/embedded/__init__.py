"""The embedded graph store: node and edge tables in SQLite."""

from provgraph.graphstore.embedded.store import EmbeddedGraphStore

__all__ = ["EmbeddedGraphStore"]
