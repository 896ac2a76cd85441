"""What a PEM changes in the catalog, whichever family it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.events import canonical
from provgraph.events.clock import second_text
from provgraph.families.artifact.events import note
from provgraph.families.artifact.tables import SEEN
from provgraph.families.pem.tables import ENDED, REPORTED
from provgraph.families.tag.rows import move

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.events import RecordedEvent
    from provgraph.families.pem.events import ArtifactStatement, Pem
    from provgraph.relational.changes import Changes


def pem_rows(pem: Pem, event: RecordedEvent, changes: Changes) -> None:
    """List what an event reports: the PEM, its artifacts, its outcome and its tag."""
    received = second_text(event.recorded_us)
    seen = changes.rows(SEEN)
    for statements in (pem.uses, pem.produces):
        note(
            seen,
            statements,
            recorded_us=event.recorded_us,
            recorded_at=received,
            occurred_us=pem.occurred_us,
            position=event.position,
        )
    changes.add(
        REPORTED,
        (
            event.position,
            pem.id,
            pem.type,
            pem.predecessors[0] if pem.predecessors else None,
            pem.emitter,
            pem.timestamp_client,
            received,
            pem.properties,
            pem.version,
            pem.tag,
            pem.tag_namespace,
            _names(pem.uses),
            _names(pem.produces),
        ),
    )
    if pem.outcome is not None or pem.error is not None:
        changes.add(ENDED, (event.position, pem.outcome, pem.error))
    if pem.tag:
        move(changes, pem.tag_namespace or "", pem.tag, pem.id, received)


def _names(statements: Sequence[ArtifactStatement]) -> str:
    """Return the names in one list as JSON text, each once."""
    if not statements:
        return "[]"
    names = [statement[0] for statement in statements]
    return canonical.text(names if len(names) == 1 else list(dict.fromkeys(names)))
