"""``GET /api/v1/path``: whether one node led to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provgraph.lineage.path import Path, path
from provgraph.wire.questions import PathAnswer
from query import endpoint, questions
from query.endpoint import Question
from query.questions import NODE_FORMS, Parameter

if TYPE_CHECKING:
    from starlette.responses import Response

    from provgraph.http import Services
    from query.questions import Given


def _path(services: Services, given: Given) -> Response:
    when = questions.times(given, questions.clocks_of(services))
    asked = Path(
        source=given.node("source"),
        target=given.node("target"),
        source_version=given.text("source_version"),
        target_version=given.text("target_version"),
        as_of_us=when.as_of_us,
        known_at=when.known_at,
        seconds=given.seconds(),
    )
    return endpoint.json(services, path(services.graph, asked, recorders=services.recorders))


_TEXT = {"type": "string"}
PATH = Question(
    path="/api/v1/path",
    summary="Whether one node led to another, and the shortest evidence",
    description="""
Whether `source` is upstream of `target`: `connected`, which is null when the search was cut before it was known
(`complete`, `reason`). `path` leads from the source to the target, event by event; `by` is the artifact by which an
event led to the next one, null where that one named it as its predecessor. `used` is how the first event used the
source, when that is an artifact: `made` is the version that it used, with how the work ended that made it.
""",
    parameters=questions.by_name(
        Parameter(
            "source", _TEXT, f"the earlier node: {NODE_FORMS}", "artifact:table/customers", required=True
        ),
        Parameter("target", _TEXT, "the later one", "artifact:decision/4711", required=True),
        Parameter("source_version", _TEXT, "of the source, when it is an artifact; absent: any of them"),
        Parameter("target_version", _TEXT, "of the target, when it is an artifact; absent: the latest"),
        questions.AS_OF,
        questions.KNOWN_AT,
        questions.WAIT,
        questions.SECONDS,
    ),
    answer=_path,
    shapes={endpoint.JSON: PathAnswer},
)
