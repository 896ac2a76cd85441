"""PEM and artifact, with the attributes that programs for Record Keeper read and write."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)

VERSION = "2.0.0"


class Artifact:
    """An artifact: its name is its identity. ``SolelyID``: nothing but the name is known."""

    __hash__ = None  # type: ignore[assignment] # it can be changed

    def __init__(self, name: str, properties: dict[str, Any], solely_id: bool = False) -> None:
        self.Name = name
        self.Properties = properties
        self.CreatedAt: str | None = None  # YYYY-MM-DD HH:MM:SS, UTC
        self.SolelyID = solely_id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artifact):
            return NotImplemented
        return (self.Name, self.Properties) == (other.Name, other.Properties)

    def __repr__(self) -> str:
        return self.Name if self.SolelyID else f"Artifact({self.Name}, {self.Properties}, {self.CreatedAt})"


class PEM:
    """A process event message."""

    __hash__ = None  # type: ignore[assignment] # it can be changed

    def __init__(
        self,
        id: UUID,  # noqa: A002 - the signature is Record Keeper's
        pem_type: str,
        predecessor_id: UUID | None,
        emitter_id: str,
        timestamp_client: str,
    ) -> None:
        self.ID = id
        self.Type = pem_type
        self.Predecessor = predecessor_id
        self.Emitter = emitter_id
        self.TimestampClient = timestamp_client  # YYYY-MM-DD HH:MM:SS, UTC
        self.Properties: dict[str, Any] = {}
        self.UsesArtifacts: list[Artifact] = []
        self.ProducesArtifacts: list[Artifact] = []
        self.Version = VERSION
        self.Tag: str | None = ""
        self.TagNamespace: str | None = ""

    def uses_artifact(self, artifact: Artifact) -> None:
        """Add an artifact that the event used; a second one of the same name is not added."""
        if any(used.Name == artifact.Name for used in self.UsesArtifacts):
            logger.warning("PEM %s uses %r already: it is not added again", self.ID, artifact.Name)
        else:
            self.UsesArtifacts.append(artifact)

    def produces_artifact(self, artifact: Artifact) -> None:
        """Add an artifact that the event produced."""
        self.ProducesArtifacts.append(artifact)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PEM):
            return NotImplemented
        return (self.ID, self.Type, self.Properties) == (other.ID, other.Type, other.Properties)

    def __repr__(self) -> str:
        return (
            f"PEM({self.ID.hex}, {self.Type}, {self.Predecessor}, {self.Properties}, {self.TimestampClient}, "
            f"uses: {self.UsesArtifacts}, produces: {self.ProducesArtifacts})"
        )
