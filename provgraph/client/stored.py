"""What the lists of a service hold, typed: stored events, artifacts and tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provgraph.client.answers import JSON


@dataclass(frozen=True, slots=True)
class StoredPem:
    """An event as the service keeps it. What it says of its artifacts beyond their names is in the graph."""

    id: str
    type: str
    emitter: str
    predecessor: str | None
    occurred_at: str  # YYYY-MM-DD HH:MM:SS, UTC, on the emitter's clock
    received_at: str  # the same, on the service's
    properties: JSON
    version: str
    tag: str
    tag_namespace: str
    uses: tuple[str, ...]
    produces: tuple[str, ...]
    recorded_by: JSON | None = None  # the credential that it came with, {"id", "name"}

    @classmethod
    def read(cls, document: JSON) -> StoredPem:
        """Read one PEM."""
        recorder = document.get("RecordedBy")
        return cls(
            document["ID"],
            document["Type"],
            document["Emitter"],
            document["Predecessor"],
            document["TimestampClient"],
            document["TimestampReceived"],
            document["Properties"],
            document["Version"],
            document["Tag"],
            document["TagNamespace"],
            tuple(document["UsesArtifacts"]),
            tuple(document["ProducesArtifacts"]),
            None if recorder is None else {"id": recorder["ID"], "name": recorder["Name"]},
        )


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """An artifact as the service keeps it."""

    name: str
    properties: JSON  # the first that were not empty
    created_at: str  # YYYY-MM-DD HH:MM:SS, UTC: when it was first seen

    @classmethod
    def read(cls, document: JSON) -> StoredArtifact:
        """Read one artifact."""
        return cls(document["Name"], document["Properties"], document["CreatedAt"])


@dataclass(frozen=True, slots=True)
class Tag:
    """A name in a namespace that marks an event."""

    namespace: str
    tag: str
    event: str
    updated_at: str  # YYYY-MM-DD HH:MM:SS, UTC

    @classmethod
    def read(cls, document: JSON) -> Tag:
        """Read one tag."""
        return cls(document["NamespaceID"], document["Tag"], document["EventID"], document["UpdatedAt"])


@dataclass(frozen=True, slots=True)
class Rows:
    """What a graph query found."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def read(cls, document: JSON) -> Rows:
        """Read an answer."""
        return cls(tuple(document["columns"]), tuple([tuple(row) for row in document["rows"]]))
