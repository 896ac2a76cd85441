"""
Record Keeper's Query: lists, single items, tags, reports, graph queries, and what its admins call there.

All of it but ``/info`` is at the Receiver's address, too. Up to the client's version 3.3 the Receiver answered
questions, and the example on the client's page still asks there. Each of the two services has an ``/info`` of its
own, and ``POST /pem`` stays the Receiver's.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from starlette.concurrency import run_in_threadpool

import provgraph
from provgraph.errors import InvalidInputError, NotFoundError
from provgraph.events.recorder import CHANGED, RECORDED_BY
from provgraph.families.credential.events import Right
from provgraph.families.pem.events import event_id
from provgraph.http import Places, enclosed, json, json_list, read_body, tagpath, text
from provgraph.http.doors import area
from provgraph.http.openapi import (
    JSON,
    OPEN,
    TEXT,
    RawRoute,
    answer,
    needs,
    path_parameter,
    problem_answers,
    request_body,
)
from provgraph.operations.clean import clean
from provgraph.operations.connections import find_report, remove_unconnected, report_connections
from provgraph.wire.recordkeeper import (
    TAG,
    ArtifactFields,
    ArtifactsCount,
    GraphQueryBody,
    PemFields,
    PemsCount,
    QueryInfo,
    ReportId,
    ReportText,
    TagFields,
    TagsCount,
)
from query import graphquery, literals
from query.cypherrights import require_cypher
from query.params import list_query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.catalog import CatalogArtifact, CatalogPem, CatalogTag, ListQuery
    from provgraph.http import Services
    from provgraph.http.openapi import Spec
    from provgraph.lineage.recorders import RecordersOf

    Endpoint = Callable[[Request], Awaitable[Response]]

_OWN = "/query/"
_RECEIVERS = "/receiver/"
_LOOKED_UP_AT_ONCE = 500
_QUERY_LIMIT = 1_000_000  # bytes
# Record Keeper's client waits five seconds; the work goes on when it stopped waiting.
_CLEAN_SECONDS = 60.0


def routes(services: Services, places: Places) -> list[BaseRoute]:
    """Return the routes, each with the right that it needs."""
    query = _Query(services, places)

    def needing(right: Right, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            services.authenticator.require(request, right)
            return await endpoint(request)

        return guarded

    def routed(asked: _Question) -> Iterator[BaseRoute]:
        for door in (_OWN, _RECEIVERS):
            yield RawRoute(
                f"{door}{asked.path}",
                needing(asked.right, getattr(query, asked.endpoint)),
                methods=[asked.method],
                security=needs(asked.right),
                tags=[TAG],
                summary=asked.summary,
                description=getattr(query, asked.endpoint).__doc__,
                responses={
                    200: answer(asked.shape, "The answer", media_type=TEXT if asked.shape is str else JSON),
                    **problem_answers(*asked.statuses),
                },
                parameters=asked.parameters,
                body=asked.body,
                answers_head=asked.method == "GET",
            )

    info = RawRoute(
        f"{_OWN}info",
        query.info,
        methods=["GET"],
        security=OPEN,
        tags=[TAG],
        summary="The query service",
        responses={200: answer(QueryInfo, "The fields that Record Keeper's client knows")},
        answers_head=True,
    )
    return [info, *(route for asked in _QUESTIONS for route in routed(asked))]


class _Question(NamedTuple):
    """A call, at either of the two addresses."""

    method: str
    path: str
    endpoint: str  # the method's name
    shape: object  # of its answer
    summary: str
    right: Right = Right.READ
    statuses: tuple[int, ...] = ()  # of refusals, but for those that come of the right and the body
    parameters: tuple[Spec, ...] = ()
    body: Spec | None = None


def _asked(name: str, schema: Spec, description: str, **more: object) -> Spec:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
        **more,
    }


_FIELDS = {"type": "string"}
_FILTERS = _asked(
    "filters",
    {"type": "object", "additionalProperties": {"type": "string"}},
    "FIELD=TEXT: only items that have the text in this field; at most 100 of them",
    style="form",
    explode=True,
    example={"Type": "train"},
)
_LIST = (
    _asked("pageIndex", {"type": "integer", "minimum": 0}, "which page, from 0"),
    _asked("pageSize", {"type": "integer", "minimum": 1}, "items of a page; absent: all of them"),
    _asked("sortField", _FIELDS, "the field to sort by; absent: as they arrived"),
    _asked("sortOrder", {"type": "string", "enum": ["asc", "desc"]}, "absent: asc"),
    _FILTERS,
)
_PEM_ID = (path_parameter("id", "the id of the PEM, in any spelling"),)
_REPORT_ID = (path_parameter("id", "the id of the report"),)
_QUESTIONS = (
    _Question("GET", "pem/{id}", "pem", PemFields, "One PEM", statuses=(400, 404), parameters=_PEM_ID),
    _Question("GET", "pems", "pems", list[PemFields], "List PEMs", statuses=(400,), parameters=_LIST),
    _Question("GET", "pems_count", "pems_count", PemsCount, "Count PEMs", statuses=(400,), parameters=_LIST),
    _Question(
        "GET",
        "artifacts",
        "artifacts",
        list[ArtifactFields],
        "List artifacts",
        statuses=(400,),
        parameters=_LIST,
    ),
    _Question(
        "GET",
        "artifacts_count",
        "artifacts_count",
        ArtifactsCount,
        "Count artifacts",
        statuses=(400,),
        parameters=_LIST,
    ),
    _Question(
        "GET",
        "tag/{rest:path}",
        "tag",
        str,
        "The id of the PEM that a tag points at",
        statuses=(400, 404),
        parameters=(
            path_parameter("rest", "NAMESPACE/TAG, each in base64. A slash within base64 stays as it is"),
        ),
    ),
    _Question("GET", "tags", "tags", list[TagFields], "List tags"),
    _Question("GET", "tags_count", "tags_count", TagsCount, "Count tags"),
    _Question(
        "GET", "report/{id}", "report", ReportText, "A stored report", statuses=(404,), parameters=_REPORT_ID
    ),
    # Whether it may write depends on who asks; see there.
    _Question(
        "POST",
        "query",
        "query",
        str,
        "Run a graph query",
        body=request_body(
            GraphQueryBody, example={"query": "MATCH (p:PEM) RETURN p.rk_id LIMIT 2", "type": "r"}
        ),
    ),
    _Question(
        "POST",
        "verify_artifact_connections",
        "verify_artifact_connections",
        ReportId,
        "Look for artifacts that no PEM uses or produces",
    ),
    _Question(
        "POST",
        "remove_unconnected_artifacts/{id}",
        "remove_unconnected_artifacts",
        ReportId,
        "Remove the artifacts in a report",
        Right.ADMIN,
        statuses=(404, 409),
        parameters=_REPORT_ID,
    ),
    _Question("POST", "clean", "clean", str, "Remove every event", Right.ADMIN),
)


class _Query:
    def __init__(self, services: Services, places: Places) -> None:
        self._services = services
        self._catalog = services.catalog
        self._places = places
        self._turns = services.turns()  # of graph queries: lists are not kept waiting by them

    async def info(self, _request: Request) -> Response:
        """Answer with exactly the fields that Record Keeper's client knows."""
        return json(
            {"version": provgraph.__version__, "auth_required": self._services.settings.auth_required}
        )

    async def pem(self, request: Request) -> Response:
        """Answer with one PEM."""
        pem_id = _id(request, "a PEM")
        pem = await run_in_threadpool(self._catalog.pem, pem_id)
        if pem is None:
            raise NotFoundError(f"There is no PEM {pem_id}")
        recorders = await run_in_threadpool(self._services.recorders, [pem.position])
        return json(pem_fields(pem, recorders))

    async def pems(self, request: Request) -> Response:
        """Answer with the PEMs that match, all of them unless a page is asked for."""
        asked = list_query(request.scope["query_string"])
        return self._places.stream(
            json_list(_dumped_pems(self._catalog.pems(asked), self._services.recorders))
        )

    async def pems_count(self, request: Request) -> Response:
        """Answer with how many PEMs match."""
        asked = list_query(request.scope["query_string"])
        return json({"pems_count": await run_in_threadpool(self._catalog.pems_count, asked)})

    async def artifacts(self, request: Request) -> Response:
        """Answer with the artifacts that match, all of them unless a page is asked for."""
        asked = list_query(request.scope["query_string"])
        return self._places.stream(json_list(_dumped_artifacts(self._services, asked)))

    async def artifacts_count(self, request: Request) -> Response:
        """Answer with how many artifacts match."""
        asked = list_query(request.scope["query_string"])
        return json({"artifacts_count": await run_in_threadpool(self._catalog.artifacts_count, asked)})

    async def tag(self, request: Request) -> Response:
        """Answer with the bare id of the PEM that a tag points at: no quotes, no line end."""
        before = f"/{area(request.scope['path'])}/tag/"  # there are two addresses
        name = tagpath.read_tag(tagpath.behind(before, request.scope))
        tag = await run_in_threadpool(self._catalog.tag, name.namespace, name.tag)
        if tag is None:
            raise NotFoundError(f"There is no tag {name.tag!r} in the namespace {name.namespace!r}")
        return text(tag.pem_id)

    async def tags(self, _request: Request) -> Response:
        """Answer with all tags."""
        return self._places.stream(json_list(_dumped_tags(self._services)))

    async def tags_count(self, _request: Request) -> Response:
        """Answer with how many tags there are."""
        return json({"tags_count": await run_in_threadpool(self._catalog.tags_count)})

    async def report(self, request: Request) -> Response:
        """Answer with a stored report."""
        report = await run_in_threadpool(find_report, self._catalog, request.path_params["id"])
        return json({"report": report.text, "status": report.status})

    async def query(self, request: Request) -> Response:
        """
        Run a graph query and answer with a Python literal.

        It may read, whatever type it declares: Record Keeper's readers send ``rw``.
        """
        asked = graphquery.read(await read_body(request, limit=_QUERY_LIMIT, what="Query"))
        require_cypher(self._services, request, asked)
        result = await self._turns.run(self._services.graph.cypher, asked, {})
        pieces = enclosed(literals.rows(result.rows), opening=b"[", separator=b", ", closing=b"]")
        return self._places.stream(pieces, media_type="text/plain")

    async def verify_artifact_connections(self, request: Request) -> Response:
        """Look for unconnected artifacts and answer with the report's id."""
        services = self._services
        report_id = await run_in_threadpool(
            report_connections,
            services.log,
            services.catalog,
            services.graph,
            sender=services.authenticator.sender(request).id,
        )
        return json({"report_id": report_id})

    async def remove_unconnected_artifacts(self, request: Request) -> Response:
        """Remove the artifacts in a report and answer with the new report's id."""
        services = self._services
        report_id = await run_in_threadpool(
            remove_unconnected,
            services.log,
            services.catalog,
            services.graph,
            report_id=request.path_params["id"],
            sender=services.authenticator.sender(request).id,
        )
        return json({"report_id": report_id})

    async def clean(self, request: Request) -> Response:
        """Remove every event, both projections and the reports; credentials stay."""
        services = self._services
        await run_in_threadpool(
            clean,
            services.log,
            services.graph,
            timeout_seconds=_CLEAN_SECONDS,
            sender=services.authenticator.sender(request).id,
        )
        return text("OK")


