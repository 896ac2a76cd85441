"""
What the service answers about tracked work, typed. Whole answers keep what they were made from as ``document``.

Where what is told rests on an event that was changed after it was recorded, ``changed`` says why that was accepted:
``{"reason", ...}``; else it is None.

With a credential that may write and not read, commands are answered with ids, and what was sent: texts are empty then,
times None, and an object is called by its id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from provgraph.client.shown import Shown, changed
from provgraph.telling import printable

if TYPE_CHECKING:
    from provgraph.client.base import JSON


_UNTOLD = "to be told why needs the right read"


@dataclass(frozen=True, slots=True)
class Member(Shown):
    """An object by name."""

    id: str
    kind: str
    key: str | None
    artifact: str  # what it is called in the graph
    changed: JSON | None = None

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        get = document.get
        return cls(
            document["id"],
            get("kind", ""),
            get("key"),
            get("artifact") or document["id"],
            get("changed"),
        )

    def brief(self) -> str:
        """See `Shown.brief`."""
        return f"{printable(self.artifact)}{changed(self.changed)}"

    @property
    def typename(self) -> str:
        """The kind, as Infrahub's clients call it."""
        return self.kind

    @property
    def _typename(self) -> str:
        return self.kind


@dataclass(frozen=True, slots=True)
class Changed(Shown):
    """An object that a run saved with other values than it had."""

    id: str
    kind: str
    key: str | None
    artifact: str
    before: JSON | None
    after: JSON | None
    changed: JSON | None = None

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        return cls(
            document["id"],
            document["kind"],
            document["key"],
            document["artifact"],
            document["before"],
            document["after"],
            document.get("changed"),
        )


@dataclass(frozen=True, slots=True)
class Refused(Shown):
    """An object that should have been retired and was not."""

    id: str
    artifact: str
    reason: str
    changed: JSON | None = None

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        get = document.get
        return cls(
            document["id"],
            get("artifact") or document["id"],
            get("reason") or _UNTOLD,
            get("changed"),
        )

    def brief(self) -> str:
        """See `Shown.brief`."""
        return f"{printable(self.artifact)}{changed(self.changed)}: {printable(self.reason)}"


@dataclass(frozen=True, slots=True)
class Conflict(Shown):
    """Why an object cannot be put back: somebody has changed it, or lists it, or it stands in the way of another."""

    id: str
    artifact: str
    reason: str
    changed_by_run: str | None
    actor: str | None
    listed_by: tuple[str, ...]  # ids of other groups that list it
    document: JSON = field(repr=False)

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        get = document.get
        return cls(
            document["id"],
            document["artifact"],
            get("reason") or "it cannot be put back",
            get("changed_by_run"),
            get("actor"),
            tuple(get("listed_by") or ()),
            document,
        )


@dataclass(frozen=True, slots=True)
class GroupName(Shown):
    """Which group a run keeps."""

    id: str | None  # None: it is not there
    type: str
    name: str
    changed: JSON | None = None  # of a plan: also of the event that listed whom it keeps and drops

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        get = document.get
        return cls(get("id"), get("type", ""), get("name", ""), get("changed"))

    def brief(self) -> str:
        """See `Shown.brief`."""
        return f"{printable(self.name)}{changed(self.changed)}"


@dataclass(frozen=True, slots=True)
class Run(Shown):
    """One tracked block of work."""

    id: str
    state: str  # open, done, failed, rolled-back
    identifier: str
    params: JSON
    branch: str
    delete_unused: bool
    actor: str | None
    group: GroupName
    opened_at: datetime | None  # None: not told
    closed_at: datetime | None
    error: str | None  # why it failed
    members: tuple[str, ...] | None  # ids, as it closed; None: it did not
    previous_members: tuple[str, ...] | None
    position: int
    document: JSON = field(repr=False)
    changed: JSON | None = None

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        get = document.get
        return cls(
            document["id"],
            document["state"],
            get("identifier") or "",
            get("params") or {},
            get("branch") or "",
            get("delete_unused", False),
            get("actor"),
            GroupName.read(get("group") or {}),
            _time(get("opened_at")),
            _time(get("closed_at")),
            get("error"),
            _ids(get("members")),
            _ids(get("previous_members")),
            document["position"],
            document,
            get("changed"),
        )


