"""How objects are saved and retired: one after the other in a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidInputError, NotFoundError
from provgraph.families.tracking.events import ObjectState, Operation
from provgraph.tracking import keys
from provgraph.tracking.draft import new_id, refuse_taken_key
from provgraph.tracking.keys import Called
from provgraph.tracking.kinds import MAIN
from provgraph.tracking.sweep import Refused, families

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from provgraph.tracking.draft import Draft
    from provgraph.tracking.kinds import ObjectKind, ObjectKinds


class Save(NamedTuple):
    """An object as somebody wants it."""

    kind: str | None = None  # None: that of the object with this id
    values: Mapping[str, Any] = {}
    id: str | None = None  # 32 hex digits; None: by key, or a new one
    key: str | None = None  # None: what the kind's naming attributes say
    texts: tuple[str, ...] | None = None  # that name it, instead of those of its values; no key then
    branch: str | None = None  # None: the run's, or main
    parent: str | None = None
    protected: bool | None = None  # None: as it is
    member: bool = True  # whether the run counts it as saved
    named: bool = (
        False  # refuse an upsert that has nothing to find its object by, though its kind says what names it
    )
    place: int = 0  # in the request, from 0


class Retirement(NamedTuple):
    """What became of objects that were to be retired; ids."""

    retired: tuple[str, ...]
    missing: tuple[str, ...]
    refused: tuple[Refused, ...]


def save(draft: Draft, kinds: ObjectKinds, wanted: Save, *, upsert: bool) -> tuple[str, Operation]:
    """
    Save one object, and return its id and what that did.

    :param upsert: update the object that has the key already, instead of refusing
    :raises NotFoundError: there is no object with the id
    :raises UniqueError: another object has the key
    :raises InvalidInputError: a new object without a kind, or without what an upsert finds it by, or a text that is
        too long
    """
    if wanted.id is not None:
        return _update(draft, kinds, wanted, draft.object(wanted.id))
    if not wanted.kind:
        raise InvalidInputError(
            "A new object needs a kind", field=f"objects[{wanted.place}].kind", rule="required"
        )
    kind = kinds.of(wanted.kind)
    branch = _branch(draft, wanted)
    called = _called(draft, kinds, kind, wanted, branch)
    if called is None and upsert and wanted.named and kind.is_named:
        raise _nameless(kind)
    found = None if called is None else keys.holder(draft, kinds, called)
    if found is None:
        if called is not None:
            keys.make_room(draft, kinds, called)
        return _create(draft, kind, wanted, branch=branch, key=None if called is None else called.key)
    if not upsert:
        raise refuse_taken_key(found)
    return _update(draft, kinds, wanted, found)


def retire(draft: Draft, ids: Sequence[str]) -> Retirement:
    """
    Retire objects because somebody asked for it, with what goes with them, and take them off every group's list.

    :raises NotFoundError: none of them is there
    """
    world = draft.world()
    stored = world.objects(ids)
    missing = tuple(id_ for id_ in ids if id_ not in stored or not stored[id_].state.live)
    if ids and len(missing) == len(set(ids)):
        raise NotFoundError(f"Unable to find the node {missing[0]}")
    going: dict[str, ObjectState] = {}
    refused: list[Refused] = []
    asked_for = [stored[id_] for id_ in dict.fromkeys(ids) if id_ not in missing]
    for id_, family in families(world, asked_for).items():
        protected = next((one.state for one in family if one.state.protected), None)
        if protected is None:
            going.update((one.state.id, one.state) for one in family)
        else:
            refused.append(Refused(id_, stored[id_].state.artifact, f"{protected.artifact} is protected"))
    for state in going.values():
        draft.retire(state)
    leave_groups(draft, list(going))
    return Retirement(tuple(going), missing, tuple(refused))


def leave_groups(draft: Draft, ids: Sequence[str], *, but: Container[str] = ()) -> None:
    """Take objects off the list of every live group, but for those in ``but``."""
    gone = set(ids)
    groups = sorted({group for its in draft.live_groups_of(ids).values() for group in its} - gone)
    for group_id in groups:
        if group_id in but:
            continue
        group = draft.object(group_id)
        members = [id_ for id_ in draft.members(group_id) if id_ not in gone]
        draft.list_members(group, members, before=group)


def check_lengths(kind: ObjectKind, values: Mapping[str, Any], *, place: int = 0) -> None:
    """
    Refuse texts that are longer than the kind allows.

    :param place: of the object in the request, for the error
    :raises InvalidInputError: one of them is
    """
    for attribute, longest in kind.longest.items():
        value = values.get(attribute)
        if isinstance(value, str) and len(value) > longest:
            raise InvalidInputError(
                f"{attribute} of a {kind.name} has {len(value)} characters, at most {longest} are allowed",
                field=f"objects[{place}].values.{attribute}",
                rule="length",
            )


def _branch(draft: Draft, wanted: Save) -> str:
    return wanted.branch or (MAIN if draft.run is None else draft.run.state.branch)


def _called(draft: Draft, kinds: ObjectKinds, kind: ObjectKind, wanted: Save, branch: str) -> Called | None:
    """Return what a new object, or the one that an upsert means, is found by; None: by nothing."""
    if wanted.key:
        return Called(kind, branch, wanted.key, None)
    name = wanted.texts or keys.name_of(draft, kinds, kind, wanted.values, wanted.parent)
    key = kind.key(name or ())
    return None if key is None else Called(kind, branch, key, name)


def _called_after(
    draft: Draft, kinds: ObjectKinds, wanted: Save, before: ObjectState, after: ObjectState
) -> Called | None:
    """Return what an object is found by once it is as ``after`` but for its key, which is still the one of before."""
    kind = kinds.of(before.kind)
    was = keys.name_of(draft, kinds, kind, before.values, before.parent)
    given = wanted.key or kind.key(wanted.texts or ())
    if given:
        is_so_called = keys.is_same_name(kind, was, before.key, given)
        return Called(kind, before.branch, (before.key if is_so_called else None) or given, wanted.texts)
    name = keys.name_of(draft, kinds, kind, after.values, after.parent)
    if name == was:
        return None if before.key is None else Called(kind, before.branch, before.key, name)
    key = kind.key(name or ())
    return None if key is None else Called(kind, before.branch, key, name)


def _create(
    draft: Draft, kind: ObjectKind, wanted: Save, *, branch: str, key: str | None
) -> tuple[str, Operation]:
    check_lengths(kind, wanted.values, place=wanted.place)
    id_ = new_id()
    state = ObjectState(
        id_,
        kind.name,
        branch,
        key,
        draft.free_artifact(branch=branch, kind=kind.name, key=key, id_=id_),
        dict(wanted.values),
        protected=bool(wanted.protected),
        parent=_parent(draft, wanted, None),
        group={"identifier": None, "params": None, "last_run": None} if kind.is_group else None,
    )
    draft.put(Operation.CREATED, state, before=None, member=wanted.member)
    return id_, Operation.CREATED


def _update(draft: Draft, kinds: ObjectKinds, wanted: Save, before: ObjectState) -> tuple[str, Operation]:
    kind = kinds.of(before.kind)
    if wanted.kind is not None and wanted.kind != before.kind:
        raise InvalidInputError(
            f"The object {before.id} is not a {wanted.kind}",
            field=f"objects[{wanted.place}].kind",
            rule="kind",
        )
    check_lengths(kind, wanted.values, place=wanted.place)
    after = before._replace(
        values={**before.values, **wanted.values},
        protected=before.protected if wanted.protected is None else wanted.protected,
        parent=_parent(draft, wanted, before),
    )
    called = _called_after(draft, kinds, wanted, before, after)
    artifact = keys.renamed_artifact(draft, kinds, before, called)
    after = after._replace(key=None if called is None else called.key, artifact=artifact)
    operation = Operation.UNCHANGED if after.is_same(before) else Operation.UPDATED
    if after.changed(before):
        keys.rename_others(draft, kinds, before, after)
    draft.put(operation, after, before=before, member=wanted.member)
    return before.id, operation


def _nameless(kind: ObjectKind) -> InvalidInputError:
    names = [part.relationship or part.attribute for part in kind.key_parts]
    told = " and ".join(dict.fromkeys(names)) or "its human-friendly id"
    return InvalidInputError(
        f"An upsert finds its {kind.name} by {told}, and something of it is missing: state it, or the id, or save "
        "without upsert",
        field=names[0] if names else "hfid",
        rule="required",
    )


def _parent(draft: Draft, wanted: Save, own: ObjectState | None) -> str | None:
    if wanted.parent is None:
        return None if own is None else own.parent
    parent: ObjectState | None = draft.object(wanted.parent)
    while parent is not None:
        if own is not None and parent.id == own.id:
            raise InvalidInputError(
                "An object cannot go with itself, nor with what goes with it",
                field=f"objects[{wanted.place}].parent",
                rule="not-itself",
            )
        parent = draft.find(parent.parent) if parent.parent else None
    return wanted.parent
