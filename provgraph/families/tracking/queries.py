"""Questions about tracked work: objects, groups, runs, operations."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import func, select

from provgraph.events import canonical
from provgraph.families.pem.tables import PEM
from provgraph.families.tracking.events import (
    FROM_FILE,
    ObjectState,
    Operation,
    RunState,
    RunStatus,
    read_object,
    read_run,
)
from provgraph.families.tracking.lookups import artifact_lookup, defined_lookup, kind_lookup, object_lookup
from provgraph.families.tracking.tables import KIND, MEMBER, OBJECT, OPERATION, RUN, STEP
from provgraph.relational.reading import Questions, in_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Row, Select

# The type of a step that puts an object back, be it a group, and lists nobody.
_PUT_BACK = f"object.{Operation.RESTORED}"
_OPERATIONS_AT_ONCE = 10
# SQLite takes 1,000 conditions that are joined, and there are others.
_MOST_TEXTS = 100


class StoredObject(NamedTuple):
    """An object with where its present state comes from."""

    state: ObjectState
    version: str  # id of the event that left it so
    position: int
    sequence: int
    recorded_us: int
    actor: str | None
    run_id: str | None
    created: int  # number of the step that made it


class StoredRun(NamedTuple):
    """A run with its place among all."""

    state: RunState
    opened: int  # number of the step that opened it
    closed: int | None
    position: int  # of the last event that changed it


class StoredOperation(NamedTuple):
    """What was done to an object once."""

    sequence: int
    run_id: str | None
    object_id: str
    event_id: str
    position: int
    recorded_us: int
    actor: str | None
    operation: Operation
    before: ObjectState | None
    after: ObjectState
    member: bool
    dropped: tuple[str, ...]  # see `Change`


class KindShown(NamedTuple):
    """Where the definition of a kind comes from that counts."""

    since: int  # number of the step that recorded it
    from_file: bool  # it is what the schema file said then; else it came over HTTP


class LastStep(NamedTuple):
    """The newest step of all."""

    sequence: int
    occurred_us: int


class Answered(NamedTuple):
    """What a command was answered with."""

    answer: dict[str, Any]
    position: int
    event_id: str


class TrackingQueries(Questions):
    """What the catalog knows of tracked work. Safe to use from several threads."""

    def last_step(self) -> LastStep:
        """Return the number and time of the newest step; zeros when there is none."""
        newest = select(STEP.c.sequence, STEP.c.occurred_us).order_by(STEP.c.sequence.desc()).limit(1)
        for row in self._reading.stream(newest):
            return LastStep(*row)
        return LastStep(0, 0)

    def answered(self, request: str) -> Answered | None:
        """Return what the command with this id was answered with, or None when it is new."""
        known = select(STEP.c.answer, STEP.c.position, STEP.c.event_id).where(STEP.c.request == request)
        for answer, position, event_id in self._reading.stream(known):
            return Answered(orjson.loads(answer), position, event_id)
        return None

    def objects(self, ids: Sequence[str]) -> dict[str, StoredObject]:
        """Return objects by id, retired ones too; nothing of those that are not there."""
        return {stored.state.id: stored for stored in self._objects_where(OBJECT.c.id, ids)}

    def live_object(self, *, branch: str, kind: str, key: str) -> StoredObject | None:
        """Return the live object with a key."""
        wanted = select(OBJECT).where(OBJECT.c.lookup == object_lookup(branch=branch, kind=kind, key=key))
        return next(map(_object, self._reading.stream(wanted)), None)

    def is_artifact_taken(self, artifact: str) -> bool:
        """Tell whether a live object has this artifact."""
        holders = select(OBJECT.c.id).where(
            OBJECT.c.artifact_lookup == artifact_lookup(artifact), OBJECT.c.live == 1
        )
        return any(True for _ in self._reading.stream(holders))

    def objects_of_kind(
        self,
        *,
        branch: str,
        kind: str,
        live: bool,
        after: int = 0,
        limit: int | None = None,
        texts: Iterable[str] = (),
    ) -> Iterator[StoredObject]:
        """
        Yield the objects of a kind in the order in which they were made, those that a step after ``after`` made.

        A change moves none of them, so that a list that is read page by page has each of them once.

        :param texts: leave out objects in which one of the first hundred of these texts stands nowhere
        """
        wanted = (
            select(OBJECT)
            .where(
                OBJECT.c.kind_lookup == kind_lookup(branch=branch, kind=kind),
                OBJECT.c.live == int(live),
                OBJECT.c.created > after,
            )
            .order_by(OBJECT.c.created, OBJECT.c.id)
        )
        for text in islice(texts, _MOST_TEXTS):
            # The database looks through its documents far quicker than they are read one by one.
            wanted = wanted.where(OBJECT.c.document.contains(canonical.text(text)[1:-1], autoescape=True))
        return map(_object, self._reading.stream(wanted if limit is None else wanted.limit(limit)))

    def live_anywhere(self, kind: str) -> Iterator[StoredObject]:
        """Yield the live objects of a kind, on whichever branch they are, in the order of their last change."""
        told = f'"kind":{canonical.text(kind)}'  # as documents say it; values may say it, too
        wanted = (
            select(OBJECT)
            .where(OBJECT.c.live == 1, OBJECT.c.document.contains(told, autoescape=True))
            .order_by(OBJECT.c.sequence, OBJECT.c.id)
        )
        return (stored for stored in map(_object, self._reading.stream(wanted)) if stored.state.kind == kind)

    def page_of_kinds(
        self, *, branch: str, kinds: Sequence[str], offset: int, limit: int
    ) -> list[StoredObject]:
        """Return live objects of some kinds, in the order in which they were made."""
        wanted = _live_of(select(OBJECT), branch, kinds).order_by(OBJECT.c.created, OBJECT.c.id)
        return list(map(_object, self._reading.stream(wanted.offset(offset).limit(limit))))

    def count_of_kinds(self, *, branch: str, kinds: Sequence[str]) -> int:
        """Return how many live objects of some kinds there are."""
        counted = _live_of(select(func.count()).select_from(OBJECT), branch, kinds)
        return sum(number for (number,) in self._reading.stream(counted))

    def groups(self) -> Iterator[StoredObject]:
        """Yield the live groups, in the order in which they were made."""
        wanted = (
            select(OBJECT)
            .where(OBJECT.c.is_group == 1, OBJECT.c.live == 1)
            .order_by(OBJECT.c.created, OBJECT.c.id)
        )
        return map(_object, self._reading.stream(wanted))

    def children(self, ids: Sequence[str]) -> list[StoredObject]:
        """Return the live objects whose parent is one of ``ids``, in the order of their last change."""
        return [stored for stored in self._objects_where(OBJECT.c.parent, ids) if stored.state.live]

    def members(self, group_id: str) -> tuple[str, ...]:
        """Return the ids of a group's members, in the group's order."""
        wanted = select(MEMBER.c.member_id).where(MEMBER.c.group_id == group_id).order_by(MEMBER.c.ordinal)
        return tuple(row[0] for row in self._reading.stream(wanted))

    def listed_at(self, group_id: str) -> int | None:
        """Return the log position of the event that a group's members come from; None: there is no such group."""
        for sequence, position, document in self._newest_first(group_id):
            operation = orjson.loads(document)["operation"]
            if operation in (Operation.GROUPED, Operation.RETIRED):
                # The last step of a command has the members of all groups that it lists anew.
                return self._end_of_command(sequence)
            if operation == Operation.CREATED:
                return int(position)
            if operation == Operation.RESTORED and self._type_at(position) != _PUT_BACK:
                return int(position)
        return None

    def groups_of(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the ids of the groups that list each of ``ids``, ordered; nothing of those in no group."""
        found: dict[str, list[str]] = {}
        for part in in_parts(ids):
            wanted = (
                select(MEMBER.c.member_id, MEMBER.c.group_id)
                .where(MEMBER.c.member_id.in_(part))
                .order_by(MEMBER.c.member_id, MEMBER.c.group_id)
            )
            for member_id, group_id in self._reading.stream(wanted):
                found.setdefault(member_id, []).append(group_id)
        return found

    def run(self, run_id: str) -> StoredRun | None:
        """Return a run, or None."""
        return next(map(_run, self._reading.stream(select(RUN).where(RUN.c.id == run_id))), None)

    def runs(
        self,
        *,
        group_id: str | None = None,
        state: RunStatus | None = None,
        identifier: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[StoredRun]:
        """Return runs, the last opened first, those that step ``before`` comes behind."""
        wanted = select(RUN)
        if group_id is not None:
            wanted = wanted.where(RUN.c.group_id == group_id)
        if state is not None:
            wanted = wanted.where(RUN.c.state == state)
        if identifier is not None:
            wanted = wanted.where(RUN.c.identifier == identifier)
        if before is not None:
            wanted = wanted.where(RUN.c.opened < before)
        wanted = wanted.order_by(RUN.c.opened.desc())
        return list(map(_run, self._reading.stream(wanted if limit is None else wanted.limit(limit))))

    def run_closed_before(self, group_id: str, closed: int) -> StoredRun | None:
        """Return the run of a group that closed last before the step ``closed``."""
        wanted = (
            select(RUN)
            .where(RUN.c.group_id == group_id, RUN.c.closed < closed)
            .order_by(RUN.c.closed.desc())
            .limit(1)
        )
        return next(map(_run, self._reading.stream(wanted)), None)

    def operations(self, *, run_id: str | None = None, object_id: str | None = None) -> list[StoredOperation]:
        """Return what was done by a run, or to an object, in order."""
        wanted = select(OPERATION).order_by(OPERATION.c.sequence, OPERATION.c.ordinal)
        if run_id is not None:
            wanted = wanted.where(OPERATION.c.run_id == run_id)
        if object_id is not None:
            wanted = wanted.where(OPERATION.c.object_id == object_id)
        return list(map(_operation, self._reading.stream(wanted)))

    def operations_of(self, actor: str, *, since_us: int) -> list[StoredOperation]:
        """Return what somebody did, recorded at a time or later, in order."""
        wanted = (
            select(OPERATION)
            .where(OPERATION.c.actor == actor, OPERATION.c.recorded_us >= since_us)
            .order_by(OPERATION.c.sequence, OPERATION.c.ordinal)
        )
        return list(map(_operation, self._reading.stream(wanted)))

    def last_events(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the number of the last step that did anything to each of ``ids``."""
        found: dict[str, int] = {}
        for part in in_parts(ids):
            wanted = (
                select(OPERATION.c.object_id, func.max(OPERATION.c.sequence))
                .where(OPERATION.c.object_id.in_(part))
                .group_by(OPERATION.c.object_id)
            )
            found.update((object_id, sequence) for object_id, sequence in self._reading.stream(wanted))
        return found

    def saved_elsewhere(
        self, ids: Sequence[str], *, but: str, since: int, open_since_us: int
    ) -> dict[str, str]:
        """
        Return those of ``ids`` that other runs than ``but`` have in hand, each with one of these runs.

        :param since: whatever they did behind this step counts
        :param open_since_us: what runs that are still open did counts as well, if it was recorded later than this
        """
        found: dict[str, str] = {}
        for part in in_parts(ids):
            wanted = (
                select(OPERATION.c.object_id, OPERATION.c.run_id)
                .join(RUN, RUN.c.id == OPERATION.c.run_id)
                .where(
                    OPERATION.c.object_id.in_(part),
                    OPERATION.c.run_id != but,
                    (OPERATION.c.sequence > since)
                    | ((RUN.c.state == RunStatus.OPEN) & (OPERATION.c.recorded_us > open_since_us)),
                )
                .order_by(OPERATION.c.sequence)
            )
            found.update((object_id, run_id) for object_id, run_id in self._reading.stream(wanted))
        return found

    def kinds(self) -> list[dict[str, Any]]:
        """Return the kinds that were defined over HTTP, in Infrahub's form, in the order of their definition."""
        return [kind for kind in self._kinds() if FROM_FILE not in kind]

    def kinds_from_file(self) -> list[dict[str, Any]]:
        """Return the kinds that the schema file had when it was last read, with `FROM_FILE` in each."""
        return [kind for kind in self._kinds() if FROM_FILE in kind]

    def kind_since(self, kind: str) -> int:
        """Return the number of the step that defined a kind last, 0 where none did."""
        lookups = [defined_lookup(kind, from_file=from_file) for from_file in (False, True)]
        wanted = select(func.max(KIND.c.sequence)).where(KIND.c.kind.in_(lookups))
        return next((number or 0 for (number,) in self._reading.stream(wanted)), 0)

    def _newest_first(self, object_id: str) -> Iterator[Row[*tuple[Any, ...]]]:
        """Yield what was done to an object, the newest first. It is read in parts: who asks seldom needs it all."""
        before: int | None = None
        while True:
            wanted = (
                select(OPERATION.c.sequence, OPERATION.c.position, OPERATION.c.document)
                .where(OPERATION.c.object_id == object_id)
                .order_by(OPERATION.c.sequence.desc(), OPERATION.c.ordinal.desc())
                .limit(_OPERATIONS_AT_ONCE)
            )
            if before is not None:
                wanted = wanted.where(OPERATION.c.sequence < before)
            part = list(self._reading.stream(wanted))
            yield from part
            if len(part) < _OPERATIONS_AT_ONCE:
                return
            before = part[-1].sequence

    def _type_at(self, position: int) -> str | None:
        wanted = select(PEM.c.type).where(PEM.c.position == position)
        return next((type_ for (type_,) in self._reading.stream(wanted)), None)

    def _end_of_command(self, sequence: int) -> int | None:
        """Return the log position of the last step of the command that a step belongs to: only that one answers."""
        wanted = (
            select(STEP.c.position)
            .where(STEP.c.sequence >= sequence, STEP.c.answer != canonical.text({}))
            .order_by(STEP.c.sequence)
            .limit(1)
        )
        return next((position for (position,) in self._reading.stream(wanted)), None)

    def kind_shown(self, kind: str) -> KindShown | None:
        """Return where the definition of a kind comes from that counts, None where no step defined it."""
        by_lookup = {defined_lookup(kind, from_file=from_file): from_file for from_file in (False, True)}
        wanted = select(KIND.c.kind, KIND.c.sequence, KIND.c.document).where(KIND.c.kind.in_(by_lookup))
        found = {
            by_lookup[lookup]: (sequence, document)
            for lookup, sequence, document in self._reading.stream(wanted)
        }
        if False in found:  # what came over HTTP takes the place of what the file says
            return KindShown(found[False][0], from_file=False)
        if True in found and orjson.loads(found[True][1])[FROM_FILE]:
            return KindShown(found[True][0], from_file=True)
        return None

    def _kinds(self) -> list[dict[str, Any]]:
        wanted = select(KIND.c.document).order_by(KIND.c.sequence, KIND.c.kind)
        return [orjson.loads(document) for (document,) in self._reading.stream(wanted)]

    def _objects_where(self, column: Any, ids: Sequence[str]) -> Iterator[StoredObject]:
        for part in in_parts(ids):
            yield from map(
                _object,
                self._reading.stream(
                    select(OBJECT).where(column.in_(part)).order_by(OBJECT.c.sequence, OBJECT.c.id)
                ),
            )


def _live_of(wanted: Select[*tuple[Any, ...]], branch: str, kinds: Sequence[str]) -> Select[*tuple[Any, ...]]:
    lookups = [kind_lookup(branch=branch, kind=kind) for kind in kinds]
    return wanted.where(OBJECT.c.kind_lookup.in_(lookups), OBJECT.c.live == 1)


def _object(row: Row[*tuple[Any, ...]]) -> StoredObject:
    return StoredObject(
        read_object(orjson.loads(row.document)),
        row.version,
        row.position,
        row.sequence,
        row.recorded_us,
        row.actor,
        row.run_id,
        row.created,
    )


def _run(row: Row[*tuple[Any, ...]]) -> StoredRun:
    return StoredRun(read_run(orjson.loads(row.document)), row.opened, row.closed, row.position)


def _operation(row: Row[*tuple[Any, ...]]) -> StoredOperation:
    document = orjson.loads(row.document)
    before = document["before"]
    return StoredOperation(
        row.sequence,
        row.run_id,
        row.object_id,
        row.event_id,
        row.position,
        row.recorded_us,
        row.actor,
        Operation(document["operation"]),
        None if before is None else read_object(before),
        read_object(document["after"]),
        document["member"],
        tuple(document.get("dropped", ())),
    )
