"""
Building the catalog's tables anew from the log, beside the served ones, and switching to them; for every database.

Most of the log is read in short transactions, so that appends go on between them. How far they came is kept beside the
new tables: who was interrupted goes on from there. The rest is read while nobody can append, so that nothing comes in
between the last event and the switch.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from sqlalchemy import text

from provgraph.catalog.fingerprints import differing, is_same, newer_version, stamp
from provgraph.catalog.writing import CatalogProjection
from provgraph.errors import ConflictError, StoreError
from provgraph.eventlog.checking import CheckedReader
from provgraph.events import canonical
from provgraph.families.registry import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from provgraph.catalog.writing import Writer
    from provgraph.errors import ChangedEventError
    from provgraph.eventlog import EventLog
    from provgraph.events import RecordedEvent
    from provgraph.families.base import Family

logger = logging.getLogger(__name__)

C = TypeVar("C")  # the driver's connection

NEXT = "next_"
_CHUNK = 2_000
# The last step keeps everybody from appending: only this many events may be left to read then.
_NEARLY_THERE = 200
_LOG_IS_LATE_SECONDS = 10.0
# Lists that are being read hold their tables. After a try that was in vain the others go on for a moment.
_SWITCH_PAUSE_SECONDS = 0.5
_SWITCH_SECONDS = 120.0

# How far a rebuild came, and what it builds. Goes with the tables that it builds.
_STATE = f"{NEXT}state"
CREATE_STATE = (
    f"CREATE TABLE {_STATE} (what text NOT NULL, epoch text NOT NULL, position bigint, events bigint)"
)
INSERT_STATE = f"INSERT INTO {_STATE} VALUES (:what, :epoch, 0, 0)"  # noqa: S608 - our own name
UPDATE_STATE = f"UPDATE {_STATE} SET position = :position, events = :events"  # noqa: S608 - our own name
SELECT_STATE = f"SELECT what, epoch, position, events FROM {_STATE}"  # noqa: S608 - our own name


class SwitchError(Exception):
    """The tables are being read and cannot be switched at the moment."""


class End(NamedTuple):
    """Where the log ends, as it is committed."""

    epoch: str
    position: int


class Site(ABC, Generic[C]):
    """A session on the database for one rebuild. No other rebuild has one at the same time."""

    connection: C

    @abstractmethod
    def stamp(self) -> str | None:
        """Return what the served tables are, see `fingerprints`."""

    @abstractmethod
    def set_stamp(self, text: str) -> None:
        """Say what the served tables are from now on."""

    @abstractmethod
    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return the rows of a query."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Run a block in a transaction that need not be durable."""

    @abstractmethod
    def at_end(self) -> AbstractContextManager[End]:
        """Run a block in a durable transaction during which nobody can append."""

    @abstractmethod
    def applying(self) -> AbstractContextManager[object]:
        """Run a block of writes whose results nobody asks for."""

    @abstractmethod
    def settle(self) -> None:
        """Prepare the new tables for being asked."""

    @abstractmethod
    def switch(self, names: Sequence[str]) -> None:
        """
        Let the new tables take the place of the served ones of these names.

        :raises SwitchError: they are being read
        """

    @abstractmethod
    def leave(self, tidying: Callable[[], None]) -> None:
        """End whatever is not ended, and tidy up if the database is still there."""


class _Reached(NamedTuple):
    """How far a rebuild has read the log."""

    position: int = 0
    events: int = 0


