"""What there is to read of tracked work: objects, groups, runs, and how two runs differ."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidInputError, NotFoundError
from provgraph.families.tracking.events import Operation
from provgraph.tracking.documents import Placed, named, object_document, operation_document, run_document
from provgraph.tracking.runs import previous_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provgraph.families.tracking.events import RunStatus
    from provgraph.families.tracking.queries import StoredObject, StoredOperation, StoredRun, TrackingQueries

JSONObject = dict[str, Any]

_AT_ONCE = 500  # objects whose groups are looked up together
_SHORT = 1_000  # characters; databases do not look for texts of any length
# Values that are no texts and yet asked for by a word.
_OTHER_WORDS = frozenset({"true", "false", "None"})


class ObjectFilter(NamedTuple):
    """Which objects to list."""

    kind: str
    branch: str
    live: bool = True
    key: str | None = None
    values: Mapping[str, str] = {}  # attribute and its value as text; all must match
    unlisted: bool = False  # only those that no group lists


class GroupFilter(NamedTuple):
    """Which groups to list; None: any."""

    name: str | None = None
    type: str | None = None
    branch: str | None = None
    identifier: str | None = None


class TrackedWork:
    """The reading side. Safe to use from several threads; its methods block."""

    def __init__(self, reads: TrackingQueries) -> None:
        self._reads = reads

    # ------------------------------------------------------------------------------------------------ objects

    def object(self, id_: str) -> Placed:
        """
        Return an object, retired or not.

        :raises NotFoundError: there never was one with this id
        """
        return object_document(self._stored(id_))

    def objects(self, wanted: ObjectFilter, *, after: int, limit: int) -> tuple[list[JSONObject], int | None]:
        """Return objects in the order in which they were made, and where to go on; None: that was all."""
        # All that one step made stand on one page: the step is what a page goes on after.
        found: list[StoredObject] = []
        for stored in self._matching(wanted, after):
            if len(found) >= limit and stored.created != found[-1].created:
                return [object_document(one) for one in found], found[-1].created
            found.append(stored)
        return [object_document(one) for one in found], None

    def names(self, ids: Sequence[str] | None) -> list[JSONObject] | None:
        """Return objects by name, retired or not, in the order of ``ids``; nothing of those that never were."""
        if ids is None:
            return None
        return _named(self._reads.objects(ids), ids)

    def refusals(self, refused: Sequence[JSONObject]) -> list[JSONObject]:
        """Return what a command answers of objects that it refused, each with the event that its name comes from."""
        known = self._reads.objects([one["id"] for one in refused])
        return [Placed(one, known[one["id"]].position) if one["id"] in known else one for one in refused]

    def object_operations(self, id_: str) -> list[JSONObject]:
        """
        Return what was ever done to an object, the oldest first.

        :raises NotFoundError: there never was one with this id
        """
        self._stored(id_)
        return [operation_document(one) for one in self._reads.operations(object_id=id_)]

    # --------------------------------------------------------------------------------------------------- runs

    def run(self, run_id: str) -> JSONObject:
        """
        Return a run.

        :raises NotFoundError: there is none with this id
        """
        return run_document(self._run(run_id))

    def runs(
        self,
        *,
        group_id: str | None,
        identifier: str | None,
        state: RunStatus | None,
        before: int | None,
        limit: int,
    ) -> tuple[list[JSONObject], int | None]:
        """Return runs, the newest first, and where to go on; None: that was all."""
        found = self._reads.runs(
            group_id=group_id, identifier=identifier, state=state, before=before, limit=limit + 1
        )
        following = found[limit - 1].opened if len(found) > limit else None
        return [run_document(stored) for stored in found[:limit]], following

    def run_operations(self, run_id: str) -> list[JSONObject]:
        """
        Return what a run did, in order.

        :raises NotFoundError: there is no such run
        """
        self._run(run_id)
        return [operation_document(one) for one in self._reads.operations(run_id=run_id)]

    def difference(self, run_id: str, *, with_id: str | None = None) -> JSONObject:
        """
        Return how a run differs from another, or from the one of the same group before it.

        :raises NotFoundError: one of them is not there
        :raises InvalidInputError: one of them did not close
        """
        run = self._run(run_id)
        other = previous_run(self._reads, run) if with_id is None else self._run(with_id)
        now, before = _members(run), _members(other)
        objects = self._reads.objects([*now, *before])
        return {
            "from": other.state.id,
            "to": run.state.id,
            # What is in which list rests on what these two listed: they are marked here, once for all.
            "runs": {"from": _compared(other), "to": _compared(run)},
            "added": _named(objects, [id_ for id_ in now if id_ not in before]),
            "kept": _named(objects, [id_ for id_ in now if id_ in before]),
            "dropped": _named(objects, [id_ for id_ in before if id_ not in now]),
            "changed": self._changed(run_id, before),
        }

    # ------------------------------------------------------------------------------------------------- groups

    def group(self, id_: str, *, with_members: bool, in_full: bool = False) -> JSONObject:
        """
        Return a group, retired or not.

        :param in_full: its members as they are, not by name alone
        :raises NotFoundError: there never was one with this id
        """
        stored = self._stored(id_)
        if stored.state.group is None:
            raise NotFoundError(f"{stored.state.artifact} is not a group")
        return self._group(stored, with_members=with_members, in_full=in_full)

    def groups(
        self, wanted: GroupFilter, *, after: int, limit: int, with_members: bool, in_full: bool = False
    ) -> tuple[list[JSONObject], int | None]:
        """Return live groups in the order in which they were made, and where to go on; None: that was all."""
        found: list[StoredObject] = []
        following = None
        for stored in self._candidates(wanted):
            if stored.created <= after or not _fits(stored, wanted):
                continue
            if len(found) >= limit and stored.created != found[-1].created:
                following = found[-1].created
                break
            found.append(stored)
        return [self._group(one, with_members=with_members, in_full=in_full) for one in found], following

    def orphaned(self, wanted: GroupFilter, *, not_since_us: int | None) -> list[JSONObject]:
        """
        Return the groups that their script seems to have left behind, each with the reason.

        Its script runs with parameters of other names by now, or (with ``not_since_us``) no run has closed since.
        """
        groups = [stored for stored in self._live_groups() if stored.state.group]
        runs = {run.state.id: run for run in self._last_runs(groups)}
        orphans: list[JSONObject] = []
        for stored in groups:
            last = runs.get((stored.state.group or {}).get("last_run") or "")
            if last is None or not _fits(stored, wanted):
                continue
            reason = _why_orphaned(stored, last, groups, runs, not_since_us)
            if reason is not None:
                orphans.append(object_document(stored).with_more(*reason.rests_on, orphaned=reason.text))
        return orphans

    # ---------------------------------------------------------------------------------------------------------

    def _matching(self, wanted: ObjectFilter, after: int) -> Iterator[StoredObject]:
        if wanted.key is not None and wanted.live:
            found = self._reads.live_object(branch=wanted.branch, kind=wanted.kind, key=wanted.key)
            candidates = iter(() if found is None or found.created <= after else (found,))
        else:
            candidates = self._reads.objects_of_kind(
                branch=wanted.branch,
                kind=wanted.kind,
                live=wanted.live,
                after=after,
                texts=filter(_is_of_a_text, wanted.values.values()),
            )
        matching = (stored for stored in candidates if _is_wanted(stored, wanted))
        return self._unlisted(matching) if wanted.unlisted else matching

    def _unlisted(self, stored_objects: Iterator[StoredObject]) -> Iterator[StoredObject]:
        """Yield those that no live group lists; their groups are looked up for many at a time."""
        while some := list(itertools.islice(stored_objects, _AT_ONCE)):
            groups_of = self._reads.groups_of([stored.state.id for stored in some])
            groups = self._reads.objects(sorted({group for its in groups_of.values() for group in its}))
            for stored in some:
                if not any(groups[group].state.live for group in groups_of.get(stored.state.id, ())):
                    yield stored

    def _candidates(self, wanted: GroupFilter) -> Iterator[StoredObject]:
        """Yield the live groups that may be meant: the one with the key, where that is enough to find it."""
        if wanted.name is not None and wanted.type is not None and wanted.branch is not None:
            found = self._reads.live_object(branch=wanted.branch, kind=wanted.type, key=wanted.name)
            if found is not None and found.state.group is not None:
                return iter((found,))
        return self._live_groups()

    def _live_groups(self) -> Iterator[StoredObject]:
        return self._reads.groups()

    def _last_runs(self, groups: Sequence[StoredObject]) -> Iterator[StoredRun]:
        for stored in groups:
            last = (stored.state.group or {}).get("last_run")
            run = None if last is None else self._reads.run(last)
            if run is not None:
                yield run

    def _group(self, stored: StoredObject, *, with_members: bool, in_full: bool = False) -> JSONObject:
        if not with_members:
            return object_document(stored)
        members = self._reads.members(stored.state.id)
        known = self._reads.objects(members)
        listed = [known[id_] for id_ in members if id_ in known]
        document = object_document(stored, members=listed, in_full=in_full)
        # Whoever saved the group's values since listed nobody.
        return document.resting_on(partial(self._reads.listed_at, stored.state.id))

    def _changed(self, run_id: str, before: Sequence[str]) -> list[JSONObject]:
        first: dict[str, StoredOperation] = {}
        last: dict[str, StoredOperation] = {}
        for one in self._reads.operations(run_id=run_id):
            if one.operation is Operation.UPDATED and one.object_id in before:
                first.setdefault(one.object_id, one)
                last[one.object_id] = one
        return [_difference(first[id_], last[id_]) for id_ in first]

    def _stored(self, id_: str) -> StoredObject:
        stored = self._reads.objects([id_]).get(id_)
        if stored is None:
            raise NotFoundError(f"Unable to find the node {id_}")
        return stored

    def _run(self, run_id: str) -> StoredRun:
        stored = self._reads.run(run_id)
        if stored is None:
            raise NotFoundError(f"There is no run {run_id}")
        return stored


def _members(run: StoredRun) -> tuple[str, ...]:
    if run.state.members is None:
        raise InvalidInputError(
            f"The run {run.state.id} is {run.state.state} and never closed: it listed nothing to compare",
            field="with",
            rule="closed-run",
        )
    return run.state.members


def _compared(run: StoredRun) -> JSONObject:
    """Return a run that is compared, with the event that says what it listed."""
    return Placed({"id": run.state.id, "state": run.state.state, "position": run.position}, run.position)


def _difference(first: StoredOperation, last: StoredOperation) -> JSONObject:
    """Return what a run made of an object, from the first to the last that it did to it."""
    document = {
        **named(last.after),
        "before": None if first.before is None else first.before.values,
        "after": last.after.values,
    }
    return Placed(document, last.position, first.position)


def _named(found: Mapping[str, StoredObject], ids: Sequence[str]) -> list[JSONObject]:
    return [Placed(named(found[id_].state), found[id_].position) for id_ in ids if id_ in found]


def _fits(stored: StoredObject, wanted: GroupFilter) -> bool:
    state = stored.state
    facts = state.group or {}
    return (
        (wanted.name is None or state.values.get("name", state.key) == wanted.name)
        and (wanted.type is None or state.kind == wanted.type)
        and (wanted.branch is None or state.branch == wanted.branch)
        and (wanted.identifier is None or facts.get("identifier") == wanted.identifier)
    )


class _Reason(NamedTuple):
    """Why a group seems to be left behind, and the log positions of the events that say so."""

    text: str
    rests_on: tuple[int, ...]


def _why_orphaned(
    stored: StoredObject,
    last: StoredRun,
    groups: Sequence[StoredObject],
    runs: Mapping[str, StoredRun],
    not_since_us: int | None,
) -> _Reason | None:
    closed_us = last.state.closed_us or last.state.opened_us
    names = sorted(last.state.params)
    for other in groups:
        newer = runs.get((other.state.group or {}).get("last_run") or "")
        if newer is None or newer.opened <= last.opened or None in (_params(stored), _params(other)):
            continue
        same_script = (other.state.kind, other.state.branch, newer.state.identifier) == (
            stored.state.kind,
            stored.state.branch,
            last.state.identifier,
        )
        if same_script and sorted(newer.state.params) != names:
            told = ", ".join(sorted(newer.state.params)) or "none"
            text = f"{last.state.identifier} runs with other parameters by now: {told}"
            return _Reason(text, (last.position, newer.position))
    if not_since_us is not None and closed_us < not_since_us:
        return _Reason("no run has closed since the time asked for", (last.position,))
    return None


def _params(stored: StoredObject) -> JSONObject | None:
    """Return the parameters of a group's script; None: nobody knows them."""
    return (stored.state.group or {}).get("params")


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _is_wanted(stored: StoredObject, wanted: ObjectFilter) -> bool:
    """Tell whether an object has the key and the values asked for."""
    state = stored.state
    if wanted.key is not None and state.key != wanted.key:
        return False
    return all(_as_text(state.values.get(name)) == value for name, value in wanted.values.items())


def _is_of_a_text(stated: str) -> bool:
    """Tell whether only short texts are asked for by this: other values have no such form, see `_as_text`."""
    return stated[:1].isalpha() and stated not in _OTHER_WORDS and len(stated) <= _SHORT
