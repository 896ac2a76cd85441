"""The catalog: lists, filters, counts, tags, reports and credentials."""

from provgraph.catalog.base import (
    Catalog,
    CatalogArtifact,
    CatalogCredential,
    CatalogPem,
    CatalogReport,
    CatalogTag,
    ListQuery,
)
from provgraph.catalog.sqlite import SQLiteCatalog, SQLiteCatalogProjection

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
