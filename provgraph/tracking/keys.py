"""
What objects are found by: keys of values of their own, and of values of those that they are related to.

A key that has a value of another object in it follows that value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.events.tracking import Operation
from provgraph.tracking.draft import refuse_taken_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from provgraph.events.tracking import ObjectState
    from provgraph.tracking.draft import Draft
    from provgraph.tracking.kinds import ObjectKind, ObjectKinds


def key_of(
    draft: Draft,
    kinds: ObjectKinds,
    kind: ObjectKind,
    values: Mapping[str, Any],
    parent: str | None,
    *,
    instead: ObjectState | None = None,
) -> str | None:
    """
    Return what names an object of a kind, None when something of it is missing.

    :param instead: what an object that it is related to shall look like
    """
    return kind.key(values, _related(draft, kinds, kind, values, parent, instead=instead))


def renamed_artifact(draft: Draft, before: ObjectState, key: str | None) -> str:
    """
    Return an object's artifact once it has this key.

    :raises UniqueError: another object has the key
    """
    if key is None or key == before.key:
        return before.artifact
    holder = draft.live(branch=before.branch, kind=before.kind, key=key)
    if holder is not None and holder.id != before.id:
        raise refuse_taken_key(holder, wanted_by=before.id)
    # Whoever asks for the new name shall find it: its history goes on from the old one's.
    return draft.free_artifact(branch=before.branch, kind=before.kind, key=key, id_=before.id)


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
            was = key_of(draft, kinds, kind, other.values, other.parent, instead=before)
            key = key_of(draft, kinds, kind, other.values, other.parent, instead=after)
            # A key that somebody gave it, or that says the same as before, stays.
            if key not in (None, other.key) and other.key == was:
                renamed = other._replace(key=key, artifact=renamed_artifact(draft, other, key))
                draft.put(Operation.UPDATED, renamed, before=other, member=False)


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
