"""A group and its members as somebody states them: a run of which no more is known than its end, told as one step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidInputError
from provgraph.families.tracking.events import RunState, RunStatus
from provgraph.tracking.draft import new_id, refuse_taken_key
from provgraph.tracking.kinds import MAIN
from provgraph.tracking.runs import listed, put_group, report_of
from provgraph.tracking.saving import check_lengths
from provgraph.tracking.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provgraph.families.tracking.events import ObjectState
    from provgraph.tracking.draft import Draft
    from provgraph.tracking.kinds import ObjectKinds

JSONObject = dict[str, Any]

# See `provgraph.families.tracking.groupname`: the digest of a script's parameters comes last.
_WITH_PARAMS = re.compile(r"(.+)-[0-9a-f]{32}", re.DOTALL)


class Listing(NamedTuple):
    """A group as it is to be, with all its members."""

    type: str
    members: tuple[str, ...]  # ids
    values: Mapping[str, Any] = {}
    id: str | None = None  # None: by the name in its values, or a new one
    branch: str = MAIN
    upsert: bool = True  # whether there may be a group of this name already


def list_group(draft: Draft, kinds: ObjectKinds, wanted: Listing) -> RunState:
    """
    Write a group that lists these members and no others, and return the run that this was.

    :raises NotFoundError: there is no object with the id
    :raises UniqueError: another group has the name
    :raises InvalidInputError: it has no name, a text is too long, or a member is one that nobody knows
    """
    before = _before(draft, wanted)
    values = {**({} if before is None else before.values), **wanted.values}
    name = _name(draft, values, before)
    check_lengths(kinds.of(wanted.type), values)
    previous = () if before is None else draft.reads.members(before.id)
    swept = sweep(
        draft.world(),
        group_id=None if before is None else before.id,
        previous=previous,
        members=listed(draft, wanted.members),
        delete_unused=False,
    )
    script = _script(before, name)
    run = RunState(
        id=new_id(),
        state=RunStatus.DONE,
        identifier=script["identifier"],
        params=script["params"] or {},
        branch=wanted.branch,
        delete_unused=False,
        actor=draft.command.actor,
        group_type=wanted.type,
        group_name=name,
        group_params={},
        opened_us=draft.place.occurred_us,
        closed_us=draft.place.occurred_us,
        members=swept.members,
        previous_members=None if before is None else swept.previous,
        report=report_of(swept),
    )
    facts = {**script, "last_run": run.id}
    group = put_group(draft, run, before, values=values, facts=facts, members=swept.members)
    draft.use(swept.members)
    return run._replace(group_id=group.id)


def _before(draft: Draft, wanted: Listing) -> ObjectState | None:
    if wanted.id is not None:
        before = draft.object(wanted.id)
        if before.group is None:
            raise InvalidInputError(f"{before.id} is not a group", field="id", rule="group")
        return before
    name = wanted.values.get("name")
    found = draft.live(branch=wanted.branch, kind=wanted.type, key=name) if isinstance(name, str) else None
    if found is not None and not wanted.upsert:
        raise refuse_taken_key(found)
    return found


def _name(draft: Draft, values: JSONObject, before: ObjectState | None) -> str:
    name = values.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidInputError("A group needs a name", field="name", rule="required")
    if before is not None and name != before.key:
        holder = draft.live(branch=before.branch, kind=before.kind, key=name)
        if holder is not None:
            raise refuse_taken_key(holder, wanted_by=before.id)
    return name


def _script(before: ObjectState | None, name: str) -> JSONObject:
    """Return what is known of the script: what a run said that did say, else what the group's name tells."""
    if before is not None and before.key == name and before.group and before.group["identifier"] is not None:
        return {"identifier": before.group["identifier"], "params": before.group["params"]}
    found = _WITH_PARAMS.fullmatch(name)
    return {"identifier": name if found is None else found.group(1), "params": None}