def pem_fields(pem: CatalogPem, recorders: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """
    Return a PEM as Record Keeper's client reads it; the two lists hold names only.

    Its client ignores fields that it does not know, so ``Outcome``, ``Error`` and ``RecordedBy`` may stand there, too;
    and ``Changed``, why an operator accepted an event that was changed after it was recorded.
    """
    added = recorders.get(pem.position, {})
    recorder, change = added.get(RECORDED_BY), added.get(CHANGED)
    return {
        "ID": pem.id,
        "Type": pem.type,
        "Predecessor": pem.predecessor,
        "Emitter": pem.emitter,
        "TimestampClient": pem.timestamp_client,
        "TimestampReceived": pem.timestamp_received,
        "Properties": orjson.Fragment(pem.properties),
        "Version": pem.version,
        "Tag": pem.tag or "",
        "TagNamespace": pem.tag_namespace or "",
        "UsesArtifacts": orjson.Fragment(pem.uses),
        "ProducesArtifacts": orjson.Fragment(pem.produces),
        **({} if pem.outcome is None else {"Outcome": pem.outcome}),
        **({} if pem.error is None else {"Error": pem.error}),
        **({} if recorder is None else {"RecordedBy": {"ID": recorder["id"], "Name": recorder["name"]}}),
        **_changed(change),
    }


def _changed(change: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if change is None else {"Changed": change["reason"]}


def artifact_fields(artifact: CatalogArtifact, change: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return an artifact as Record Keeper's client reads it.

    :param change: of the event that it rests on, see `pem_fields`
    """
    return {
        "Name": artifact.name,
        "Properties": orjson.Fragment(artifact.properties),
        "CreatedAt": artifact.created_at,
        **_changed(change),
    }


def tag_fields(tag: CatalogTag, change: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return a tag as Record Keeper's client reads it.

    :param change: of the event that moved it, see `pem_fields`
    """
    return {
        "NamespaceID": tag.namespace,
        "Tag": tag.tag,
        "EventID": tag.pem_id,
        "UpdatedAt": tag.updated_at,
        **_changed(change),
    }


def _dumped_pems(pems: Iterator[CatalogPem], recorders: RecordersOf) -> Iterator[bytes]:
    while some := list(islice(pems, _LOOKED_UP_AT_ONCE)):
        known = recorders([pem.position for pem in some])
        for pem in some:
            yield orjson.dumps(pem_fields(pem, known))


def _dumped_artifacts(services: Services, asked: ListQuery) -> Iterator[bytes]:
    names = services.recorders.changed_names()
    for artifact in services.catalog.artifacts(asked):
        yield orjson.dumps(artifact_fields(artifact, names.artifact(artifact)))


def _dumped_tags(services: Services) -> Iterator[bytes]:
    names = services.recorders.changed_names()
    for tag in services.catalog.tags():
        yield orjson.dumps(tag_fields(tag, names.tag(tag)))


def _id(request: Request, what: str) -> str:
    stated = request.path_params["id"]
    try:
        return event_id(stated)
    except InvalidInputError as error:
        raise InvalidInputError(f"Not the id of {what}: {stated[:60]!r}", field="ID", rule="uuid") from error
