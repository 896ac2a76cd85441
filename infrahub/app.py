"""Assembles Infrahub's protocol: its schema, its logins and its GraphQL, at the origin's root."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from infrahub.access import Access
from infrahub.budget import Budget
from infrahub.documents import read_document
from infrahub.errors import DocumentError, UnsupportedError, infrahub_errors
from infrahub.mutations import Mutations
from infrahub.nodes import Nodes, dashed
from infrahub.queries import Queries
from infrahub.schema import is_shown, read_load, schema_document
from infrahub.shapes import (
    CheckedSchema,
    GraphQLAnswer,
    GraphQLBody,
    LoadedSchema,
    LoginBody,
    SchemaAnswer,
    SchemasBody,
    Tokens,
)
from provgraph.errors import ConflictError, InvalidInputError, ProvgraphError
from provgraph.events.canonical import loads
from provgraph.events.recorder import CHANGED
from provgraph.families.credential.events import Right
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.http import json, read_body
from provgraph.http.openapi import (
    OPEN,
    RawRoute,
    answer,
    needs,
    path_parameter,
    problem_answers,
    request_body,
)
from provgraph.tracking import MAIN, Command
from provgraph.tracking.kinds import kind_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from infrahub.access import Writer
    from infrahub.documents import Document
    from provgraph.http import Services
    from provgraph.http.openapi import Security, Spec

JSONObject = dict[str, Any]

logger = logging.getLogger(__name__)

_UNREADABLE = 422  # what the SDK takes for an answer about its schema
_CHECKED = 202
# Logins come from anybody: a name and a password need no more.
_LOGIN_LIMIT = 4 * 2**10


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes, for the application that serves them."""
    endpoints = _Endpoints(services)
    graphql = "GraphQL of Infrahub's SDK: create, upsert, update and delete nodes and groups, list them"
    branch = path_parameter("branch", "which branch; `main` always is there")
    document = request_body(GraphQLBody, example=_DOCUMENT)
    answered = answer(GraphQLAnswer, "The data, and the errors of what failed")
    return [
        _route(
            "GET",
            "/api/schema",
            endpoints.schema,
            "The kinds that are defined, as Infrahub's SDK reads them",
            {200: answer(SchemaAnswer, "The schema")},
            Right.READ,
            parameters=[_NAMESPACES],
        ),
        _route(
            "POST",
            "/api/schema/load",
            endpoints.load,
            "Define kinds, as Infrahub's SDK sends them",
            {200: answer(LoadedSchema, "They are defined"), **problem_answers(_UNREADABLE)},
            Right.WRITE,
            body=request_body(SchemasBody, example=_SCHEMAS),
        ),
        _route(
            "POST",
            "/api/schema/check",
            endpoints.check,
            "Whether kinds could be defined",
            {_CHECKED: answer(CheckedSchema, "They could be"), **problem_answers(_UNREADABLE)},
            Right.READ,
            body=request_body(SchemasBody, example=_SCHEMAS),
        ),
        _route(
            "POST",
            "/api/auth/login",
            endpoints.login,
            "A credential's name and token, as a login",
            {200: answer(Tokens, "The tokens"), **problem_answers(401, 503)},
            body=request_body(LoginBody, example={"username": "ada", "password": "pg_..."}),
        ),
        _route(
            "POST",
            "/api/auth/refresh",
            endpoints.refresh,
            "The tokens of a login, once more",
            {200: answer(Tokens, "The tokens"), **problem_answers(400, 413, 415)},
            security=[{"bearer": []}],
        ),
        _route("POST", "/graphql", endpoints.graphql, graphql, {200: answered}, Right.READ, body=document),
        _route(
            "POST",
            "/graphql/{branch:path}",
            endpoints.graphql,
            f"{graphql}, on a branch",
            {200: answered},
            Right.READ,
            parameters=[branch],
            body=document,
        ),
    ]


def _route(
    method: str,
    path: str,
    endpoint: Callable[..., Any],
    summary: str,
    responses: dict[int, Spec],
    right: Right | None = None,
    *,
    security: Security = OPEN,
    **described: Any,
) -> RawRoute:
    return RawRoute(
        path,
        endpoint,
        methods=[method],
        security=security if right is None else needs(right, "infrahub"),
        tags=["infrahub"],
        summary=summary,
        responses=responses,
        **described,
    )


_NAMESPACES: Spec = {
    "name": "namespaces",
    "in": "query",
    "required": False,
    "schema": {"type": "array", "items": {"type": "string"}},
    "description": "only kinds of these namespaces; may be repeated",
}
_SCHEMAS: Spec = {
    "schemas": [
        {
            "version": "1.0",
            "nodes": [
                {"namespace": "Test", "name": "Report", "attributes": [{"name": "rows", "kind": "Number"}]}
            ],
        }
    ]
}
_DOCUMENT: Spec = {"query": "query { TestReport { count edges { node { id rows { value } } } } }"}


