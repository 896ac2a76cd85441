"""The questions, written once against `GraphStore`."""

from provgraph.exports import to_networkx
from provgraph.graphstore import Direction
from provgraph.lineage.lineage import lineage
from provgraph.lineage.request import DEFAULT_LIMIT, LARGEST_LIMIT, LineageRequest

__all__ = ["DEFAULT_LIMIT", "LARGEST_LIMIT", "Direction", "LineageRequest", "lineage", "to_networkx"]
