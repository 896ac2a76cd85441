"""
What objects are found by: keys of values of their own, and of values of those that they are related to.

A key that has a value of another object in it follows that value. Objects that were recorded before format 2 keep the
keys that they had: they are found by the texts that name them, see `ObjectKind.spellings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.families.tracking.events import Operation
from provgraph.joined import SEPARATOR, parted
from provgraph.tracking.draft import refuse_taken_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from provgraph.families.tracking.events import ObjectState
    from provgraph.tracking.draft import Draft
    from provgraph.tracking.kinds import ObjectKind, ObjectKinds


class Called(NamedTuple):
    """What an object is to be found by."""

    kind: ObjectKind
    branch: str
    key: str
    name: tuple[str, ...] | None  # the texts that the key is made of; None: somebody gave the key


def name_of(
    draft: Draft,
    kinds: ObjectKinds,
    kind: ObjectKind,
    values: Mapping[str, Any],
    parent: str | None,
    *,
    instead: ObjectState | None = None,
) -> tuple[str, ...] | None:
    """
    Return the texts that name an object of a kind, None when something of it is missing.

    :param instead: what an object that it is related to shall look like
    """
    return kind.texts(values, _related(draft, kinds, kind, values, parent, instead=instead))


def holder(draft: Draft, kinds: ObjectKinds, wanted: Called) -> ObjectState | None:
    """Return the live object that is called so, or None."""
    name = _given(wanted) if wanted.name is None else wanted.name
    if wanted.name is None:
        found = draft.live(branch=wanted.branch, kind=wanted.kind.name, key=wanted.key)
        if found is not None:
            return found
    for key in wanted.kind.spellings(name or ()):
        found = draft.live(branch=wanted.branch, kind=wanted.kind.name, key=key)
        if found is not None and _is_named(draft, kinds, wanted.kind, found, name or ()):
            return found
    return None


def make_room(draft: Draft, kinds: ObjectKinds, wanted: Called) -> None:
    """
    Have the object that has a key, and is named otherwise, take the key that it would be given today.

    Only keys from before format 2 can be what another object's name is written as since.
    """
    held = draft.live(branch=wanted.branch, kind=wanted.kind.name, key=wanted.key)
    if held is None:
        return
    name = name_of(draft, kinds, wanted.kind, held.values, held.parent)
    key = wanted.kind.key(name or ())
    if name is None or key is None or key == wanted.key:
        # Another process has come first since `holder` looked: then this command is decided anew.
        return
    make_room(draft, kinds, Called(wanted.kind, wanted.branch, key, name))
    draft.put(Operation.UPDATED, held._replace(key=key), before=held, member=False)


def is_same_name(kind: ObjectKind, name: tuple[str, ...] | None, one: str | None, other: str | None) -> bool:
    """Tell whether two keys are one name in two spellings."""
    return one == other or {one, other} <= set(kind.spellings(name or ()))


def renamed_artifact(draft: Draft, kinds: ObjectKinds, before: ObjectState, wanted: Called | None) -> str:
    """
    Return an object's artifact once it is called so; None: it has no name from then on.

    :raises UniqueError: another object is called so
    """
    if wanted is None or wanted.key == before.key:
        return before.artifact
    held = holder(draft, kinds, wanted)
    if held is not None and held.id != before.id:
        raise refuse_taken_key(held, wanted_by=before.id)
    if held is None:
        make_room(draft, kinds, wanted)
    # Whoever asks for the new name shall find it: its history goes on from the old one's.
    return draft.free_artifact(branch=before.branch, kind=before.kind, key=wanted.key, id_=before.id)


def rename_after_restoring(draft: Draft, kinds: ObjectKinds) -> None:
    """
    Give objects the names that they have now that what they are named after is as it was.

    :raises UniqueError: another object has such a name
    """
    for part in list(draft.parts):
        change = part.change
        if change.operation is Operation.RESTORED and change.before is not None:
            rename_others(draft, kinds, change.before, change.after)


def rename_others(draft: Draft, kinds: ObjectKinds, before: ObjectState, after: ObjectState) -> None:
    """
    Give the objects of its branch whose names have a value of an object in them the names that they have from now on.

    Otherwise an upsert would not find them any more, and make them a second time.

    :raises UniqueError: another object has such a name
    """
    for kind in kinds.named_by(after.kind, before.changed(after)):
        for other in list(_naming(draft, kind, before)):
            was = name_of(draft, kinds, kind, other.values, other.parent, instead=before)
            now = name_of(draft, kinds, kind, other.values, other.parent, instead=after)
            # A key that somebody gave it stays.
            if now is not None and now != was and is_made_of(kind, was, other.key):
                rename(draft, kinds, other, Called(kind, other.branch, kind.key(now) or "", now))


def is_made_of(kind: ObjectKind, name: tuple[str, ...] | None, key: str | None) -> bool:
    """Tell whether a key is what a kind makes of a name, and not one that somebody gave."""
    return key is None if name is None else key in kind.spellings(name)


def rename(draft: Draft, kinds: ObjectKinds, state: ObjectState, wanted: Called | None) -> None:
    """
    Have an object be called so; None: by nothing but its id.

    :raises UniqueError: another object is called so
    """
    artifact = renamed_artifact(draft, kinds, state, wanted)
    renamed = state._replace(key=None if wanted is None else wanted.key, artifact=artifact)
    draft.put(Operation.UPDATED, renamed, before=state, member=False)


def _given(wanted: Called) -> tuple[str, ...] | None:
    """Return the texts that a given key says, if it says those of a name of several."""
    name = parted(wanted.key) if len(wanted.kind.key_parts) > 1 else None
    return None if name is None else tuple(name)


def _is_named(
    draft: Draft, kinds: ObjectKinds, kind: ObjectKind, held: ObjectState, name: tuple[str, ...]
) -> bool:
    """Tell whether an object that has one of a name's keys has the name, and not another one with the same key."""
    key = held.key or ""
    if len(name) == 1 or ("%" not in key and key.count(SEPARATOR) == len(name) - 1):
        return True  # there is no other name with this key
    its = name_of(draft, kinds, kind, held.values, held.parent)
    return its == name if is_made_of(kind, its, held.key) else held.key == kind.key(name)


