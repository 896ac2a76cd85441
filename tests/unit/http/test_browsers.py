from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from fastapi import FastAPI
from starlette.routing import Route

from provgraph.http import (
    BrowserGuard,
    Edge,
    Metrics,
    install,
)
from tests.unit.http.application import call, plain, scope_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope


def guarded(*, only_this_machine: bool) -> ASGIApp:
    inner = FastAPI(routes=[Route("/api/x", plain, methods=["GET", "POST"])])
    install(inner)
    return Edge(inner, Metrics(), guard=BrowserGuard(only_this_machine=only_this_machine))


def browsing(method: str, host: str | None, origin: str | None = None) -> Scope:
    given = {"host": host, "origin": origin}
    headers = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
    return {**scope_of("/api/x", method), "headers": headers}


@pytest.mark.parametrize(
    "host",
    [
        None,
        "localhost",
        "LOCALHOST:8082",
        "127.0.0.1",
        "127.0.0.1:8082",
        "127.9.9.9:1",
        "[::1]",
        "[::1]:8082",
    ],
)
def test_a_service_of_this_machine_answers_to_its_names(host: str | None) -> None:
    assert call(guarded(only_this_machine=True), browsing("GET", host)).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8082", "127.0.0.1.evil.example", "127.0.0.1:8082.evil.example",
     "localhost.evil.example", "localhost:80@evil.example", "", "192.0.2.1", "[2001:db8::1]:80", "::2"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_of_this_machine_answers_to_no_other_name(method: str, host: str) -> None:
    answer = call(guarded(only_this_machine=True), browsing(method, host))

    assert answer.status == 421
    assert "PROVGRAPH_AUTH_REQUIRED" in orjson.loads(answer.body)["detail"]


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("DELETE", "http://evil.example", 403),
        ("POST", None, 200),
        ("POST", "http://service.example:8082", 200),
        ("POST", "https://Service.example:8082", 200),
        ("POST", "http://localhost:3000", 200),
        ("POST", "http://evil.example", 403),
        ("POST", "http://service.example", 403),
        ("POST", "http://service.example:8082.evil.example", 403),
        ("POST", "http://127.0.0.1:80.evil.example", 403),
        ("POST", "null", 403),
        ("POST", "", 403),
        ("GET", "http://evil.example", 200),
    ],
)
def test_a_foreign_page_changes_nothing(method: str, origin: str | None, status: int) -> None:
    app = guarded(only_this_machine=False)

    assert call(app, browsing(method, "service.example:8082", origin)).status == status
