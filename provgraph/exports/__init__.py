"""
Lineage answers in other formats, for other programs.

Each function takes the JSON answer of ``GET /api/v1/lineage``, as a dict, and needs neither a store nor a service.
"""

from provgraph.exports.errors import MissingLibraryError
from provgraph.exports.formats import (
    FORMATS,
    Answer,
    Format,
    to_dot,
    to_graphml,
    to_mermaid,
    to_networkx,
    to_node_link,
    to_prov,
    to_prov_json,
    to_prov_n,
)
from provgraph.exports.plain import to_json, to_ndjson

__all__ = [
    "FORMATS",
    "Answer",
    "Format",
    "MissingLibraryError",
    "to_dot",
    "to_graphml",
    "to_json",
    "to_mermaid",
    "to_ndjson",
    "to_networkx",
    "to_node_link",
    "to_prov",
    "to_prov_json",
    "to_prov_n",
]
