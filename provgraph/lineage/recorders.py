"""
What answers tell of events beside what the events say: who recorded it, and whether it was changed since.

Who recorded an event is the credential that it came with. An event that was changed after it was recorded is in an
answer only when an operator accepted it as it stands now; then whatever rests on it says so. Both
are looked up in the log by position when an answer is made. No graph holds them, so graphs and their digests are the
same whoever sent the events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from provgraph.eventlog.checking import accepted_changes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.lineage.told import Json

RECORDED_BY = "recorded_by"
CHANGED = "changed"

# Returns what is to be added to the event at a position, where there is something to add: ``recorded_by``
# ``{"id": 32 hex digits, "name": of it}``, and ``changed`` ``{"reason", "recorded_digest", "found_digest"}``.
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
        Return what is to be added to events, by log position.

        :raises StoreError: the log cannot be read
        """
        senders = self._log.senders(positions)
        if not self._names.keys() >= set(senders.values()):
            self._names = {credential.id: credential.name for credential in self._catalog.credentials()}
        known: dict[int, Json] = {
            position: {RECORDED_BY: {"id": id_, "name": self._names.get(id_)}}
            for position, id_ in senders.items()
        }
        changes = accepted_changes(self._log)
        for position in changes.keys() & set(positions):
            change = changes[position]
            known.setdefault(position, {})[CHANGED] = {
                "reason": change.reason,
                "recorded_digest": change.recorded_digest,
                "found_digest": change.found_digest,
            }
        return known


def add_to(events: Iterable[Json], recorders: RecordersOf) -> None:
    """Add to what answers tell of events; those without a position were never recorded."""
    found = [event for event in events if event.get("position") is not None]
    known = recorders([event["position"] for event in found])
    if known:
        for event in found:
            event.update(known.get(event["position"], {}))
