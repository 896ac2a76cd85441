"""How runs close, fail and are undone: what each of them does to a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import ConflictError, InvalidInputError, NotFoundError
from provgraph.events.groupname import description
from provgraph.events.tracking import ObjectState, Operation, RunState, RunStatus
from provgraph.tracking.draft import new_id
from provgraph.tracking.saving import leave_groups
from provgraph.tracking.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.catalog.tracking import StoredOperation, StoredRun, TrackingQueries
    from provgraph.tracking.draft import Draft
    from provgraph.tracking.kinds import ObjectKinds
    from provgraph.tracking.sweep import Limit, Sweep

JSONObject = dict[str, Any]

# A group's version names its members as long as there are not more; its edges name them all.
_NAMED_MEMBERS = 1_000
_TOUCHED = frozenset({Operation.CREATED, Operation.UPDATED, Operation.UNCHANGED, Operation.RESTORED})


class Closing(NamedTuple):
    """How a run is to be closed."""

    members: tuple[str, ...] = ()  # besides what the run saved
    delete_unused: bool | None = None  # None: as the run was opened
    plan: str | None = None  # the token of a plan: do exactly that, or nothing
    limit: Limit | None = None
    reads: tuple[str, ...] = ()  # ids of objects that the run only read


class Intended(NamedTuple):
    """What closing a run would do now."""

    group: ObjectState | None  # as it is; None: not there yet
    delete_unused: bool
    sweep: Sweep


class ChangedSinceError(ConflictError):
    """What a rollback would undo was changed by somebody else meanwhile; nothing was changed."""

    title = "Changed since"

    def __init__(self, run_id: str, conflicts: Sequence[JSONObject]) -> None:
        named = ", ".join(str(conflict["artifact"]) for conflict in conflicts[:5])
        more = f" and {len(conflicts) - 5} more" if len(conflicts) > 5 else ""
        super().__init__(
            f"The run {run_id} cannot be rolled back: {named}{more} changed since. Nothing was changed; "
            "roll the later runs back first, or force it and lose what they did"
        )
        self._conflicts = list(conflicts)

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "changed-since", "conflicts": self._conflicts}


class PlanError(ConflictError):
    """What was planned is not what would happen now; nothing was changed."""

    title = "Plan out of date"

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "plan", "field": "plan"}


def intended(draft: Draft, run: RunState, closing: Closing) -> Intended:
    """
    Return what closing a run would do.

    :raises InvalidInputError: a member that nobody knows
    """
    group = draft.live(branch=run.branch, kind=run.group_type, key=run.group_name)
    previous = () if group is None else draft.reads.members(group.id)
    delete_unused = run.delete_unused if closing.delete_unused is None else closing.delete_unused
    members = _saved(draft, run, closing.members)
    return Intended(
        group,
        delete_unused,
        sweep(
            draft.world(),
            group_id=None if group is None else group.id,
            previous=previous,
            members=members,
            delete_unused=delete_unused,
        ),
    )


def close(draft: Draft, kinds: ObjectKinds, run: RunState, closing: Closing) -> RunState:
    """
    Close a run: list what it saved in its group, and retire what is unused. Returns the run as it is then.

    :raises SweepLimitError: more would be retired than allowed
    :raises PlanError: the plan is not what would happen now
    :raises InvalidInputError: a member that nobody knows
    """
    wanted = intended(draft, run, closing)
    swept = wanted.sweep
    if closing.plan is not None and closing.plan != swept.token:
        raise PlanError(
            "Things have changed since this plan was made, closing the run now would do something else: plan it again"
        )
    if closing.limit is not None:
        swept.check(closing.limit)
    group = _written_group(draft, kinds, run, wanted)
    draft.use((*swept.members, *closing.reads))
    if swept.retire:
        stored = draft.reads.objects(swept.retire)
        for id_ in swept.retire:
            state = stored[id_].state
            draft.put(Operation.RETIRED, state._replace(live=False), before=state, member=False)
        leave_groups(draft, swept.retire, but=None if group is None else group.id)
    return run._replace(
        state=RunStatus.DONE,
        closed_us=draft.place.occurred_us,
        group_id=None if group is None else group.id,
        delete_unused=wanted.delete_unused,
        members=swept.members if group is not None else (),
        previous_members=None if wanted.group is None else swept.previous,
        report=report_of(swept),
    )


def report_of(swept: Sweep) -> JSONObject:
    """Return what a run's document says of its end."""
    return {
        "added": list(swept.added),
        "kept": list(swept.kept),
        "dropped": list(swept.dropped),
        "retired": list(swept.retire),
        "released": list(swept.release),
        "refused": [one._asdict() for one in swept.refused],
    }


def roll_back(draft: Draft, stored_run: StoredRun, *, force: bool) -> JSONObject:
    """
    Put everything back that a run changed, and return which objects were restored and which retired.

    :raises ChangedSinceError: somebody has changed some of it since, and ``force`` was not asked for
    """
    run = stored_run.state
    operations = draft.reads.operations(run_id=run.id)
    first: dict[str, StoredOperation] = {}
    last: dict[str, StoredOperation] = {}
    for operation in operations:
        if operation.operation is not Operation.UNCHANGED:
            first.setdefault(operation.object_id, operation)
            last[operation.object_id] = operation
    conflicts = _conflicts(draft, run, last, first)
    if conflicts and not force:
        raise ChangedSinceError(run.id, conflicts)
    restored, retired = [], []
    # What was there before comes first, so that a key that the run gave to a new object is free again.
    for id_, operation in sorted(first.items(), key=lambda item: item[1].before is not None):
        now = draft.reads.objects([id_])[id_].state
        before = operation.before
        if before is None or not before.live:
            if now.live:
                draft.put(Operation.RETIRED, now._replace(live=False), before=now, member=False)
                retired.append(id_)
        elif now != before:
            _refuse_taken(draft, before, run.id)
            draft.put(Operation.RESTORED, before, before=now, member=False)
            restored.append(id_)
    leave_groups(draft, retired, but=run.group_id)
    if run.group_id is not None and run.group_id not in retired and run.previous_members is not None:
        group = draft.object(run.group_id)
        if run.group_id not in restored:
            draft.put(Operation.GROUPED, group, before=group, member=False)
        draft.list_members(group, run.previous_members)
    return {"restored": restored, "retired": retired}


