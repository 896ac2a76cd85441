"""The catalog's questions: those of every family with tables, the same for every database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.families.artifact.queries import ArtifactQueries
from provgraph.families.credential.queries import CredentialQueries
from provgraph.families.pem.queries import PemQueries
from provgraph.families.report.queries import ReportQueries
from provgraph.families.tag.queries import TagQueries
from provgraph.relational.reading import Reading

if TYPE_CHECKING:
    from sqlalchemy import Engine


class CatalogQueries(PemQueries, ArtifactQueries, TagQueries, ReportQueries, CredentialQueries):
    """The read side of a `Catalog`, over any SQLAlchemy engine."""

    def __init__(self, engine: Engine, *, credentials: Engine) -> None:
        """
        Ask by way of an engine.

        :param credentials: an engine of their own, see `Reading`
        """
        super().__init__(Reading(engine, credentials=credentials))

    @property
    def reading(self) -> Reading:
        """See `Catalog.reading`."""
        return self._reading

    def close(self) -> None:
        """See `Catalog.close`."""
        self._reading.close()
