from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from provgraph.cli import connection
from provgraph.cli.app import app
from provgraph.client import Client, Retry

if TYPE_CHECKING:
    from collections.abc import Callable


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds, which must be JSON and nothing else."""
        return orjson.loads(self.out)


class FakeService:
    """Answers by method and path; remembers the requests."""

    def __init__(self) -> None:
        self._answers: dict[str, Callable[[httpx.Request], httpx.Response]] = {}
        self.requests: list[httpx.Request] = []
        self.tokens: list[str | None] = []
        self.healthz = httpx.Response(200, text="OK")

    def answer(self, route: str, document: object = None, *, status: int = 200) -> None:
        """Answer ``METHOD /path`` with a JSON document."""
        self._answers[route] = lambda _: httpx.Response(status, content=orjson.dumps(document))

    def answer_with(self, route: str, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        """Answer ``METHOD /path`` with what a function says."""
        self._answers[route] = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/healthz":
            return self.healthz
        self.requests.append(request)
        answer = self._answers.get(f"{request.method} {request.url.path}")
        if answer is None:
            return httpx.Response(404, json={"title": "Not found", "detail": f"no {request.url.path} here"})
        return answer(request)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """A service that every command talks to, whatever URL it is given."""
    fake = FakeService()

    def connect(url: str, token: str | None) -> Client:
        fake.tokens.append(token)
        return connection.Connected(
            url,
            token=token,
            transport=httpx.MockTransport(fake),
            sleep=lambda _: None,
            retry=Retry(attempts=2),
        )

    monkeypatch.setattr(connection, "connect", connect)
    return fake


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Run the command line."""
    for name in ("PROVGRAPH_URL", "PROVGRAPH_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str, answer: str | None = None) -> Ended:
        result = CliRunner().invoke(app, list(arguments), input=answer)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, re.sub(r"\x1b\[[0-9;]*m", "", result.stderr))

    return invoke
