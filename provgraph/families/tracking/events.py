"""
Tracked work: objects that scripts keep up to date, the groups that list them, and the runs that did it.

A step is one event that is two things at once: a PEM, so that lists, graph and questions know it like any other; and
what it changed, so that the catalog can follow. Everything was decided before it was written: projections only copy.
"""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from provgraph.events import canonical
from provgraph.events.base import Kind, NewEvent, texts
from provgraph.families.pem import events as pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provgraph.families.pem.events import Pem

TRACKED = Kind("tracking.step")

_NAMESPACE = uuid.UUID("6f7b0a52-6a3e-5e0f-9a55-0d7f2f6c9b1e")

JSONObject = dict[str, Any]

# A member of a kind's definition that came from a schema file: true, or false where it is not there any more.
FROM_FILE = "in_schema_file"


class Operation(StrEnum):
    """What a step did to an object. The values are stored: never change one."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"  # saved with the values that it had
    RETIRED = "retired"
    RESTORED = "restored"  # put back by a rollback: to earlier values, or from being retired
    GROUPED = "grouped"  # a group whose members were listed anew


class RunStatus(StrEnum):
    """Where a run stands. The values are stored: never change one."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


class ObjectState(NamedTuple):
    """An object as a step left it."""

    id: str  # 32 hex digits
    kind: str
    branch: str
    key: (
        str | None
    )  # what it is found by among the live objects of its kind and branch; None: by its id alone
    artifact: str  # the artifact whose versions are its history
    values: JSONObject
    live: bool = True
    protected: bool = False  # a sweep leaves it alone
    parent: str | None = None  # id of the object that it goes with when that is retired
    group: JSONObject | None = None  # of a group: {"identifier", "params", "last_run"}, each may be None

    def is_same(self, other: ObjectState) -> bool:
        """Tell whether two states say the same, to the byte: see `canonical.same`. Never compare them with ``==``."""
        return canonical.same(self._asdict(), other._asdict())

    def changed(self, other: ObjectState) -> list[str]:
        """Return the names of the values that the other state has otherwise, or not at all, or more than this."""
        mine, theirs = self.values, other.values
        return [
            name
            for name in {**mine, **theirs}
            if (name in mine) != (name in theirs) or not canonical.same(mine.get(name), theirs.get(name))
        ]


class Change(NamedTuple):
    """What a step did to one object."""

    operation: Operation
    before: ObjectState | None  # None: it was not there
    after: ObjectState
    member: bool = True  # whether it counts as saved by the run
    dropped: tuple[str, ...] = ()  # of a group: whom it listed before, and does not list any more


class Members(NamedTuple):
    """Whom a group lists from now on."""

    group_id: str
    members: tuple[str, ...]


class RunState(NamedTuple):
    """A run as a step left it."""

    id: str  # 32 hex digits
    state: RunStatus
    identifier: str
    params: JSONObject
    branch: str
    delete_unused: bool
    actor: str | None
    group_type: str
    group_name: str
    group_params: JSONObject
    opened_us: int
    group_id: str | None = None
    closed_us: int | None = None
    error: str | None = None
    members: tuple[str, ...] | None = None  # of the group when it closed
    previous_members: tuple[str, ...] | None = (
        None  # before it closed; None: nobody asked, or there was no group
    )
    report: JSONObject | None = None


class Step(NamedTuple):
    """What a tracked event changed."""

    sequence: int  # from 1, without holes: the place among all steps of the log's epoch
    request: str  # the id under which the command came
    answer: JSONObject  # what it was answered with, and is answered again
    actor: str | None = None
    run_id: str | None = None
    run: RunState | None = None  # as it is from now on
    changes: tuple[Change, ...] = ()
    members: tuple[Members, ...] = ()
    kinds: tuple[JSONObject, ...] = ()  # kinds of objects that are defined anew, in Infrahub's form
    asked: str = ""  # a digest of what the command asked for


class Tracked(NamedTuple):
    """A step with the PEM that tells of it."""

    pem: Pem
    step: Step

    @property
    def occurred_us(self) -> int:
        """When it occurred, as its PEM says."""
        return self.pem.occurred_us


def step_id(epoch: str, sequence: int) -> str:
    """
    Return the id of the event that is a log epoch's step of this number.

    Two processes that both mean to append it cannot: the log keeps one, and the other decides anew.
    """
    return uuid.uuid5(_NAMESPACE, f"{epoch} step {sequence}").hex


def tracked(fields: Mapping[str, Any], step: Step) -> NewEvent[Tracked]:
    """
    Return the event of a step.

    :param fields: of its PEM
    :raises InvalidEventError: the PEM breaks a rule
    """
    accepted = pem.accept(dict(fields))
    content = Tracked(accepted.content, step)
    payload = canonical.dumps({"Pem": orjson.Fragment(accepted.payload), "Step": _written(step)})
    return NewEvent(accepted.event_id, TRACKED, payload, content)


def read(payload: bytes) -> Tracked:
    """Return the step in a stored payload."""
    fields = orjson.loads(payload)
    return Tracked(pem.stored(fields["Pem"]), _read_step(fields["Step"]))


def _written(step: Step) -> JSONObject:
    return {
        **step._asdict(),
        "run": None if step.run is None else step.run._asdict(),
        "changes": [
            {
                **change._asdict(),
                "before": None if change.before is None else change.before._asdict(),
                "after": change.after._asdict(),
            }
            for change in step.changes
        ],
        "members": [members._asdict() for members in step.members],
    }


def _read_step(fields: JSONObject) -> Step:
    return Step(
        **{
            **fields,
            "run": None if fields["run"] is None else read_run(fields["run"]),
            "changes": tuple(_read_change(change) for change in fields["changes"]),
            "members": tuple(
                Members(listed["group_id"], texts(listed["members"])) for listed in fields["members"]
            ),
            "kinds": tuple(fields["kinds"]),
        }
    )


def _read_change(fields: JSONObject) -> Change:
    before = fields["before"]
    return Change(
        Operation(fields["operation"]),
        None if before is None else read_object(before),
        read_object(fields["after"]),
        fields["member"],
        texts(fields.get("dropped", [])),
    )


def read_object(fields: JSONObject) -> ObjectState:
    """Return the object in a document that was made of `ObjectState._asdict`."""
    return ObjectState(**fields)


def read_run(fields: JSONObject) -> RunState:
    """Return the run in a document that was made of `RunState._asdict`."""
    return RunState(
        **{
            **fields,
            "state": RunStatus(fields["state"]),
            "members": _ids(fields["members"]),
            "previous_members": _ids(fields["previous_members"]),
        }
    )


def _ids(listed: list[str] | None) -> tuple[str, ...] | None:
    return None if listed is None else texts(listed)
