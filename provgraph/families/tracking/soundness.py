"""Whether a step that was changed in the store still says what some version would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.families.pem import events as pem
from provgraph.families.soundness import is_of
from provgraph.families.tracking.events import Tracked
from provgraph.families.tracking.kinddefinition import require_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.families.tracking.events import Step


def is_sound(fields: Any, content: object) -> bool:
    """See `provgraph.families.base.Family`; :raises InvalidInputError: a kind is defined in no form of that."""
    return (
        isinstance(content, Tracked) and pem.is_sound(fields["Pem"], content.pem) and _is_sound(content.step)
    )


def _is_sound(step: Step) -> bool:
    if not (is_of(step, type(step)) and all(pem.is_id(id_) for id_ in _ids(step) if id_ is not None)):
        return False
    for kind in step.kinds:
        require_kind(kind, "kind")
    return True


def _ids(step: Step) -> Iterator[str | None]:
    """Yield the ids of the objects and runs that a step tells of."""
    yield step.run_id
    for change in step.changes:
        for state in (change.before, change.after):
            if state is not None:
                yield from (state.id, state.parent)
        yield from change.dropped
    for listed in step.members:
        yield from (listed.group_id, *listed.members)
    if step.run is not None:
        yield from (step.run.id, step.run.group_id)
        yield from (*(step.run.members or ()), *(step.run.previous_members or ()))