class _Endpoints:
    def __init__(self, services: Services) -> None:
        self._tracker = services.tracker
        self._reads = TrackingQueries(services.catalog.reading)
        self._body_limit = services.settings.batch_size_limit
        self._access = Access(services)
        self._recorders = services.recorders
        self._turns = services.turns()
        self._queries = Queries(services)
        self._mutations = Mutations(services)

    # ------------------------------------------------------------------------------------------------- schema

    async def schema(self, request: Request) -> Response:
        """Answer with the schema. Every branch has the same."""
        self._access.reader(request)
        namespaces = request.query_params.getlist("namespaces")
        return json(
            await run_in_threadpool(lambda: schema_document(self._tracker.kinds.definitions(), namespaces))
        )

    async def load(self, request: Request) -> Response:
        """Define kinds. What is defined so already changes nothing."""
        writer = self._access.writer(request)
        writer.require_to_change()
        body = await self._body(request)
        return await run_in_threadpool(lambda: self._load(loads(body), writer))

    async def check(self, request: Request) -> Response:
        """Tell whether kinds could be defined; nothing changes."""
        self._access.reader(request)
        body = await self._body(request)
        return await run_in_threadpool(lambda: self._check(loads(body)))

    def _load(self, body: object, writer: Writer) -> Response:
        try:
            loaded = read_load(body, self._tracker.kinds.definitions())
            if loaded.kinds:
                command = Command(uuid.uuid4().hex, writer.actor, sender=writer.sender)
                self._tracker.define(command, {"nodes": loaded.kinds})
        except (InvalidInputError, ConflictError) as error:
            return json(infrahub_errors(_told_to(writer, error)), status=_UNREADABLE)
        return json({"hash": loaded.after, "previous_hash": loaded.before, "warnings": []})

    def _check(self, body: object) -> Response:
        try:
            loaded = read_load(body, self._tracker.kinds.definitions())
        except InvalidInputError as error:
            return json(infrahub_errors(error), status=_UNREADABLE)
        changed = {kind_name(kind): None for kind in loaded.kinds}
        return json({"diff": {"added": {}, "changed": changed, "removed": {}}}, status=_CHECKED)

    # -------------------------------------------------------------------------------------------------- logins

    async def login(self, request: Request) -> Response:
        """Answer a login with its tokens."""
        body = await read_body(request, limit=_LOGIN_LIMIT, what="Login")
        return json(await run_in_threadpool(lambda: self._access.login(loads(body))))

    async def refresh(self, request: Request) -> Response:
        """Answer a refresh token with tokens. The token is in a header, the body says nothing."""
        await read_body(request, limit=_LOGIN_LIMIT, what="Refresh")
        return json(await run_in_threadpool(self._access.refresh, request))

    # ------------------------------------------------------------------------------------------------- GraphQL

    async def graphql(self, request: Request) -> Response:
        """Answer a document. Its mutations are carried out one after the other; what is answered is durable."""
        self._access.someone(request)
        if request.query_params.get("at") is not None:
            raise UnsupportedError("`at` is not served here: ask /api/v1/state how things were at a time")
        document = await run_in_threadpool(_document, await self._body(request))
        writer = None
        if document.is_mutation:
            writer = self._access.writer(request)
        else:
            self._access.reader(request)
        branch = request.path_params.get("branch") or MAIN
        # What changes something waits for nobody who only reads.
        run = self._turns.run if writer is None else run_in_threadpool
        return await run(self._answer, document, branch, writer)

    def _answer(self, document: Document, branch: str, writer: Writer | None) -> Response:
        data: JSONObject = {}
        errors: list[JSONObject] = []
        told_of: dict[tuple[str, int], None] = {}
        told_lists_of: dict[str, None] = {}
        kinds = {
            name: kind
            for name, kind in self._tracker.kinds.all().items()
            if kind.document is not None and is_shown(kind.document)
        }
        budget = Budget()
        nodes = Nodes(self._reads, kinds, budget)
        for call in document.calls:
            if writer is not None:
                nodes = Nodes(self._reads, kinds, budget)  # the call before changed what there is
            try:
                budget.require()
                if writer is not None:
                    data[call.key] = self._mutations.carry_out(call, nodes, branch, writer)
                else:
                    data[call.key] = self._queries.answer(call, nodes, branch)
                told_of.update(nodes.told_of)
                told_lists_of.update(nodes.told_lists_of)
            except ProvgraphError as error:
                if len(document.calls) == 1 and error.status >= 500:
                    raise  # nothing was done: the whole request may be sent again
                data[call.key] = None
                errors.extend(
                    {**one, "path": [call.key]} for one in infrahub_errors(_told_to(writer, error))["errors"]
                )
        # Who may not read is told nothing of what is stored, nor of what was changed there.
        may_read = writer is None or writer.may_read
        extensions = self._extensions(told_of, told_lists_of) if may_read else {}
        return json({"data": data, **({"errors": errors} if errors else {}), **extensions})

    def _extensions(self, told_of: Iterable[tuple[str, int]], told_lists_of: Iterable[str]) -> JSONObject:
        """
        Return what says that nodes rest on events that were changed after they were recorded, as was accepted.

        :param told_of: the nodes that an answer tells of, by id, with the log positions of these events
        :param told_lists_of: the groups of which it tells the members
        """
        changes = self._recorders.changes()
        if not changes:
            return {}
        lists = [
            (id_, position) for id_ in told_lists_of if (position := self._reads.listed_at(id_)) is not None
        ]
        changed = [
            {"id": dashed(id_), "position": position, **changes[position]}
            for id_, position in dict.fromkeys((*told_of, *lists))
            if position in changes
        ]
        # GraphQL's own place for more: the SDK reads data and errors alone.
        return {"extensions": {CHANGED: changed}} if changed else {}

    async def _body(self, request: Request) -> bytes:
        """Return a body as it came: what is as large as this is parsed where it holds up nobody else."""
        return await read_body(request, limit=self._body_limit, what="Body")


def _told_to(writer: Writer | None, error: ProvgraphError) -> ProvgraphError:
    return error if writer is None or writer.may_read else error.unread()


def _document(raw: bytes) -> Document:
    body = loads(raw)
    if not isinstance(body, dict):
        raise DocumentError("The body is an object with `query`, and with `variables` where there are some")
    return read_document(
        body.get("query"), variables=body.get("variables"), operation=body.get("operationName")
    )
