"""A service that remembers what it was sent, and can be told to fail first."""

from __future__ import annotations

from typing import Any

import httpx
import orjson

# Of the events of a batch that are invalid the service tells so many, and counts the others.
_TOLD = 10


class FakeService:
    """Takes events as the real one does: a verdict for each, by id. Everything else is answered as told."""

    def __init__(self) -> None:
        self.troubles: list[httpx.Response | Exception] = []  # come first, one for each request
        self.answers: dict[str, Any] = {}  # by "METHOD path": a document, a text, or a response
        self.requests: list[httpx.Request] = []
        self.events: dict[str, dict[str, Any]] = {}  # what is stored, in order
        self.tags: list[tuple[str, str]] = []
        self.invalid: set[str] = set()  # types that are refused
        self.too_large: set[bytes] = set()  # what a body may not hold
        self.lost: set[int] = (
            set()
        )  # the requests, from 1, that are answered without the answer's coming back

    @property
    def transport(self) -> httpx.MockTransport:
        """What a client speaks through."""
        return httpx.MockTransport(self._answer)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The events that are stored, in the order in which they came."""
        return list(self.events.values())

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        request.read()
        number = len(self.requests)
        answer = self._answered(request)
        if number in self.lost:
            raise httpx.ReadTimeout("lost")
        return answer

    def _answered(self, request: httpx.Request) -> httpx.Response:
        if any(each in request.content for each in self.too_large):
            return json({"title": "Too large", "detail": "too large"}, 413)
        if self.troubles:
            trouble = self.troubles.pop(0)
            if isinstance(trouble, Exception):
                raise trouble
            return _again(trouble)
        path = f"{request.method} {request.url.raw_path.decode().partition('?')[0]}"
        if path in self.answers:
            answer = self.answers[path]
            return _again(answer) if isinstance(answer, httpx.Response) else json(answer)
        if path == "POST /api/v1/events":
            return json(self._judge([orjson.loads(line) for line in request.content.splitlines()]))
        if path.startswith("POST /receiver/tag/"):
            self.tags.append((path.rpartition("/")[0], path.rpartition("/")[2]))
            return httpx.Response(200, text="OK")
        return json({"title": "Not found", "detail": f"nothing at {path}"}, 404)

    def _judge(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        results = []
        for index, event in enumerate(events):
            verdict = "accepted"
            if event["ID"] in self.events:
                verdict = "duplicate" if self.events[event["ID"]] == event else "conflict"
            elif event["Type"] in self.invalid:
                verdict = "invalid"
            if verdict == "accepted":
                self.events[event["ID"]] = event
            results.append({"index": index, "ID": event["ID"], "verdict": verdict, "detail": "because"})
        counts = {
            name: sum(each["verdict"] == verdict for each in results)
            for name, verdict in (
                ("accepted", "accepted"),
                ("duplicates", "duplicate"),
                ("conflicts", "conflict"),
                ("invalid", "invalid"),
            )
        }
        invalid = [each for each in results if each["verdict"] == "invalid"]
        told = [each for each in results if each not in invalid[_TOLD:]]
        return {"results": told, **counts, "position": len(self.events)}


def _again(answer: httpx.Response) -> httpx.Response:
    """Return an answer of its own: a client keeps what it was given."""
    return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def json(document: Any, status: int = 200, **headers: str) -> httpx.Response:
    """Return a JSON answer."""
    return httpx.Response(status, content=orjson.dumps(document), headers=headers)
