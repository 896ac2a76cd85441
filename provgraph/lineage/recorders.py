"""
Who recorded an event: the credential that it came with.

It is looked up in the log by position when an answer is made. No graph holds it, so graphs and their digests are the
same whoever sent the events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.lineage.told import Json

RECORDED_BY = "recorded_by"

# Returns the recorder of each position that has one: ``{"id": 32 hex digits, "name": of the credential}``.
RecordersOf = Callable[[Collection[int]], Mapping[int, "Json"]]


def nobody(_positions: Collection[int]) -> Mapping[int, Json]:
    """Know no recorder: for answers that are not about a log."""
    return {}


class Recorders:
    """The recorders of one log's events (a `RecordersOf`). Safe to use from several threads."""

    def __init__(self, log: EventLog, catalog: Catalog) -> None:
        self._log = log
        self._catalog = catalog
        self._names: dict[str, str] = {}  # of credentials, by id; they never change

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
        if not self._names.keys() >= set(senders.values()):
            self._names = {credential.id: credential.name for credential in self._catalog.credentials()}
        return {position: {"id": id_, "name": self._names.get(id_)} for position, id_ in senders.items()}


def add_to(events: Iterable[Json], recorders: RecordersOf) -> None:
    """Add to what answers tell of events who recorded them; events without a position were never recorded."""
    found = [event for event in events if event.get("position") is not None]
    known = recorders([event["position"] for event in found])
    if known:
        for event in found:
            recorder = known.get(event["position"])
            if recorder is not None:
                event[RECORDED_BY] = recorder
