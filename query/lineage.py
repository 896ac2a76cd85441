"""``GET /api/v1/lineage``: what led to a node, and what it led to."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from provgraph.errors import NotFoundError, TakesLongerError
from provgraph.exports import to_json
from provgraph.lineage import DEFAULT_LIMIT, LARGEST_LIMIT, Direction, LineageRequest, lineage
from provgraph.lineage.lineage import is_cursor
from provgraph.lineage.trace import BOTH, Filter, Trace, trace
from provgraph.wire.questions import LineageAnswer
from query import endpoint, formats, questions
from query.endpoint import Endpoint, Question

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from provgraph.http import Places, Services
    from provgraph.lineage.cursor import Cursors
    from query.questions import Given

# Each of these is more than the quick way can answer.
_PAST = ("as_of", "known_at", "versions", "type", "emitter", "from", "to")
_BOUNDS = ("seconds",)
EXACT, ANY = "exact", "any"


def routes(services: Services, places: Places) -> list[BaseRoute]:
    """Return the route."""
    return [endpoint.described(_QUESTION, _Lineage(services, places, _QUESTION).get)]


class _Lineage(Endpoint):
    """The endpoint: what can be asked the quick way is, and everything else is walked through the past."""

    def __init__(self, services: Services, places: Places, question: Question) -> None:
        super().__init__(services, places, question)
        self._quick = services.turns()  # what is quick does not wait for walks

    async def get(self, request: Request) -> Response:
        """Answer a question for lineage."""
        given = await self.given(request)
        if not is_quick(given, self._services.cursors):
            return await self._walked(given)
        asked, format_, recorders = quick_question(given), _format(given), self._services.recorders
        detailed = _detailed(given)
        try:
            # Handing a question to a thread takes as long as answering a small one.
            brief = self._services.graph.brief()
            is_quick_to_tell = format_ is None and not detailed and recorders.answers_at_once
            if brief is not None and is_quick_to_tell and is_brief(asked):
                with suppress(TakesLongerError):
                    return _as_json(
                        self._services,
                        lineage(brief, asked, recorders=recorders, cursors=self._services.cursors),
                    )
            if format_ is None:
                return _as_json(
                    self._services, await self._quick.run(_quickly, self._services, asked, detailed=detailed)
                )
            async with self._places.to_begin():
                return await self._places.turns.run(
                    _in_format, self._services, asked, format_, detailed=detailed
                )
        except NotFoundError:
            if not _may_name_a_version(asked.node):
                raise
            return await self._walked(given)

    async def _walked(self, given: Given) -> Response:
        async with self._places.to_begin():
            return await self._places.turns.run(_walk, self._services, given)


def is_quick(given: Given, cursors: Cursors) -> bool:
    """Tell whether a question is about what the graph says now, in one direction and by exact versions."""
    cursor = given.text("cursor")
    if cursor is None:
        is_past = given.has_any_of(_PAST) or given.has_any_of(_BOUNDS)
    else:
        # An answer goes on as it began: how long it may take is no part of the question.
        is_past = given.has_any_of(_PAST) or not is_cursor(cursor, cursors)
    return not (is_past or given.text("direction") == BOTH or (given.text("node") or "").startswith("tag:"))


def is_brief(asked: LineageRequest) -> bool:
    """Tell whether an answer may be small: not one for everything downstream, nor without a bound on its depth."""
    return asked.direction is Direction.UPSTREAM and asked.depth is not None


def quick_question(given: Given) -> LineageRequest:
    """
    Return what is asked the quick way.

    :raises InvalidInputError: the node is missing, or a value is none
    """
    return LineageRequest(
        node=given.node(),
        direction=Direction(_direction(given)),
        depth=given.depth(),
        limit=given.number("limit") or DEFAULT_LIMIT,
        cursor=given.text("cursor"),
        version=given.text("version"),
    )


def _quickly(services: Services, asked: LineageRequest, *, detailed: bool) -> bytes:
    graph = services.graph
    return lineage(
        graph,
        asked,
        recorders=services.recorders,
        cursors=services.cursors,
        detailed_by=graph if detailed else None,
    )


def _in_format(services: Services, asked: LineageRequest, format_: str, *, detailed: bool) -> Response:
    answer = orjson.loads(_quickly(services, asked, detailed=detailed))
    return _rendered(services, answer, format_)


def _walk(services: Services, given: Given) -> Response:
    clocks = questions.clocks_of(services)
    from_us, to_us = questions.window(given, clocks)
    when = questions.times(given, clocks)
    asked = Trace(
        node=given.node(),
        direction=_direction(given),
        version=given.text("version"),
        depth=given.depth(),
        any_version=given.choice("versions", (EXACT, ANY), EXACT) == ANY,
        only=Filter(given.texts("type"), given.texts("emitter"), from_us, to_us),
        as_of_us=when.as_of_us,
        known_at=when.known_at,
        limit=given.number("limit", at_most=LARGEST_LIMIT) or DEFAULT_LIMIT,
        seconds=given.seconds(),
        cursor=given.text("cursor"),
        question=given.question,
        details=_detailed(given),
    )
    format_ = _format(given)
    answer = trace(services.graph, asked, recorders=services.recorders, cursors=services.cursors)
    return endpoint.json(services, answer) if format_ is None else _rendered(services, answer, format_)


def _rendered(services: Services, answer: dict[str, Any], format_: str) -> Response:
    whole = {**answer, **endpoint.unreadable(services)}
    return formats.rendered(whole, format_, title=f"lineage-{answer['direction']}")


def _direction(given: Given) -> str:
    return given.choice("direction", _DIRECTIONS, Direction.UPSTREAM)


def _format(given: Given) -> str | None:
    return formats.chosen(given, limit=given.number("limit") or DEFAULT_LIMIT)


def _detailed(given: Given) -> bool:
    """Tell whether the answer is to say what the events said: a file in a format does unless told otherwise."""
    stated = None if given.text("details") is None else given.choice("details", _YES_OR_NO, _YES)
    return given.text("format") is not None if stated is None else stated == _YES


def _may_name_a_version(node: str) -> bool:
    return "@" in node


def _as_json(services: Services, answer: bytes) -> Response:
    """Answer with what is JSON already; beside it, what no answer counts."""
    beside = endpoint.unreadable(services)
    whole = answer.rstrip()[:-1] + b"," + to_json(beside)[1:] if beside else answer
    return Response(whole, media_type=endpoint.JSON)


_YES, _NO = "true", "false"
_YES_OR_NO = (_YES, _NO)
_DIRECTIONS = (*(each.value for each in Direction), BOTH)
_QUESTION = Question(
    path="/api/v1/lineage",
    summary="What led to a node, and what it led to",
    description="""