def _saved(draft: Draft, run: RunState, stated: Sequence[str]) -> list[str]:
    """Return whom a run leaves in its group: those stated, then what it saved, as far as they are alive."""
    saved = [
        operation.object_id
        for operation in draft.reads.operations(run_id=run.id)
        if operation.member and operation.operation in _TOUCHED
    ]
    return listed(draft, stated, saved)


def listed(draft: Draft, stated: Sequence[str], saved: Sequence[str] = ()) -> list[str]:
    """
    Return those that a group can list: each once, as far as they are alive.

    :param stated: ids that somebody named
    :param saved: ids that are known
    :raises InvalidInputError: one was named that nobody knows
    """
    wanted = dict.fromkeys((*stated, *saved))
    known = draft.reads.objects(list(wanted))
    for id_ in stated:
        if id_ not in known:
            raise InvalidInputError(
                f"Unable to find the node {id_}: nothing with this id was ever saved",
                field="members",
                rule="known",
            )
    return [id_ for id_ in wanted if known[id_].state.live]


def _written_group(draft: Draft, kinds: ObjectKinds, run: RunState, wanted: Intended) -> ObjectState | None:
    swept, before = wanted.sweep, wanted.group
    if not swept.members and (before is None or not wanted.delete_unused):
        return before  # nothing was saved, and nothing is to be cleared
    kind = kinds.of(run.group_type)
    values = {
        **({} if before is None else before.values),
        "name": run.group_name,
        "description": description(run.params, limit=kind.longest.get("description")),
        **run.group_params,
    }
    facts = {"identifier": run.identifier, "params": run.params, "last_run": run.id}
    return put_group(draft, run, before, values=values, facts=facts, members=swept.members)


def put_group(
    draft: Draft,
    run: RunState,
    before: ObjectState | None,
    *,
    values: JSONObject,
    facts: JSONObject,
    members: Sequence[str],
) -> ObjectState:
    """Write the group of a run, a new one if there was none before, and list its members."""
    if before is None:
        id_ = new_id()
        artifact = draft.free_artifact(branch=run.branch, kind=run.group_type, key=run.group_name, id_=id_)
        group = ObjectState(id_, run.group_type, run.branch, run.group_name, artifact, values, group=facts)
        operation = Operation.CREATED
    else:
        group = before._replace(values=values, key=run.group_name, group=facts)
        operation = Operation.GROUPED
    told = told_group(draft, values, members)
    draft.put(operation, group, before=before, member=False, told=told)
    draft.list_members(group, members)
    return group


def told_group(draft: Draft, values: JSONObject, members: Sequence[str]) -> JSONObject:
    """Return what a group's version says of itself: its values, and its members by name unless they are many."""
    if len(members) > _NAMED_MEMBERS:
        return {**values, "member_count": len(members)}
    stored = draft.reads.objects(members)
    named = [stored[id_].state.artifact for id_ in members if id_ in stored]
    return {**values, "member_count": len(members), "members": sorted(named)}


def _conflicts(
    draft: Draft,
    run: RunState,
    last: dict[str, StoredOperation],
    first: dict[str, StoredOperation],
) -> list[JSONObject]:
    stored = draft.reads.objects(list(last))
    owners = draft.live_groups_of([id_ for id_, operation in first.items() if operation.before is None])
    conflicts = []
    for id_, operation in last.items():
        now = stored[id_]
        # What was changed and put back since is as the run left it.
        changed = now.state != operation.after
        listed = [owner for owner in owners.get(id_, ()) if owner != run.group_id]
        if changed or listed:
            conflicts.append(
                {
                    "id": id_,
                    "artifact": now.state.artifact,
                    "changed_by_run": now.run_id if changed else None,
                    "actor": now.actor if changed else None,
                    "at_us": now.recorded_us if changed else None,
                    "listed_by": listed,
                }
            )
    return conflicts


def _refuse_taken(draft: Draft, before: ObjectState, run_id: str) -> None:
    if before.key is None:
        return
    holder = draft.live(branch=before.branch, kind=before.kind, key=before.key)
    if holder is not None and holder.id != before.id:
        raise ChangedSinceError(
            run_id, [{"id": holder.id, "artifact": holder.artifact, "reason": "it has the key now"}]
        )


def previous_run(reads: TrackingQueries, run: StoredRun) -> StoredRun:
    """
    Return the run of the same group that closed before this one.

    :raises NotFoundError: there is none, or this one did not close
    """
    found = None
    if run.state.group_id is not None and run.closed is not None:
        found = reads.run_closed_before(run.state.group_id, run.closed)
    if found is None:
        raise NotFoundError(f"There is no run of the same group that closed before the run {run.state.id}")
    return found
