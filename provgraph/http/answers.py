"""
Answers, and errors as answers.

Record Keeper's services speak plain text: one sentence for a person. Infrahub's protocol speaks lists of errors.
Everything else speaks problem documents (RFC 9457).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.types import Scope

# Says with a refusal in plain text that it is about this one event, and would be the same if it came again.
RULE_HEADER = "X-Provgraph-Rule"
# Parts of the origin that speak plain text when something is wrong.
_PLAIN_TEXT = frozenset({"receiver", "query", "graph_builder"})
# The same for lists of errors, as Infrahub's clients read them.
_GRAPHQL = "graphql"
_INFRAHUB = tuple(f"/api/{part}" for part in ("schema", "auth", "query", "storage", "artifact"))


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


def error_answer(scope: Scope, error: ProvgraphError) -> Response:
    """Answer with an error, in the form that this part of the origin speaks."""
    if area(scope["path"]) in _PLAIN_TEXT:
        return Response(_one_line(str(error)), error.status, _headers(error), "text/plain")
    if area(scope["path"]) == _GRAPHQL or scope["path"].startswith(_INFRAHUB):
        return Response(
            orjson.dumps(infrahub_errors(error)), error.status, _headers(error), "application/json"
        )
    return Response(orjson.dumps(problem(error)), error.status, _headers(error), "application/problem+json")


def infrahub_errors(error: ProvgraphError) -> dict[str, Any]:
    """Return an error as Infrahub's clients read it: a list of one, with its status and further facts."""
    extensions = {**error.members, "code": error.status, "http_status": error.status, "title": error.title}
    return {"data": None, "errors": [{"message": _encodable(str(error)), "extensions": extensions}]}


def problem(error: ProvgraphError) -> dict[str, object]:
    """Return an error as the members of a problem document."""
    kind = error.title.lower().replace(" ", "-")
    return {
        **error.members,
        "type": f"urn:provgraph:problem:{kind}",
        "title": error.title,
        "status": error.status,
        "detail": _encodable(str(error)),
    }


def area(path: str) -> str:
    """Return the first segment of a path."""
    return path[1:].partition("/")[0]


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


def _headers(error: ProvgraphError) -> dict[str, str]:
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
    return " ".join(_encodable(message).split())


def _encodable(message: str) -> str:
    """Return a text that UTF-8 can write, whatever a client put into it."""
    return message.encode("utf-8", "backslashreplace").decode()
