"""What the routes of our questions share: who may ask, waiting for the graph, how many are answered at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response

from provgraph.exports import to_json
from provgraph.families.credential.events import Right
from provgraph.http.openapi import RawRoute, needs, problem_answers
from query import questions
from query.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from provgraph.http import Places, Services
    from query.questions import Given, Parameter

JSON = "application/json"


class Question(NamedTuple):
    """A route that answers a question."""

    path: str
    summary: str
    description: str
    parameters: Mapping[str, Parameter]
    answer: Callable[[Services, Given], Response]  # runs in a thread
    shapes: Mapping[str, object]  # of its answers, by media type; the first is the usual one
    statuses: tuple[int, ...] = (400, 401, 403, 404, 409, 503)

    def route(self, services: Services, places: Places) -> RawRoute:
        """Return it for the application that serves it."""
        return described(self, Endpoint(services, places, self).get)


class Endpoint:
    """Answers a question in a thread. So many at a time as there are places to begin: a walk may take its full time."""

    def __init__(self, services: Services, places: Places, question: Question) -> None:
        self._services = services
        self._places = places
        self._question = question

    async def get(self, request: Request) -> Response:
        """Answer a question."""
        given = await self.given(request)
        async with self._places.to_begin():
            return await self._places.turns.run(self._question.answer, self._services, given)

    async def given(self, request: Request) -> Given:
        """
        Return what is asked, once the graph is as far as that says.

        :raises ProvgraphError: who asks may not, it cannot be read, or the graph does not come so far in time
        """
        self._services.authenticator.require(request, Right.READ)
        given = questions.read(request.scope["query_string"], self._question.parameters)
        position = given.number("wait", at_least=0)
        if position is not None:
            await wait_for(self._services, position=position)
        return given


def described(question: Question, endpoint: Callable[..., Any]) -> RawRoute:
    """Return a question's route, with its description for the OpenAPI document."""
    return RawRoute(
        question.path,
        endpoint,
        methods=["GET"],
        security=needs(Right.READ),
        tags=["questions"],
        summary=question.summary,
        description=question.description,
        responses={
            200: {
                "description": "The answer",
                "content": {media_type: {"schema": shape} for media_type, shape in question.shapes.items()},
            },
            **problem_answers(*question.statuses),
        },
        parameters=[parameter.described() for parameter in question.parameters.values()],
    )


def json(services: Services, answer: Mapping[str, Any]) -> Response:
    """Answer with JSON; events' properties may be nested deeper than most programs write."""
    return Response(to_json({**answer, **unreadable(services)}), media_type=JSON)


def unreadable(services: Services) -> dict[str, Any]:
    """Return what to add to an answer where the log has events that no answer counts: their positions."""
    positions = services.recorders.unreadable()
    return {"unreadable": positions} if positions else {}