class Rebuild(Generic[C]):
    """One rebuild of the tables of some families."""

    def __init__(
        self,
        site: Site[C],
        writer: Writer[C],
        log: EventLog,
        *,
        families: Collection[Family] = FAMILIES,
        progress: Callable[[int], None] | None = None,
        resumes: bool = True,
        passing_over: Callable[[ChangedEventError], None] | None = None,
    ) -> None:
        """
        Prepare it.

        :param progress: is called with the number of events read so far
        :param resumes: go on with what was left by one that was interrupted
        :param passing_over: see `CheckedReader`
        """
        self._resumes = resumes
        self._site = site
        self._writer = writer
        self._log = log
        self._progress = progress
        self._projection = CatalogProjection(writer, families=families, prefix=NEXT)
        self._what = canonical.text([stamp(), sorted(family.name for family in families)])
        self._epoch = ""
        self._reader = CheckedReader(log, passing_over=passing_over)

    def run(self) -> int:
        """
        Do all of it, and return how many events were read.

        :raises ConflictError: lists that are being read do not end
        """
        while True:
            reached = self._follow(self._begin())
            self._site.settle()
            finished = self._switch(reached)
            if finished is not None:
                return finished.events
            # The log was cleaned meanwhile.

    def _begin(self) -> _Reached:
        """Make the new tables, or go on with those of a rebuild that was interrupted."""
        self._epoch = self._log.head().epoch
        left = self._left()
        if left is not None:
            logger.info("going on with the catalog's tables after %d events", left.events)
            return left
        with self._site.transaction():
            drop_new(self._site, self._writer)
            for statement in (*self._projection.tables.made(), CREATE_STATE):
                self._writer.execute(self._site.connection, statement)
            self._state(INSERT_STATE, what=self._what, epoch=self._epoch)
        return _Reached()

    def _left(self) -> _Reached | None:
        if not self._resumes or _STATE not in self._writer.tables(self._site.connection):
            return None
        for what, epoch, position, events in self._site.rows(SELECT_STATE):
            if (
                (what, epoch) == (self._what, self._epoch)
                and isinstance(position, int)
                and isinstance(events, int)
            ):
                return _Reached(position, events)
        return None

    def _follow(self, reached: _Reached) -> _Reached:
        while len(events := self._read(reached)) > _NEARLY_THERE:
            with self._site.transaction():
                reached = self._take_in(events, reached)
            self._tell(reached)
        return reached

    def _switch(self, reached: _Reached) -> _Reached | None:
        """Read what is left, and switch; None if the log was cleaned."""
        give_up_at = time.monotonic() + _SWITCH_SECONDS
        while True:
            try:
                return self._finish(reached)
            except SwitchError as error:
                if time.monotonic() >= give_up_at:
                    raise ConflictError(
                        "Lists that are being read keep the rebuilt catalog from taking its place; try again later"
                    ) from error
            time.sleep(_SWITCH_PAUSE_SECONDS)
            reached = self._follow(reached)

    def _finish(self, reached: _Reached) -> _Reached | None:
        before = reached
        with self._site.at_end() as end:
            # What is committed decides: the log itself may notice its last append or cleaning only a moment later.
            if end.epoch != self._epoch:
                return None
            while reached.position < end.position:
                is_there = self._log.wait(after=reached.position, timeout_seconds=_LOG_IS_LATE_SECONDS)
                events = self._read(reached) if is_there else []
                if not events:
                    raise StoreError(f"The event log does not give what follows position {reached.position}")
                reached = self._take_in(events, reached)
            self._site.switch([table.name for table in self._projection.tables.served])
            self._site.set_stamp(stamp())
            self._writer.execute(self._site.connection, f"DROP TABLE {_STATE}")
        if reached != before:
            self._tell(reached)
        return reached

    def _read(self, reached: _Reached) -> Sequence[RecordedEvent]:
        return self._reader.read(after=reached.position, limit=_CHUNK)

    def _take_in(self, events: Sequence[RecordedEvent], reached: _Reached) -> _Reached:
        after = _Reached(events[-1].position, reached.events + len(events))
        with self._site.applying():
            self._projection.apply(self._site.connection, events)
            self._state(UPDATE_STATE, **after._asdict())
        return after

    def _state(self, statement: str, **values: str | int) -> None:
        self._writer.each(self._site.connection, self._writer.text(text(statement)), [values])

    def _tell(self, reached: _Reached) -> None:
        if self._progress is not None:
            self._progress(reached.events)


def left_over(site: Site[C], writer: Writer[C]) -> list[str]:
    """Return the names of the tables that a rebuild left beside the served ones, or is filling."""
    return sorted(name for name in writer.tables(site.connection) if name.startswith(NEXT))


def drop_new(site: Site[C], writer: Writer[C]) -> None:
    """Remove what a rebuild left beside the served tables."""
    for name in left_over(site, writer):
        writer.execute(site.connection, f"DROP TABLE {name}")


def outdated(site: Site[C], writer: Writer[C], *, take_back: bool = False) -> tuple[Family, ...]:
    """
    Return the families whose tables are not those of this version, or not all there.

    :param take_back: also where a newer version made them
    :raises StoreError: a newer version of provgraph made them
    """
    found = site.stamp()
    newer = newer_version(found)
    if newer is not None and not take_back and not is_same(found, stamp()):
        raise StoreError(
            f"provgraph {newer}, a newer version, made the catalog's tables. Start that version. To go back to this "
            "one, stop all processes of the newer one, and start this one once with PROVGRAPH_CATALOG_TAKE_BACK=true: "
            "it builds the tables anew from the log. Nothing was changed"
        )
    there = writer.tables(site.connection)
    missing = {family.name for family in FAMILIES if any(table.name not in there for table in family.tables)}
    return differing(found, missing=missing)