def _naming(draft: Draft, kind: ObjectKind, named: ObjectState) -> Iterator[ObjectState]:
    """Yield the live objects of a kind, on the branch of another object, whose names have a part of its."""
    stored = draft.reads.objects_of_kind(branch=named.branch, kind=kind.name, live=True, texts=[named.id])
    here = {part.change.after.id: part.change.after for part in draft.parts}
    for state in [*(one.state for one in stored if one.state.id not in here), *here.values()]:
        ids = [
            _related_id(kind, part.relationship, state.values, state.parent)
            for part in kind.key_parts
            if part.relationship is not None
        ]
        if state.live and (state.kind, state.branch) == (kind.name, named.branch) and named.id in ids:
            yield state


def _related(
    draft: Draft,
    kinds: ObjectKinds,
    kind: ObjectKind,
    values: Mapping[str, Any],
    parent: str | None,
    *,
    instead: ObjectState | None,
) -> Callable[[str], Mapping[str, Any]]:
    """
    Return what finds the values of the objects that one of a kind is related to.

    :param instead: what one of them shall look like
    """

    def values_of(relationship: str) -> Mapping[str, Any]:
        id_ = _related_id(kind, relationship, values, parent)
        if id_ is None:
            return {}
        state = instead if instead is not None and instead.id == id_ else draft.find(id_)
        return {} if state is None else {**kinds.of(state.kind).defaults, **state.values}

    return values_of


def _related_id(
    kind: ObjectKind, relationship: str, values: Mapping[str, Any], parent: str | None
) -> str | None:
    stated = values.get(relationship, parent if relationship in kind.parents else None)
    return stated if isinstance(stated, str) else None
