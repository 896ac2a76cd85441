"""The work as the event log takes it, and the log filled with it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from bench import workload
from provgraph.catalog.postgresql import PostgreSQLCatalogProjection
from provgraph.eventlog.postgresql import PostgreSQLEventLog
from provgraph.families.pem.events import accept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.workload import Event
    from provgraph.events import NewEvent, RecordedEvent
    from provgraph.postgresql import Connection

_FILL = 2_000
_REHEARSAL = "rehearsal-"


def new_events(events: Iterable[Event]) -> list[NewEvent]:
    """Make of each event what a receiver would append."""
    return [accept(workload.pem(event)) for event in events]


def rehearsal(count: int) -> list[NewEvent]:
    """Make ``count`` events of the same kind that have nothing in common with the work but emitters and tags."""
    return [accept(_elsewhere(workload.pem(event))) for event in workload.generate(count)]


def _elsewhere(pem: dict[str, Any]) -> dict[str, Any]:
    """Give an event and everything that it names other names."""
    before = pem["Predecessor"]
    return {
        **pem,
        "ID": workload.identifier(_REHEARSAL + pem["ID"]),
        "Predecessor": None if before is None else workload.identifier(_REHEARSAL + before),
        "UsesArtifacts": [_renamed(artifact) for artifact in pem["UsesArtifacts"]],
        "ProducesArtifacts": [_renamed(artifact) for artifact in pem["ProducesArtifacts"]],
    }


def rehearsal_targets(count: int) -> list[str]:
    """Choose the artifacts of a rehearsal of ``count`` events that the question is asked about."""
    return [_REHEARSAL + workload.artifact_name(number) for number in workload.targets(count)]


def _renamed(artifact: dict[str, Any]) -> dict[str, Any]:
    return {**artifact, "Name": _REHEARSAL + artifact["Name"]}


class _Unlisted(PostgreSQLCatalogProjection):
    """The catalog's tables, with nothing in them: they are no part of what is measured on a filled log."""

    def apply(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        """Write nothing."""


def fill(database: str, events: Sequence[NewEvent]) -> int:
    """Append events to the log in a database, without the catalog; position of the last one."""
    return fill_in_parts(database, [events[start : start + _FILL] for start in range(0, len(events), _FILL)])


def fill_in_parts(
    database: str, parts: Iterable[Sequence[NewEvent]], *, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Append one part after the other, telling the position after each; position of the last event."""
    position = 0
    with closing(PostgreSQLEventLog(database, projections=[_Unlisted()])) as log:
        for part in parts:
            position = log.append(part)[-1].recorded.position
            progress(position)
    return position
