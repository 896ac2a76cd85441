"""
The calls on tracked work.

Every command has a ``request`` id: sent again with the same one, as a patient client does when no answer came, it
changes nothing and gives the answer that was lost.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from provgraph.client.answers import a_list, an_object, typed
from provgraph.client.base import JSON, Call, Paging
from provgraph.client.calls import get, segment
from provgraph.client.tracking.answers import (
    Adopted,
    CloseReport,
    Group,
    Operation,
    Plan,
    Retired,
    RolledBack,
    RolledBackLogin,
    Run,
    RunDiff,
)
from provgraph.client.tracking.errors import NotJsonError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provgraph.client.tracking.settings import Limit, Properties

# How long a run that failed waits for the service to hear of it: its own error is on the way to the caller.
_LAST_WORDS_SECONDS = 5.0
_PAGE = 1_000


def new_request() -> str:
    """Return the id of a new command."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Save:
    """An object as it is to be saved."""

    kind: str
    branch: str
    values: Mapping[str, Any]  # those that changed
    id: str | None = None
    key: str | None = None
    parent: str | None = None
    protected: bool | None = None

    def body(self) -> JSON:
        """Return it as it is sent."""
        stated = {
            "kind": self.kind,
            "branch": self.branch,
            "id": self.id,
            "key": self.key,
            "parent": self.parent,
            "protected": self.protected,
        }
        return {name: value for name, value in stated.items() if value is not None} | {"values": self.values}


@dataclass(frozen=True, slots=True)
class Closing:
    """How a run is to be closed."""

    members: Sequence[str] = ()  # ids, beside what the run saved
    delete_unused: bool | None = None  # None: as the run was opened
    plan: str | None = None
    limit: Limit | None = None
    reads: Sequence[str] = field(default=())

    def body(self) -> JSON:
        """Return it as it is sent."""
        stated = {
            "delete_unused": self.delete_unused,
            "plan": self.plan,
            "limit": None if self.limit is None else self.limit.body(),
        }
        stated = {name: value for name, value in stated.items() if value is not None}
        return {**stated, "members": list(self.members), "reads": list(self.reads)}


def open_run(request: str, properties: Properties, *, actor: str | None, patient: bool = True) -> Call[Run]:
    """Open a run."""
    body = {
        "request": request,
        "identifier": properties.identifier,
        "params": properties.params,
        "branch": properties.branch,
        "group_type": properties.group_type,
        "group_params": properties.group_params,
        "delete_unused": properties.delete_unused_nodes,
    }
    return _command("runs", Run.read, body, actor, patient=patient)


def save(
    request: str,
    wanted: Sequence[Save],
    *,
    actor: str | None,
    run: str | None,
    upsert: bool,
    member: bool,
    reads: Sequence[str],
) -> Call[list[JSON]]:
    """Save objects, all or none; answered with them as they are now."""
    body = {
        "request": request,
        "objects": [{**each.body(), "member": member} for each in wanted],
        "upsert": upsert,
        "reads": list(reads),
    }
    return _command("objects", lambda answer: a_list(answer["objects"]), _with_run(body, run), actor)


def retire(request: str, ids: Sequence[str], *, actor: str | None, run: str | None) -> Call[Retired]:
    """Retire objects."""
    return _command(
        "objects/retire", Retired.read, _with_run({"request": request, "ids": list(ids)}, run), actor
    )


def plan(run: str, closing: Closing) -> Call[Plan]:
    """Tell what closing a run would do now; nothing is written."""
    body: JSON = {"members": list(closing.members)}
    if closing.delete_unused is not None:
        body["delete_unused"] = closing.delete_unused
    return _command(f"runs/{segment(run)}/plan", Plan.read, body, None)


def close(request: str, run: str, closing: Closing, *, actor: str | None) -> Call[CloseReport]:
    """Close a run."""
    body = {"request": request, **closing.body()}
    return _command(f"runs/{segment(run)}/close", CloseReport.read, body, actor)


def fail(run: str, error: str, *, actor: str | None) -> Call[Run]:
    """Say that a run failed. It is tried once and not for long: what failed has its own error to tell of."""
    body = {"request": new_request(), "error": error}
    return _command(f"runs/{segment(run)}/fail", Run.read, body, actor, patient=False)


def roll_back(run: str, *, force: bool, actor: str | None) -> Call[RolledBack]:
    """Undo what a run did."""
    body = {"request": new_request(), "force": force}
    return _command(f"runs/{segment(run)}/rollback", RolledBack.read, body, actor)


