"""What a tracked step changes in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert

from provgraph.events import canonical
from provgraph.families.tracking.events import FROM_FILE, Operation, Tracked
from provgraph.families.tracking.lookups import artifact_lookup, defined_lookup, kind_lookup, object_lookup
from provgraph.families.tracking.tables import KIND, MEMBER, OBJECT, OPERATION, RUN, STEP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Delete, Insert

    from provgraph.events import RecordedEvent
    from provgraph.families.tracking.events import Change, RunState, Step
    from provgraph.relational.changes import Changes, Target, Value

    Values = Mapping[str, Value]


def rows(event: RecordedEvent, changes: Changes) -> None:
    """List a step, and what it did."""
    if not isinstance(event.content, Tracked):
        return
    step = event.content.step
    changes.then(STEP, _add_step, _step(event, step, event.content.pem.occurred_us))
    # What was saved as it was keeps the version, and the run, that made it so.
    made = [change for change in step.changes if change.operation is not Operation.UNCHANGED]
    changes.then(OBJECT, _put_object, *(_object(event, step, change) for change in made))
    changes.then(
        OPERATION,
        _add_operation,
        *(_operation(event, step, *numbered) for numbered in enumerate(step.changes)),
    )
    changes.then(MEMBER, _drop_members, *({"group": listed.group_id} for listed in step.members))
    changes.then(MEMBER, _add_member, *_members(step))
    if step.run is not None:
        changes.then(RUN, _put_run, _run(event, step, step.run))
    changes.then(KIND, _put_kind, *(_kind(step, kind) for kind in step.kinds))


def _add_step(to: Target) -> Insert:
    return insert(to[STEP])


def _put_object(to: Target) -> Insert:
    # An object is made once: what a later step would say of that is not taken over.
    return to.putting(OBJECT, key=("id",), fixed=("created",))


def _add_operation(to: Target) -> Insert:
    return insert(to[OPERATION])


def _drop_members(to: Target) -> Delete:
    member = to[MEMBER]
    return delete(member).where(member.c.group_id == bindparam("group"))


def _add_member(to: Target) -> Insert:
    return insert(to[MEMBER])


def _put_run(to: Target) -> Insert:
    # A run is opened once: what a later step says of that is not taken over.
    return to.putting(RUN, key=("id",), fixed=("identifier", "opened"))


def _put_kind(to: Target) -> Insert:
    return to.putting(KIND, key=("kind",))


def _step(event: RecordedEvent, step: Step, occurred_us: int) -> Values:
    return {
        "sequence": step.sequence,
        "request": step.request,
        "event_id": event.event_id,
        "occurred_us": occurred_us,
        "position": event.position,
        "answer": canonical.text(step.answer),
    }


def _object(event: RecordedEvent, step: Step, change: Change) -> Values:
    state = change.after
    # A retired object gives its key away.
    key = state.key if state.live else None
    return {
        "id": state.id,
        "lookup": None if key is None else object_lookup(branch=state.branch, kind=state.kind, key=key),
        "artifact_lookup": artifact_lookup(state.artifact),
        "kind_lookup": kind_lookup(branch=state.branch, kind=state.kind),
        "parent": state.parent,
        "is_group": int(state.group is not None),
        "live": int(state.live),
        "version": event.event_id,
        "position": event.position,
        "sequence": step.sequence,
        "recorded_us": event.recorded_us,
        "actor": step.actor,
        "run_id": step.run_id,
        "document": canonical.text(state._asdict()),
        "created": step.sequence,
    }


def _operation(event: RecordedEvent, step: Step, ordinal: int, change: Change) -> Values:
    document: dict[str, Any] = {
        "operation": change.operation,
        "before": None if change.before is None else change.before._asdict(),
        "after": change.after._asdict(),
        "member": change.member,
    }
    if change.dropped:
        document["dropped"] = change.dropped
    return {
        "sequence": step.sequence,
        "ordinal": ordinal,
        "run_id": step.run_id,
        "object_id": change.after.id,
        "event_id": event.event_id,
        "position": event.position,
        "recorded_us": event.recorded_us,
        "actor": step.actor,
        "document": canonical.text(document),
    }


def _members(step: Step) -> list[Values]:
    return [
        {"group_id": listed.group_id, "ordinal": ordinal, "member_id": member}
        for listed in step.members
        for ordinal, member in enumerate(listed.members)
    ]


def _run(event: RecordedEvent, step: Step, run: RunState) -> Values:
    return {
        "id": run.id,
        "group_id": run.group_id,
        "state": run.state,
        "identifier": run.identifier,
        "opened": step.sequence,
        "closed": None if run.closed_us is None else step.sequence,
        "position": event.position,
        "document": canonical.text(run._asdict()),
    }


def _kind(step: Step, definition: dict[str, Any]) -> Values:
    name = definition["namespace"] + definition["name"]
    return {
        "kind": defined_lookup(name, from_file=FROM_FILE in definition),
        "sequence": step.sequence,
        "document": canonical.text(definition),
    }
