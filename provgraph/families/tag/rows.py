"""What moving a tag changes in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.events.clock import second_text
from provgraph.families.tag.events import TagSet
from provgraph.families.tag.tables import MOVED

if TYPE_CHECKING:
    from provgraph.events import RecordedEvent
    from provgraph.relational.changes import Changes


def rows(event: RecordedEvent, changes: Changes) -> None:
    """Move the tag that an event sets."""
    if isinstance(event.content, TagSet):
        namespace, tag, pem_id = event.content
        move(changes, namespace, tag, pem_id, second_text(event.recorded_us))


def move(changes: Changes, namespace: str, tag: str, pem_id: str, updated_at: str) -> None:
    """Let a tag point at a PEM from then on."""
    changes.rows(MOVED)[namespace, tag] = (namespace, tag, pem_id, updated_at)