@dataclass(frozen=True, slots=True)
class Group(Shown):
    """The objects that the runs of one script with its parameters keep."""

    id: str
    kind: str
    branch: str
    name: str
    description: str
    identifier: str | None
    params: JSON | None
    last_run: str | None
    live: bool | None  # None: not told
    values: JSON
    members: tuple[Member, ...] | None  # None: not asked for
    orphaned: str | None  # why its script seems to have left it, when that was asked
    updated_at: datetime | None  # None: not told
    artifact: str
    document: JSON = field(repr=False)
    changed: JSON | None = None  # with its members: also of the event that listed them

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        get = document.get
        return cls(
            document["id"],
            get("kind", ""),
            get("branch", ""),
            get("name", ""),
            get("description", ""),
            get("identifier"),
            get("params"),
            get("last_run"),
            get("live"),
            get("values") or {},
            members(get("members")),
            get("orphaned"),
            _time(get("updated_at")),
            get("artifact") or document["id"],
            document,
            get("changed"),
        )


@dataclass(frozen=True, slots=True)
class Operation(Shown):
    """What was done to an object once."""

    run: str | None
    object: str
    kind: str
    key: str | None
    artifact: str
    operation: str  # created, updated, unchanged, retired, restored, grouped
    before: JSON | None  # values
    after: JSON | None
    event: str
    position: int
    at: datetime
    actor: str | None
    recorded_by: JSON | None  # the credential that it came with, {"id", "name"}
    document: JSON = field(repr=False)
    changed: JSON | None = (
        None  # the event was changed after it was recorded: {"reason", ...} why that was accepted
    )

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        return cls(
            document["run"],
            document["object"],
            document["kind"],
            document["key"],
            document["artifact"],
            document["operation"],
            document["before"],
            document["after"],
            document["event"],
            document["position"],
            datetime.fromisoformat(document["at"]),
            document["actor"],
            document.get("recorded_by"),
            document,
            document.get("changed"),
        )


@dataclass(frozen=True, slots=True)
class Plan(Shown):
    """What closing a run would do now. Give its token to ``update_group`` to do exactly that, or nothing."""

    token: str
    group: GroupName
    members: tuple[str, ...]  # ids
    added: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    retire: tuple[Member, ...]  # with what goes with them
    release: tuple[Member, ...]  # they leave the group and live on, for another group lists them
    refused: tuple[Refused, ...]
    share: float  # percent of the group's members that would be retired
    document: JSON = field(repr=False)

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        return cls(
            document["plan"],
            GroupName.read(document.get("group") or {}),
            tuple(document["members"]),
            tuple(document["added"]),
            tuple(document["kept"]),
            tuple(document["dropped"]),
            _members(document["retire"]),
            _members(document["release"]),
            refusals(document["refused"]),
            document["share"],
            document,
        )


@dataclass(frozen=True, slots=True)
class CloseReport(Shown):
    """What the end of a run did."""

    run: Run
    group: Group | None
    added: tuple[str, ...]  # ids
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    previous_members: tuple[Member, ...] | None  # None: there was no group, or unused objects may stay
    retired: tuple[str, ...]
    released: tuple[str, ...]
    refused: tuple[Refused, ...]
    position: int
    document: JSON = field(repr=False)
    deferred: tuple[Refused, ...] = ()  # left to the next run, because another one works on them
    changed: JSON | None = None  # of an answer that was given before

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        group = document["group"]
        return cls(
            Run.read(document["run"]),
            None if group is None else Group.read(group),
            tuple(document["added"]),
            tuple(document["kept"]),
            tuple(document["dropped"]),
            members(document.get("previous_members")),
            tuple(document["retired"]),
            tuple(document["released"]),
            refusals(document["refused"]),
            document["position"],
            document,
            refusals(document.get("deferred", [])),
            document.get("changed"),
        )

    @property
    def unused(self) -> tuple[str, ...] | None:
        """The ids of former members that the run did not save, in the group's order."""
        if self.previous_members is None:
            return None
        saved = {*self.added, *self.kept}
        return tuple(member.id for member in self.previous_members if member.id not in saved)


