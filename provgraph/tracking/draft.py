"""
A command in the making: what objects look like by then, and the events that will tell of it.

A draft sees the catalog through its own changes, so that a command about several objects is decided as if they came one
after the other. Each object has a step of its own, so that none seems to be made of the others; what a run or a group
becomes is one step more. All of them are appended together, or none.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import ConflictError, NotFoundError
from provgraph.events.clock import rfc3339
from provgraph.families.credential.emitters import NOBODY
from provgraph.families.pem.events import Outcome
from provgraph.families.tracking.events import (
    Change,
    Members,
    ObjectState,
    Operation,
    RunStatus,
    Step,
    step_id,
    tracked,
)
from provgraph.families.tracking.groupname import DEFAULT_IDENTIFIER
from provgraph.tracking.naming import (
    GROUP_ARTIFACT_KIND,
    RUN_ARTIFACT_KIND,
    object_artifact,
    run_artifact,
)
from provgraph.tracking.sweep import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provgraph.events import NewEvent
    from provgraph.families.credential.emitters import Sender
    from provgraph.families.tracking.events import RunState
    from provgraph.families.tracking.queries import StoredObject, StoredRun, TrackingQueries

JSONObject = dict[str, Any]

_SHOWN_DIGITS = 8
# A group's version names its members as long as there are not more; its edges name them all.
_NAMED_MEMBERS = 1_000
# A run that is open and did nothing for a day keeps nothing from being retired: its script is dead.
_ABANDONED_AFTER_US = 24 * 3_600 * 1_000_000


class Command(NamedTuple):
    """A command as it came: under which id, from whom."""

    request: str  # 32 hex digits; the same one again is the same command
    actor: str | None = None
    asked: str = ""  # a digest of what it asks for; "": not compared when it comes again
    sender: Sender = (
        NOBODY  # the credential that it came with; its steps are of emitters that it may speak for
    )


class Place(NamedTuple):
    """Where a step will stand."""

    epoch: str
    sequence: int
    occurred_us: int  # behind every step before it


class _Part(NamedTuple):
    """What is done to one object, and the versions that this makes."""

    change: Change
    productions: tuple[JSONObject, ...]


class Draft:
    """A command that is being decided."""

    def __init__(self, reads: TrackingQueries, place: Place, command: Command) -> None:
        self.reads = reads
        self.place = place
        self.command = command
        self.run: StoredRun | None = None
        self._states: dict[str, ObjectState] = {}
        # As they were when the command came: read once, for a thousand interfaces are named by one device.
        self._read: dict[str, ObjectState | None] = {}
        self._read_by_key: dict[tuple[str, str, str], ObjectState | None] = {}
        # Ids of the live ones among the changed.
        self._by_key: dict[tuple[str, str, str | None], str] = {}
        self._by_artifact: dict[str, str] = {}
        self.parts: list[_Part] = []  # of objects, each a step of its own
        self.together: list[_Part] = []  # of the group or groups that the command is about: one step
        self._members: dict[str, Members] = {}
        self.used: dict[str, None] = {}

    @property
    def has_changes(self) -> bool:
        """Whether anything was done to an object or a group."""
        return bool(self.parts or self.together)

    # ------------------------------------------------------------------------------- what it looks like by then

    def object(self, id_: str) -> ObjectState:
        """
        Return a live object.

        :raises NotFoundError: there is none with this id
        """
        found = self.find(id_)
        if found is None:
            # Clients of Infrahub look for these words.
            raise NotFoundError(f"Unable to find the node {id_}")
        return found

    def find(self, id_: str) -> ObjectState | None:
        """Return a live object, None when there is none with this id."""
        state = self._states.get(id_)
        if state is None:
            if id_ not in self._read:
                stored = self.reads.objects([id_]).get(id_)
                self._read[id_] = None if stored is None else stored.state
            state = self._read[id_]
        return state if state is not None and state.live else None

    def state(self, id_: str) -> ObjectState | None:
        """Return what this command made of an object, None when it did nothing to it."""
        return self._states.get(id_)

    def is_live(self, id_: str) -> bool:
        """Tell whether an object is there."""
        return self.find(id_) is not None

    def live(self, *, branch: str, kind: str, key: str) -> ObjectState | None:
        """Return the live object with a key, or None."""
        known = self._by_key.get((branch, kind, key))
        if known is not None:
            return self._states[known]
        if (branch, kind, key) not in self._read_by_key:
            stored = self.reads.live_object(branch=branch, kind=kind, key=key)
            self._read_by_key[branch, kind, key] = None if stored is None else stored.state
        state = self._read_by_key[branch, kind, key]
        return None if state is None or state.id in self._states else state

    def members(self, group_id: str) -> tuple[str, ...]:
        """Return whom a group lists."""
        listed = self._members.get(group_id)
        return self.reads.members(group_id) if listed is None else listed.members

    def world(self) -> World:
        """Return what a sweep has to know; drafts that sweep have changed no object before."""
        return World(self.reads.objects, self.reads.children, self.live_groups_of, self._in_hand)

    def _in_hand(self, ids: Sequence[str]) -> dict[str, str]:
        if self.run is None:
            return {}
        return self.reads.saved_elsewhere(
            ids,
            but=self.run.state.id,
            since=self.run.opened,
            open_since_us=self.place.occurred_us - _ABANDONED_AFTER_US,
        )

    def live_groups_of(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the live groups that list each of ``ids``."""
        found = self.reads.groups_of(ids)
        groups = self.reads.objects(sorted({group for groups in found.values() for group in groups}))
        return {id_: [group for group in its if groups[group].state.live] for id_, its in found.items()}

    def free_artifact(self, *, branch: str, kind: str, key: str | None, id_: str) -> str:
        """Return the artifact for a new object: by its key, unless a live object has that one."""
        name = object_artifact(branch=branch, kind=kind, key=id_ if key is None else key)
        shown = (
            name,
            f"{name}#{id_[:_SHOWN_DIGITS]}",
            *(f"{name}#{id_}.{number}" for number in range(1, 100)),
        )
        # What is put after it may be in the name of another object as well.
        for free in shown:
            if free not in self._by_artifact and not self.reads.is_artifact_taken(free):
                return free
        raise ConflictError(f"Every name for the artifact of {kind} {key!r} is another object's")

    # ------------------------------------------------------------------------------------------- what it does

    def put(
        self,
        operation: Operation,
        after: ObjectState,
        *,
        before: ObjectState | None,
        member: bool = True,
        told: Mapping[str, Any] | None = None,
        dropped: Sequence[str] = (),
        together: bool = False,
    ) -> None:
        """
        Do something to an object.

        :param told: what the version says of itself; absent: the object's values
        :param dropped: of a group: whom it does not list any more
        :param together: this is what the command is about: not a step of its own
        """
        self._remember(after)
        productions = []
        if operation is not Operation.UNCHANGED:
            values = after.values if after.live else {"retired": True}
            productions.append(_version(after, values if told is None else told))
        if before is not None and before.artifact != after.artifact:
            productions.append(_version(before, {"retired": True, "renamed_to": after.artifact}))
        part = _Part(Change(operation, before, after, member, tuple(dropped)), tuple(productions))
        (self.together if together else self.parts).append(part)

    def _remember(self, state: ObjectState) -> None:
        last = self._states.get(state.id)
        if last is not None and self._by_key.get(_lookup(last)) == last.id:
            del self._by_key[_lookup(last)]
        if last is not None and self._by_artifact.get(last.artifact) == last.id:
            del self._by_artifact[last.artifact]
        self._states[state.id] = state
        if state.live:
            self._by_artifact[state.artifact] = state.id
        if state.live and state.key is not None:
            self._by_key[_lookup(state)] = state.id

    def retire(self, state: ObjectState, *, together: bool = False) -> None:
        """Retire a live object; a group lists nobody from then on."""
        dropped = () if state.group is None else self.members(state.id)
        self.put(
            Operation.RETIRED,
            state._replace(live=False),
            before=state,
            member=False,
            dropped=dropped,
            together=together,
        )
        if state.group is not None:
            self._members[state.id] = Members(state.id, ())

    def list_members(
        self,
        group: ObjectState,
        members: Sequence[str],
        *,
        before: ObjectState | None,
        operation: Operation = Operation.GROUPED,
        together: bool = False,
    ) -> None:
        """List a group's members anew; its version names them, unless they are many. See `put`."""
        told = {**group.values, "member_count": len(members)}
        if len(members) <= _NAMED_MEMBERS:
            stored = self.reads.objects(members)
            told["members"] = sorted(stored[id_].state.artifact for id_ in members if id_ in stored)
        kept = set(members)
        dropped = [] if before is None else [id_ for id_ in self.members(group.id) if id_ not in kept]
        self.put(operation, group, before=before, member=False, told=told, dropped=dropped, together=together)
        self._members[group.id] = Members(group.id, tuple(members))

    def use(self, ids: Iterable[str]) -> None:
        """Say that the present versions of objects take part; those that are not stored yet are left out."""
        self.used.update(dict.fromkeys(ids))

    def actor(self, run: RunState | None = None) -> str | None:
        """Return who does it, as far as that is known; ``run`` is a run as it is from now on."""
        its_run = self._its_run(run)
        return self.command.actor or (None if its_run is None else its_run.actor)

    def emitter(self, run: RunState | None = None) -> str:
        """Return the emitter of the events: the run's identifier, without a run the actor."""
        its_run = self._its_run(run)
        return (self.actor() or DEFAULT_IDENTIFIER) if its_run is None else its_run.identifier

    def _its_run(self, run: RunState | None) -> RunState | None:
        return run or (None if self.run is None else self.run.state)

    def _check_changes(self, stored: Mapping[str, StoredObject]) -> None:
        """Let it change what is stored, unless that is of an emitter that is reserved for others."""
        sender = self.command.sender
        if not sender.reserved:
            return
        runs: dict[str, StoredRun | None] = {}
        for part in (*self.parts, *self.together):
            change = part.change
            changed = None if change.before is None else stored.get(change.before.id)
            if changed is None or change.operation is Operation.UNCHANGED:
                continue
            if changed.run_id is not None and changed.run_id not in runs:
                runs[changed.run_id] = self.reads.run(changed.run_id)
            for emitter in _emitters_of(changed, runs.get(changed.run_id or "")):
                sender.check_change(emitter, of=f"{changed.state.artifact!r}")

    def events(
        self,
        type_: str,
        *,
        answer: JSONObject,
        run: RunState | None = None,
        kinds: Sequence[JSONObject] = (),
        properties: Mapping[str, Any] | None = None,
    ) -> list[NewEvent]:
        """
        Return the events that say all that; the last one has the answer.

        They are the run's, whose identifier is their emitter; without a run, the actor's.

        :param type_: of the last one's PEM, unless the command is about objects alone
        :param answer: what the command is answered with, now and when it is repeated
        :param run: a run as it is from now on
        :raises EmitterError: whoever sent the command may not speak for that emitter, or may not change what is of
            another one
        """
        # A key that one object gives away may be taken by another in the same command.
        parts = sorted(self.parts, key=lambda part: part.change.after.live)
        about_objects = bool(parts) and not (self.together or run or kinds)
        self.command.sender.check(self.emitter(run))
        told = _Teller(self, run, dict(properties or {}))
        self._check_changes(told.stored)
        # What a command read is behind each object that it saved; what a run read, behind the run's end.
        events = [
            told.event(
                f"object.{part.change.operation}", [part], number, used=self.used if about_objects else ()
            )
            for number, part in enumerate(parts[:-1] if about_objects else parts)
        ]
        last = parts[-1:] if about_objects else self.together
        if about_objects:
            type_ = f"object.{last[0].change.operation}"
        closing = _Closing(answer, run, tuple(self._members.values()), tuple(kinds))
        events.append(told.event(type_, last, len(events), used=self.used, closing=closing))
        return events


