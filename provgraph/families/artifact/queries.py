"""Questions about the artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from provgraph.families.artifact.tables import ARTIFACT
from provgraph.relational.lists import Field, contains, counted, listed, text_field
from provgraph.relational.reading import Questions
from provgraph.relational.spelling import same_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provgraph.relational.lists import ListQuery


class CatalogArtifact(NamedTuple):
    """An artifact as lists show it: its first non-empty properties, and when it was first seen."""

    name: str
    properties: str  # JSON text of an object
    created_at: str  # YYYY-MM-DD HH:MM:SS, UTC


_FIELDS: Mapping[str, Field] = {
    "Name": text_field(ARTIFACT.c.name),
    "Properties": Field(contains(ARTIFACT.c.properties)),
    # Seconds tie; the finer time and the sequence decide what is the latest.
    "CreatedAt": Field(contains(ARTIFACT.c.created_at), (ARTIFACT.c.created_us, ARTIFACT.c.sequence)),
    # Not Record Keeper's: the one artifact of exactly this name.
    "NameIs": Field(lambda name: same_text(ARTIFACT.c.name, name)),
}
_ARTIFACTS = select(*(ARTIFACT.c[name] for name in CatalogArtifact._fields))


class ArtifactQueries(Questions):
    """What the catalog knows of artifacts."""

    def artifacts(self, query: ListQuery) -> Iterator[CatalogArtifact]:
        """See `Catalog.artifacts`."""
        statement = listed(_ARTIFACTS, query, _FIELDS, ARTIFACT.c.sequence)
        return (CatalogArtifact(*row) for row in self._reading.stream(statement))

    def artifacts_count(self, query: ListQuery) -> int:
        """See `Catalog.artifacts_count`."""
        return self._reading.count(counted(ARTIFACT, query, _FIELDS))
