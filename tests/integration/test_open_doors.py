"""What is open to requests without credentials, in every configuration, and what browsers are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.families.credential.events import Role
from tests.integration.infrahub.asking import create
from tests.integration.serving import pem, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.integration.serving import Served

ID = "00112233445566778899aabbccddeeff"
# What counts as sending events: all that PROVGRAPH_PEM_AUTH_REQUIRED=false opens.
SENDING = {
    ("POST", "/api/v1/events"),
    ("POST", "/api/v1/runs"),
    ("POST", "/api/v1/objects"),
    ("POST", "/receiver/pem"),
}
# A login states a credential itself; and what a document of GraphQL changes is known when it is read: see below.
READ_FIRST = {
    *(("POST", "/api/auth/login"), ("POST", "/api/auth/refresh")),
    *(("POST", "/graphql"), ("POST", "/graphql/{branch}")),
}
SAFE = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}


@pytest.fixture(scope="module")
def half_open(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that asks for credentials, but not for sending events."""
    folder = tmp_path_factory.mktemp("half-open")
    with serving(folder, auth_required=True, pem_auth_required=False) as served:
        yield served


def _routes(served: Served) -> Iterator[tuple[str, str]]:
    for document, prefix in (("/openapi.json", ""), ("/admin/openapi.json", "/admin")):
        for path, methods in served.client.get(document).json()["paths"].items():
            for method in methods:
                yield method.upper(), f"{prefix}{path}"


def _call(served: Served, method: str, path: str, **options: Any) -> httpx.Response:
    return served.client.request(method, re.sub(r"\{[^}]*\}", ID, path), **options)


def test_where_sending_is_open_nothing_else_that_changes_anything_is(half_open: Served) -> None:
    changing = {route for route in _routes(half_open) if route[0] not in ("GET", "HEAD")}
    answers = {route: _call(half_open, *route).status_code for route in changing - SENDING - READ_FIRST}

    assert len(answers) > 15
    assert {route: status for route, status in answers.items() if status != 401} == {}


def test_what_changes_tracked_work_is_done_with_a_writers_credential(half_open: Served) -> None:
    client = half_open.client
    run = client.post("/api/v1/runs", json={"request": ID, "identifier": "x"}).json()["id"]
    close = {"request": ID[::-1], "members": []}

    assert client.post(f"/api/v1/runs/{run}/close", json=close).status_code == 401
    reader = half_open.bearer(Role.READER, name="reader")
    assert client.post(f"/api/v1/runs/{run}/close", json=close, headers=reader).status_code == 403
    writer = half_open.bearer(Role.WRITER, name="writer")
    assert client.post(f"/api/v1/runs/{run}/close", json=close, headers=writer).status_code == 200


@pytest.mark.parametrize(
    "mutation",
    [
        'TestNodeKindDelete(data: {id: "%s"}) { ok }',
        'CoreStandardGroupUpsert(data: {name: {value: "g"}, members: [{id: "%s"}]}) { ok }',
        'CoreStandardGroupCreate(data: {name: {value: "h"}}) { ok }',
    ],
)
def test_where_sending_is_open_infrahubs_protocol_deletes_and_lists_nothing(
    half_open: Served, mutation: str, request: pytest.FixtureRequest
) -> None:
    id_ = create(half_open, request.node.name)
    body = {"query": f"mutation {{ {mutation.replace('%s', id_)} }}"}
    anybody = half_open.client.post("/graphql", json=body).json()
    writer = half_open.bearer(Role.WRITER, name=f"writer {request.node.name}")
    known = half_open.client.post("/graphql", json=body, headers=writer).json()

    assert anybody["errors"][0]["extensions"]["code"] == 401
    assert "errors" not in known


def test_where_sending_is_open_infrahubs_protocol_defines_no_kinds(half_open: Served) -> None:
    body = {"schemas": [{"version": "1.0", "nodes": []}]}

    assert half_open.client.post("/api/schema/load", json=body).status_code == 401


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"auth_required": True, "pem_auth_required": False},
        {"auth_required": False, "pem_auth_required": True},
        {"host": "0.0.0.0", "allow_open": True},  # noqa: S104 - nothing listens
        {"host": "0.0.0.0", "auth_required": True, "pem_auth_required": False},  # noqa: S104 - nothing listens
    ],
)
def test_pages_and_rebound_names_are_refused_wherever_anything_is_open(
    tmp_path: Path, configuration: dict[str, Any]
) -> None:
    with serving(tmp_path, **configuration) as served:
        foreign = served.client.post("/receiver/pem", json=pem(), headers={"Origin": "http://evil.example"})
        rebound = {"Host": "evil.example:8082", "Origin": "http://evil.example:8082"}
        answers = [
            served.client.post("/receiver/pem", json=pem(), headers=rebound),
            served.client.get("/query/pems", headers=rebound),
        ]

        assert foreign.status_code == 403
        assert [answer.status_code for answer in answers] == [421, 421]
        assert served.services.log.count() == 0


def test_where_nothing_is_open_a_page_can_send_what_it_likes(tmp_path: Path) -> None:
    with serving(tmp_path, auth_required=True) as served:
        answer = served.client.post("/receiver/pem", json=pem(), headers={"Origin": "http://evil.example"})

    assert answer.status_code == 401


def test_a_name_that_is_allowed_is_answered_to(tmp_path: Path) -> None:
    with serving(tmp_path, allowed_hosts="graph.example") as served:
        headers = {"Host": "graph.example", "Origin": "https://graph.example"}

        assert served.client.post("/receiver/pem", json=pem(), headers=headers).status_code == 200


def test_every_answer_tells_browsers_what_they_may_not_do_with_it(half_open: Served) -> None:
    elsewhere = [("GET", "/nowhere"), ("PUT", "/receiver/pem"), ("GET", "/query/pems?" + "x" * 64_000)]
    for route in [*_routes(half_open), *elsewhere, ("GET", "/openapi.json"), ("GET", "/metrics")]:
        headers = _call(half_open, *route).headers

        assert {name: headers.get(name) for name in SAFE} == SAFE, route


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/admin/docs", "/admin/redoc"])
def test_there_is_no_page_that_runs_another_hosts_scripts(half_open: Served, path: str) -> None:
    assert half_open.client.get(path).status_code == 404