class _Closing(NamedTuple):
    """What the last step of a command says besides."""

    answer: JSONObject
    run: RunState | None
    members: tuple[Members, ...]
    kinds: tuple[JSONObject, ...]


class _Teller:
    """Makes the events of a command, each in its place."""

    def __init__(self, draft: Draft, run: RunState | None, properties: JSONObject) -> None:
        self._draft = draft
        its_run = run or (None if draft.run is None else draft.run.state)
        self._run_id = None if its_run is None else its_run.id
        self._actor, self._emitter = draft.actor(run), draft.emitter(run)
        self._sender = draft.command.sender
        self._properties = {"run": self._run_id, "actor": self._actor, **properties}
        before = [
            part.change.before.id
            for part in (*draft.parts, *draft.together)
            if part.change.before is not None
        ]
        self.stored = draft.reads.objects(list(dict.fromkeys((*before, *draft.used))))

    def event(
        self,
        type_: str,
        parts: Sequence[_Part],
        number: int,
        *,
        used: Iterable[str],
        closing: _Closing | None = None,
    ) -> NewEvent:
        """Return the event of the step with this number in the command."""
        draft = self._draft
        epoch, sequence = draft.place.epoch, draft.place.sequence + number
        run = None if closing is None else closing.run
        fields: JSONObject = {
            "ID": step_id(epoch, sequence),
            "Type": type_,
            "Emitter": self._emitter,
            "OccurredAt": rfc3339(draft.place.occurred_us + number),
            "Predecessors": [] if draft.run is None else [step_id(epoch, draft.run.opened)],
            "Properties": {key: value for key, value in self._properties.items() if value is not None},
            "UsesArtifacts": self._uses(parts, used),
            "ProducesArtifacts": [
                *(production for part in parts for production in part.productions),
                *([] if run is None else [_told_run(run)]),
            ],
        }
        if run is not None and run.state is RunStatus.FAILED:
            fields |= {"Outcome": Outcome.FAILED.value, "Error": run.error}
        changes = tuple(part.change for part in parts)
        if closing is None:
            request = uuid.uuid5(uuid.UUID(draft.command.request), str(number)).hex
            step = Step(sequence, request, {}, self._actor, self._run_id, None, changes)
        else:
            step = Step(
                sequence,
                draft.command.request,
                closing.answer,
                self._actor,
                self._run_id,
                run,
                changes,
                closing.members,
                closing.kinds,
                draft.command.asked,
            )
        return tracked(fields, step).sent_by(self._sender.id)

    def _uses(self, parts: Sequence[_Part], used: Iterable[str]) -> list[JSONObject]:
        before = [part.change.before.id for part in parts if part.change.before is not None]
        stored = [self.stored[id_] for id_ in dict.fromkeys((*before, *used)) if id_ in self.stored]
        return [{"Name": one.state.artifact, "Version": one.version} for one in stored]


