"""Our own way in: ``POST /api/v1/events``, many events in one request, a verdict for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the endpoint's annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the endpoint's annotations

from provgraph.http import json, read_body
from provgraph.http.openapi import RawRoute, problem_answers

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provgraph.http import Services
    from receiver.ingest import Ingest

_LINES = frozenset({b"application/x-ndjson", b"application/ndjson", b"application/jsonl"})


def routes(services: Services, ingest: Ingest) -> list[BaseRoute]:
    """Return the route."""
    return [
        RawRoute(
            "/api/v1/events",
            _Events(services, ingest).post,
            methods=["POST"],
            tags=["events"],
            summary="Send events",
            description=_DESCRIPTION,
            responses={200: _JUDGED, **problem_answers(400, 401, 403, 413, 415, 503)},
            openapi_extra={"requestBody": _BODY},
        )
    ]


class _Events:
    def __init__(self, services: Services, ingest: Ingest) -> None:
        self._ingest = ingest
        self._body_limit = services.settings.batch_size_limit
        self._require_to_send = services.authenticator.require_to_send

    async def post(self, request: Request) -> Response:
        """Store a batch of events. Accepted means durable."""
        headers = request.scope["headers"]
        sender = self._require_to_send(headers)
        body = await read_body(request, limit=self._body_limit, what="Body")
        take_in = self._ingest.lines if _media_type(headers) in _LINES else self._ingest.array
        return json(await take_in(body, sender))


def _media_type(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].strip().lower()
    return b""


_DESCRIPTION = """
Stores events: a JSON array, a single event as a JSON object, or one event a line (`application/x-ndjson`, where blank
lines do not count). Each is judged by itself, in all forms alike, and the answer holds the verdicts in the order of
the events:

* `accepted`: it is durable.
* `duplicate`: it was stored already, with the same content.
* `conflict`: its id is stored with other content; the stored one stands.
* `invalid`: it breaks a rule; `field` and `rule` say which. Of these the first ten are told and the others counted:
  an event whose `index` is not among the `results` is one of them.

A batch has at most 10,000 events.

`warnings` names what of an event was not kept as it was sent: keys that were given twice (the last one is kept), and
numbers whose digits no 64-bit float has; and fields that are most likely another one, misspelt (`type` for `Type`):
an event may have fields of its own, so they are kept and mean nothing. An event may be nested 254 levels deep.

A body may be packed: `Content-Encoding: gzip`.

Whoever gets an error instead of verdicts can send the same body again: what was stored meanwhile counts as duplicate.
`position` is where the log stands after this batch; lineage questions can `wait` for it.
"""

_ARTIFACT: dict[str, Any] = {
    "type": "object",
    "required": ["Name"],
    "properties": {
        "Name": {"type": "string", "minLength": 1, "description": "the artifact's identity"},
        "Properties": {"type": "object"},
        "CreatedAt": {"type": "string", "description": "time of an artifact that is new here"},
        "Version": {
            "type": "string",
            "description": "a label; in a use also the id of the event that produced the version",
        },
        "Digest": {"type": "string"},
        "Kind": {"type": "string"},
    },
}
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["ID", "Type", "Emitter"],
    "description": "Fields that are not listed here are kept with the event.",
    "properties": {
        "ID": {"type": "string", "description": "UUID, in any spelling"},
        "Type": {"type": "string", "minLength": 1},
        "Emitter": {"type": "string", "minLength": 1},
        "TimestampClient": {
            "type": "string",
            "description": "YYYY-MM-DD HH:MM:SS, UTC; or any ISO 8601 form. Needed unless OccurredAt is there",
        },
        "OccurredAt": {"type": "string", "format": "date-time"},
        "Predecessor": {"type": ["string", "null"]},
        "Predecessors": {"type": "array", "items": {"type": "string"}},
        "Properties": {"type": "object"},
        "Outcome": {
            "enum": ["failed", "aborted", None],
            "description": "that the work did not end well; left out where there is nothing to say",
        },
        "Error": {"type": ["string", "null"], "description": "why it did not"},
        "Version": {"type": "string", "default": "2.0.0"},
        "Tag": {"type": ["string", "null"], "description": "set on this event when it is new"},
        "TagNamespace": {"type": ["string", "null"]},
        "UsesArtifacts": {"type": "array", "items": _ARTIFACT},
        "ProducesArtifacts": {"type": "array", "items": _ARTIFACT},
    },
}
_RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["index", "ID", "verdict"],
    "properties": {
        "index": {"type": "integer", "minimum": 0},
        "ID": {"type": ["string", "null"], "description": "32 hex digits; null when it cannot be read"},
        "verdict": {"enum": ["accepted", "duplicate", "conflict", "invalid"]},
        "position": {"type": "integer", "description": "of the stored event; absent when invalid"},
        "field": {"type": "string"},
        "rule": {"type": "string"},
        "detail": {"type": "string"},
        "warnings": {
            "type": "array",
            "description": "what was not kept as it was sent; absent when there is nothing",
            "items": {
                "type": "object",
                "required": ["rule", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "rule": {"enum": ["doubled-key", "inexact-number", "field-name", "further"]},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["results", "accepted", "duplicates", "conflicts", "invalid", "position"],
    "properties": {
        "results": {"type": "array", "items": _RESULT},
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "conflicts": {"type": "integer"},
        "invalid": {"type": "integer"},
        "position": {"type": "integer"},
    },
}
_JUDGED: dict[str, Any] = {
    "description": "Every event was judged",
    "content": {"application/json": {"schema": _ANSWER}},
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"oneOf": [{"type": "array", "items": _EVENT}, _EVENT]}},
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}
