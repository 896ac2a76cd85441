"""Our own way in: ``POST /api/v1/events``, many events in one request, a verdict for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from provgraph.families.credential.events import Right
from provgraph.http import encoded, read_body
from provgraph.http.openapi import RawRoute, answer, needs, problem_answers, request_body
from provgraph.wire.events import Event, EventResults

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
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
            responses={
                200: answer(EventResults, "Every event was judged"),
                **problem_answers(400, 401, 403, 413, 415, 503),
            },
            security=needs(Right.WRITE),
            body=_BODY,
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
        return encoded(await take_in(body, sender))


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

_EXAMPLE = {
    "ID": "5b1a9f3e-6d0c-4a53-9c55-1f0a8a0f2b11",
    "Type": "train",
    "Emitter": "trainer",
    "OccurredAt": "2026-03-01T09:30:00Z",
    "UsesArtifacts": [{"Name": "table/customers"}],
    "ProducesArtifacts": [{"Name": "model/churn", "Version": "7", "Properties": {"auc": 0.91}}],
}
_BODY = request_body(list[Event] | Event, example=[_EXAMPLE])
_BODY["content"]["application/x-ndjson"] = {"schema": str, "example": f"{orjson.dumps(_EXAMPLE).decode()}\n"}
