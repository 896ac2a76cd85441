"""``GET /api/v1/gaps``: what the record of the platform lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.lineage import pages
from provgraph.lineage.gaps import DEFAULT_LIMIT, LISTS, Gaps, gaps
from provgraph.lineage.times import read_duration
from provgraph.wire.questions import GapsAnswer
from query import endpoint, questions
from query.endpoint import Question
from query.questions import Parameter

if TYPE_CHECKING:
    from starlette.responses import Response

    from provgraph.http import Services
    from query.questions import Given

_SILENT_AFTER = "24h"


def _gaps(services: Services, given: Given) -> Response:
    clocks = questions.clocks_of(services)
    when = questions.times(given, clocks)
    asked = Gaps(
        only=given.text("list"),
        silent_after_us=read_duration(given.text("silent_after") or _SILENT_AFTER, field="silent_after"),
        as_of_us=when.as_of_us,
        known_at=when.known_at,
        present_us=clocks.present(given.text("known_at"), field="known_at"),
        limit=given.number("limit", at_most=pages.LARGEST_LIMIT) or DEFAULT_LIMIT,
        seconds=given.seconds(),
        cursor=given.text("cursor"),
        question=given.question,
    )
    return endpoint.json(
        services, gaps(services.graph, asked, recorders=services.recorders, cursors=services.cursors)
    )


GAPS = Question(
    path="/api/v1/gaps",
    summary="What is missing: uses of what nobody made, events nobody reported, clocks that disagree",
    description="""
Artifacts that were used and `never_produced`, events that were named as predecessors and never reported
(`unseen_predecessors`), uses of a version that was made only later (`out_of_order`), uses that state another digest
than the version has that they mean (`contradicted`); and of each emitter how much it reported and when, whether it is
silent, how many of its events name an artifact or a predecessor (`coverage`), how many say that their work `failed`
or was `aborted`, or something `unknown` (`outcomes` has them all together), how long its events take to be recorded,
and by how much its clock is ahead at least. Each list has its own `cursor`: `list` says which one it goes on with.
""",
    parameters=questions.by_name(
        Parameter("list", {"enum": list(LISTS)}, "this list alone, without the emitters"),
        Parameter(
            "silent_after",
            {"type": "string", "default": _SILENT_AFTER},
            "an emitter is silent that reported nothing for so long: 90s, 15m, 2h, 7d, 1d12h",
        ),
        questions.AS_OF,
        questions.KNOWN_AT,
        questions.limit("items of each list", default=DEFAULT_LIMIT, most=pages.LARGEST_LIMIT),
        questions.CURSOR,
        questions.WAIT,
        questions.SECONDS,
    ),
    answer=_gaps,
    shapes={endpoint.JSON: GapsAnswer},
    statuses=(400, 401, 403, 409, 503),
)
