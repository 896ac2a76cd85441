"""The graph's projection rule: from events to what a store has to write. Pure, and the same for every store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.events import UnknownKind, newer
from provgraph.events.clock import second_text
from provgraph.families.artifact.events import ArtifactsRemoved, note
from provgraph.families.registry import pem_of
from provgraph.families.tag.events import TagSet
from provgraph.graphstore.base import TagFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.events import RecordedEvent
    from provgraph.families.artifact.events import Sighting
    from provgraph.families.pem.events import Pem


class GraphStep(NamedTuple):
    """
    What a run of events changes in a graph, in this order.

    Artifacts are made when new, and their properties filled when the stored ones are empty; tags replace; artifacts
    in ``removed`` go if nothing is connected to them by then.
    """

    pems: list[
        tuple[Pem, int, int]
    ]  # with its log position, and when it was recorded (microseconds since 1970)
    artifacts: dict[str, Sighting]
    tags: list[TagFacts]  # in the order of the log; the last one of each tag is where it is now
    removed: tuple[str, ...]


GraphBatch = list[GraphStep]


def project(events: Sequence[RecordedEvent]) -> GraphBatch:
    """
    Return what a run of events changes; families that do not show in the graph change nothing.

    :raises NewerEventError: one of them is of an unknown kind, and what that changes is not known here
    """
    steps: GraphBatch = []
    step = GraphStep([], {}, [], ())
    for event in events:
        pem = pem_of(event)
        if pem is not None:
            _add_pem(step, pem, event)
        elif isinstance(event.content, TagSet):
            step.tags.append(TagFacts(*event.content, event.recorded_us, event.position))
        elif isinstance(event.content, ArtifactsRemoved):
            # What is removed depends on everything before it and on nothing after it.
            steps.append(step._replace(removed=event.content.names))
            step = GraphStep([], {}, [], ())
        elif type(event.kind) is UnknownKind:
            raise newer(event)
    steps.append(step)
    return steps


def _add_pem(step: GraphStep, pem: Pem, event: RecordedEvent) -> None:
    step.pems.append((pem, event.position, event.recorded_us))
    recorded_at = second_text(event.recorded_us)
    for statements in (pem.uses, pem.produces):
        note(
            step.artifacts,
            statements,
            recorded_us=event.recorded_us,
            recorded_at=recorded_at,
            occurred_us=pem.occurred_us,
            position=event.position,
        )
    if pem.tag:
        step.tags.append(TagFacts(pem.tag_namespace or "", pem.tag, pem.id, pem.occurred_us, event.position))