@dataclass(frozen=True, slots=True)
class RunDiff(Shown):
    """How a run differs from another."""

    from_run: str
    to_run: str
    added: tuple[Member, ...]
    kept: tuple[Member, ...]
    dropped: tuple[Member, ...]
    changed: tuple[Changed, ...]
    document: JSON = field(repr=False)
    from_changed: JSON | None = None  # the end of that run was changed after it was recorded
    to_changed: JSON | None = None

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        runs = document.get("runs") or {}
        return cls(
            document["from"],
            document["to"],
            _members(document["added"]),
            _members(document["kept"]),
            _members(document["dropped"]),
            tuple(Changed.read(one) for one in document["changed"]),
            document,
            *(runs.get(end, {}).get("changed") for end in ("from", "to")),
        )


@dataclass(frozen=True, slots=True)
class RolledBack(Shown):
    """What a rollback did."""

    run: Run
    restored: tuple[str, ...]  # ids
    retired: tuple[str, ...]
    position: int
    document: JSON = field(repr=False)
    changed: JSON | None = None  # of an answer that was given before

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        return cls(
            Run.read(document["run"]),
            tuple(document["restored"]),
            tuple(document["retired"]),
            document["position"],
            document,
            document.get("changed"),
        )


@dataclass(frozen=True, slots=True)
class RolledBackLogin(Shown):
    """What a rollback of all that a login did since a time did."""

    login: str
    restored: tuple[str, ...]  # ids
    retired: tuple[str, ...]
    position: int
    document: JSON = field(repr=False)
    changed: JSON | None = None  # of an answer that was given before

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        return cls(
            document["login"],
            tuple(document["restored"]),
            tuple(document["retired"]),
            document["position"],
            document,
            document.get("changed"),
        )


@dataclass(frozen=True, slots=True)
class Retired(Shown):
    """What became of objects that were to be retired."""

    retired: tuple[str, ...]  # ids, with those that went with them
    refused: tuple[Refused, ...]
    released: tuple[str, ...]
    position: int
    document: JSON = field(repr=False)
    changed: JSON | None = None  # of an answer that was given before

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        return cls(
            tuple(document["retired"]),
            refusals(document["refused"]),
            tuple(document.get("released") or ()),
            document["position"],
            document,
            document.get("changed"),
        )


@dataclass(frozen=True, slots=True)
class Adopted(Shown):
    """Two groups, after one has taken over the other's members."""

    group: Group  # retired now
    into: Group
    position: int
    document: JSON = field(repr=False)
    changed: JSON | None = None  # of an answer that was given before

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Read one."""
        groups = Group.read(document["group"]), Group.read(document["into"])
        return cls(*groups, document["position"], document, document.get("changed"))


def members(listed: Any) -> tuple[Member, ...] | None:
    """Return a list of objects by name, or None."""
    return None if listed is None else _members(listed)


def refusals(listed: list[JSON]) -> tuple[Refused, ...]:
    """Return those that were refused."""
    return tuple(Refused.read(one) for one in listed)


def _members(listed: list[JSON]) -> tuple[Member, ...]:
    return tuple(Member.read(one) for one in listed)


def _ids(listed: list[str] | None) -> tuple[str, ...] | None:
    return None if listed is None else tuple(listed)


def _time(stated: str | None) -> datetime | None:
    return None if stated is None else datetime.fromisoformat(stated)
