"""Tracked work: runs, objects, groups, and what commands on them answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from provgraph.wire.base import ABSENT, Changed, Credential, Wire


class Named(Wire):
    """An object by its names."""

    id: str
    kind: str
    key: str | None
    artifact: str
    changed: Changed = ABSENT


class TrackedObject(Named):
    """An object as it is."""

    branch: str
    values: dict[str, Any]
    live: bool
    protected: bool
    parent: str | None
    is_group: bool
    version: str
    position: int
    updated_at: str
    updated_by: str | None
    run: str | None


class SavedObject(TrackedObject):
    """An object as it is now, and what was done to it."""

    operation: str


class Member(Named):
    """A member of a group: by its names, or as it is."""

    branch: str = ABSENT
    values: dict[str, Any] = ABSENT
    live: bool = ABSENT
    protected: bool = ABSENT
    parent: str | None = ABSENT
    is_group: bool = ABSENT
    version: str = ABSENT
    position: int = ABSENT
    updated_at: str = ABSENT
    updated_by: str | None = ABSENT
    run: str | None = ABSENT


class TrackedGroup(TrackedObject):
    """A group."""

    name: str | None
    description: str | None
    identifier: str | None = ABSENT
    last_run: str | None = ABSENT
    params: dict[str, Any] | None = ABSENT
    members: list[Member] = ABSENT
    orphaned: str = Field(default=ABSENT, description="why its script seems to have left it")


class RunGroup(Wire):
    """The group that a run closes; without an id it is not there yet."""

    id: str | None
    type: str
    name: str
    changed: Changed = ABSENT


class Refused(Wire):
    """An object that was not retired, and why."""

    id: str
    artifact: str
    reason: str
    changed: Changed = ABSENT


class RunReport(Wire):
    """What closing a run did, by id."""

    added: list[str]
    kept: list[str]
    dropped: list[str]
    retired: list[str]
    released: list[str]
    refused: list[Refused]
    deferred: list[Refused] = ABSENT


class Run(Wire):
    """A run."""

    id: str
    state: Literal["open", "done", "failed", "rolled-back"]
    identifier: str
    params: dict[str, Any]
    branch: str
    delete_unused: bool
    actor: str | None
    group: RunGroup
    opened_at: str
    closed_at: str | None
    error: str | None
    members: list[str] | None
    previous_members: list[str] | None
    report: RunReport | None
    position: int
    changed: Changed = ABSENT


class Runs(Wire):
    """A page of runs."""

    runs: list[Run]
    cursor: str | None
    unreadable: list[int] = ABSENT


class Groups(Wire):
    """A page of groups."""

    groups: list[TrackedGroup]
    cursor: str | None
    unreadable: list[int] = ABSENT


class Objects(Wire):
    """A page of objects."""

    objects: list[TrackedObject]
    cursor: str | None
    unreadable: list[int] = ABSENT


class Operation(Wire):
    """What was done to an object once, with its values before and after."""

    run: str | None
    object: str
    kind: str
    key: str | None
    artifact: str
    operation: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    event: str
    position: int
    at: str
    actor: str | None
    recorded_by: Credential = ABSENT
    changed: Changed = ABSENT


class Operations(Wire):
    """What was done, in order."""

    operations: list[Operation]
    unreadable: list[int] = ABSENT


class ComparedRun(Wire):
    """A run that is compared."""

    id: str
    state: str
    position: int
    changed: Changed = ABSENT


class ComparedRuns(Wire):
    """The two runs that are compared."""

    from_: ComparedRun = Field(alias="from")
    to: ComparedRun


class Difference(Named):
    """An object whose values a run changed, from the first change to the last."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None


class RunDifference(Wire):
    """How a run differs from another."""

    from_: str = Field(alias="from")
    to: str
    runs: ComparedRuns
    added: list[Named]
    kept: list[Named]
    dropped: list[Named]
    changed: list[Difference]
    unreadable: list[int] = ABSENT


class Kinds(Wire):
    """The kinds that are defined, in the form in which they were sent."""

    kinds: list[dict[str, Any]]
    changed: list[dict[str, Any]] = ABSENT
    unreadable: list[int] = ABSENT


class _Done(Wire):
    """What a command did."""

    position: int = Field(description="of the event that says so, in the log")
    changed: Changed = ABSENT


class DefinedKinds(_Done):
    """The names of the kinds that were defined."""

    kinds: list[str]


class SavedObjects(_Done):
    """The objects that were saved."""

    objects: list[SavedObject]


class Retired(_Done):
    """What was retired, by id."""

    retired: list[str]
    missing: list[str] = ABSENT
    released: list[str] = ABSENT
    refused: list[Refused]
    deferred: list[Refused] = ABSENT


class Plan(Wire):
    """What closing a run would do."""

    plan: str = Field(
        description="the plan's token: a run that is closed with it does exactly that, or nothing"
    )
    group: RunGroup
    members: list[str]
    added: list[str]
    kept: list[str]
    dropped: list[str]
    retire: list[Named]
    release: list[Named]
    refused: list[Refused]
    deferred: list[Refused]
    share: float
    changed: Changed = ABSENT


class ClosedRun(_Done):
    """What closing a run did."""

    run: Run
    group: TrackedGroup | None
    added: list[str]
    kept: list[str]
    dropped: list[str]
    retired: list[str]
    released: list[str]
    refused: list[Refused]
    deferred: list[Refused] = ABSENT
    previous_members: list[Named] | None


class _Undone(_Done):
    restored: list[str]
    retired: list[str]
    skipped: list[str]


class RolledBackRun(_Undone):
    """What undoing a run did."""

    run: Run


class RolledBackLogin(_Undone):
    """What undoing a login's work did."""

    login: str


class Adopted(_Done):
    """A group that was handed over, and the one that has its members now."""

    group: TrackedGroup
    into: TrackedGroup


class IdAlone(Wire):
    """Something that was sent, or is stored, of which only the id is told."""

    id: str


class RunUnread(Wire):
    """A run, to who may not read."""

    id: str
    state: str
    position: int


class SentObject(Wire):
    """An object as it was sent, its id, and what was done to it."""

    id: str
    operation: str
    kind: str | None = ABSENT
    key: str | None = ABSENT
    branch: str | None = ABSENT
    values: dict[str, Any] = ABSENT
    parent: str | None = ABSENT
    protected: bool | None = ABSENT
    member: bool | None = ABSENT


class Unread(Wire):
    """What is told to who may write and not read: what was sent, ids, and what was done."""

    id: str = ABSENT
    state: str = ABSENT
    position: int = ABSENT
    actor: str | None = ABSENT
    identifier: str | None = ABSENT
    params: dict[str, Any] = ABSENT
    branch: str | None = ABSENT
    group_type: str | None = ABSENT
    group_params: dict[str, Any] = ABSENT
    delete_unused: bool = ABSENT
    objects: list[SentObject] = ABSENT
    run: RunUnread = ABSENT
    group: IdAlone | None = ABSENT
    into: IdAlone = ABSENT
    plan: str = ABSENT
    share: float = ABSENT
    login: str = ABSENT
    members: list[str] = ABSENT
    added: list[str] = ABSENT
    kept: list[str] = ABSENT
    dropped: list[str] = ABSENT
    retired: list[str] = ABSENT
    missing: list[str] = ABSENT
    released: list[str] = ABSENT
    restored: list[str] = ABSENT
    skipped: list[str] = ABSENT
    retire: list[IdAlone] = ABSENT
    release: list[IdAlone] = ABSENT
    refused: list[IdAlone] = ABSENT
    deferred: list[IdAlone] = ABSENT
