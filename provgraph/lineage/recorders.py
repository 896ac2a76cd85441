"""
Who recorded an event: the credential that it came with.

It is looked up in the log by position when an answer is made. No graph holds it, so graphs and their digests are the
same whoever sent the events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from provgraph.events.recorder import RECORDED_BY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.lineage.told import Json

# An id that is not in the catalog is asked for again after this time: it may have been built anew meanwhile.
_MISSED_SECONDS = 10.0
_MISSED_AT_MOST = 10_000

# Returns the recorder of each position that has one: ``{"id": 32 hex digits, "name": of the credential}``.
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
        self._missed: dict[str, float] = {}  # ids without a name, and until when they are not asked for again

    @property
    def answers_at_once(self) -> bool:
        """Whether the event loop itself may ask: nothing but this process is asked."""
        return self._log.is_local

    def __call__(self, positions: Collection[int]) -> Mapping[int, Json]:
        """
        Return the recorders of events, by log position.

        :raises StoreError: the log cannot be read
        """
        senders = self._log.senders(positions)
        if not senders:
            return {}
        self._learn(set(senders.values()) - self._names.keys())
        return {position: {"id": id_, "name": self._names.get(id_)} for position, id_ in senders.items()}

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


def add_to(events: Iterable[Json], recorders: RecordersOf) -> None:
    """Add to what answers tell of events who recorded them; events without a position were never recorded."""
    found = [event for event in events if event.get("position") is not None]
    known = recorders([event["position"] for event in found])
    if known:
        for event in found:
            recorder = known.get(event["position"])
            if recorder is not None:
                event[RECORDED_BY] = recorder
