"""What a tracked step changes in the catalog's tables: the same statements for every database."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from provgraph.events import canonical
from provgraph.families.tracking.events import FROM_FILE, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.events import RecordedEvent
    from provgraph.families.tracking.events import Change, RunState, Step, Tracked

Value = str | int | None
Row = tuple[Value, ...]

# A parameter is written `?`; `{p}` is the prefix of the tables.
INSERT_STEP = "INSERT INTO {p}tracked_step VALUES (?, ?, ?, ?, ?, ?)"
PUT_OBJECT = """
INSERT INTO {p}tracked_object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(id) DO UPDATE SET lookup = excluded.lookup, artifact_lookup = excluded.artifact_lookup,
    kind_lookup = excluded.kind_lookup, parent = excluded.parent, is_group = excluded.is_group, live = excluded.live,
    version = excluded.version, position = excluded.position, sequence = excluded.sequence,
    recorded_us = excluded.recorded_us, actor = excluded.actor, run_id = excluded.run_id, document = excluded.document
"""
DROP_MEMBERS = "DELETE FROM {p}tracked_member WHERE group_id = ?"
INSERT_MEMBER = "INSERT INTO {p}tracked_member VALUES (?, ?, ?)"
PUT_RUN = """
INSERT INTO {p}tracked_run VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(id) DO UPDATE SET group_id = excluded.group_id, state = excluded.state, closed = excluded.closed,
    position = excluded.position, document = excluded.document
"""
INSERT_OPERATION = "INSERT INTO {p}tracked_operation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
PUT_KIND = """
INSERT INTO {p}tracked_kind VALUES (?, ?, ?)
ON CONFLICT(kind) DO UPDATE SET sequence = excluded.sequence, document = excluded.document
"""


def lookup(*parts: str) -> str:
    """Return what texts are found by together: as long as any other, for names may be longer than an index takes."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def object_lookup(*, branch: str, kind: str, key: str) -> str:
    """Return what a live object is found by."""
    return lookup("object", branch, kind, key)


def kind_lookup(*, branch: str, kind: str) -> str:
    """Return what the objects of a kind are found by."""
    return lookup("kind", branch, kind)


def defined_lookup(kind: str, *, from_file: bool) -> str:
    """Return what the definition of a kind is found by."""
    return lookup("kind in the schema file" if from_file else "kind", kind)


def artifact_lookup(artifact: str) -> str:
    """Return what the object behind an artifact is found by."""
    return lookup("artifact", artifact)


def tracking_rows(event: RecordedEvent) -> Iterator[tuple[str, list[Row]]]:
    """Yield the statements that a step asks for, each with the rows to execute it with, in this order."""
    tracked: Tracked = event.content  # type: ignore[assignment] # its kind says so
    step = tracked.step
    yield INSERT_STEP, [_step(event, step, tracked.pem.occurred_us)]
    if step.changes:
        # What was saved as it was keeps the version, and the run, that made it so.
        yield (
            PUT_OBJECT,
            [
                _object(event, step, change)
                for change in step.changes
                if change.operation is not Operation.UNCHANGED
            ],
        )
        yield (
            INSERT_OPERATION,
            [_operation(event, step, ordinal, change) for ordinal, change in enumerate(step.changes)],
        )
    if step.members:
        yield DROP_MEMBERS, [(listed.group_id,) for listed in step.members]
        rows: list[Row] = [
            (listed.group_id, ordinal, member)
            for listed in step.members
            for ordinal, member in enumerate(listed.members)
        ]
        yield INSERT_MEMBER, rows
    if step.run is not None:
        yield PUT_RUN, [_run(event, step, step.run)]
    if step.kinds:
        yield PUT_KIND, [_kind(step, kind) for kind in step.kinds]


def _step(event: RecordedEvent, step: Step, occurred_us: int) -> Row:
    answer = canonical.text(step.answer)
    return step.sequence, step.request, event.event_id, occurred_us, event.position, answer


def _object(event: RecordedEvent, step: Step, change: Change) -> Row:
    state = change.after
    # A retired object gives its key away.
    key = state.key if state.live else None
    return (
        state.id,
        None if key is None else object_lookup(branch=state.branch, kind=state.kind, key=key),
        artifact_lookup(state.artifact),
        kind_lookup(branch=state.branch, kind=state.kind),
        state.parent,
        int(state.group is not None),
        int(state.live),
        event.event_id,
        event.position,
        step.sequence,
        event.recorded_us,
        step.actor,
        step.run_id,
        canonical.text(state._asdict()),
        step.sequence,  # an object is made once: what a later step would say of that is not taken over
    )


def _operation(event: RecordedEvent, step: Step, ordinal: int, change: Change) -> Row:
    document: dict[str, Any] = {
        "operation": change.operation,
        "before": None if change.before is None else change.before._asdict(),
        "after": change.after._asdict(),
        "member": change.member,
    }
    if change.dropped:
        document["dropped"] = change.dropped
    return (
        step.sequence,
        ordinal,
        step.run_id,
        change.after.id,
        event.event_id,
        event.position,
        event.recorded_us,
        step.actor,
        canonical.text(document),
    )


def _run(event: RecordedEvent, step: Step, run: RunState) -> Row:
    closed = None if run.closed_us is None else step.sequence
    document = canonical.text(run._asdict())
    # A run is opened once: what a later step says of that is not taken over.
    return run.id, run.group_id, run.state, run.identifier, step.sequence, closed, event.position, document


def _kind(step: Step, definition: dict[str, Any]) -> Row:
    name = definition["namespace"] + definition["name"]
    return defined_lookup(name, from_file=FROM_FILE in definition), step.sequence, canonical.text(definition)
