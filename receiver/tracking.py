"""Commands on tracked work below ``/api/v1``: runs, objects, groups. Each is done whole or not at all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from provgraph.errors import ProvgraphError
from provgraph.events import canonical
from provgraph.events.clock import now_us, rfc3339
from provgraph.families.credential.events import Right
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.http import json, read_body
from provgraph.http.doors import area
from provgraph.http.models import parse_body, path_id
from provgraph.http.openapi import RawRoute, answer, needs, path_parameter, problem_answers, request_body
from provgraph.lineage.times import read_time
from provgraph.tracking import Closing, Command, Limit, Opening, Save, TrackedWork
from provgraph.tracking.documents import Placed, mark
from provgraph.wire import tracking as wire
from receiver import unread
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

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.families.credential.emitters import Sender
    from provgraph.http import Services
    from provgraph.http.models import Body
    from provgraph.tracking import Outcome
    from provgraph.wire.base import Wire
    from receiver.trackingbodies import LimitBody, ObjectBody

JSONObject = dict[str, Any]


class _Route(NamedTuple):
    """A call: which body it takes, and what it does with it in a thread."""

    path: str
    body: type[Body]
    # The id in the path (or ""), the body, the command, and whether the answer may say what is stored.
    act: Callable[[Commands, str, Any, Command, bool], JSONObject]
    shape: type[Wire]  # of the answer to who may read
    summary: str
    description: str
    example: JSONObject  # of a body, without its request id
    status: int = 200
    is_sending: bool = (
        False  # it only adds what is new, as sending events does; all else changes what others saved
    )
    is_once: bool = False  # it happens once to the id in the path, whatever the body says when it comes again


class Commands:
    """
    Does what the calls ask for. Its methods block.

    Whoever may write need not be one who may read: without that, answers say what was sent, and ids, see `unread`.
    """

    def __init__(self, services: Services) -> None:
        self._tracker = services.tracker
        self._work = TrackedWork(TrackingQueries(services.catalog.reading))

    def open(self, _id: str, body: OpenBody, command: Command, may_read: bool) -> JSONObject:
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
        run_id = done.answer["run"]
        return self._work.run(run_id) if may_read else {**unread.stated(body), **self._unread_run(run_id)}

    def save(self, _id: str, body: SaveBody, command: Command, may_read: bool) -> JSONObject:
        """Save objects."""
        wanted = [_save(one, place) for place, one in enumerate(body.objects)]
        done = self._tracker.save(
            command, wanted, run_id=body.run, upsert=body.upsert, reads=tuple(body.reads)
        )
        if not may_read:
            return unread.saved(body, done)
        saved = [
            self._work.object(one["id"]).with_more(operation=one["operation"])
            for one in done.answer["objects"]
        ]
        return _placed(done, {"objects": saved, "position": done.position})

    def retire(self, _id: str, body: RetireBody, command: Command, may_read: bool) -> JSONObject:
        """Retire objects."""
        done = self._tracker.retire(command, body.ids, run_id=body.run)
        return self._told(done) if may_read else unread.told(done)

    def plan(self, run_id: str, body: PlanBody, _command: Command, may_read: bool) -> JSONObject:
        """Tell what closing a run would do."""
        planned = self._tracker.plan(run_id, Closing(tuple(body.members), body.delete_unused))
        return planned if may_read else unread.ids_alone(planned)

    def close(self, run_id: str, body: CloseBody, command: Command, may_read: bool) -> JSONObject:
        """Close a run."""
        closing = Closing(
            tuple(body.members), body.delete_unused, body.plan, _limit(body.limit), tuple(body.reads)
        )
        done = self._tracker.close(command, run_id, closing)
        group_id = done.answer["group"]
        if not may_read:
            group = None if group_id is None else {"id": group_id}
            return {**unread.told(done), "run": self._unread_run(run_id), "group": group}
        run = self._work.run(run_id)
        answer = {
            **self._told(done),
            "run": run,
            "group": None if group_id is None else self._work.group(group_id, with_members=False),
            "previous_members": self._work.names(run["previous_members"]),
        }
        return _placed(done, answer)

    def fail(self, run_id: str, body: FailBody, command: Command, may_read: bool) -> JSONObject:
        """Say that a run failed."""
        self._tracker.fail(command, run_id, body.error)
        return self._work.run(run_id) if may_read else self._unread_run(run_id)

    def roll_back(self, run_id: str, body: RollBackBody, command: Command, may_read: bool) -> JSONObject:
        """Undo what a run did."""
        done = self._tracker.roll_back(command, run_id, force=body.force)
        if not may_read:
            return {**unread.told(done), "run": self._unread_run(run_id)}
        return _placed(done, {**self._told(done), "run": self._work.run(run_id)})

    def roll_back_login(
        self, _id: str, body: RollBackLoginBody, command: Command, may_read: bool
    ) -> JSONObject:
        """Undo what a login did since a time."""
        since_us = read_time(body.since, field="since", present_us=now_us())
        done = self._tracker.roll_back_login(
            command, body.login, since_us=since_us, since=rfc3339(since_us), force=body.force
        )
        return self._told(done) if may_read else unread.told(done)

    def adopt(self, group_id: str, body: AdoptBody, command: Command, may_read: bool) -> JSONObject:
        """Hand a group's members over to another one."""
        done = self._tracker.adopt(command, group_id, into=body.into)
        if not may_read:
            return {"group": {"id": group_id}, "into": {"id": body.into}, "position": done.position}
        answer = {
            "group": self._work.group(group_id, with_members=True),
            "into": self._work.group(body.into, with_members=True),
            "position": done.position,
        }
        return _placed(done, answer)

    def remove(self, group_id: str, body: RemoveBody, command: Command, may_read: bool) -> JSONObject:
        """Retire a group with its members."""
        done = self._tracker.remove(command, group_id, limit=_limit(body.limit))
        return self._told(done) if may_read else unread.told(done)

    def define(self, _id: str, body: DefineBody, command: Command, _may_read: bool) -> JSONObject:
        """Define kinds of objects. It answers with their names, which were sent."""
        return self._told(self._tracker.define(command, {"nodes": body.nodes}))

    def _told(self, done: Outcome) -> JSONObject:
        named: JSONObject = {
            name: self._work.refusals(done.answer[name])
            for name in ("refused", "deferred")
            if name in done.answer
        }
        return _placed(done, {**done.answer, **named, "position": done.position})

    def _unread_run(self, run_id: str) -> JSONObject:
        return unread.run(self._work.run(run_id))