def _emitters_of(stored: StoredObject, run: StoredRun | None) -> set[str]:
    """Return whose an object is: the emitter of its present version, and of a group its script as well."""
    made_by = (stored.actor or DEFAULT_IDENTIFIER) if run is None else run.state.identifier
    script = (stored.state.group or {}).get("identifier")
    return {made_by} if script is None else {made_by, str(script)}


def _lookup(state: ObjectState) -> tuple[str, str, str | None]:
    return state.branch, state.kind, state.key


def _version(state: ObjectState, told: Mapping[str, Any]) -> JSONObject:
    """Return the version that an object becomes."""
    kind = state.kind if state.group is None else GROUP_ARTIFACT_KIND
    return {"Name": state.artifact, "Kind": kind, "Properties": dict(told)}


def _told_run(run: RunState) -> JSONObject:
    """Return the version that a run becomes."""
    told = {
        "state": str(run.state),
        "identifier": run.identifier,
        "params": run.params,
        "group": run.group_name,
        "actor": run.actor,
        "error": run.error,
    }
    return {
        "Name": run_artifact(run.id),
        "Kind": RUN_ARTIFACT_KIND,
        "Version": str(run.state),
        "Properties": {key: value for key, value in told.items() if value is not None and value != {}},
    }


def new_id() -> str:
    """Return an id for a new object or run."""
    return uuid.uuid4().hex


def refuse_taken_key(state: ObjectState, *, wanted_by: str | None = None) -> ConflictError:
    """
    Return the error that a key is another object's.

    :param wanted_by: id of the object that was to take it; None: a new one, which an upsert would save as this one
    """
    there = f"There is a {state.kind} {state.key!r} already, with the id {state.id}"
    if wanted_by is not None:
        return UniqueError(f"{there}: {wanted_by} cannot have the same key")
    return UniqueError(
        f"{there}: save it with upsert to update it",
        unread="Another object has this key already: save it with upsert to update that one, or under another key",
    )


class UniqueError(ConflictError):
    """An object with this key is there already."""

    title = "Not unique"
    # The key may be made of what another object says.
    unread_text = "By this an object would get a key that another one has already. Nothing was changed"

    def __init__(self, message: str, *, unread: str | None = None) -> None:
        """
        Say which object has the key.

        :param unread: what is told without the right to read, where there is more to say than that nothing was changed
        """
        super().__init__(message)
        if unread is not None:
            self.unread_text = unread

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "unique", "field": "key"}
