"""
One step in the making: what objects look like by then, and the event that will tell of it.

A draft sees the catalog through its own changes, so that a command about several objects is decided as if they came one
after the other.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import ConflictError, NotFoundError
from provgraph.events.clock import rfc3339
from provgraph.events.groupname import DEFAULT_IDENTIFIER
from provgraph.events.tracking import Change, Members, ObjectState, Operation, Step, step_id, tracked
from provgraph.tracking.naming import (
    GROUP_ARTIFACT_KIND,
    RUN_ARTIFACT_KIND,
    object_artifact,
    run_artifact,
)
from provgraph.tracking.sweep import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provgraph.catalog.tracking import StoredRun, TrackingQueries
    from provgraph.events import NewEvent
    from provgraph.events.tracking import RunState

JSONObject = dict[str, Any]

_SHOWN_IDS = 8


class Command(NamedTuple):
    """A command as it came: under which id, from whom."""

    request: str  # 32 hex digits; the same one again is the same command
    actor: str | None = None


class Place(NamedTuple):
    """Where a step will stand."""

    epoch: str
    sequence: int
    occurred_us: int  # behind every step before it


class Draft:
    """A step that is being decided."""

    def __init__(self, reads: TrackingQueries, place: Place, command: Command) -> None:
        self.reads = reads
        self.place = place
        self.command = command
        self.run: StoredRun | None = None
        self._states: dict[str, ObjectState] = {}
        self._changes: list[Change] = []
        self._members: dict[str, Members] = {}
        self._used: dict[str, None] = {}
        self._produced: dict[str, JSONObject] = {}

    @property
    def event_id(self) -> str:
        """The id that the event will have."""
        return step_id(self.place.epoch, self.place.sequence)

    @property
    def has_changes(self) -> bool:
        """Whether anything was done to an object or a group."""
        return bool(self._changes or self._members)

    # ------------------------------------------------------------------------------- what it looks like by then

    def object(self, id_: str) -> ObjectState:
        """
        Return a live object.

        :raises NotFoundError: there is none with this id
        """
        state = self._states.get(id_)
        if state is None:
            stored = self.reads.objects([id_]).get(id_)
            state = None if stored is None else stored.state
        if state is None or not state.live:
            # Clients of Infrahub look for these words.
            raise NotFoundError(f"Unable to find the node {id_}")
        return state

    def live(self, *, branch: str, kind: str, key: str) -> ObjectState | None:
        """Return the live object with a key, or None."""
        for state in self._states.values():
            if state.live and (state.branch, state.kind, state.key) == (branch, kind, key):
                return state
        stored = self.reads.live_object(branch=branch, kind=kind, key=key)
        if stored is None or stored.state.id in self._states:
            return None
        return stored.state

    def world(self) -> World:
        """Return what a sweep has to know; drafts that sweep have changed no object before."""
        return World(self.reads.objects, self.reads.children, self.live_groups_of)

    def live_groups_of(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the live groups that list each of ``ids``."""
        found = self.reads.groups_of(ids)
        groups = self.reads.objects(sorted({group for groups in found.values() for group in groups}))
        return {id_: [group for group in its if groups[group].state.live] for id_, its in found.items()}

    def free_artifact(self, *, branch: str, kind: str, key: str | None, id_: str) -> str:
        """Return the artifact for a new object: by its key, unless a live object has that one."""
        if key is None:
            return object_artifact(branch=branch, kind=kind, key=id_)
        name = object_artifact(branch=branch, kind=kind, key=key)
        taken = any(state.live and state.artifact == name for state in self._states.values())
        if taken or self.reads.is_artifact_taken(name):
            return f"{name}#{id_[:_SHOWN_IDS]}"
        return name

    # ------------------------------------------------------------------------------------------- what it does

    def put(
        self,
        operation: Operation,
        after: ObjectState,
        *,
        before: ObjectState | None,
        member: bool = True,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Do something to an object.

        :param told: what the version says of itself; absent: the object's values
        """
        self._changes.append(Change(operation, before, after, member))
        self._states[after.id] = after
        if before is not None:
            self.use([before.id])
        if operation is Operation.UNCHANGED:
            return
        kind = after.kind if after.group is None else GROUP_ARTIFACT_KIND
        values = after.values if after.live else {"retired": True}
        self._produced[after.artifact] = {
            "Name": after.artifact,
            "Kind": kind,
            "Properties": dict(values if told is None else told),
        }

    def list_members(self, group: ObjectState, members: Sequence[str]) -> None:
        """List a group's members anew; the group itself has been `put`."""
        self._members[group.id] = Members(group.id, tuple(members))

    def use(self, ids: Iterable[str]) -> None:
        """Say that the present versions of objects take part; those that are not stored yet are left out."""
        self._used.update(dict.fromkeys(ids))

    def tell_run(self, run: RunState) -> None:
        """Say what became of a run."""
        told = {
            "state": str(run.state),
            "identifier": run.identifier,
            "params": run.params,
            "group": run.group_name,
            "actor": run.actor,
            "error": run.error,
        }
        name = run_artifact(run.id)
        self._produced[name] = {
            "Name": name,
            "Kind": RUN_ARTIFACT_KIND,
            "Version": str(run.state),
            "Properties": {key: value for key, value in told.items() if value is not None and value != {}},
        }

    def event(
        self,
        type_: str,
        *,
        answer: JSONObject,
        run: RunState | None = None,
        kinds: Sequence[JSONObject] = (),
        emitter: str | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> NewEvent:
        """
        Return the event that says all that.

        :param type_: of its PEM
        :param answer: what the command is answered with, now and when it is repeated
        :param run: a run as it is from now on
        """
        if run is not None:
            self.tell_run(run)
        its_run = run or (None if self.run is None else self.run.state)
        run_id = None if its_run is None else its_run.id
        actor = self.command.actor or (None if its_run is None else its_run.actor)
        known = {"run": run_id, "actor": actor, **(properties or {})}
        stored = self.reads.objects(list(self._used))
        used = [stored[id_] for id_ in self._used if id_ in stored]
        fields = {
            "ID": self.event_id,
            "Type": type_,
            "Emitter": emitter or (actor or DEFAULT_IDENTIFIER if its_run is None else its_run.identifier),
            "OccurredAt": rfc3339(self.place.occurred_us),
            "Predecessors": [] if self.run is None else [step_id(self.place.epoch, self.run.opened)],
            "Properties": {key: value for key, value in known.items() if value is not None},
            "UsesArtifacts": [{"Name": one.state.artifact, "Version": one.version} for one in used],
            "ProducesArtifacts": list(self._produced.values()),
        }
        step = Step(
            self.place.sequence,
            self.command.request,
            answer,
            actor,
            run_id,
            run,
            # A key that one object gives away may be taken by another in the same step.
            tuple(sorted(self._changes, key=lambda change: change.after.live)),
            tuple(self._members.values()),
            tuple(kinds),
        )
        return tracked(fields, step)


def new_id() -> str:
    """Return an id for a new object or run."""
    return uuid.uuid4().hex


def refuse_taken_key(state: ObjectState) -> ConflictError:
    """Return the error that a key is another object's."""
    return UniqueError(
        f"There is a {state.kind} {state.key!r} already, with the id {state.id}: save it with upsert to update it"
    )


class UniqueError(ConflictError):
    """An object with this key is there already."""

    title = "Not unique"

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "unique", "field": "key"}
