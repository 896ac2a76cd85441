"""Questions about the tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from provgraph.families.tag.tables import TAG
from provgraph.relational.lists import may_be_stored
from provgraph.relational.reading import Questions
from provgraph.relational.spelling import same_text

if TYPE_CHECKING:
    from collections.abc import Iterator


class CatalogTag(NamedTuple):
    """A tag and the PEM it points at."""

    namespace: str
    tag: str
    pem_id: str
    updated_at: str


class TagQueries(Questions):
    """What the catalog knows of tags."""

    def tag(self, namespace: str, tag: str) -> CatalogTag | None:
        """See `Catalog.tag`."""
        if not may_be_stored(namespace) or not may_be_stored(tag):
            return None
        row = self._reading.one(
            select(TAG).where(same_text(TAG.c.namespace, namespace), same_text(TAG.c.tag, tag))
        )
        return None if row is None else CatalogTag(*row)

    def tags(self) -> Iterator[CatalogTag]:
        """See `Catalog.tags`."""
        ordered = select(TAG).order_by(TAG.c.namespace, TAG.c.tag)
        return (CatalogTag(*row) for row in self._reading.stream(ordered))

    def tags_count(self) -> int:
        """See `Catalog.tags_count`."""
        return self._reading.count(select(func.count()).select_from(TAG))
