"""Tracked work as JSON shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.events.clock import rfc3339
from provgraph.events.recorder import CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from provgraph.families.tracking.events import ObjectState
    from provgraph.families.tracking.queries import StoredObject, StoredOperation, StoredRun

JSONObject = dict[str, Any]


class Placed(dict[str, Any]):
    """What is told of tracked work, with the log positions of the events that it rests on."""

    def __init__(self, document: JSONObject, *positions: int) -> None:
        """Take what is told."""
        super().__init__(document)
        self._positions = positions
        self._further: Callable[[], int | None] = _nowhere

    def with_more(self, *positions: int, **members: Any) -> Placed:
        """Return it with further members, and with the positions that these rest on besides."""
        return Placed({**self, **members}, *self._positions, *positions).resting_on(self._further)

    def resting_on(self, further: Callable[[], int | None]) -> Placed:
        """Have it rest on one position more, if any, that is looked up only where events were changed; return it."""
        self._further = further
        return self

    def rests_on(self) -> Iterator[int]:
        """Yield the log positions of the events that it rests on."""
        yield from self._positions
        further = self._further()
        if further is not None:
            yield further


def _nowhere() -> None:
    """Tell of no position."""


def mark(answer: JSONObject, changes: Mapping[int, JSONObject]) -> None:
    """
    Add to whatever rests on an event in an answer that this was changed, where an operator accepted that.

    :param changes: what is to be told of these changes, by the log positions of the events
    """
    if changes:
        for told in placed(answer):
            change = next((changes[position] for position in told.rests_on() if position in changes), None)
            if change is not None:
                told[CHANGED] = change


def placed(told: object) -> Iterator[Placed]:
    """Yield what rests on an event, wherever it is in an answer."""
    if isinstance(told, Placed):
        yield told
    if isinstance(told, dict):
        for inner in told.values():
            yield from placed(inner)
    elif isinstance(told, list):
        for inner in told:
            yield from placed(inner)


def named(state: ObjectState) -> JSONObject:
    """Return what names an object."""
    return {"id": state.id, "kind": state.kind, "key": state.key, "artifact": state.artifact}


def object_document(
    stored: StoredObject, *, members: Sequence[StoredObject] | None = None, in_full: bool = False
) -> Placed:
    """
    Return an object, or a group, as it is.

    :param members: a group's, when they are to be shown
    :param in_full: show them as they are, not by name alone
    """
    state = stored.state
    document = {
        **named(state),
        "branch": state.branch,
        "values": state.values,
        "live": state.live,
        "protected": state.protected,
        "parent": state.parent,
        "is_group": state.group is not None,
        "version": stored.version,
        "position": stored.position,
        "updated_at": rfc3339(stored.recorded_us),
        "updated_by": stored.actor,
        "run": stored.run_id,
    }
    if state.group is not None:
        document["name"] = state.values.get("name", state.key)
        document["description"] = state.values.get("description", "")
        document.update(state.group)
    if members is not None:
        document["members"] = [
            object_document(member) if in_full else Placed(named(member.state), member.position)
            for member in members
        ]
    return Placed(document, stored.position)


def run_document(stored: StoredRun) -> JSONObject:
    """Return a run as it is."""
    run = stored.state
    document = {
        "id": run.id,
        "state": run.state,
        "identifier": run.identifier,
        "params": run.params,
        "branch": run.branch,
        "delete_unused": run.delete_unused,
        "actor": run.actor,
        "group": {"id": run.group_id, "type": run.group_type, "name": run.group_name},
        "opened_at": rfc3339(run.opened_us),
        "closed_at": None if run.closed_us is None else rfc3339(run.closed_us),
        "error": run.error,
        "members": None if run.members is None else list(run.members),
        "previous_members": None
        if run.previous_members is None or not run.delete_unused
        else list(run.previous_members),
        "report": run.report,
        "position": stored.position,
    }
    return Placed(document, stored.position)


def operation_document(stored: StoredOperation) -> JSONObject:
    """Return what was done to an object once, with its values before and after."""
    before, after = stored.before, stored.after
    document = {
        "run": stored.run_id,
        "object": stored.object_id,
        "kind": after.kind,
        "key": after.key,
        "artifact": after.artifact,
        "operation": stored.operation,
        "before": None if before is None else before.values,
        "after": after.values if after.live else None,
        "event": stored.event_id,
        "position": stored.position,
        "at": rfc3339(stored.recorded_us),
        "actor": stored.actor,
    }
    return Placed(document, stored.position)
