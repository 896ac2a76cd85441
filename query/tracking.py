"""Tracked work below ``/api/v1``: what there is of runs, objects and groups, read from the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provgraph.errors import InvalidInputError
from provgraph.events.clock import now_us
from provgraph.events.recorder import CHANGED
from provgraph.families.credential.events import Right
from provgraph.families.pem.events import event_id
from provgraph.families.tracking.events import RunStatus
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.http.models import path_id
from provgraph.http.openapi import RawRoute, answer, needs, path_parameter, problem_answers
from provgraph.lineage.cursor import Cursor
from provgraph.lineage.past import cleaned
from provgraph.lineage.recorders import add_to
from provgraph.lineage.times import read_duration
from provgraph.tracking import MAIN, GroupFilter, ObjectFilter, TrackedWork
from provgraph.tracking.documents import mark
from provgraph.tracking.kinds import kind_name
from provgraph.wire import tracking as wire
from query.endpoint import json
from query.params import form
from query.questions import Given, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.http import Services
    from provgraph.http.openapi import Spec
    from provgraph.http.turns import Turns
    from provgraph.wire.base import Wire

JSONObject = dict[str, Any]
Page = tuple[list[JSONObject], int | None]

_DEFAULT_LIMIT = 100
_MOST = 10_000
_VALUE = "__value"

_TEXT = {"type": "string"}
_LIMIT = Parameter("limit", {"type": "integer", "minimum": 1, "maximum": _MOST}, "most in one answer")
_CURSOR = Parameter("cursor", _TEXT, "goes on after an earlier answer, the other parameters repeated")
_MEMBERS = Parameter(
    "members",
    {"enum": ["true", "false", "full"]},
    "with the group's members: true: by name; full: as they are",
)
_BRANCH = Parameter("branch", _TEXT, "of the objects; main when it is absent")
_IDENTIFIER = Parameter("identifier", _TEXT, "of the script")


class Work:
    """Answers the calls. Its methods block."""

    def __init__(self, services: Services) -> None:
        self._log = services.log
        self._reads = TrackingQueries(services.catalog.reading)
        self._work = TrackedWork(self._reads)
        self._kinds = services.tracker.kinds
        self._recorders = services.recorders
        self._cursors = services.cursors

    def runs(self, _id: str, given: Given) -> JSONObject:
        """List runs."""

        def page(before: int | None) -> Page:
            return self._work.runs(
                group_id=_stated_id(given, "group"),
                identifier=given.text("identifier"),
                state=_state(given.text("state")),
                before=before,
                limit=_limit(given),
            )

        return self._listed("runs", given, page)

    def run(self, id_: str, _given: Given) -> JSONObject:
        """Tell of a run."""
        return self._work.run(id_)

    def run_operations(self, id_: str, _given: Given) -> JSONObject:
        """Tell what a run did."""
        return self._operations(self._work.run_operations(id_))

    def run_difference(self, id_: str, given: Given) -> JSONObject:
        """Tell how a run differs from another."""
        return self._work.difference(id_, with_id=_stated_id(given, "with"))

    def groups(self, _id: str, given: Given) -> JSONObject:
        """List groups."""
        wanted = GroupFilter(
            given.text("name"), given.text("type"), given.text("branch"), given.text("identifier")
        )

        def page(after: int | None) -> Page:
            if _is_true(given, "orphaned"):
                return self._work.orphaned(wanted, not_since_us=_since(given)), None
            return self._work.groups(wanted, after=after or 0, limit=_limit(given), **_members(given))

        return self._listed("groups", given, page)

    def group(self, id_: str, given: Given) -> JSONObject:
        """Tell of a group."""
        return self._work.group(id_, **_members(given))

    def objects(self, _id: str, given: Given) -> JSONObject:
        """List objects."""
        wanted = ObjectFilter(
            given.required("kind", "the kind of the objects"),
            given.text("branch") or MAIN,
            live=given.text("live") is None or _is_true(given, "live"),
            unlisted=_is_true(given, "unlisted"),
            key=given.text("key"),
            values={
                name.removesuffix(_VALUE): value for name, value in given.question if name.endswith(_VALUE)
            },
        )

        def page(after: int | None) -> Page:
            return self._work.objects(wanted, after=after or 0, limit=_limit(given))

        return self._listed("objects", given, page)

    def object(self, id_: str, _given: Given) -> JSONObject:
        """Tell of an object."""
        return self._work.object(id_)

    def object_operations(self, id_: str, _given: Given) -> JSONObject:
        """Tell what was ever done to an object."""
        return self._operations(self._work.object_operations(id_))

    def _operations(self, found: list[JSONObject]) -> JSONObject:
        add_to(found, self._recorders)
        return {"operations": found}

    def kinds(self, _id: str, _given: Given) -> JSONObject:
        """List the kinds that are defined."""
        definitions = self._kinds.definitions()
        changed = list(self._changed_kinds(map(kind_name, definitions)))
        # Beside the definitions: these are Infrahub's form, and may be sent back as they are.
        return {"kinds": definitions, **({CHANGED: changed} if changed else {})}

    def _changed_kinds(self, listed: Iterable[str]) -> Iterator[JSONObject]:
        """Yield those of the kinds whose definition, as it is listed, comes from an event that was changed since."""
        names = self._recorders.changed_names()
        for name in filter(names.kinds.__contains__, listed):
            shown = self._reads.kind_shown(name)
            change = None if shown is None else names.kind(name, since=shown.since, from_file=shown.from_file)
            if change is not None:
                yield {"kind": name, **change}

    def _listed(self, name: str, given: Given, page: Callable[[int | None], Page]) -> JSONObject:
        """
        Return a page of a list, and the cursor that continues after it.

        :param page: returns what is after a number (None: from the beginning), and the number to continue after
        :raises ConflictError: the log was cleaned since the first page
        """
        question, stated = (name, given.question), given.text("cursor")
        # Asked for before anything is read: no page of another log has this one's cursor.
        epoch = self._log.head().epoch
        since = None if stated is None else self._cursors.decode(stated, question)
        found, following = page(None if since is None else int(since.since[0]))
        if since is not None and {since.epoch, self._log.head().epoch} != {epoch}:
            raise cleaned()
        if following is None:
            return {name: found, "cursor": None}
        return {name: found, "cursor": self._cursors.encode(question, Cursor(epoch, 0, None, [following]))}


class _Route(NamedTuple):
    """A question."""

    path: str
    ask: Callable[[Work, str, Given], JSONObject]  # with the id in the path (or "")
    shape: type[Wire]  # of the answer
    summary: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    id_of: str = ""  # whose id is in the path


_ROUTES = (
    _Route(
        "/api/v1/runs",
        Work.runs,
        wire.Runs,
        "List runs, the newest first",
        "Those of all scripts and groups, unless one is named.",
        (
            Parameter("group", _TEXT, "id of the group they closed"),
            _IDENTIFIER,
            Parameter("state", {"enum": list(RunStatus)}, "whether they are open, or how they ended"),
            _LIMIT,
            _CURSOR,
        ),
    ),
    _Route(
        "/api/v1/runs/{id}",
        Work.run,
        wire.Run,
        "One run",
        "How it is now, with what its end did.",
        (),
        "the run",
    ),
    _Route(
        "/api/v1/runs/{id}/operations",
        Work.run_operations,
        wire.Operations,
        "What a run did, before and after",
        "Each operation, in order, with the values of the object before and after.",
        (),
        "the run",
    ),
    _Route(
        "/api/v1/runs/{id}/diff",
        Work.run_difference,
        wire.RunDifference,
        "How a run differs from another",
        "What it listed that the other one did not, and the reverse; and whose values it changed.",
        (Parameter("with", _TEXT, "id of the other run; absent: the one of the same group before it"),),
        "the run",
    ),
    _Route(
        "/api/v1/groups",
        Work.groups,
        wire.Groups,
        "List groups",
        "Those that are not retired, in the order in which they were made.",
        (
            Parameter("name", _TEXT, "the whole name"),
            Parameter("type", _TEXT, "the kind of group"),
            _BRANCH,
            _IDENTIFIER,
            Parameter("orphaned", {"type": "boolean"}, "true: those that their script seems to have left"),
            Parameter("older_than", _TEXT, "with orphaned: also those without a run for so long", "30d"),
            _MEMBERS,
            _LIMIT,
            _CURSOR,
        ),
    ),
    _Route(
        "/api/v1/groups/{id}",
        Work.group,
        wire.TrackedGroup,
        "One group",
        "Retired or not.",
        (_MEMBERS,),
        "the group",
    ),
    _Route(
        "/api/v1/objects",
        Work.objects,
        wire.Objects,
        "List objects of a kind; NAME__value=TEXT asks for those with that value",
        "In the order in which they were made. What one step made is on one page.",
        (
            Parameter("kind", _TEXT, "which kind", "TestNodeKind", required=True),
            _BRANCH,
            Parameter("key", _TEXT, "the object with this key"),
            Parameter("live", {"type": "boolean"}, "false: the retired ones"),
            Parameter("unlisted", {"type": "boolean"}, "true: only those that no group lists"),
            _LIMIT,
            _CURSOR,
        ),
    ),
    _Route(
        "/api/v1/objects/{id}",
        Work.object,
        wire.TrackedObject,
        "One object, retired or not",
        "With the values that it has now, or had at its end.",
        (),
        "the object",
    ),
    _Route(
        "/api/v1/objects/{id}/operations",
        Work.object_operations,
        wire.Operations,
        "What was ever done to an object",
        "Each operation, the oldest first, with the values before and after.",
        (),
        "the object",
    ),
    _Route(
        "/api/v1/kinds",
        Work.kinds,
        wire.Kinds,
        "The kinds that are defined",
        "In the form in which they were sent: they may be sent back as they are.",
    ),
)
# Names of values are the kind's own, so they are no parameters of a fixed name.
_VALUES: Spec = {
    "name": "values",
    "in": "query",
    "required": False,
    "style": "form",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "description": "NAME__value=TEXT: only objects with this value; several may be stated",
    "example": {"name__value": "x"},
}


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes."""
    work, turns = Work(services), services.turns()
    return [
        RawRoute(
            route.path,
            _Endpoint(services, turns, work, route).get,
            methods=["GET"],
            security=needs(Right.READ),
            tags=["tracked work"],
            summary=route.summary,
            description=route.description,
            responses={
                200: answer(route.shape, "The answer"),
                **problem_answers(400, 401, 403, 404, 409, 503),
            },
            parameters=list(_described(route)),
        )
        for route in _ROUTES
    ]


