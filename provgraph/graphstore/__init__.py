"""Graph stores: the provenance graph, projected from the log."""

from provgraph.graphstore.base import (
    ArtifactFacts,
    Checkpoint,
    Corrections,
    CypherResult,
    Direction,
    GraphCounts,
    GraphDigest,
    GraphReader,
    GraphStore,
    PemFacts,
    ProductionFacts,
    TagFacts,
    UseFacts,
    Walk,
    WalkedPem,
    WalkedUse,
    WalkQuery,
    WalkStart,
)
from provgraph.graphstore.embedded import EmbeddedGraphStore
from provgraph.graphstore.projection import GraphBatch, GraphStep, project

__all__ = [
    "ArtifactFacts",
    "Checkpoint",
    "Corrections",
    "CypherResult",
    "Direction",
    "EmbeddedGraphStore",
    "GraphBatch",
    "GraphCounts",
    "GraphDigest",
    "GraphReader",
    "GraphStep",
    "GraphStore",
    "PemFacts",
    "ProductionFacts",
    "TagFacts",
    "UseFacts",
    "Walk",
    "WalkQuery",
    "WalkStart",
    "WalkedPem",
    "WalkedUse",
    "project",
]
