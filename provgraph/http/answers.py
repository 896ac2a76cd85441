"""
Answers, and errors as answers.

Record Keeper's services speak plain text: one sentence for a person. Infrahub's protocol speaks lists of errors.
Everything else speaks problem documents (RFC 9457).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from starlette.responses import Response

from provgraph.errors import (
    EmitterError,
    InvalidInputError,
    NotFoundError,
    OverloadedError,
    ProvgraphError,
    UnauthenticatedError,
    UnsupportedEncodingError,
)
from provgraph.wire.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.exceptions import RequestValidationError
    from msgspec import Struct
    from starlette.exceptions import HTTPException
    from starlette.types import Scope

# Says with a refusal in plain text that it is about this one event, and would be the same if it came again.
RULE_HEADER = "X-Provgraph-Rule"
# Where a request's scope has the front doors that it came to (`provgraph.http.doors.Doors`).
DOORS = "provgraph.doors"
_PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True)
class ErrorForm:
    """
    How refusals look.

    :param name: of the form, for the description
    :param answer: what makes one of an error
    :param media_type: what they are
    :param shape: their type
    """

    name: str
    answer: Callable[[ProvgraphError], Response]
    media_type: str
    shape: object

    def __call__(self, error: ProvgraphError) -> Response:
        """Answer with an error."""
        return self.answer(error)


class MethodNotAllowedError(ProvgraphError):
    """The path exists, but not for this method."""

    status = 405
    title = "Method not allowed"

    def __init__(self, message: str, *, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class RefusedError(ProvgraphError):
    """A refusal that has no class of its own: whatever status the framework gave it."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.title = HTTPStatus(status).phrase


class UnexpectedError(ProvgraphError):
    """Something went wrong that nobody thought of; the log has the whole story under the id."""


def text(content: str) -> Response:
    """Answer with plain text."""
    return Response(content, media_type="text/plain")


def json(content: Any, *, status: int = 200) -> Response:
    """Answer with JSON; ``content`` may hold `orjson.Fragment`."""
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


def encoded(answer: Struct) -> Response:
    """Answer with what a type of `provgraph.wire` says."""
    return Response(msgspec.json.encode(answer), media_type="application/json")


def error_answer(scope: Scope, error: ProvgraphError) -> Response:
    """Answer with an error, in the form that this part of the origin speaks."""
    doors = scope.get(DOORS)
    form: ErrorForm = problem_answer if doors is None else doors.form(scope["path"])
    return form(error)


def _problem(error: ProvgraphError) -> Response:
    return error_json(error, problem(error), media_type=_PROBLEM_JSON)


def _plain(error: ProvgraphError) -> Response:
    return Response(_one_line(str(error)), error.status, error_headers(error), "text/plain")


def error_json(error: ProvgraphError, content: object, *, media_type: str = "application/json") -> Response:
    """Answer with an error in a form of JSON, with its status and headers."""
    return Response(orjson.dumps(content), error.status, error_headers(error), media_type)


def problem(error: ProvgraphError) -> dict[str, object]:
    """Return an error as the members of a problem document."""
    kind = error.title.lower().replace(" ", "-")
    return {
        **error.members,
        "type": f"urn:provgraph:problem:{kind}",
        "title": error.title,
        "status": error.status,
        "detail": encodable(str(error)),
    }


def from_framework(error: HTTPException, scope: Scope) -> ProvgraphError:
    """Return the framework's refusal as one of ours."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFoundError(f"There is nothing at {scope['path'][:200]}")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        return MethodNotAllowedError(
            f"{scope['method']} is not allowed here, use {allowed or 'another method'}", allowed=allowed
        )
    return RefusedError(str(error.detail), status=error.status_code)


def from_validation(error: RequestValidationError) -> InvalidInputError:
    """Return the framework's complaint about parameters as one of ours; it names the first of them."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"][1:]] or [str(part) for part in first["loc"]]
    field = ".".join(where)
    return InvalidInputError(f"{field}: {first['msg']}", field=field, rule=str(first["type"]))


def error_headers(error: ProvgraphError) -> dict[str, str]:
    """Return the headers that go with an error."""
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, OverloadedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, UnsupportedEncodingError):
        return {"Accept-Encoding": error.accepted}
    if isinstance(error, MethodNotAllowedError) and error.allowed:
        return {"Allow": error.allowed}
    if isinstance(error, EmitterError):
        return {RULE_HEADER: str(error.members["rule"])}
    return {}


def _one_line(message: str) -> str:
    return " ".join(encodable(message).split())


def encodable(message: str) -> str:
    """Return a text that UTF-8 can write, whatever a client put into it."""
    return message.encode("utf-8", "backslashreplace").decode()


# Problem documents (RFC 9457).
problem_answer = ErrorForm("problem", _problem, _PROBLEM_JSON, Problem)
# One line of plain text, as Record Keeper's clients read it.
plain_answer = ErrorForm("sentence", _plain, "text/plain", str)
