"""
What becomes of the objects of a kind that is defined anew: they get the names that the new definition says.

Otherwise an upsert would not find them, and would make each of them a second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.families.tracking.events import Operation
from provgraph.tracking import keys
from provgraph.tracking.draft import UniqueError
from provgraph.tracking.keys import Called

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provgraph.families.tracking.events import ObjectState
    from provgraph.tracking.draft import Draft
    from provgraph.tracking.kinds import ObjectKinds


class _Renaming(NamedTuple):
    """An object, and what it is called from now on."""

    state: ObjectState
    called: Called | None  # None: something that would name it is missing


def rename_redefined(draft: Draft, old: ObjectKinds, new: ObjectKinds) -> int:
    """
    Give the live objects whose names other definitions say the names that these say, and return how many there are.

    A key that somebody gave an object stays. Nothing may have been done in the draft before.

    :param old: the kinds as they were
    :param new: the kinds as they are to be; neither changes meanwhile
    :raises UniqueError: two objects would have one name
    """
    renamed = 0
    for kind in new.renamed_since(old):
        renamings = {one.state.id: one for one in _renamings(draft, old, new, kind)}
        _refuse_one_name_for_two(draft, renamings)
        for one in list(renamings.values()):
            _rename(draft, new, renamings, one)
        renamed += len(renamings)
    return renamed


def _renamings(draft: Draft, old: ObjectKinds, new: ObjectKinds, kind: str) -> Iterator[_Renaming]:
    before, after = old.of(kind), new.of(kind)
    for stored in draft.reads.live_anywhere(kind):
        state = draft.state(stored.state.id) or stored.state
        was = keys.name_of(draft, old, before, state.values, state.parent)
        now = keys.name_of(draft, new, after, state.values, state.parent)
        key = after.key(now or ())
        if not keys.is_made_of(before, was, state.key) or state.key == key or now == was:
            continue
        yield _Renaming(state, None if key is None else Called(after, state.branch, key, now))


def _refuse_one_name_for_two(draft: Draft, renamings: dict[str, _Renaming]) -> None:
    seen: dict[tuple[str, str], ObjectState] = {}
    for state, called in renamings.values():
        if called is None:
            continue
        other = seen.setdefault((state.branch, called.key), state)
        if other is state:
            # Who is not renamed has the key for good.
            held = draft.live(branch=state.branch, kind=state.kind, key=called.key)
            other = state if held is None or held.id in renamings else held
        if other is not state:
            raise UniqueError(
                f"By this definition two objects of the kind {state.kind} would be called {called.key!r}: "
                f"{other.artifact} ({other.id}) and {state.artifact} ({state.id}). Nothing was changed: give one of "
                "them other values, or define another human-friendly id",
                unread="By this definition two objects of one kind would have one name. Nothing was changed: define "
                "another human-friendly id",
            )


def _rename(draft: Draft, kinds: ObjectKinds, renamings: dict[str, _Renaming], one: _Renaming) -> None:
    state = draft.state(one.state.id) or one.state
    if one.called is not None:
        held = draft.live(branch=state.branch, kind=state.kind, key=one.called.key)
        if held is not None and held.id != state.id and held.id in renamings:
            # Its turn comes later: it gives its key away for a moment.
            draft.put(Operation.UPDATED, held._replace(key=None), before=held, member=False)
    keys.rename(draft, kinds, state, one.called)
