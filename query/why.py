"""``GET /api/v1/why``: what led to an event, to a version of an artifact, or to what a tag marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph import telling
from provgraph.http import text
from provgraph.lineage.why import DEFAULT_LIMIT, LARGEST_LIMIT, Why, why
from provgraph.wire.questions import WhyAnswer
from query import endpoint, formats, questions
from query.endpoint import Question

if TYPE_CHECKING:
    from starlette.responses import Response

    from provgraph.http import Services
    from query.questions import Given


def _why(services: Services, given: Given) -> Response:
    when = questions.times(given, questions.clocks_of(services))
    asked = Why(
        node=given.node(),
        version=given.text("version"),
        depth=given.depth(),
        as_of_us=when.as_of_us,
        known_at=when.known_at,
        limit=given.number("limit", at_most=LARGEST_LIMIT) or DEFAULT_LIMIT,
        seconds=given.seconds(),
    )
    format_ = formats.chosen(given, formats.TEXT, limit=asked.limit)
    answer = why(services.graph, asked, kinds=services.kinds, recorders=services.recorders)
    answer |= endpoint.unreadable(services)
    if positions := answer.get("unreadable"):
        answer["text"] += f"{telling.unreadable(positions)}\n"
    if format_ is None:
        return endpoint.json(services, answer)
    return _file(answer, format_, depth=asked.depth)


def _file(answer: dict[str, Any], format_: str, *, depth: int | None) -> Response:
    """Return an answer as a file: whole as text and JSON, its graph in every other format."""
    if format_ == formats.TEXT:
        return text(answer["text"])
    if format_ == "json":
        return formats.rendered(answer, format_, title="why")
    return formats.rendered(as_lineage(answer, depth=depth), format_, title="why")


def as_lineage(answer: dict[str, Any], *, depth: int | None) -> dict[str, Any]:
    """Return an answer's graph in the form of a lineage answer, with what it is true for."""
    names = ("position", "as_of", "complete", "reason", "unreadable")
    about = {name: answer[name] for name in names if name in answer}
    return {**answer["graph"], "direction": "upstream", "depth": depth, **about, "cursor": None}


WHY = Question(
    path="/api/v1/why",
    summary="Why: what led to an event, to a version of an artifact, or to what a tag marks",
    description="""
The chain of causes, nearest first, with the exact version of everything that was used (`steps`); every version that
took part, by kind (`artifacts`); who emitted the events (`emitters`); what of it can be said in a sentence
(`claims`); the same to read aloud (`text`); and as nodes and edges in the form of lineage (`graph`). Everything
carries the event ids and log positions that prove it, and what the events said: properties, digests, labels, kinds,
how the work ended. A step that was reported later than what it led to says so (`reported_after`). `format=text`
answers with the text alone, the other formats with the graph.
""",
    parameters=questions.by_name(
        questions.NODE,
        questions.VERSION,
        questions.DEPTH,
        questions.limit("events and artifacts", default=DEFAULT_LIMIT, most=LARGEST_LIMIT),
        questions.AS_OF,
        questions.KNOWN_AT,
        questions.WAIT,
        questions.SECONDS,
        formats.parameter(
            "the form of the answer: the text, the whole answer (`json`), or its graph", formats.TEXT
        ),
    ),
    answer=_why,
    shapes={endpoint.JSON: WhyAnswer, "text/plain": str, **formats.FILES},
    statuses=(400, 401, 403, 404, 409, 501, 503),
)
