"""
One tracked block of work, and the group that its end writes.

What was saved is kept here by id. The service hears of a run with the first save, or at the end: a run that saved
nothing, or failed before it saved anything, is one too. When it has closed and the program goes on, the next run of
the same context begins with the members so far.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provgraph.client.errors import BusyError, ContradictionError, ServiceError
from provgraph.client.methods import Awaited, Does, Waiting
from provgraph.client.texts import message_of
from provgraph.client.tracking import commands, names
from provgraph.client.tracking.answers import CloseReport, Group, Member, Plan
from provgraph.client.tracking.commands import Closing, new_request
from provgraph.client.tracking.errors import (
    NotAllRetiredError,
    PlanChangedError,
    SweepLimitError,
    rule,
)
from provgraph.client.tracking.records import saved_id
from provgraph.client.tracking.settings import Limit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provgraph.client.base import JSON, Conversation
    from provgraph.client.tracking.base import Shared
    from provgraph.client.tracking.nodes import NodeBase
    from provgraph.client.tracking.settings import Properties

logger = logging.getLogger(__name__)

_LONGEST_ERROR = 2_000
_SHOWN = 5


@dataclass(slots=True)
class _OpenRun:
    """A run that has not ended. Its requests are its own: tasks or threads that open or close it at once do it once."""

    id: str | None = None  # None: the service has not heard of it
    open_request: str = field(default_factory=new_request)
    close_request: str = field(default_factory=new_request)
    saved: set[str] = field(default_factory=set)  # ids that the service counts as saved by it


class GroupContextBase:
    """
    A block of work, and the group that it keeps.

    ``related_node_ids`` and ``related_group_ids`` are what was saved or added so far, ``previous_members`` and
    ``unused_member_ids`` what the group held before the last end and what of it was not saved again (None: not known).
    """

    tracking_session: Shared

    def __init__(self, session: Shared, properties: Properties) -> None:
        self.tracking_session = session
        self.properties = properties
        self.related_node_ids: list[str] = []
        self.related_group_ids: list[str] = []
        self.previous_members: list[Member] | None = None
        self.unused_member_ids: list[str] | None = None
        self.report: CloseReport | None = None  # of the last end
        self._run = _OpenRun()
        self._reads: dict[str, None] = {}
        # What this client saved in threads and tasks without a run, while this one went on.
        self._outside: set[str] = set()
        self._touched = False  # whether anything was done since the last end

    @property
    def identifier(self) -> str:
        """What names the script."""
        return self.properties.identifier

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that it runs with."""
        return self.properties.params

    @property
    def delete_unused_nodes(self) -> bool:
        """Whether the end retires members that were not saved."""
        return self.properties.delete_unused_nodes

    @property
    def group_type(self) -> str:
        """The kind of the group."""
        return self.properties.group_type

    @property
    def group_params(self) -> dict[str, Any]:
        """Further values of the group."""
        return self.properties.group_params

    @property
    def branch(self) -> str:
        """The branch that the run works on."""
        return self.properties.branch

    @property
    def name(self) -> str:
        """What the group is called."""
        from provgraph.families.tracking.groupname import group_name  # noqa: PLC0415 - see `settings.checked_params`

        return group_name(self.identifier, self.params)

    @property
    def run_id(self) -> str | None:
        """The id of the run that is open, None when the service has heard of none."""
        return self._run.id

    # ------------------------------------------------------------------------------------------ what users do

    @Does
    def get_group(self, store_peers: bool = False) -> Conversation[Group | None]:
        """
        Return the group as it is, with its members, or None; ``previous_members`` are its members then.

        :param store_peers: hold the members in the client's store
        """
        asked = commands.group_named(self.properties, self.name, members="full" if store_peers else "true")
        document: JSON | None = yield asked
        if document is None:
            return None
        if store_peers:
            self.tracking_session.hold(document["members"])
        group = Group.read(document)
        self.previous_members = list(group.members or ())
        return group

    @Does
    def add_related_nodes(
        self, ids: Iterable[NodeBase | str], update_group_context: bool | None = None
    ) -> Conversation[None]:
        """
        Make objects members that were not saved: this is how one protects what was only read.

        Ignored outside a run unless ``update_group_context`` is True, and in a run if it is False.

        :raises ImpossibleNameError: one of the ids is no UUID; none was added
        :raises NotSavedError: one of the objects has no id yet; none was added
        """
        self._add(self.related_node_ids, ids, update_group_context)
        yield from ()

    @Does
    def add_related_groups(
        self, ids: Iterable[NodeBase | str], update_group_context: bool | None = None
    ) -> Conversation[None]:
        """Make groups members; see `add_related_nodes`."""
        self._add(self.related_group_ids, ids, update_group_context)
        yield from ()

    @Does
    def update_group(
        self, plan: Plan | str | None = None, limit: Limit | int | None = None
    ) -> Conversation[CloseReport]:
        """
        Close the run: write the group, retire what is unused if that was asked for. Tracking goes on in a new run.

        With nothing done since the last time nothing is sent, and the last report is returned.

        :param plan: do exactly what this plan says, whatever the limit, or nothing
        :param limit: how much may be retired; absent: as `start_tracking` said
        :raises NotAllRetiredError: everything else was done
        :raises SweepLimitError: nothing was done, and the run is marked failed
        :raises PlanChangedError: nothing was done
        """
        token = plan.token if isinstance(plan, Plan) else plan
        return (yield from self.close(plan=token, limit=Limit.read(limit)))

    @Does
    def delete_unused(self) -> Conversation[CloseReport]:
        """Close the run and retire what is unused, even where `start_tracking` did not ask for it."""
        return (yield from self.close(delete_unused=True))

    @Does
    def plan(self) -> Conversation[Plan]:
        """Return what `update_group` would do now. Nothing is written; give it the plan to do exactly that."""
        run_id = yield from self.opened()
        plan: Plan = yield commands.plan(run_id, (yield from self._sparing(run_id, self._closing())))
        return plan

    # ------------------------------------------------------------------------------------- what the client does

    def opened(self, *, patient: bool = True) -> Conversation[str]:
        """Return the id of the run that is open, after opening one if there is none."""
        yield from self.tracking_session.give_up_replaced(self)
        run = self._run
        if run.id is None:
            session = self.tracking_session
            opened = yield commands.open_run(
                run.open_request, self.properties, actor=session.settings.actor, patient=patient
            )
            run.id = opened.id
        return run.id

    def reads(self) -> tuple[str, ...]:
        """Return the ids of what was read and not told yet."""
        return tuple(self._reads)

    def note_reads(self, ids: Iterable[str]) -> None:
        """Say that objects were read: they go along with the next command, as what it used."""
        self._reads.update(dict.fromkeys(ids))
        self._touched = True

    def note_told(self, ids: Iterable[str]) -> None:
        """Say that these reads went along with a command."""
        for id_ in ids:
            self._reads.pop(id_, None)

    def note_saved(self, document: JSON, *, member: bool, in_run: str | None) -> None:
        """
        Say that an object was saved.

        :param in_run: the run that the service counts it for, None outside one
        """
        self._touched = True
        if not member:
            return
        (self.related_group_ids if document.get("is_group") else self.related_node_ids).append(document["id"])
        if in_run is not None and in_run == self._run.id:
            self._run.saved.add(document["id"])

    def note_outside(self, ids: Iterable[str]) -> None:
        """Say that this client saved objects where no run is in force: they may be none of this one's, but are used."""
        self._outside.update(ids)

    def note_retired(self, ids: Iterable[str]) -> None:
        """Say that objects are gone."""
        gone = set(ids)
        self._touched = True
        self._outside -= gone
        self.related_node_ids[:] = [id_ for id_ in self.related_node_ids if id_ not in gone]
        self.related_group_ids[:] = [id_ for id_ in self.related_group_ids if id_ not in gone]

    def close(
        self, *, plan: str | None = None, limit: Limit | None = None, delete_unused: bool | None = None
    ) -> Conversation[CloseReport]:
        """See `update_group`."""
        if self.report is not None and not self.report.refused and self._is_settled:
            return self.report
        run_id = yield from self.opened()
        # Who has looked at a plan needs no limit.
        limit = (limit or self.properties.limit) if plan is None else None
        closing = self._closing(plan=plan, limit=limit, delete_unused=delete_unused)
        closing = yield from self._sparing(run_id, closing)
        try:
            report: CloseReport = yield commands.close(
                self._run.close_request, run_id, closing, actor=self.tracking_session.settings.actor
            )
        except ContradictionError as error:
            yield from self._not_closed(error, run_id, closing)
            raise
        self._closed(report)
        if report.refused:
            raise NotAllRetiredError(report.refused, report)
        return report

    def end(self) -> Conversation[CloseReport]:
        """Close the run for good; one that the service refuses to close is marked failed."""
        try:
            return (yield from self.close())
        except ServiceError as error:
            if not isinstance(error, BusyError):
                yield from self.fail(error)
            raise

    def fail(self, error: BaseException) -> Conversation[None]:
        """Mark the run failed, if the service can be reached; nothing is raised."""
        if self.report is not None and self._is_settled:
            return
        told = ": ".join(filter(None, (type(error).__name__, message_of(error))))[:_LONGEST_ERROR]
        try:
            run_id = yield from self.opened(patient=False)
            yield commands.fail(run_id, told, actor=self.tracking_session.settings.actor)
        except Exception as trouble:  # noqa: BLE001 - what the caller is told is what failed, not this
            error.add_note(f"(The run could not be marked failed: {trouble})")
        self._run = _OpenRun()

    def give_up(self) -> str | None:
        """Go on without the run that is open, and return its id if the service knows it."""
        run_id, self._run = self.run_id, _OpenRun()
        return run_id

    # ---------------------------------------------------------------------------------------------------------

    @property
    def _is_settled(self) -> bool:
        return not self._touched and self._run.id is None

    def _add(
        self, listed: list[str], ids: Iterable[NodeBase | str], update_group_context: bool | None
    ) -> None:
        # The service would refuse a wrong id at the end of the run, when all its work is done.
        added = [names.id_(saved_id(each)) for each in ids]
        if self.tracking_session.is_member(update_group_context):
            listed += added
            self._touched = True

    def _closing(self, **how: Any) -> Closing:
        listed = dict.fromkeys((*self.related_node_ids, *self.related_group_ids))
        more = [id_ for id_ in listed if id_ not in self._run.saved]
        return Closing(members=more, reads=self.reads(), **how)

    def _sparing(self, run_id: str, closing: Closing) -> Conversation[Closing]:
        """Return how to close the run so that it sweeps nothing which this client saved outside of it meanwhile."""
        outside = self._outside.copy()
        if not outside.difference(closing.members, self._run.saved):
            return closing
        plan: Plan = yield commands.plan(run_id, closing)
        spared = [member for member in (*plan.retire, *plan.release) if member.id in outside]
        if not spared:
            return closing
        named = ", ".join(member.artifact for member in spared[:_SHOWN])
        logger.warning(
            "%d members of the group %s were saved in threads that do not belong to the run: they stay members and are "
            "not retired (%s). Start such threads with contextvars.copy_context().run",
            len(spared),
            self.name,
            named,
        )
        return replace(closing, members=[*closing.members, *(member.id for member in spared)])

    def _closed(self, report: CloseReport) -> None:
        self.report = report
        self.previous_members = None if report.previous_members is None else list(report.previous_members)
        self.unused_member_ids = None if report.unused is None else list(report.unused)
        self._run = _OpenRun()
        self._reads.clear()
        self._touched = False
        self.tracking_session.store.drop(report.retired)

    def _not_closed(self, error: ContradictionError, run_id: str, closing: Closing) -> Conversation[None]:
        if rule(error) == "plan":
            raise PlanChangedError(str(error)) from error
        if rule(error) == "sweep-limit":
            plan: Plan = yield commands.plan(run_id, closing)
            yield from self.fail(error)
            raise SweepLimitError(str(error), plan) from error


class GroupContext(GroupContextBase, Waiting):
    """See `GroupContextBase`."""


class AsyncGroupContext(GroupContextBase, Awaited):
    """See `GroupContextBase`; what talks to the service is awaited."""
