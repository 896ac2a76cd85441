"""The graph stores that the questions are asked of."""

from tests.contract.graphstore.conftest import neo4j_stores, stores

__all__ = ["neo4j_stores", "stores"]
