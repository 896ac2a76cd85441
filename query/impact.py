"""``GET /api/v1/impact``: everything that came of a node, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.exports import to_json
from provgraph.http import enclosed
from provgraph.lineage import pages
from provgraph.lineage.impact import LARGEST_LIMIT, Impact, impact
from provgraph.lineage.trace import Filter
from provgraph.wire.questions import AffectedEvent, ImpactAnswer, ImpactEnd, ImpactStart
from query import endpoint, questions
from query.endpoint import Endpoint, Question
from query.questions import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provgraph.http import Places, Services
    from query.questions import Given

_NDJSON = "application/x-ndjson"
_FORMATS = ("ndjson", "json")


def routes(services: Services, places: Places) -> list[BaseRoute]:
    """Return the route."""
    return [endpoint.described(_QUESTION, _Impact(services, places, _QUESTION).get)]


class _Impact(Endpoint):
    """The endpoint. The walk is over before the first line; lines are made while they are sent."""

    async def get(self, request: Request) -> Response:
        """Answer a question for effects."""
        given = await self.given(request)
        if given.choice("format", _FORMATS, "ndjson") == "json":
            async with self._places.to_begin():
                return await self._places.turns.run(_page, self._services, given)
        lines = enclosed(_lines(self._services, given), opening=b"", separator=b"\n", closing=b"\n")
        return self._places.stream(lines, media_type=_NDJSON)


def _lines(services: Services, given: Given) -> Iterator[bytes]:
    found = impact(
        services.graph, _asked(services, given), recorders=services.recorders, cursors=services.cursors
    )
    yield to_json({"kind": "start", **found.opening})
    for item in found.items:
        yield to_json(item)
    yield to_json({"kind": "end", **found.closing, **endpoint.unreadable(services)})


def _page(services: Services, given: Given) -> Response:
    found = impact(
        services.graph, _asked(services, given), recorders=services.recorders, cursors=services.cursors
    )
    return endpoint.json(services, {"items": list(found.items), **found.closing})


def _asked(services: Services, given: Given) -> Impact:
    clocks = questions.clocks_of(services)
    from_us, to_us = questions.window(given, clocks)
    when = questions.times(given, clocks)
    return Impact(
        node=given.node(),
        version=given.text("version"),
        depth=given.depth(),
        only=Filter(given.texts("type"), given.texts("emitter"), from_us, to_us),
        as_of_us=when.as_of_us,
        known_at=when.known_at,
        limit=given.number("limit", at_most=LARGEST_LIMIT) or pages.DEFAULT_LIMIT,
        seconds=given.seconds(),
        cursor=given.text("cursor"),
        question=given.question,
    )


_QUESTION = Question(
    path="/api/v1/impact",
    summary="What came of an artifact, a version or an event: what to do again",
    description="""
Every event that the node led to, nearest first, each with what it produced and a shortest way from the node to it.
One JSON text a line: first `{"kind": "start"}` with how many there are and the `cursor` of this very page, then an
event a line, at last `{"kind": "end"}` with what the page is true for, whether it is all, and the `cursor` to go on.
A stream without its end was broken: the cursor of its start gives the same lines again.

An artifact without a version means all its versions. What the filters leave out is walked over all the same.
""",
    parameters=questions.by_name(
        questions.NODE,
        questions.VERSION,
        questions.DEPTH,
        questions.AS_OF,
        questions.KNOWN_AT,
        questions.TYPE,
        questions.EMITTER,
        questions.FROM,
        questions.TO,
        questions.limit("events", default=pages.DEFAULT_LIMIT, most=LARGEST_LIMIT),
        questions.CURSOR,
        questions.WAIT,
        questions.SECONDS,
        Parameter(
            "format",
            {"enum": list(_FORMATS), "default": "ndjson"},
            "a line an event, or one object with `items`",
        ),
    ),
    answer=_page,
    shapes={_NDJSON: ImpactStart | AffectedEvent | ImpactEnd, endpoint.JSON: ImpactAnswer},
)
