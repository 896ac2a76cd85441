"""The history of runs, and the groups that they keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from provgraph.client.errors import ContradictionError
from provgraph.client.methods import Awaited, Does, Part, Waiting
from provgraph.client.pages import AsyncPages, Pages
from provgraph.client.tracking import commands
from provgraph.client.tracking.answers import (
    Adopted,
    Conflict,
    Group,
    Operation,
    Plan,
    Retired,
    RolledBack,
    RolledBackLogin,
    Run,
    RunDiff,
)
from provgraph.client.tracking.errors import ChangedSinceError, rule
from provgraph.client.tracking.settings import Limit

if TYPE_CHECKING:
    from datetime import datetime

    from provgraph.client.base import JSON, Asker, AsyncAsker, Conversation, Paging
    from provgraph.client.tracking.base import Shared


class _Runs(Part):
    tracking_session: Shared

    @Does
    def get(self, run: str) -> Conversation[Run]:
        """Return a run by its id."""
        found: Run = yield commands.run(run)
        return found

    @Does
    def operations(self, run: Run | str) -> Conversation[tuple[Operation, ...]]:
        """Return what a run did, in order: each with the object's values before and after."""
        found: tuple[Operation, ...] = yield commands.operations(_id(run))
        return found

    @Does
    def diff(self, run: Run | str, with_: Run | str | None = None) -> Conversation[RunDiff]:
        """
        Return how a run differs from another that closed, or from the one of the same group before it.

        :raises NotThereError: there is none
        """
        other = None if with_ is None else _id(with_)
        found: RunDiff = yield commands.diff(_id(run), with_=other)
        return found

    @Does
    def plan(self, run: Run | str) -> Conversation[Plan]:
        """
        Return what closing an open run would do now, with what the service knows of it; nothing is written.

        :raises ContradictionError: it is not open
        """
        plan: Plan = yield commands.plan(_id(run), commands.Closing())
        return plan

    @Does
    def rollback(self, run: Run | str, force: bool = False) -> Conversation[RolledBack]:
        """
        Undo what a run did, as new events: nothing is forgotten.

        :param force: undo even what somebody has changed since
        :raises ChangedSinceError: somebody has; nothing was done
        """
        try:
            done: RolledBack = yield commands.roll_back(
                _id(run), force=force, actor=self.tracking_session.settings.actor
            )
        except ContradictionError as error:
            _refuse(error)
        return done

    @Does
    def rollback_login(
        self, login: str, since: datetime | str, force: bool = False
    ) -> Conversation[RolledBackLogin]:
        """
        Undo what a login did to objects since a time, in runs or not, as new events.

        :param login: who did it, as objects and runs name it: the credential's name, or the login's
        :param since: what was recorded then or later; a text as in questions: ``now-2h``, ``2026-03-01T09:30:00Z``
        :param force: undo even what somebody else has changed since
        :raises NotThereError: it did nothing since
        :raises ChangedSinceError: somebody else has; nothing was done
        """
        stated = since if isinstance(since, str) else since.isoformat()  # without a zone it is UTC
        try:
            done: RolledBackLogin = yield commands.roll_back_login(
                login, since=stated, force=force, actor=self.tracking_session.settings.actor
            )
        except ContradictionError as error:
            _refuse(error)
        return done


