"""``GET /api/v1/state`` and ``/api/v1/diff``: what the platform looked like, and how it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from provgraph.graphstore import View
from provgraph.lineage import pages
from provgraph.lineage.recorders import add_to
from provgraph.lineage.state import STATED_AT, diff, state
from provgraph.wire.questions import DiffAnswer, StateAnswer
from query import endpoint, questions
from query.endpoint import Question
from query.questions import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.responses import Response

    from provgraph.http import Services
    from provgraph.lineage.times import Clocks
    from provgraph.lineage.told import Json
    from query.questions import Given

_OCCURRED, _RECORDED = "occurred", "recorded"
# Further than any log: what a graph does not have yet is cut off where the question begins.
_ALL_POSITIONS = 2**62
_FORMS = "a time such as 2026-03-01, yesterday or now-2h, or a log position"


def _state(services: Services, given: Given) -> Response:
    when = questions.times(given, questions.clocks_of(services))
    answer = state(
        services.graph,
        as_of_us=when.as_of_us,
        known_at=when.known_at,
        limit=_limit(given),
        cursor=given.text("cursor"),
        cursors=services.cursors,
        question=given.question,
        sourced=services.recorders.changed_names().artifacts,
    )
    for artifact in answer["artifacts"]:
        artifact["kind"] = _kind(services, artifact)
    _add_recorders(services, [*answer["artifacts"], *answer["tags"]])
    return endpoint.json(services, answer)


def _add_recorders(services: Services, found: Iterable[Json]) -> None:
    """Add who recorded versions of artifacts and moves of tags, and that such an event was changed since."""
    shown = list(found)
    told = [each["version"] if "artifact" in each else each for each in shown]
    # What came from outside has no event of its own: it rests on those that state what is shown of it.
    outside = [(position, each) for each in shown for position in each.pop(STATED_AT, ())]
    add_to([each for each in told if each is not None], services.recorders, versions=outside)


def _kind(services: Services, artifact: Json) -> str:
    stated = (artifact if artifact["version"] is None else artifact["version"]).get("kind")
    return services.kinds.of(
        artifact["artifact"], stated=stated, properties=[orjson.dumps(artifact["properties"]).decode()]
    )


def _diff(services: Services, given: Given) -> Response:
    before, after = given.required("from", _FORMS), given.required("to", _FORMS)
    clock = given.choice("clock", (_OCCURRED, _RECORDED), _OCCURRED)
    clocks = questions.clocks_of(services)
    answer = diff(
        services.graph,
        _view(clocks, clock, before, field="from"),
        _view(clocks, clock, after, field="to"),
        limit=_limit(given),
        seconds=given.seconds(),
        cursor=given.text("cursor"),
        cursors=services.cursors,
        question=given.question,
        sourced=services.recorders.changed_names().artifacts,
    )
    sides = (change[side] for change in answer["changes"] for side in ("before", "after"))
    _add_recorders(services, [side for side in sides if side is not None])
    return endpoint.json(services, answer)


def _view(clocks: Clocks, clock: str, stated: str, *, field: str) -> View:
    if clock == _RECORDED:
        return View(clocks.recorded(stated, field=field))
    return View(_ALL_POSITIONS, clocks.occurred(stated, field=field))


def _limit(given: Given) -> int:
    return given.number("limit", at_most=pages.LARGEST_LIMIT) or pages.DEFAULT_LIMIT


_PAGE = questions.limit("artifacts and tags", default=pages.DEFAULT_LIMIT, most=pages.LARGEST_LIMIT)
STATE = Question(
    path="/api/v1/state",
    summary="What the platform looked like, now or at a time",
    description="""
The artifacts with their latest version (null when nothing produced it: it came from outside) and their kind (as in
`why`), ordered by name. The
`properties` are those of the version shown; of what came from outside, those that the latest use gave which gives some.
So are the `digest` and the kind of what came from outside: of the latest use that states one.
Then the tags with the events they mark: where their last moves in the log put them (`tag_order` is
`arrival`), or with `as_of` the latest up to then on the emitters' clocks (`time`).

`as_of` and `known_at` say when; without them it is now. A
page is true for the position and the time that the first one says.
""",
    parameters=questions.by_name(
        questions.AS_OF, questions.KNOWN_AT, _PAGE, questions.CURSOR, questions.WAIT
    ),
    answer=_state,
    shapes={endpoint.JSON: StateAnswer},
    statuses=(400, 401, 403, 409, 503),
)
DIFF = Question(
    path="/api/v1/diff",
    summary="How the platform changed between two times",
    description="""
Each change says what it is: an artifact `appeared`, `changed` or `disappeared`, a tag `appeared`, `moved` or
`disappeared`, with what was there `before` and `after`. Without the first of the two times being the earlier one, it
tells how things go back. By `clock=occurred` the times are those of the emitters' clocks, by `clock=recorded` those
of the log.
""",
    parameters=questions.by_name(
        Parameter("from", {"type": "string"}, _FORMS, "2026-03-01", required=True),
        Parameter("to", {"type": "string"}, _FORMS, "now", required=True),
        Parameter(
            "clock", {"enum": [_OCCURRED, _RECORDED], "default": _OCCURRED}, "whose clock the times are of"
        ),
        questions.limit("changes", default=pages.DEFAULT_LIMIT, most=pages.LARGEST_LIMIT),
        questions.CURSOR,
        questions.WAIT,
        questions.SECONDS,
    ),
    answer=_diff,
    shapes={endpoint.JSON: DiffAnswer},
    statuses=(400, 401, 403, 409, 503),
)
