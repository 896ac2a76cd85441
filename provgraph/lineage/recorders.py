"""
What answers tell of events beside what the events say: who recorded it, and whether it was changed since.

Who recorded an event is the credential that it came with. An event that was changed after it was recorded is in an
answer only when an operator accepted it as it stands now; then whatever rests on it says so. Both
are looked up in the log by position when an answer is made. No graph holds them, so graphs and their digests are the
same whoever sent the events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from provgraph.errors import CorruptStoreError
from provgraph.eventlog.checking import CheckedReader, accepted_changes
from provgraph.events.base import SetAside
from provgraph.events.recorder import CHANGED, RECORDED_BY
from provgraph.lineage.changednames import ChangedNames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.eventlog.checking import Accepted
    from provgraph.events import RecordedEvent
    from provgraph.families.acceptance.events import ChangeAccepted
    from provgraph.lineage.told import Json

# An id that is not in the catalog is asked for again after this time: it may have been built anew meanwhile.
_MISSED_SECONDS = 10.0
_MISSED_AT_MOST = 10_000

# Returns what is to be added to the event at a position, where there is something to add: ``recorded_by``
# ``{"id": 32 hex digits, "name": of it}``, and ``changed`` ``{"reason", "recorded_digest", "found_digest"}``.
RecordersOf = Callable[[Collection[int]], Mapping[int, "Json"]]


def nobody(_positions: Collection[int]) -> Mapping[int, Json]:
    """Know no recorder: for answers that are not about a log."""
    return {}


class Recorders:
    """The recorders of one log's events (a `RecordersOf`). Safe to use from several threads."""

    def __init__(
        self, log: EventLog, catalog: Catalog, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._catalog = catalog
        self._clock = clock
        self._names: dict[str, str] = {}  # of credentials, by id; they never change
        # The positions of accepted changes, and which of them nobody can read.
        self._unreadable: tuple[frozenset[int], list[int]] = (frozenset(), [])
        # The accepted changes, and what their events name.
        self._names_of_changes: tuple[Accepted, ChangedNames] = ({}, ChangedNames())
        self._missed: dict[str, float] = {}  # ids without a name, and until when they are not asked for again

    @property
    def answers_at_once(self) -> bool:
        """Whether the event loop itself may ask: nothing but this process is asked."""
        return self._log.is_local

    def __call__(self, positions: Collection[int]) -> Mapping[int, Json]:
        """
        Return what is to be added to events, by log position.

        :raises StoreError: the log cannot be read
        """
        senders = self._log.senders(positions)
        known: dict[int, Json] = {}
        if senders:
            self._learn(set(senders.values()) - self._names.keys())
            for position, id_ in senders.items():
                known[position] = {RECORDED_BY: {"id": id_, "name": self._names.get(id_)}}
        changes = self.changes()
        for position in changes.keys() & set(positions):
            known.setdefault(position, {})[CHANGED] = changes[position]
        return known

    def changes(self) -> Mapping[int, Json]:
        """
        Return the changes that were accepted, by the log positions of the events. Nearly always there are none.

        :raises StoreError: the log cannot be read
        """
        return {position: _told(change) for position, change in accepted_changes(self._log).items()}

    def changed_names(self) -> ChangedNames:
        """
        Return what the changed events name that were accepted.

        :raises StoreError: the log cannot be read
        """
        accepted = accepted_changes(self._log)
        about, names = self._names_of_changes
        if accepted != about:
            events = ((self._as_it_stands(position), _told(change)) for position, change in accepted.items())
            names = ChangedNames((event, change) for event, change in events if event is not None)
            self._names_of_changes = accepted, names  # one value: several threads may be here
        return names

    def unreadable(self) -> list[int]:
        """
        Return the log positions of the events that no answer counts: they cannot be read, and that was accepted.

        :raises StoreError: the log cannot be read
        """
        accepted = frozenset(accepted_changes(self._log))
        about, unreadable = self._unreadable
        if accepted != about:
            unreadable = [position for position in sorted(accepted) if self._is_set_aside(position)]
            self._unreadable = accepted, unreadable  # one value: several threads may be here
        return unreadable

    def _is_set_aside(self, position: int) -> bool:
        found = self._as_it_stands(position)
        return found is not None and isinstance(found.kind, SetAside)

    def _as_it_stands(self, position: int) -> RecordedEvent | None:
        try:
            found = CheckedReader(self._log).read(after=position - 1, limit=1)
        except CorruptStoreError:
            return None  # changed once more since: readiness and verification tell, and answers go on
        return found[0] if found else None

    def _learn(self, ids: Collection[str]) -> None:
        now = self._clock()
        asked = [id_ for id_ in ids if self._missed.get(id_, now) <= now]
        if not asked:
            return
        found = self._catalog.credential_names(asked)
        self._names.update(found)
        if len(self._missed) >= _MISSED_AT_MOST:
            self._missed.clear()
        self._missed.update((id_, now + _MISSED_SECONDS) for id_ in asked if id_ not in found)


def _told(change: ChangeAccepted) -> Json:
    return {
        "reason": change.reason,
        "recorded_digest": change.recorded_digest,
        "found_digest": change.found_digest,
    }


def add_to(
    events: Iterable[Json], recorders: RecordersOf, *, versions: Iterable[tuple[int, Json]] = ()
) -> None:
    """
    Add to what answers tell of events; those without a position were never recorded.

    :param versions: what is told of versions and of events that are only named, each with the log position of the
        event: to these is added that the event was changed since, and not who recorded it
    """
    found = [event for event in events if event.get("position") is not None]
    named = list(versions)
    positions = {event["position"] for event in found}.union(position for position, _ in named)
    known = recorders(positions) if positions else {}
    if known:
        for event in found:
            event.update(known.get(event["position"], {}))
        for position, version in named:
            if CHANGED in known.get(position, {}):
                version[CHANGED] = known[position][CHANGED]


def placed(told: Iterable[Json]) -> Iterator[tuple[int, Json]]:
    """Yield what is told of versions and events with their positions, for `add_to`."""
    return ((each["position"], each) for each in told if each.get("position") is not None)
