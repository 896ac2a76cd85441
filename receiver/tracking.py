"""Commands on tracked work below ``/api/v1``: runs, objects, groups. Each is done whole or not at all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the endpoint's annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the endpoint's annotations

from provgraph.events import canonical
from provgraph.events.clock import now_us, rfc3339
from provgraph.http import json, read_body
from provgraph.http.models import describe_body, parse_body, path_id
from provgraph.http.openapi import RawRoute, problem_answers
from provgraph.lineage.times import read_time
from provgraph.tracking import Closing, Command, Limit, Opening, Save, TrackedWork
from receiver.trackingbodies import (
    AdoptBody,
    CloseBody,
    CommandBody,
    DefineBody,
    FailBody,
    OpenBody,
    PlanBody,
    RemoveBody,
    RetireBody,
    RollBackBody,
    RollBackLoginBody,
    SaveBody,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import BaseRoute

    from provgraph.events import Sender
    from provgraph.http import Services
    from provgraph.http.models import Body
    from provgraph.tracking import Outcome
    from receiver.trackingbodies import LimitBody, ObjectBody

JSONObject = dict[str, Any]


class _Route(NamedTuple):
    """A call: which body it takes, and what it does with it in a thread."""

    path: str
    body: type[Body]
    act: Callable[
        [Commands, str, Any, Command], JSONObject
    ]  # the id in the path (or ""), the body, the command
    summary: str
    status: int = 200
    is_sending: bool = (
        False  # it only adds what is new, as sending events does; all else changes what others saved
    )
    is_once: bool = False  # it happens once to the id in the path, whatever the body says when it comes again


class Commands:
    """Does what the calls ask for. Its methods block."""

    def __init__(self, services: Services) -> None:
        self._tracker = services.tracker
        self._work = TrackedWork(services.catalog.tracking)

    def open(self, _id: str, body: OpenBody, command: Command) -> JSONObject:
        """Open a run."""
        done = self._tracker.open_run(
            command,
            Opening(
                body.identifier,
                body.params,
                body.branch,
                body.group_type,
                body.group_params,
                body.delete_unused,
            ),
        )
        return self._work.run(done.answer["run"])

    def save(self, _id: str, body: SaveBody, command: Command) -> JSONObject:
        """Save objects."""
        wanted = [_save(one, place) for place, one in enumerate(body.objects)]
        done = self._tracker.save(
            command, wanted, run_id=body.run, upsert=body.upsert, reads=tuple(body.reads)
        )
        saved = [
            {**self._work.object(one["id"]), "operation": one["operation"]} for one in done.answer["objects"]
        ]
        return {"objects": saved, "position": done.position}

    def retire(self, _id: str, body: RetireBody, command: Command) -> JSONObject:
        """Retire objects."""
        return _told(self._tracker.retire(command, body.ids, run_id=body.run))

    def plan(self, run_id: str, body: PlanBody, _command: Command) -> JSONObject:
        """Tell what closing a run would do."""
        return self._tracker.plan(run_id, Closing(tuple(body.members), body.delete_unused))

    def close(self, run_id: str, body: CloseBody, command: Command) -> JSONObject:
        """Close a run."""
        closing = Closing(
            tuple(body.members), body.delete_unused, body.plan, _limit(body.limit), tuple(body.reads)
        )
        done = self._tracker.close(command, run_id, closing)
        group_id = done.answer["group"]
        run = self._work.run(run_id)
        return {
            **_told(done),
            "run": run,
            "group": None if group_id is None else self._work.group(group_id, with_members=False),
            "previous_members": self._work.names(run["previous_members"]),
        }

    def fail(self, run_id: str, body: FailBody, command: Command) -> JSONObject:
        """Say that a run failed."""
        self._tracker.fail(command, run_id, body.error)
        return self._work.run(run_id)

    def roll_back(self, run_id: str, body: RollBackBody, command: Command) -> JSONObject:
        """Undo what a run did."""
        done = self._tracker.roll_back(command, run_id, force=body.force)
        return {**_told(done), "run": self._work.run(run_id)}

    def roll_back_login(self, _id: str, body: RollBackLoginBody, command: Command) -> JSONObject:
        """Undo what a login did since a time."""
        since_us = read_time(body.since, field="since", present_us=now_us())
        done = self._tracker.roll_back_login(
            command, body.login, since_us=since_us, since=rfc3339(since_us), force=body.force
        )
        return _told(done)

    def adopt(self, group_id: str, body: AdoptBody, command: Command) -> JSONObject:
        """Hand a group's members over to another one."""
        done = self._tracker.adopt(command, group_id, into=body.into)
        return {
            "group": self._work.group(group_id, with_members=True),
            "into": self._work.group(body.into, with_members=True),
            "position": done.position,
        }

    def remove(self, group_id: str, body: RemoveBody, command: Command) -> JSONObject:
        """Retire a group with its members."""
        return _told(self._tracker.remove(command, group_id, limit=_limit(body.limit)))

    def define(self, _id: str, body: DefineBody, command: Command) -> JSONObject:
        """Define kinds of objects."""
        return _told(self._tracker.define(command, {"nodes": body.nodes}))