class Runs(_Runs, Waiting):
    """The runs that there were."""

    def __init__(self, asker: Asker, session: Shared) -> None:
        self._asker = asker
        self.tracking_session = session

    def list(
        self,
        group: Group | str | None = None,
        identifier: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> Pages[JSON, Run]:
        """
        Return runs, the newest first, fetched while they are iterated over.

        :param state: ``open``, ``done``, ``failed`` or ``rolled-back``
        :param limit: how many are fetched at once
        """
        return Pages(self._asker, _listed(group, identifier, state, limit))


class AsyncRuns(_Runs, Awaited):
    """The runs that there were; see `Runs`."""

    def __init__(self, asker: AsyncAsker, session: Shared) -> None:
        self._asker = asker
        self.tracking_session = session

    def list(
        self,
        group: Group | str | None = None,
        identifier: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[JSON, Run]:
        """See `Runs.list`; for ``async for``."""
        return AsyncPages(self._asker, _listed(group, identifier, state, limit))


class _Groups(Part):
    tracking_session: Shared

    @Does
    def get(self, group: str) -> Conversation[Group]:
        """Return a group with its members, by its id, retired or not."""
        found: Group = yield commands.group(group)
        return found

    @Does
    def orphaned(
        self,
        older_than: str | None = None,
        identifier: str | None = None,
        branch: str | None = None,
    ) -> Conversation[tuple[Group, ...]]:
        """
        Return the groups that their script seems to have left behind, each with the reason.

        :param older_than: also those that no run has closed for so long: ``30d``, ``12h``
        """
        asked = {"orphaned": "true", "older_than": older_than, "identifier": identifier, "branch": branch}
        paging = commands.groups(asked)
        page = yield paging.first
        return tuple(paging.items(page))

    @Does
    def adopt(self, group: Group | str, into: Group | str) -> Conversation[Adopted]:
        """Hand a group's members over to another one, which its runs will look after; the first is retired."""
        done: Adopted = yield commands.adopt(
            _id(group), into=_id(into), actor=self.tracking_session.settings.actor
        )
        return done

    @Does
    def remove(self, group: Group | str, limit: Limit | int | None = None) -> Conversation[Retired]:
        """
        Retire a group and its members, but for those that other groups list and those that are protected.

        :raises ContradictionError: more would be retired than the limit allows
        """
        done: Retired = yield commands.remove(
            _id(group), limit=Limit.read(limit), actor=self.tracking_session.settings.actor
        )
        self.tracking_session.store.drop(done.retired)
        return done


class Groups(_Groups, Waiting):
    """The groups that runs keep."""

    def __init__(self, asker: Asker, session: Shared) -> None:
        self._asker = asker
        self.tracking_session = session

    def list(
        self,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - the parameter's name
        branch: str | None = None,
        identifier: str | None = None,
        members: bool = False,
    ) -> Pages[JSON, Group]:
        """
        Return the live groups, fetched while they are iterated over.

        :param members: with their members
        """
        return Pages(self._asker, _grouped(name, type, branch, identifier, members=members))


class AsyncGroups(_Groups, Awaited):
    """The groups that runs keep; see `Groups`."""

    def __init__(self, asker: AsyncAsker, session: Shared) -> None:
        self._asker = asker
        self.tracking_session = session

    def list(
        self,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - the parameter's name
        branch: str | None = None,
        identifier: str | None = None,
        members: bool = False,
    ) -> AsyncPages[JSON, Group]:
        """See `Groups.list`; for ``async for``."""
        return AsyncPages(self._asker, _grouped(name, type, branch, identifier, members=members))


def _refuse(error: ContradictionError) -> NoReturn:
    """Raise a refusal, with the objects that somebody has changed since where that is what it is about."""
    if rule(error) == "changed-since":
        conflicts = tuple(Conflict.read(one) for one in error.problem.get("conflicts") or ())
        raise ChangedSinceError(str(error), conflicts) from error
    raise error


def _id(what: Run | Group | str) -> str:
    return what if isinstance(what, str) else what.id


def _listed(
    group: Group | str | None, identifier: str | None, state: str | None, limit: int | None
) -> Paging[JSON, Run]:
    group_id = None if group is None else _id(group)
    return commands.runs(group=group_id, identifier=identifier, state=state, limit=limit)


def _grouped(
    name: str | None,
    type_: str | None,
    branch: str | None,
    identifier: str | None,
    *,
    members: bool,
) -> Paging[JSON, Group]:
    asked = {"name": name, "type": type_, "branch": branch, "identifier": identifier}
    return commands.groups({**asked, "members": "true" if members else None})
