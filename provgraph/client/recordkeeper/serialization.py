"""Between the wire and the objects of Record Keeper's programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from provgraph.client.recordkeeper.entities import PEM, Artifact

T = TypeVar("T")


class ArtifactSerialization:
    """Reads and writes artifacts."""

    @staticmethod
    def to_dict(artifact: Artifact) -> dict[str, Any]:
        """Return an artifact as it stands in a PEM."""
        return {"Name": artifact.Name, "Properties": artifact.Properties, "CreatedAt": artifact.CreatedAt}

    @staticmethod
    def from_dict(d: dict[str, Any]) -> Artifact:
        """Return the artifact in a JSON object."""
        artifact = Artifact(d["Name"], d["Properties"])
        artifact.CreatedAt = d["CreatedAt"]
        return artifact

    @staticmethod
    def from_json(txt: str) -> Artifact:
        """Return the artifact in a JSON text."""
        return ArtifactSerialization.from_dict(json.loads(txt))


class PEMSerialization:
    """Reads and writes PEMs."""

    @staticmethod
    def to_json(pem: PEM) -> str:
        """
        Return a PEM as it is sent.

        :raises TypeError: something in it is not JSON
        """
        emitter: Any = pem.Emitter
        fields = {
            "ID": pem.ID.hex,
            "Type": pem.Type,
            "Predecessor": None if pem.Predecessor is None else pem.Predecessor.hex,
            "Emitter": str(emitter) if isinstance(emitter, UUID) else emitter,
            "TimestampClient": pem.TimestampClient,
            "Properties": pem.Properties,
            "Version": pem.Version,
            "Tag": pem.Tag,
            "TagNamespace": str(pem.TagNamespace) if isinstance(pem.TagNamespace, UUID) else pem.TagNamespace,
            "UsesArtifacts": [ArtifactSerialization.to_dict(each) for each in pem.UsesArtifacts],
            "ProducesArtifacts": [ArtifactSerialization.to_dict(each) for each in pem.ProducesArtifacts],
        }
        return json.dumps(fields)

    @staticmethod
    def from_json(txt: str) -> PEM:
        """Return the PEM in a JSON text as it is sent."""
        return PEMSerialization.from_dict(json.loads(txt))

    @staticmethod
    def from_dict(obj: dict[str, Any], art_solely_id: bool = False) -> PEM:
        """
        Return the PEM in a JSON object.

        :param art_solely_id: the lists of artifacts hold names only, as in what a service answers
        """
        predecessor = obj.get("Predecessor")
        pem = PEM(
            UUID(hex=obj["ID"]),
            obj["Type"],
            None if predecessor is None else UUID(hex=predecessor),
            obj["Emitter"],
            obj["TimestampClient"],
        )
        pem.Properties, pem.Tag, pem.TagNamespace = obj["Properties"], obj["Tag"], obj["TagNamespace"]
        pem.UsesArtifacts, pem.ProducesArtifacts = (
            [
                Artifact(each, {}, solely_id=True) if art_solely_id else ArtifactSerialization.from_dict(each)
                for each in obj[field]
            ]
            for field in ("UsesArtifacts", "ProducesArtifacts")
        )
        return pem


@dataclass
class ReceiverInfo:
    """What a receiver says of itself."""

    version: str
    pem_version: str
    pem_size_limit: int  # bytes
    auth_required: bool
    pem_auth_required: bool


@dataclass
class QueryInfo:
    """What a query service says of itself."""

    version: str
    auth_required: bool


@dataclass
class GraphBuilderInfo:
    """What a graph builder says of itself; the last two are ``True``, ``False`` or an error message, as text."""

    version: str
    pg_pems_count: int
    pg_artifacts_count: int
    neo4j_pems_count: int
    neo4j_artifacts_count: int
    pems_sync_pct: str
    artifacts_sync_pct: str
    loop_iteration_interval: int  # seconds
    loop_state_should_rebuild: str
    loop_state_should_flush: str


def deserialize_receiver_info(s: str) -> ReceiverInfo | None:
    """Return what `RKClient.get_info` answered; None when it is not JSON."""
    return _read(ReceiverInfo, s)


def deserialize_query_info(s: str) -> QueryInfo | None:
    """Return what `RKQuery.get_info` answered; None when it is not JSON."""
    return _read(QueryInfo, s)


def deserialize_graph_builder_info(s: str) -> GraphBuilderInfo | None:
    """Return what `RKAdmin.get_graph_info` answered; None when it is not JSON."""
    return _read(GraphBuilderInfo, s)


def _read(kind: type[T], text: str) -> T | None:
    try:
        return kind(**json.loads(text))
    except json.JSONDecodeError:
        return None