_ROUTES = (
    _Route(
        "/api/v1/runs",
        OpenBody,
        Commands.open,
        wire.Run,
        "Open a run",
        "Opens a run of a script. What it saves and names until it is closed is what its group lists then.",
        {"identifier": "nightly", "params": {"day": "monday"}},
        status=201,
        is_sending=True,
    ),
    _Route(
        "/api/v1/runs/{id}/plan",
        PlanBody,
        Commands.plan,
        wire.Plan,
        "What closing a run would do now",
        "Changes nothing. A run that is closed with the token of a plan does exactly that, or nothing.",
        {"members": []},
    ),
    _Route(
        "/api/v1/runs/{id}/close",
        CloseBody,
        Commands.close,
        wire.ClosedRun,
        "Close a run: list what it saved, sweep",
        "Lists what the run saved in its group, and retires what only the run before listed, if that is wished.",
        {"delete_unused": True},
        is_once=True,
    ),
    _Route(
        "/api/v1/runs/{id}/fail",
        FailBody,
        Commands.fail,
        wire.Run,
        "Say that a run failed",
        "Its group stays as it is, and so does what the run saved.",
        {"error": "out of memory"},
        is_once=True,
    ),
    _Route(
        "/api/v1/runs/{id}/rollback",
        RollBackBody,
        Commands.roll_back,
        wire.RolledBackRun,
        "Undo what a run did",
        "Puts back the values from before, and retires what it made. Refused where somebody changed them since.",
        {},
    ),
    _Route(
        "/api/v1/runs/rollback",
        RollBackLoginBody,
        Commands.roll_back_login,
        wire.RolledBackLogin,
        "Undo what a login did since a time, in runs or not",
        "Puts back the values from before, and retires what was made. Refused where somebody changed them since.",
        {"login": "ada", "since": "now-2h"},
    ),
    _Route(
        "/api/v1/objects",
        SaveBody,
        Commands.save,
        wire.SavedObjects,
        "Save objects",
        "Makes objects, or with `upsert` changes those that are there under their key: all of them or none.",
        {"objects": [{"kind": "TestDataset", "key": "part-0", "values": {"rows": 1}}], "upsert": True},
        is_sending=True,
    ),
    _Route(
        "/api/v1/objects/retire",
        RetireBody,
        Commands.retire,
        wire.Retired,
        "Retire objects",
        "Objects that are retired are listed no more; what was ever done to them can be asked for.",
        {"ids": ["8c1a9f3e6d0c4a539c551f0a8a0f2b22"]},
    ),
    _Route(
        "/api/v1/groups/{id}/adopt",
        AdoptBody,
        Commands.adopt,
        wire.Adopted,
        "Hand a group's members over",
        "The other group has its members then, and the group is retired.",
        {"into": "9d1a9f3e6d0c4a539c551f0a8a0f2b33"},
    ),
    _Route(
        "/api/v1/groups/{id}/remove",
        RemoveBody,
        Commands.remove,
        wire.Retired,
        "Retire a group with its members",
        "Members that another group lists live on.",
        {"limit": {"count": 10}},
    ),
    _Route(
        "/api/v1/kinds",
        DefineBody,
        Commands.define,
        wire.DefinedKinds,
        "Define kinds of objects",
        "In Infrahub's form. What is defined so already changes nothing.",
        {
            "nodes": [
                {"namespace": "Test", "name": "Dataset", "attributes": [{"name": "rows", "kind": "Number"}]}
            ]
        },
    ),
)
_REQUEST = "5b1a9f3e6d0c4a539c551f0a8a0f2b11"


