"""
Tracked work: every command is decided here, and is appended whole or not at all.

Who decides has seen every step before: one command at a time in a process, and across processes by the steps' numbers,
of which the log takes one each. Who comes second decides anew.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import ConflictError, InvalidInputError, NotFoundError, OverloadedError
from provgraph.events import canonical
from provgraph.events.clock import now_us
from provgraph.families.tracking.events import FROM_FILE, RunState, RunStatus
from provgraph.families.tracking.groupname import DEFAULT_IDENTIFIER, check_params, group_name
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.tracking.documents import Placed, named
from provgraph.tracking.draft import Command, Draft, Place, new_id
from provgraph.tracking.keys import rename_after_restoring
from provgraph.tracking.kinds import MAIN, STANDARD_GROUP, kind_name, read_schema, refuse_two_of_one_name
from provgraph.tracking.listing import list_group
from provgraph.tracking.redefining import rename_redefined
from provgraph.tracking.runs import (
    Closing,
    close,
    group_of,
    intended,
    roll_back,
    work_of_login,
    work_of_run,
)
from provgraph.tracking.saving import leave_groups, retire, save
from provgraph.tracking.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provgraph.catalog import Catalog
    from provgraph.eventlog import EventLog
    from provgraph.events import NewEvent
    from provgraph.families.tracking.events import ObjectState, Tracked
    from provgraph.families.tracking.queries import Answered, StoredRun
    from provgraph.tracking.kinds import ObjectKinds
    from provgraph.tracking.listing import Listing
    from provgraph.tracking.saving import Save
    from provgraph.tracking.sweep import Limit, Refused

JSONObject = dict[str, Any]

# As many other processes may each be first once; more than that in a row is no coincidence.
_ATTEMPTS = 50


class Outcome(NamedTuple):
    """What a command was answered with, and where its event stands."""

    answer: JSONObject
    position: int
    repeated: bool = False  # the command had come before; nothing was done this time


class Opening(NamedTuple):
    """How a run is to be opened."""

    identifier: str | None = None
    params: Mapping[str, Any] | None = None
    branch: str | None = None
    group_type: str | None = None
    group_params: Mapping[str, Any] | None = None
    delete_unused: bool = False


class Tracker:
    """Decides commands on tracked work. Safe to use from several threads; its methods block."""

    def __init__(self, log: EventLog, catalog: Catalog, kinds: ObjectKinds) -> None:
        self._log = log
        self._reads = TrackingQueries(catalog.reading)
        self.kinds = kinds
        self._lock = threading.Lock()

    # --------------------------------------------------------------------------------------------------- runs

    def open_run(self, command: Command, opening: Opening) -> Outcome:
        """
        Open a run. The answer names it: ``{"run": id}``.

        :raises InvalidInputError: parameters that are no JSON object
        :raises GroupNameError: the group that it would keep is another script's
        """
        params = dict(opening.params or {})
        check_params(params)
        identifier = opening.identifier or DEFAULT_IDENTIFIER
        group_type = opening.group_type or STANDARD_GROUP
        self._check_group(group_type, opening.group_params or {})

        def decide(draft: Draft) -> list[NewEvent]:
            run = RunState(
                id=new_id(),
                state=RunStatus.OPEN,
                identifier=identifier,
                params=params,
                branch=opening.branch or MAIN,
                delete_unused=opening.delete_unused,
                actor=command.actor,
                group_type=group_type,
                group_name=group_name(identifier, params),
                group_params=dict(opening.group_params or {}),
                opened_us=draft.place.occurred_us,
            )
            group_of(draft, run)  # refused now, before the work is done
            return draft.events("run.opened", answer={"run": run.id}, run=run)

        return self._decide(command, decide)

    def _check_group(self, type_: str, params: Mapping[str, Any]) -> None:
        if not self.kinds.of(type_).is_group:
            raise InvalidInputError(
                f"{type_} is no kind of group: these inherit from CoreGroup, or have a name that ends in Group",
                field="group_type",
                rule="group",
            )
        if "name" in params:
            raise InvalidInputError(
                "The name of a group is made of identifier and params, group_params cannot give it",
                field="group_params.name",
                rule="not-the-name",
            )

    def close(self, command: Command, run_id: str, closing: Closing) -> Outcome:
        """
        Close a run, see `provgraph.tracking.runs.close`. A run that is closed already is answered as it was then.

        The answer names run and group, and says what was added, kept, dropped, retired, released and refused.

        :raises NotFoundError: there is no such run
        :raises ConflictError: it failed or was rolled back; or see there
        """

        def decide(draft: Draft) -> list[NewEvent] | Outcome:
            draft.run = stored = self._run(run_id)
            if stored.state.state is RunStatus.DONE:
                return Outcome(_closed(stored.state), stored.position, repeated=True)
            _refuse_unless_open(stored.state)
            closed = close(draft, self.kinds, stored.state, closing)
            return draft.events("run.closed", answer=_closed(closed), run=closed)

        return self._decide(command, decide)

    def close_group(self, command: Command, listing: Listing) -> Outcome:
        """
        Write a group with the members that somebody states, as a run that was opened and closed in one.

        The answer is that of `close`.

        :raises NotFoundError: there is no group with the id
        :raises ConflictError: another group has the name
        :raises InvalidInputError: a group that cannot be written so, or a member that nobody knows
        """

        def decide(draft: Draft) -> list[NewEvent]:
            closed = list_group(draft, self.kinds, listing)
            return draft.events("run.closed", answer=_closed(closed), run=closed)

        return self._decide(command, decide)

    def plan(self, run_id: str, closing: Closing) -> JSONObject:
        """
        Return what closing a run would do now; nothing is written.

        :raises NotFoundError: there is no such run
        :raises ConflictError: it is closed
        """
        stored = self._run(run_id)
        _refuse_unless_open(stored.state)
        draft = self._draft(Command(""))
        draft.run = stored
        wanted = intended(draft, stored.state, closing)
        swept = wanted.sweep
        concerned = self._reads.objects(
            [*swept.retire, *swept.release, *(one.id for one in (*swept.refused, *swept.deferred))]
        )

        def by_name(id_: str) -> JSONObject:
            return Placed(named(concerned[id_].state), concerned[id_].position)

        def told(one: Refused) -> JSONObject:
            return Placed(one._asdict(), concerned[one.id].position)

        group_id = None if wanted.group is None else wanted.group.id
        group = Placed(
            {"id": group_id, "type": stored.state.group_type, "name": stored.state.group_name},
            stored.position,
        )
        if group_id is not None:  # whom it keeps and whom it drops depends on whom it listed
            group.resting_on(partial(self._reads.listed_at, group_id))
        return {
            "plan": swept.token,
            "group": group,
            "members": list(swept.members),
            "added": list(swept.added),
            "kept": list(swept.kept),
            "dropped": list(swept.dropped),
            "retire": list(map(by_name, swept.retire)),
            "release": list(map(by_name, swept.release)),
            "refused": list(map(told, swept.refused)),
            "deferred": list(map(told, swept.deferred)),
            "share": swept.percent,
        }

    def fail(self, command: Command, run_id: str, error: str) -> Outcome:
        """
        Say that a run failed. Its group and what it saved stay as they are.

        :raises NotFoundError: there is no such run
        :raises ConflictError: it is closed
        """

        def decide(draft: Draft) -> list[NewEvent] | Outcome:
            draft.run = stored = self._run(run_id)
            if stored.state.state is RunStatus.FAILED:
                return Outcome({"run": run_id}, stored.position, repeated=True)
            _refuse_unless_open(stored.state)
            draft.use(list(dict.fromkeys(one.object_id for one in self._reads.operations(run_id=run_id))))
            failed = stored.state._replace(
                state=RunStatus.FAILED, closed_us=draft.place.occurred_us, error=error
            )
            return draft.events("run.failed", answer={"run": run_id}, run=failed)

        return self._decide(command, decide)

    def roll_back(self, command: Command, run_id: str, *, force: bool = False) -> Outcome:
        """
        Undo what a run did, as new events. The answer says what was restored and what was retired.

        :raises NotFoundError: there is no such run
        :raises ChangedSinceError: somebody has changed some of it since, and ``force`` was not asked for
        """

        def decide(draft: Draft) -> list[NewEvent] | Outcome:
            draft.run = stored = self._run(run_id)
            if stored.state.state is RunStatus.ROLLED_BACK:
                nothing = {"run": run_id, "restored": [], "retired": [], "skipped": []}
                return Outcome(nothing, stored.position, repeated=True)
            undone = roll_back(draft, self.kinds, work_of_run(self._reads, stored.state), force=force)
            rename_after_restoring(draft, self.kinds)
            run = stored.state._replace(
                state=RunStatus.ROLLED_BACK,
                closed_us=stored.state.closed_us or draft.place.occurred_us,
            )
            return draft.events("run.rolled-back", answer={"run": run_id, **undone}, run=run)

        return self._decide(command, decide)

    def roll_back_login(
        self, command: Command, login: str, *, since_us: int, since: str, force: bool = False
    ) -> Outcome:
        """
        Undo what a login did since a time, in runs or not, as new events. The answer is that of `roll_back`.

        Runs stay as they are called: what is undone is what was done to objects and groups.

        :param since_us: what was recorded at this time or later
        :param since: how the time was said
        :raises NotFoundError: it did nothing since
        :raises ChangedSinceError: somebody else has changed some of it since, and ``force`` was not asked for
        """

        def decide(draft: Draft) -> list[NewEvent] | Outcome:
            work = work_of_login(self._reads, login, since_us=since_us, since=since)
            if not work.operations:
                raise NotFoundError(f"Nothing is recorded that {login!r} did to objects since {since}")
            answer = {"login": login, **roll_back(draft, self.kinds, work, force=force)}
            rename_after_restoring(draft, self.kinds)
            if not draft.has_changes:
                return Outcome(answer, self._log.head().position)
            return draft.events(
                "login.rolled-back", answer=answer, properties={"login": login, "since": since}
            )

        return self._decide(command, decide)

    # ------------------------------------------------------------------------------------------------ objects

    def save(
        self,
        command: Command,
        wanted: Sequence[Save],
        *,
        run_id: str | None = None,
        upsert: bool = False,
        reads: Sequence[str] = (),
    ) -> Outcome:
        """
        Save objects, all or none. The answer names them: ``{"objects": [{"id", "operation"}]}``.

        :param reads: ids of objects that were read for it
        :raises NotFoundError: there is no such object, or run
        :raises ConflictError: the run is closed, or a key is another object's
        :raises InvalidInputError: an object that cannot be saved so
        """

        def decide(draft: Draft) -> list[NewEvent]:
            draft.run = self._open_run(run_id)
            saved = [save(draft, self.kinds, one, upsert=upsert) for one in wanted]
            draft.use(reads)
            answer = {"objects": [{"id": id_, "operation": operation} for id_, operation in saved]}
            return draft.events("object.saved", answer=answer)

        return self._decide(command, decide)

    def retire(self, command: Command, ids: Sequence[str], *, run_id: str | None = None) -> Outcome:
        """
        Retire objects, with what goes with them. The answer says ``retired``, ``missing`` and ``refused``.

        :raises NotFoundError: none of them is there, or no such run
        :raises ConflictError: the run is closed
        """

        def decide(draft: Draft) -> list[NewEvent] | Outcome:
            draft.run = self._open_run(run_id)
            done = retire(draft, ids)
            answer = {
                "retired": list(done.retired),
                "missing": list(done.missing),
                "refused": [one._asdict() for one in done.refused],
            }
            if not draft.has_changes:
                return Outcome(answer, self._log.head().position)
            return draft.events("object.retired", answer=answer)

        return self._decide(command, decide)

    def define(self, command: Command, schema: object) -> Outcome:
        """
        Define kinds of objects, see `provgraph.tracking.kinds.read_schema`. The answer names them.

        Objects that are called otherwise from then on are renamed by the same command, each with an event of its own.

        :raises InvalidInputError: the schema cannot be read
        :raises UniqueError: two objects would have one name; nothing was changed
        """
        kinds = [{name: kind[name] for name in kind if name != FROM_FILE} for kind in read_schema(schema)]
        refuse_two_of_one_name((*self.kinds.definitions(), *kinds))

        def decide(draft: Draft) -> list[NewEvent]:
            rename_redefined(draft, self.kinds.as_of_now(), self.kinds.as_of_now(*kinds))
            names = [kind_name(kind) for kind in kinds]
            return draft.events(
                "kinds.defined", answer={"kinds": names}, kinds=kinds, properties={"kinds": names}
            )

        return self._decide(command, decide)

    def take_schema_file(self) -> Outcome | None:
        """
        Record what the schema file says where it says otherwise than before, and rename objects as `define` does.

        Return None where it says the same. The first time that it is recorded, objects are taken to be called as it
        says: nobody knows what it said before.

        :raises UniqueError: two objects would have one name; nothing was changed
        """
        stated = {kind_name(kind): kind for kind in self.kinds.from_file}

        def decide(draft: Draft) -> list[NewEvent] | Outcome:
            recorded = {kind_name(kind): kind for kind in self._reads.kinds_from_file()}
            kinds = [
                *({**kind, FROM_FILE: True} for kind in stated.values()),
                *({**kind, FROM_FILE: False} for name, kind in recorded.items() if name not in stated),
            ]
            changed = [kind for kind in kinds if not canonical.same(kind, recorded.get(kind_name(kind)))]
            if not changed:
                return Outcome({"kinds": []}, self._log.head().position)
            if recorded:
                before = [kind for kind in recorded.values() if kind[FROM_FILE]]
                rename_redefined(draft, self.kinds.as_of_now(from_file=before), self.kinds.as_of_now())
            names = [kind_name(kind) for kind in changed]
            properties = {"kinds": names, "schema_file": True}
            return draft.events(
                "kinds.defined", answer={"kinds": names}, kinds=changed, properties=properties
            )

        done = self._decide(Command(new_id()), decide)
        return done if done.answer["kinds"] else None

    # ------------------------------------------------------------------------------------------------- groups

    def adopt(self, command: Command, group_id: str, *, into: str) -> Outcome:
        """
        Hand a group's members over to another group, and retire the one that is left empty.

        :raises NotFoundError: one of them is not there
        :raises InvalidInputError: they are one group, or no groups
        """
        if group_id == into:
            raise InvalidInputError("A group cannot adopt itself", field="into", rule="not-itself")

        def decide(draft: Draft) -> list[NewEvent]:
            orphan, heir = _group(draft, group_id), _group(draft, into)
            if orphan.branch != heir.branch:
                raise InvalidInputError(
                    "The groups are on different branches",
                    field="into",
                    rule="branch",
                )
            members = [*self._reads.members(into), *self._reads.members(group_id)]
            united = [id_ for id_ in dict.fromkeys(members) if id_ not in (into, group_id)]
            draft.list_members(heir, united, before=heir, together=True)
            draft.retire(orphan, together=True)
            leave_groups(draft, [group_id], but=(into,))
            draft.use(united)
            return draft.events("group.adopted", answer={"group": group_id, "into": into})

        return self._decide(command, decide)

    def remove(self, command: Command, group_id: str, *, limit: Limit | None = None) -> Outcome:
        """
        Retire a group and its members, but for those that other groups list and those that are protected.

        A group with protected members stays, with these. The answer says ``retired``, ``released``, ``refused``.

        :raises NotFoundError: there is no such group
        :raises SweepLimitError: more would be retired than allowed
        """

        def decide(draft: Draft) -> list[NewEvent]:
            group = _group(draft, group_id)
            swept = sweep(
                draft.world(),
                group_id=group_id,
                previous=self._reads.members(group_id),
                members=(),
                delete_unused=True,
            )
            if limit is not None:
                swept.check(limit)
            stored = self._reads.objects(swept.retire)
            for id_ in swept.retire:
                draft.retire(stored[id_].state)
            retired = list(swept.retire)
            if swept.members:
                draft.list_members(group, swept.members, before=group, together=True)
            else:
                draft.retire(group, together=True)
                retired.append(group_id)
            leave_groups(draft, retired, but=(group_id,))
            answer = {
                "retired": retired,
                "released": list(swept.release),
                "refused": [one._asdict() for one in swept.refused],
            }
            return draft.events("group.removed", answer=answer)

        return self._decide(command, decide)

    # ------------------------------------------------------------------------------------------- how it is done

    def _decide(self, command: Command, decide: Callable[[Draft], list[NewEvent] | Outcome]) -> Outcome:
        for _ in range(_ATTEMPTS):
            with self._lock:
                known = self._reads.answered(command.request)
                if known is not None:
                    self._refuse_unless_same(command, known)
                    return Outcome(known.answer, known.position, repeated=True)
                draft = self._draft(command)
                decided = decide(draft)
                if isinstance(decided, Outcome):  # it was done before, or there is nothing to do
                    command.sender.check(draft.emitter())
                    return decided
                recorded = self._log.append_new(decided)
            if recorded is not None:
                last: Tracked = recorded[-1].content  # type: ignore[assignment] # a step's
                return Outcome(last.step.answer, recorded[-1].position)
        raise OverloadedError("Other processes are always first; send it again in a moment")

    def _refuse_unless_same(self, command: Command, known: Answered) -> None:
        stored = self._log.get(known.event_id)
        if stored is None:
            return
        done: Tracked = stored.content  # type: ignore[assignment] # a step's
        command.sender.check(done.pem.emitter)
        step = done.step
        if command.asked and step.asked not in ("", command.asked):
            raise RequestReusedError(
                f"Another command came under the request id {command.request} (log position {known.position}): "
                f"each command needs an id of its own, and only its repetition has the same one"
            )

    def _draft(self, command: Command) -> Draft:
        last = self._reads.last_step()
        place = Place(self._log.head().epoch, last.sequence + 1, max(now_us(), last.occurred_us + 1))
        return Draft(self._reads, place, command)

    def _run(self, run_id: str) -> StoredRun:
        stored = self._reads.run(run_id)
        if stored is None:
            raise NotFoundError(f"There is no run {run_id}")
        return stored

    def _open_run(self, run_id: str | None) -> StoredRun | None:
        if run_id is None:
            return None
        stored = self._run(run_id)
        _refuse_unless_open(stored.state)
        return stored


def _group(draft: Draft, group_id: str) -> ObjectState:
    group = draft.object(group_id)
    if group.group is None:
        raise InvalidInputError(f"{group.id} is not a group", field="group", rule="group")
    return group


def _closed(run: RunState) -> JSONObject:
    return {"run": run.id, "group": run.group_id, **(run.report or {})}


def _refuse_unless_open(run: RunState) -> None:
    if run.state is not RunStatus.OPEN:
        raise RunClosedError(f"The run {run.id} is {run.state}: open another one")


class RunClosedError(ConflictError):
    """The run is not open any more."""

    title = "Run closed"
    unread_text = None

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "run-open"}


class RequestReusedError(ConflictError):
    """A request id came again with another command."""

    title = "Request id reused"
    unread_text = None

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "request-once", "field": "request"}
