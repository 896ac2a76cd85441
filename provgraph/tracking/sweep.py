"""
What a run's end does to a group: who stays, who goes, and what becomes of those who go.

Mark and sweep: an object that was a member and was not saved this time is unused. It is retired unless another group
lists it (then it is released: it leaves this group and lives on), or it is protected (then it is refused), or another
run works on it (then it is deferred). Who is refused or deferred stays a member, and the next run tries again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from provgraph.errors import ConflictError
from provgraph.events import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from provgraph.families.tracking.queries import StoredObject


class Refused(NamedTuple):
    """An object that should have been retired and was not."""

    id: str
    artifact: str
    reason: str


class Limit(NamedTuple):
    """How much a sweep may retire at most; None: any number."""

    objects: int | None = None
    percent: float | None = None  # of the members that the group had


class Sweep(NamedTuple):
    """What becomes of a group's members. All are ids, in the order that the group had, or the run saved."""

    members: tuple[str, ...]  # from now on; those that were refused or deferred are among them
    previous: tuple[str, ...]
    added: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    retire: tuple[str, ...]  # with what goes with them
    release: tuple[str, ...]
    refused: tuple[Refused, ...]
    deferred: tuple[Refused, ...] = ()  # stay members too, for another run has them in hand

    @property
    def percent(self) -> float:
        """How many of the group's former members are retired, in percent."""
        gone = sum(1 for id_ in self.retire if id_ in self.previous)
        return round(100 * gone / len(self.previous), 1) if self.previous else 0.0

    @property
    def token(self) -> str:
        """A digest of what would happen: the same plan has the same token."""
        # Ids alone: whoever may not read is told the token as well.
        told = [self.members, self.previous, self.retire, self.release, [one.id for one in self.refused]]
        return hashlib.sha256(canonical.dumps(told)).hexdigest()[:32]

    def check(self, limit: Limit) -> None:
        """
        Refuse a sweep that retires more than allowed.

        :raises SweepLimitError: it does
        """
        gone = len(self.retire)
        too_many = limit.objects is not None and gone > limit.objects
        too_much = limit.percent is not None and self.percent > limit.percent
        if too_many or too_much:
            raise SweepLimitError(self, limit)


class SweepLimitError(ConflictError):
    """A sweep would retire more than its limit allows; nothing was changed."""

    title = "Too much would be retired"
    unread_text = None

    def __init__(self, sweep: Sweep, limit: Limit) -> None:
        allowed = " and ".join(
            text
            for text in (
                "" if limit.objects is None else f"{limit.objects} objects",
                "" if limit.percent is None else f"{limit.percent:g} % of the members",
            )
            if text
        )
        super().__init__(
            f"This run would retire {len(sweep.retire)} objects, {sweep.percent:g} % of the group's "
            f"{len(sweep.previous)} members; at most {allowed} are allowed. Nothing was changed: look at the run's "
            "plan, and close it with that plan or a higher limit if it is what you want"
        )
        self._retire = sweep.retire

    @property
    def members(self) -> dict[str, object]:
        """See `ProvgraphError.members`."""
        return {"rule": "sweep-limit", "retire": list(self._retire)}


class World(NamedTuple):
    """What a sweep has to know of the objects there are."""

    objects: Callable[[Sequence[str]], dict[str, StoredObject]]
    children: Callable[[Sequence[str]], list[StoredObject]]
    groups_of: Callable[[Sequence[str]], dict[str, list[str]]]  # live groups that list an object
    in_hand: Callable[[Sequence[str]], dict[str, str]]  # objects that other runs work on, with one of these


def sweep(
    world: World,
    *,
    group_id: str | None,
    previous: Sequence[str],
    members: Sequence[str],
    delete_unused: bool,
) -> Sweep:
    """Return what becomes of a group that had ``previous`` members when ``members`` were saved."""
    now, before = dict.fromkeys(members), dict.fromkeys(previous)
    dropped = [id_ for id_ in before if id_ not in now]
    retire: dict[str, None] = {}
    release: list[str] = []
    refused: list[Refused] = []
    deferred: list[Refused] = []
    if delete_unused and dropped:
        objects = world.objects(dropped)
        # What somebody has retired meanwhile is left out.
        unused = [objects[id_] for id_ in dropped if id_ in objects and objects[id_].state.live]
        going = families(world, unused)
        owners = world.groups_of([one.state.id for family in going.values() for one in family])
        in_hand = world.in_hand([one.state.id for family in going.values() for one in family])
        others = {id_ for id_, its in owners.items() if any(owner != group_id for owner in its)}
        for id_, family in going.items():
            if id_ in others:
                release.append(id_)
            elif run := next((in_hand[one.state.id] for one in family if one.state.id in in_hand), None):
                deferred.append(Refused(id_, family[0].state.artifact, f"the run {run} works on it"))
            elif reason := _reason_to_refuse(family, saved=now, owned=others):
                refused.append(Refused(id_, family[0].state.artifact, reason))
            else:
                retire.update(dict.fromkeys(one.state.id for one in family))
    # What goes along with another object is not kept for itself.
    left = [one.id for one in (*refused, *deferred) if one.id not in retire]
    return Sweep(
        members=(*now, *left),
        previous=tuple(before),
        added=tuple(id_ for id_ in now if id_ not in before),
        kept=tuple(id_ for id_ in now if id_ in before),
        dropped=tuple(id_ for id_ in dropped if id_ not in left),
        retire=tuple(retire),
        release=tuple(release),
        refused=tuple(one for one in refused if one.id in left),
        deferred=tuple(one for one in deferred if one.id in left),
    )


def families(world: World, objects: Sequence[StoredObject]) -> dict[str, list[StoredObject]]:
    """Return, by the id of each object, all that goes with it when it is retired, itself first."""
    children: dict[str, list[StoredObject]] = {}
    seen = {stored.state.id for stored in objects}
    layer = list(seen)
    while layer:
        layer_below = world.children(layer)
        for child in layer_below:
            children.setdefault(child.state.parent or "", []).append(child)
        layer = list({child.state.id for child in layer_below} - seen)
        seen.update(layer)
    return {stored.state.id: _family(stored, children) for stored in objects}


def _family(first: StoredObject, children: Mapping[str, list[StoredObject]]) -> list[StoredObject]:
    found = {first.state.id: first}
    waiting = [first]
    while waiting:
        for child in children.get(waiting.pop().state.id, ()):
            if child.state.id not in found:
                found[child.state.id] = child
                waiting.append(child)
    return list(found.values())


def _reason_to_refuse(
    family: Sequence[StoredObject], *, saved: Collection[str], owned: Collection[str]
) -> str | None:
    """
    Return why an object cannot be retired with its family, None when it can.

    :param saved: ids of what the run saved
    :param owned: ids of what other groups list
    """
    for one in family:
        if one.state.protected:
            return f"{one.state.artifact} is protected"
    for child in family[1:]:
        if child.state.id in saved:
            return f"{child.state.artifact} goes with it and was saved by this run"
        if child.state.id in owned:
            return f"{child.state.artifact} goes with it and is listed by another group"
    return None