Walks over events, nearest first, and answers with the nodes and edges it found. By `versions=exact` a use counts for
the version of the artifact that the event used, by `versions=any` for every version of it. `position` is the log
position the answer is true for; `complete` is false when `limit`, `depth` or the time cut it (`reason`), and `cursor`
goes on after a `limit`. Events that say how their work ended have an `outcome` and an `error`; with `details`
everything else is there, too, that they said of themselves and of the versions they made. What `type`, `emitter`,
`from` and `to` leave out is walked over all the same, so nothing beyond it is lost.
""",
    parameters=questions.by_name(
        questions.NODE,
        questions.Parameter(
            "direction",
            {"enum": list(_DIRECTIONS), "default": "upstream"},
            "towards the causes, or the effects",
        ),
        questions.DEPTH,
        questions.limit("nodes", default=DEFAULT_LIMIT, most=LARGEST_LIMIT),
        questions.CURSOR,
        questions.VERSION,
        questions.WAIT,
        questions.Parameter(
            "versions", {"enum": [EXACT, ANY], "default": EXACT}, "which versions of an artifact are followed"
        ),
        questions.AS_OF,
        questions.KNOWN_AT,
        questions.TYPE,
        questions.EMITTER,
        questions.FROM,
        questions.TO,
        questions.SECONDS,
        formats.parameter("the form of the answer"),
        questions.Parameter(
            "details",
            {"enum": list(_YES_OR_NO)},
            "tell properties, digests, labels and kinds, and when events were recorded; default: with a `format`",
        ),
    ),
    answer=_walk,
    shapes={endpoint.JSON: LineageAnswer, **formats.FILES},
    statuses=(400, 401, 403, 404, 409, 501, 503),
)