_DESCRIPTION = """
Needs the right `write`. What is answered besides what was sent is told with the right `read` as well: without it an
answer has ids, the `operation`, `state` and `position`, and refusals do not say what they contradict.
"""


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes."""
    commands = Commands(services)
    return [
        RawRoute(
            route.path,
            _Endpoint(services, commands, route).post,
            methods=["POST"],
            security=needs(Right.WRITE),
            tags=["tracked work"],
            summary=route.summary,
            description=f"{route.description}\n{_DESCRIPTION}",
            responses={
                # A writer who may not read is told less.
                route.status: answer(route.shape | wire.Unread, "It is done"),
                **problem_answers(400, 401, 403, 404, 409, 413, 415, 503),
            },
            parameters=[path_parameter("id", f"the id of the {area(route.path[7:])[:-1]}")]
            if "{id}" in route.path
            else [],
            body=request_body(route.body, example=_example(route)),
        )
        for route in _ROUTES
    ]


def _example(route: _Route) -> JSONObject:
    return {"request": _REQUEST, **route.example} if issubclass(route.body, CommandBody) else route.example


class _Endpoint:
    def __init__(self, services: Services, commands: Commands, route: _Route) -> None:
        self._authenticator = services.authenticator
        self._body_limit = services.settings.batch_size_limit
        self._commands = commands
        self._recorders = services.recorders
        self._route = route

    async def post(self, request: Request) -> Response:
        """Do it. What is answered is durable."""
        sender = self._authenticator.require_to_send(
            request.scope["headers"], and_change=not self._route.is_sending
        )
        may_read = self._authenticator.may_read(request.scope["headers"])
        raw = await read_body(request, limit=self._body_limit, what="Body")
        try:
            return await run_in_threadpool(self._carry_out, request, raw, sender, may_read)
        except ProvgraphError as error:
            told = error if may_read else error.unread()
            if told is error:
                raise
            raise told from error

    def _carry_out(self, request: Request, raw: bytes, sender: Sender, may_read: bool) -> Response:
        body = parse_body(self._route.body, raw)
        id_ = path_id(request)
        command = _command(self._route, id_, body, sender=sender)
        answer = self._route.act(self._commands, id_, body, command, may_read)
        if may_read:
            mark(answer, self._recorders.changes())
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


def _placed(done: Outcome, answer: JSONObject) -> JSONObject:
    """Return an answer; that of a command which came before rests on the event that was recorded then."""
    return Placed(answer, done.position) if done.repeated else answer
