"""The catalog: lists, filters, counts, tags, reports and credentials."""

from provgraph.catalog.base import Catalog
from provgraph.catalog.sqlite import SQLiteCatalog, SQLiteCatalogProjection
from provgraph.families.artifact.queries import CatalogArtifact
from provgraph.families.credential.queries import CatalogCredential
from provgraph.families.pem.queries import CatalogPem
from provgraph.families.report.queries import CatalogReport
from provgraph.families.tag.queries import CatalogTag
from provgraph.relational.lists import ListQuery

__all__ = [
    "Catalog",
    "CatalogArtifact",
    "CatalogCredential",
    "CatalogPem",
    "CatalogReport",
    "CatalogTag",
    "ListQuery",
    "SQLiteCatalog",
    "SQLiteCatalogProjection",
]