def roll_back_login(login: str, *, since: str, force: bool, actor: str | None) -> Call[RolledBackLogin]:
    """Undo what a login did since a time."""
    body = {"request": new_request(), "login": login, "since": since, "force": force}
    return _command("runs/rollback", RolledBackLogin.read, body, actor)


def adopt(group: str, *, into: str, actor: str | None) -> Call[Adopted]:
    """Hand a group's members over to another one."""
    body = {"request": new_request(), "into": into}
    return _command(f"groups/{segment(group)}/adopt", Adopted.read, body, actor)


def remove(group: str, *, limit: Limit | None, actor: str | None) -> Call[Retired]:
    """Retire a group with its members."""
    body = {"request": new_request(), "limit": None if limit is None else limit.body()}
    return _command(f"groups/{segment(group)}/remove", Retired.read, body, actor)


def run(run_id: str) -> Call[Run]:
    """Return a run."""
    return get(f"/api/v1/runs/{segment(run_id)}", lambda document: typed(Run.read, document))


def runs(
    *, group: str | None, identifier: str | None, state: str | None, limit: int | None
) -> Paging[JSON, Run]:
    """Return runs, the newest first."""
    return _paging(
        "runs", Run.read, {"group": group, "identifier": identifier, "state": state, "limit": limit}
    )


def operations(run_id: str) -> Call[tuple[Operation, ...]]:
    """Return what a run did, in order."""
    return get(
        f"/api/v1/runs/{segment(run_id)}/operations",
        lambda document: _read_list(document, "operations", Operation.read),
    )


def diff(run_id: str, *, with_: str | None) -> Call[RunDiff]:
    """Return how a run differs from another."""
    return get(
        f"/api/v1/runs/{segment(run_id)}/diff",
        lambda document: typed(RunDiff.read, document),
        {"with": with_},
    )


def group(group_id: str) -> Call[Group]:
    """Return a group with its members."""
    return get(
        f"/api/v1/groups/{segment(group_id)}",
        lambda document: typed(Group.read, document),
        {"members": "true"},
    )


def groups(parameters: Mapping[str, object]) -> Paging[JSON, Group]:
    """Return groups."""
    return _paging("groups", Group.read, parameters)


def group_named(properties: Properties, name: str, *, members: str) -> Call[JSON | None]:
    """
    Return the document of the live group with a name, with its members, or None.

    :param members: ``true``: by name; ``full``: as they are
    """
    return get(
        "/api/v1/groups",
        lambda document: next(iter(a_list(document, within="groups")), None),
        {"name": name, "type": properties.group_type, "branch": properties.branch, "members": members},
    )


def node(node_id: str) -> Call[JSON]:
    """Return an object, retired or not."""
    return get(f"/api/v1/objects/{segment(node_id)}", an_object)


def nodes(kind: str, *, branch: str, filters: Mapping[str, str], limit: int = _PAGE) -> Paging[JSON, JSON]:
    """Return the live objects of a kind."""
    return _paging("objects", an_object, {"kind": kind, "branch": branch, "limit": limit, **filters})


def _command(path: str, reader: Any, body: JSON, actor: str | None, *, patient: bool = True) -> Call[Any]:
    if actor is not None:
        body["actor"] = actor
    try:
        content = orjson.dumps(body)
    except TypeError as error:
        raise NotJsonError(f"This cannot be sent, for JSON cannot hold it: {error}") from error
    return Call(
        "POST",
        f"/api/v1/{path}",
        lambda document: typed(reader, document),
        content=content,
        patient=patient,
        timeout_seconds=None if patient else _LAST_WORDS_SECONDS,
    )


def _with_run(body: JSON, run_id: str | None) -> JSON:
    return body if run_id is None else {**body, "run": run_id}


def _paging(path: str, reader: Any, parameters: Mapping[str, object]) -> Paging[JSON, Any]:
    def page(cursor: object = None) -> Call[JSON]:
        return get(f"/api/v1/{path}", an_object, {**parameters, "cursor": cursor})

    def following(answer: JSON) -> Call[JSON] | None:
        cursor = answer.get("cursor")
        return None if cursor is None else page(cursor)

    return Paging(page(), lambda answer: _read_list(answer, path, reader), following)


def _read_list(document: Any, within: str, reader: Any) -> tuple[Any, ...]:
    return tuple(typed(reader, one) for one in a_list(document, within=within))
