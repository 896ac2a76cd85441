"""A log with its catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provgraph.catalog import ListQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.events import NewEvent


@dataclass(frozen=True)
class Stores:
    """A log and the catalog that is written with it."""

    log: EventLog
    catalog: Catalog
    tamper: Callable[[str], object]
    """Runs a statement behind everybody's back."""
    tables: Callable[[], set[str]]
    """Returns what the database says of its tables and their indexes."""
    stamp: Callable[[str | None], None]
    """Says what the catalog's tables are, as another version would."""

    def append(self, *events: NewEvent) -> None:
        """Append events as one batch."""
        self.log.append(events)

    def ids(self, query: ListQuery) -> list[str]:
        """Return the last two digits of the ids of the PEMs in a list."""
        return [pem.id[-2:] for pem in self.catalog.pems(query)]

    def names(self, query: ListQuery | None = None) -> list[str]:
        """Return the names of the artifacts in a list."""
        return [artifact.name for artifact in self.catalog.artifacts(query or ListQuery())]


def filtered(**filters: str) -> ListQuery:
    """Return a query with filters alone."""
    return ListQuery(filters=tuple(filters.items()))
