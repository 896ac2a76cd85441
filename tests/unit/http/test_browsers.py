from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Scope


def guarded(*, only_this_machine: bool, names: Sequence[str] = (), **further: Any) -> ASGIApp:
    inner = FastAPI(routes=[Route("/api/x", plain, methods=["GET", "POST"])])
    install(inner)
    guard = BrowserGuard(only_this_machine=only_this_machine, names=frozenset(names), **further)
    return Edge(inner, Metrics(), guard=guard)


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
        ("POST", "http://service.example", 200),
        ("POST", "http://service.example:8082.evil.example", 403),
        ("POST", "http://127.0.0.1:80.evil.example", 403),
        ("POST", "null", 403),
        ("POST", "", 403),
        ("GET", "http://evil.example", 200),
    ],
)
def test_a_foreign_page_changes_nothing(method: str, origin: str | None, status: int) -> None:
    app = guarded(only_this_machine=False, names=["service.example"])

    assert call(app, browsing(method, "service.example:8082", origin)).status == status


def test_a_page_of_the_same_host_at_another_port_is_foreign_where_the_name_is_not_listed() -> None:
    app = guarded(only_this_machine=False)

    assert call(app, browsing("POST", "service:8082", "http://service:8082")).status == 200
    assert call(app, browsing("POST", "service:8082", "http://service:3000")).status == 403


@pytest.mark.parametrize(
    "host",
    [
        "192.0.2.1",
        "192.0.2.1:8082",
        "[2001:db8::1]:80",
        "receiver",
        "receiver:8082",
        "localhost",
        "Box.Example",
    ],
)
def test_a_service_of_a_network_answers_to_addresses_its_own_name_and_names_without_a_dot(host: str) -> None:
    app = guarded(only_this_machine=False, own_name="box.example")

    assert call(app, browsing("GET", host)).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8082", "", "::2", "a@b", "192.0.2.1.evil.example"]
)
def test_a_service_of_a_network_answers_to_no_name_that_anybody_may_own(host: str) -> None:
    answer = call(guarded(only_this_machine=False, own_name="box.example"), browsing("POST", host))

    assert answer.status == 421
    assert "PROVGRAPH_ALLOWED_HOSTS" in orjson.loads(answer.body)["detail"]


@pytest.mark.parametrize("only_this_machine", [True, False])
def test_names_that_are_listed_are_answered_to_and_pages_of_theirs_are_no_foreign_ones(
    only_this_machine: bool,
) -> None:
    app = guarded(only_this_machine=only_this_machine, names=["graph.example"])

    assert call(app, browsing("POST", "Graph.Example:443", "https://graph.example")).status == 200
    assert call(app, browsing("POST", "127.0.0.1:8082", "https://graph.example")).status == 200
    assert call(app, browsing("POST", "other.example")).status == 421


def test_where_everything_needs_a_credential_a_page_is_not_looked_at_but_the_name_is() -> None:
    app = guarded(only_this_machine=False, names=["graph.example"], is_open=False)

    assert call(app, browsing("POST", "graph.example", "https://pages.example")).status == 200
    assert call(app, browsing("POST", "evil.example", "https://graph.example")).status == 421


def test_a_refused_name_is_told_what_helps() -> None:
    def told(**guard: Any) -> str:
        answer = call(guarded(only_this_machine=False, **guard), browsing("POST", "evil.example"))
        assert answer.status == 421
        return str(orjson.loads(answer.body)["detail"])

    assert "or leave nothing open: PROVGRAPH_AUTH_REQUIRED=true" in told()
    for is_open in (True, False):  # where names are listed they are looked at, whatever needs a credential
        detail = told(names=["graph.example"], is_open=is_open)
        assert "AUTH_REQUIRED" not in detail
        assert "a name in PROVGRAPH_ALLOWED_HOSTS, or add this name there" in detail


def test_a_refused_page_is_told_both_settings_that_ask_for_credentials() -> None:
    answer = call(
        guarded(only_this_machine=True), browsing("POST", "localhost:8082", "https://pages.example")
    )

    assert answer.status == 403
    detail = orjson.loads(answer.body)["detail"]
    assert "PROVGRAPH_AUTH_REQUIRED=true with PROVGRAPH_PEM_AUTH_REQUIRED not false" in detail