_ROUTES = (
    _Route("/api/v1/runs", OpenBody, Commands.open, "Open a run", 201, is_sending=True),
    _Route("/api/v1/runs/{id}/plan", PlanBody, Commands.plan, "What closing a run would do now"),
    _Route(
        "/api/v1/runs/{id}/close",
        CloseBody,
        Commands.close,
        "Close a run: list what it saved, sweep",
        is_once=True,
    ),
    _Route("/api/v1/runs/{id}/fail", FailBody, Commands.fail, "Say that a run failed", is_once=True),
    _Route("/api/v1/runs/{id}/rollback", RollBackBody, Commands.roll_back, "Undo what a run did"),
    _Route(
        "/api/v1/runs/rollback",
        RollBackLoginBody,
        Commands.roll_back_login,
        "Undo what a login did since a time, in runs or not",
    ),
    _Route("/api/v1/objects", SaveBody, Commands.save, "Save objects", is_sending=True),
    _Route("/api/v1/objects/retire", RetireBody, Commands.retire, "Retire objects"),
    _Route("/api/v1/groups/{id}/adopt", AdoptBody, Commands.adopt, "Hand a group's members over"),
    _Route("/api/v1/groups/{id}/remove", RemoveBody, Commands.remove, "Retire a group with its members"),
    _Route("/api/v1/kinds", DefineBody, Commands.define, "Define kinds of objects"),
)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes."""
    commands = Commands(services)
    return [
        RawRoute(
            route.path,
            _Endpoint(services, commands, route).post,
            methods=["POST"],
            status_code=route.status,
            tags=["tracked work"],
            name=route.path.rpartition("/")[2],
            summary=route.summary,
            responses=problem_answers(400, 401, 403, 404, 409, 413, 415, 503),
            openapi_extra=describe_body(route.body),
        )
        for route in _ROUTES
    ]


class _Endpoint:
    def __init__(self, services: Services, commands: Commands, route: _Route) -> None:
        self._authenticator = services.authenticator
        self._body_limit = services.settings.batch_size_limit
        self._commands = commands
        self._route = route

    async def post(self, request: Request) -> Response:
        """Do it. What is answered is durable."""
        sender = self._authenticator.require_to_send(
            request.scope["headers"], and_change=not self._route.is_sending
        )
        raw = await read_body(request, limit=self._body_limit, what="Body")
        return await run_in_threadpool(self._carry_out, request, raw, sender)

    def _carry_out(self, request: Request, raw: bytes, sender: Sender) -> Response:
        body = parse_body(self._route.body, raw)
        id_ = path_id(request)
        command = _command(self._route, id_, body, sender=sender)
        answer = self._route.act(self._commands, id_, body, command)
        return json(answer, status=self._route.status)


def _command(route: _Route, id_: str, body: Body, *, sender: Sender) -> Command:
    if not isinstance(body, CommandBody):
        return Command("", sender.name, sender=sender)
    wanted = {} if route.is_once else body.model_dump(exclude={"request", "actor"}, exclude_unset=True)
    asked = hashlib.sha256(canonical.dumps([route.path, id_, wanted])).hexdigest()
    return Command(body.request, sender.name or body.actor, asked, sender)


def _save(body: ObjectBody, place: int) -> Save:
    return Save(
        kind=body.kind,
        values=body.values,
        id=body.id,
        key=body.key,
        branch=body.branch,
        parent=body.parent,
        protected=body.protected,
        member=body.member is not False,
        place=place,
    )


def _limit(body: LimitBody | None) -> Limit | None:
    return None if body is None else Limit(body.count, body.percent)


def _told(done: Outcome) -> JSONObject:
    return {**done.answer, "position": done.position}
