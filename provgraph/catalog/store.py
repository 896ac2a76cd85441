"""The catalog in a database: asked, built anew, and compared; the same for every database."""

from __future__ import annotations

import hashlib
import logging
from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import func, select

from provgraph.catalog.fingerprints import is_same, stamp
from provgraph.catalog.queries import CatalogQueries
from provgraph.catalog.rebuilding import Rebuild, drop_new, left_over, outdated
from provgraph.errors import ConflictError, OtherTablesError
from provgraph.events import canonical
from provgraph.families.credential.tables import CREDENTIAL
from provgraph.families.pem.tables import PEM
from provgraph.families.registry import TABLES
from provgraph.relational.columns import is_given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine, Select, Table

    from provgraph.catalog.rebuilding import Site
    from provgraph.catalog.writing import Writer
    from provgraph.errors import ChangedEventError
    from provgraph.eventlog import EventLog

    ReadRows = Callable[[str], Iterable[Sequence[Any]]]

logger = logging.getLogger(__name__)

# So many events are told one by one.
_MOST_TOLD = 10

# What says how far the log went. Tables of another version have these columns, too.
_WITH_POSITIONS = (PEM, CREDENTIAL)

C = TypeVar("C")  # the driver's connection


class StoredCatalog(CatalogQueries, Generic[C]):
    """A `Catalog` in a database."""

    def __init__(self, writer: Writer[C], engine: Engine, *, credentials: Engine) -> None:
        """See `CatalogQueries`."""
        super().__init__(engine, credentials=credentials)
        self._writer = writer

    @abstractmethod
    def _site(self, *, looks: bool = False, waits: bool = False) -> AbstractContextManager[Site[C]]:
        """
        Open a session for a rebuild.

        :param looks: only look: there may be others meanwhile
        :param waits: for another one that is running
        :raises ConflictError: another rebuild is running
        """

    @abstractmethod
    def _snapshot(self, names: Sequence[str]) -> AbstractContextManager[ReadRows]:
        """Let a block read these tables as they are at one moment."""

    def rebuild(self, log: EventLog, progress: Callable[[int], None] | None = None) -> int:
        """See `Catalog.rebuild`."""
        with self._site() as site:
            found = site.stamp()
            if found is not None and not is_same(found, stamp()):
                raise OtherTablesError
            try:
                return Rebuild(site, self._writer, log, progress=progress, resumes=False).run()
            finally:
                # Whatever happened, no half-built tables are left beside the served ones.
                site.leave(lambda: drop_new(site, self._writer))

    def upgrade(
        self, log: EventLog, *, take_back: bool = False, progress: Callable[[int], None] | None = None
    ) -> int:
        """See `Catalog.upgrade`."""
        with self._site(looks=True) as site:
            is_current = not outdated(site, self._writer, take_back=take_back)
            is_tidy = not left_over(site, self._writer)
        if is_current:
            if not is_tidy:
                self._tidy()
            return 0
        with self._site(waits=True) as site:
            families = outdated(site, self._writer, take_back=take_back)
            if not families:
                drop_new(site, self._writer)
                return 0
            logger.warning(
                "the catalog's tables of %s are of another version of provgraph: they are built anew from the log",
                ", ".join(family.name for family in families),
            )
            left_out = _LeftOut()
            rebuild = Rebuild(
                site, self._writer, log, families=families, progress=progress, passing_over=left_out.note
            )
            read = rebuild.run()
            left_out.tell()
            return read

    def _tidy(self) -> None:
        """Remove what a rebuild left whose process was killed; one that runs is left alone."""
        with suppress(ConflictError), self._site() as site:
            drop_new(site, self._writer)

    def last_position(self) -> int:
        """See `Catalog.last_position`."""
        with self._site(looks=True) as site:
            there = self._writer.tables(site.connection)
            found = [
                site.rows(self._writer.text(_last(table))) for table in _WITH_POSITIONS if table.name in there
            ]
        return max((position for ((position,),) in found if isinstance(position, int)), default=0)

    def digest(self) -> str:
        """See `Catalog.digest`."""
        total = hashlib.sha256()
        with self._snapshot([table.name for table in TABLES]) as read:
            for table in TABLES:
                for row in read(self._writer.text(content(table))):
                    total.update(canonical.dumps(row) + b"\n")
        return total.hexdigest()


class _LeftOut:
    """
    The events that are not what was recorded.

    They keep nobody from starting: that would help neither who reports events, nor who has to look into these.
    """

    def __init__(self) -> None:
        self._found: set[int] = set()

    def note(self, error: ChangedEventError) -> None:
        """Tell of it at once: who is interrupted goes on after it, and does not meet it again."""
        if error.position in self._found:
            return
        self._found.add(error.position)
        if len(self._found) <= _MOST_TOLD:
            logger.error("an event is left out of the catalog: %s", error)

    def tell(self) -> None:
        """Tell how many there were, and what to do."""
        if self._found:
            logger.error(
                "%d events are left out of the catalog, as they are not what was recorded. Put them back or accept "
                "them, and then have the catalog built anew: provgraph admin rebuild --no-graph",
                len(self._found),
            )


def _last(table: Table) -> Select[tuple[int]]:
    return select(func.max(table.c.position))


def content(table: Table) -> Select[*tuple[Any, ...]]:
    """Return the query for what readers can see of a table, in an order that does not depend on row numbers."""
    seen = [column for column in table.columns if not is_given(column)]
    return select(*seen).order_by(*table.primary_key.columns)
