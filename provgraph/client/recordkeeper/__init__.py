"""
The names, signatures and answers of Record Keeper's own client, over this one's connections.

A program moves by changing one import:

    from provgraph.client.recordkeeper import RKClient, RKQuery, RKAdmin, RKClientFactory

What differs: connections stay open between calls, `RKQuery.get_artifact` asks for that one artifact instead of all of
them, queries may hold quotes and line ends, an emitter's id may be a UUID, and a call that fails never raises.
"""

from provgraph.client.recordkeeper.admin import RKAdmin
from provgraph.client.recordkeeper.client import RKClient
from provgraph.client.recordkeeper.entities import PEM, Artifact
from provgraph.client.recordkeeper.factory import RKClientFactory
from provgraph.client.recordkeeper.query import RKQuery
from provgraph.client.recordkeeper.serialization import (
    ArtifactSerialization,
    GraphBuilderInfo,
    PEMSerialization,
    QueryInfo,
    ReceiverInfo,
    deserialize_graph_builder_info,
    deserialize_query_info,
    deserialize_receiver_info,
)

__all__ = [
    "PEM",
    "Artifact",
    "ArtifactSerialization",
    "GraphBuilderInfo",
    "PEMSerialization",
    "QueryInfo",
    "RKAdmin",
    "RKClient",
    "RKClientFactory",
    "RKQuery",
    "ReceiverInfo",
    "deserialize_graph_builder_info",
    "deserialize_query_info",
    "deserialize_receiver_info",
]