def _described(route: _Route) -> Iterator[Spec]:
    if route.id_of:
        yield path_parameter("id", f"the id of {route.id_of}")
    yield from (parameter.described() for parameter in route.parameters)
    if route.shape is wire.Objects:
        yield _VALUES


class _Endpoint:
    def __init__(self, services: Services, turns: Turns, work: Work, route: _Route) -> None:
        self._services = services
        self._turns = turns
        self._work = work
        self._ask = route.ask
        self._parameters = {parameter.name: parameter for parameter in route.parameters}

    async def get(self, request: Request) -> Response:
        """Answer from the catalog, which has everything that was acknowledged."""
        self._services.authenticator.require(request, Right.READ)
        pairs = form(request.scope["query_string"])
        values = {} if "kind" not in self._parameters else _values(pairs)
        given = Given(pairs, {**self._parameters, **values})
        return await self._turns.run(self._answered, path_id(request), given)

    def _answered(self, id_: str, given: Given) -> Response:
        answer = self._ask(self._work, id_, given)
        mark(answer, self._services.recorders.changes())
        return json(self._services, answer)


def _values(pairs: list[tuple[str, str]]) -> dict[str, Parameter]:
    return {name: Parameter(name, _TEXT, "a value") for name, _ in pairs if name.endswith(_VALUE)}


def _state(stated: str | None) -> RunStatus | None:
    if stated is None:
        return None
    try:
        return RunStatus(stated)
    except ValueError:
        raise InvalidInputError(
            f"state must be one of {', '.join(RunStatus)}: {stated[:40]!r}", field="state", rule="known"
        ) from None


def _stated_id(given: Given, name: str) -> str | None:
    stated = given.text(name)
    try:
        return None if stated is None else event_id(stated, field=name)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{name} is an id, and this is not a UUID: {stated!r:.60}", field=name, rule="uuid"
        ) from error


def _members(given: Given) -> dict[str, bool]:
    in_full = given.text("members") == "full"
    return {"with_members": in_full or _is_true(given, "members"), "in_full": in_full}


def _is_true(given: Given, name: str) -> bool:
    stated = given.text(name)
    if stated not in (None, "true", "false"):
        raise InvalidInputError(f"{name} must be true or false: {stated[:40]!r}", field=name, rule="boolean")
    return stated == "true"


def _limit(given: Given) -> int:
    return given.number("limit", at_least=1, at_most=_MOST) or _DEFAULT_LIMIT


def _since(given: Given) -> int | None:
    stated = given.text("older_than")
    return None if stated is None else now_us() - read_duration(stated, field="older_than")
