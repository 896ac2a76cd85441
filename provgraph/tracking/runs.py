"""How runs close, fail and are undone: what each of them does to a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import ConflictError, InvalidInputError, NotFoundError
from provgraph.events.clock import rfc3339
from provgraph.families.tracking.events import ObjectState, Operation, RunState, RunStatus
from provgraph.families.tracking.groupname import description
from provgraph.tracking import keys
from provgraph.tracking.draft import new_id
from provgraph.tracking.keys import Called
from provgraph.tracking.saving import leave_groups
from provgraph.tracking.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from provgraph.families.tracking.queries import StoredObject, StoredOperation, StoredRun, TrackingQueries
    from provgraph.tracking.draft import Draft
    from provgraph.tracking.kinds import ObjectKinds
    from provgraph.tracking.sweep import Limit, Sweep

JSONObject = dict[str, Any]

_TOUCHED = frozenset({Operation.CREATED, Operation.UPDATED, Operation.UNCHANGED, Operation.RESTORED})

_UNDOING = frozenset({Operation.RESTORED, Operation.RETIRED, Operation.GROUPED})


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
    is_idle: bool  # nothing was saved, and nothing is to be cleared: the group stays as it is
    sweep: Sweep


class ChangedSinceError(ConflictError):
    """What a rollback would undo was changed by somebody else meanwhile; nothing was changed."""

    title = "Changed since"

    def __init__(self, what: str, conflicts: Sequence[JSONObject]) -> None:
        named = ", ".join(str(conflict["artifact"]) for conflict in conflicts[:5])
        more = f" and {len(conflicts) - 5} more" if len(conflicts) > 5 else ""
        super().__init__(
            f"{what} cannot be rolled back: {named}{more} changed since. Nothing was changed; "
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
    unread_text = None

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "plan", "field": "plan"}


class GroupNameError(ConflictError):
    """The group of this name belongs to another script; nothing was changed."""

    title = "Group of another script"

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "group-name", "field": "identifier"}


def group_of(draft: Draft, run: RunState) -> ObjectState | None:
    """
    Return the group that a run keeps, None when it is not there yet.

    The rule for names of groups, which is not ours to change, gives the identifier ``A-DIGEST`` the group of the
    identifier ``A`` with parameters of this digest. Each of the two would sweep what the other one saved.

    :raises GroupNameError: the group is known to be another script's
    """
    group = draft.live(branch=run.branch, kind=run.group_type, key=run.group_name)
    script = None if group is None else group.group
    if script is None or script["params"] is None or script["identifier"] in (None, run.identifier):
        return group
    told = "parameters" if script["params"] else "no parameters"
    raise GroupNameError(
        f"The group {run.group_name} belongs to runs of {script['identifier']!r} with {told}, and {run.identifier!r} "
        "would keep a group of the same name: choose another identifier"
    )


def intended(draft: Draft, run: RunState, closing: Closing) -> Intended:
    """
    Return what closing a run would do.

    :raises InvalidInputError: a member that nobody knows
    :raises GroupNameError: see `group_of`
    """
    group = group_of(draft, run)
    previous = () if group is None else draft.reads.members(group.id)
    delete_unused = run.delete_unused if closing.delete_unused is None else closing.delete_unused
    members = [id_ for id_ in _saved(draft, run, closing.members) if group is None or id_ != group.id]
    is_idle = not members and (group is None or not delete_unused)
    if is_idle:
        members = list(previous)  # the list stays as it is
    return Intended(
        group,
        delete_unused,
        is_idle,
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
            draft.retire(stored[id_].state)
        leave_groups(draft, swept.retire, but=() if group is None else (group.id,))
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
        "deferred": [one._asdict() for one in swept.deferred],
    }


class Work(NamedTuple):
    """What is to be undone."""

    what: str  # for the sentence that it cannot be
    operations: Sequence[StoredOperation]  # in order
    runs: Sequence[
        RunState
    ]  # whose groups are to list again what they listed before, in the order of their ends


def work_of_run(reads: TrackingQueries, run: RunState) -> Work:
    """Return all that a run did."""
    return Work(f"The run {run.id}", reads.operations(run_id=run.id), (run,))


def work_of_login(reads: TrackingQueries, login: str, *, since_us: int, since: str) -> Work:
    """
    Return all that a login did, in runs or not.

    :param since_us: what was recorded at this time or later
    :param since: how that was said, for the sentence
    """
    operations: Sequence[StoredOperation] = reads.operations_of(login, since_us=since_us)
    groups = {(one.run_id, one.object_id) for one in operations}
    ids = dict.fromkeys(one.run_id for one in operations if one.run_id is not None)
    runs = [run for run in map(reads.run, ids) if run is not None and run.closed is not None]
    # A run that was rolled back lists nobody any more: its group lists again what it listed before.
    undone = [run for run in runs if run.state.state is RunStatus.ROLLED_BACK]
    closed = sorted((run for run in runs if run not in undone), key=lambda run: run.closed or 0)
    ended = [run.state for run in closed if (run.state.id, run.state.group_id) in groups]
    return Work(f"What {login!r} did since {since}", _with_rollbacks(reads, operations, undone), ended)


def _with_rollbacks(
    reads: TrackingQueries, operations: Sequence[StoredOperation], undone: Sequence[StoredRun]
) -> list[StoredOperation]:
    """
    Return operations with what the rollbacks of these runs did to the same objects, whoever rolled them back.

    Otherwise such a rollback would be somebody else's change of what it put back. It stays one where the run did more
    to an object than is to be undone now.
    """
    known = {(one.sequence, one.object_id) for one in operations}
    further: list[StoredOperation] = []
    for run in undone:
        done = reads.operations(run_id=run.state.id)
        own = done[: _began_to_undo(run, done)]
        touched = {one.object_id for one in own}
        foreign = {one.object_id for one in own if (one.sequence, one.object_id) not in known}
        further += [
            one
            for one in done[len(own) :]
            if one.object_id in touched - foreign and (one.sequence, one.object_id) not in known
        ]
    # Whom a rollback took off the group of its run was not on it before the run.
    last = {run.closed for run in undone}
    whole = sorted((*operations, *further), key=lambda one: one.sequence)
    return [one._replace(dropped=()) if one.sequence in last else one for one in whole]


def _began_to_undo(run: StoredRun, done: Sequence[StoredOperation]) -> int:
    """
    Return the number of the first of the operations of a run that its rollback did.

    A rollback is a row of steps without a gap. The last one closed the run for good, and changed its group alone.
    """
    first, step = len(done), run.closed or 0
    actor = done[-1].actor if done else None
    while first and step - done[first - 1].sequence <= 1:
        one = done[first - 1]
        if one.operation not in _UNDOING or one.actor != actor:
            break
        first, step = first - 1, one.sequence
    return first


def roll_back(draft: Draft, kinds: ObjectKinds, work: Work, *, force: bool) -> JSONObject:
    """
    Put everything back that was changed, and return which objects were restored, retired, and left as they are.

    :param force: also what somebody has changed since; what cannot be put back is skipped
    :raises ChangedSinceError: somebody has changed some of it since, and ``force`` was not asked for
    """
    undoing = _undoing(draft, kinds, work)
    conflicts = _conflicts(draft, undoing)
    if conflicts and not force:
        raise ChangedSinceError(work.what, conflicts)
    for id_ in undoing.retire:
        draft.retire(undoing.now[id_].state)
    restored, skipped = _put_back(draft, undoing)
    leave_groups(draft, undoing.retire, but=undoing.dropped)
    _list_again(draft, undoing, restored)
    return {"restored": restored, "retired": undoing.retire, "skipped": skipped}


class _Undoing(NamedTuple):
    """What a rollback is about."""

    kinds: ObjectKinds
    left: dict[str, ObjectState]  # objects as they were left, by id
    retire: list[str]  # that were created, and that are there
    restore: dict[str, ObjectState]  # to what was before
    now: dict[str, StoredObject]
    # By group: whom it does not list any more. The groups that the runs kept are there in any case.
    dropped: dict[str, list[str]]
    listed: dict[
        str, tuple[str, ...]
    ]  # by group that the runs kept: whom it listed at the end of the last one
    relisted: frozenset[
        str
    ]  # of these groups, those that list again what they listed before, and nobody else
    meanwhile: frozenset[str]  # objects that somebody else changed between two of the operations


def _undoing(draft: Draft, kinds: ObjectKinds, work: Work) -> _Undoing:
    first: dict[str, StoredOperation] = {}
    dropped: dict[str, list[str]] = {}
    listed: dict[str, tuple[str, ...]] = {}
    for run in work.runs:
        if run.group_id is not None:
            if run.previous_members is not None and run.group_id not in listed:
                dropped[run.group_id] = list(run.previous_members)
            listed[run.group_id] = run.members or ()
    relisted = frozenset(dropped)
    ended = _ends(work)
    last: dict[str, StoredOperation] = {}
    for number, operation in enumerate(work.operations):
        if operation.operation is not Operation.UNCHANGED:
            first.setdefault(operation.object_id, operation)
            last[operation.object_id] = operation
        # What such a group listed when its first run ended lacks what was taken off it before, and nothing else.
        if operation.dropped and number <= ended.get(operation.object_id, number):
            dropped.setdefault(operation.object_id, []).extend(operation.dropped)
    now = draft.reads.objects([*first, *dropped])
    today = _Today(draft, kinds, now)
    left = {id_: today.state(one.after, one.sequence) for id_, one in last.items()}
    retire = [id_ for id_, one in first.items() if not _was_live(one.before) and now[id_].state.live]
    before = {
        id_: today.state(one.before, one.sequence)
        for id_, one in first.items()
        if one.before is not None and one.before.live
    }
    restore = {id_: state for id_, state in before.items() if not state.is_same(now[id_].state)}
    meanwhile = _changed_between(work.operations)
    return _Undoing(kinds, left, retire, restore, now, dropped, listed, relisted, meanwhile)


def _ends(work: Work) -> dict[str, int]:
    """Return by group that the runs kept: the number of the last operation of the first run that ended."""
    last = {one.run_id: number for number, one in enumerate(work.operations)}
    ends: dict[str, int] = {}
    for run in work.runs:
        if run.group_id is not None and run.previous_members is not None:
            ends.setdefault(run.group_id, last.get(run.id, -1))
    return ends


def _changed_between(operations: Sequence[StoredOperation]) -> frozenset[str]:
    """Return the objects that an operation did not find as the one before had left them; names do not count."""
    left: dict[str, ObjectState] = {}
    found: set[str] = set()
    for one in operations:
        before, known = one.before, left.get(one.object_id)
        if before is not None and known is not None:
            called = known._replace(key=before.key, artifact=before.artifact)
            if not called.is_same(before):
                found.add(one.object_id)
        left[one.object_id] = one.after
    return frozenset(found)


class _Today:
    """Tells what states that were recorded before their kind was defined anew would be called today."""

    def __init__(self, draft: Draft, kinds: ObjectKinds, now: Mapping[str, StoredObject]) -> None:
        self._draft = draft
        self._kinds = kinds
        self._now = now
        self._since: dict[str, int] = {}

    def state(self, state: ObjectState, sequence: int) -> ObjectState:
        """
        Return a state that the step ``sequence`` recorded, as it is called by the present definitions.

        Of a retired object nobody can tell whether somebody had given it its key: it is called by its texts.
        """
        now = self._now[state.id].state
        if state.is_same(now):
            return state
        if state.kind not in self._since:
            self._since[state.kind] = self._draft.reads.kind_since(state.kind)
        if self._since[state.kind] <= sequence or (now.live and now.key == state.key):
            return state
        kind = self._kinds.of(state.kind)
        name = keys.name_of(self._draft, self._kinds, kind, state.values, state.parent)
        key = kind.key(name or ())
        if keys.is_same_name(kind, name, key, state.key):
            return state
        return state._replace(key=key, artifact=now.artifact if now.key == key else state.artifact)


def _was_live(before: ObjectState | None) -> bool:
    return before is not None and before.live


def _put_back(draft: Draft, undoing: _Undoing) -> tuple[list[str], list[str]]:
    """Put objects back, but for groups that are listed again later; return which, and which cannot be."""
    waiting = dict(undoing.restore)
    restored, skipped = [], []
    for wanted in undoing.restore:
        chain = [wanted]  # each has the key that the one before it shall have
        while chain:
            id_ = chain[-1]
            before = undoing.restore[id_]
            holder = _holder(draft, undoing.kinds, before)
            if id_ not in waiting:
                chain.pop()
            elif holder is not None and holder.id in chain:
                # All of them wait for each other: one gives its key away for a moment.
                draft.put(Operation.RESTORED, holder._replace(key=None), before=holder, member=False)
            elif holder is not None and holder.id in waiting:
                chain.append(holder.id)
            elif _obstacle(draft, undoing, before) is not None:
                skipped.append(id_)
                del waiting[id_]
            else:
                if id_ not in undoing.dropped:
                    now = draft.state(id_) or undoing.now[id_].state
                    draft.put(Operation.RESTORED, before, before=now, member=False)
                restored.append(id_)
                del waiting[id_]
    return restored, skipped


def _list_again(draft: Draft, undoing: _Undoing, restored: Sequence[str]) -> None:
    """Have groups list again whom they do not list any more, as far as they are there."""
    back = set(restored)

    def is_there(id_: str) -> bool:
        return id_ in back or draft.is_live(id_)

    for group_id, dropped in undoing.dropped.items():
        if not is_there(group_id):
            continue
        # What a run's own group lists since is the run's; what others list is their own.
        kept = () if group_id in undoing.relisted else draft.members(group_id)
        now = undoing.now[group_id].state
        draft.list_members(
            undoing.restore[group_id] if group_id in back else now,
            [id_ for id_ in dict.fromkeys((*kept, *dropped)) if is_there(id_)],
            before=now,
            operation=Operation.RESTORED if group_id in back else Operation.GROUPED,
            together=True,
        )


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
    if wanted.is_idle:
        return before
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
    draft.list_members(group, members, before=before, operation=operation, together=True)
    return group


def _conflicts(draft: Draft, undoing: _Undoing) -> list[JSONObject]:
    """Return what somebody did since that a rollback would undo as well, or that stands in its way."""
    owners = draft.live_groups_of(undoing.retire)
    orphans = _orphans(draft, undoing)
    leaving = {*undoing.retire, *undoing.restore}
    conflicts = []
    for id_, left in undoing.left.items():
        if id_ not in leaving and id_ not in undoing.dropped:
            continue  # it is as it was before already: nothing is done to it
        now = undoing.now[id_]
        # What was changed and put back since is as the run left it.
        changed = not now.state.is_same(left)
        listed = [owner for owner in owners.get(id_, ()) if owner not in undoing.listed]
        before = undoing.restore.get(id_)
        reason = (
            "it was changed since"
            if changed
            else "somebody changed it in between"
            if id_ in undoing.meanwhile
            else "another group lists it"
            if listed
            else orphans.get(id_)
            or (None if before is None else _obstacle(draft, undoing, before, leaving=leaving))
            or _other_members(draft, undoing, id_)
        )
        if reason is not None:
            conflicts.append(
                {
                    "id": id_,
                    "artifact": now.state.artifact,
                    "reason": reason,
                    "changed_by_run": now.run_id if changed else None,
                    "actor": now.actor if changed else None,
                    "at": rfc3339(now.recorded_us) if changed else None,
                    "listed_by": listed,
                }
            )
    return conflicts


def _orphans(draft: Draft, undoing: _Undoing) -> dict[str, str]:
    """Return the objects to be retired that others need which stay, each with the reason."""
    found: dict[str, str] = {}
    for child in draft.reads.children(undoing.retire):
        before = undoing.restore.get(
            child.state.id, child.state
        )  # it may go back to another parent, or to none
        if child.state.id not in undoing.retire and before.parent == child.state.parent is not None:
            found[child.state.parent] = f"{child.state.artifact} goes with it and would stay"
    return found


def _holder(draft: Draft, kinds: ObjectKinds, before: ObjectState) -> ObjectState | None:
    """Return the other live object that has the key of one that is to be put back, or its name in another spelling."""
    if before.key is None:
        return None
    found = draft.live(branch=before.branch, kind=before.kind, key=before.key)
    if found is None:
        kind = kinds.of(before.kind)
        name = keys.name_of(draft, kinds, kind, before.values, before.parent)
        if keys.is_made_of(kind, name, before.key):
            found = keys.holder(draft, kinds, Called(kind, before.branch, before.key, name))
    return None if found is None or found.id == before.id else found


def _obstacle(
    draft: Draft, undoing: _Undoing, before: ObjectState, *, leaving: Container[str] = ()
) -> str | None:
    """
    Return why an object cannot be as it was before, None when it can.

    :param leaving: objects that will have given their keys away by then
    """
    holder = _holder(draft, undoing.kinds, before)
    if holder is not None and holder.id not in leaving:
        return f"{holder.artifact} has its key now"
    if (
        before.parent is not None
        and before.parent not in undoing.restore
        and not draft.is_live(before.parent)
    ):
        return "what it goes with was retired since"
    return None


def _other_members(draft: Draft, undoing: _Undoing, group_id: str) -> str | None:
    if group_id not in undoing.listed:
        return None
    # What the rollback retires is still listed, and what was retired since is not.
    added = set(draft.reads.members(group_id)) - set(undoing.listed[group_id])
    return "it lists others since" if added else None


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
