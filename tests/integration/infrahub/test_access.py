"""Who may ask, and what is read of them before that is known."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import pytest

from provgraph.cli.compose import build_app, opened
from provgraph.events.canonical import loads
from provgraph.families.credential.events import Role
from provgraph.settings import read_settings
from tests.integration.infrahub.asking import create
from tests.integration.serving import Client, Served, serving

if TYPE_CHECKING:
    from pathlib import Path


def test_sending_may_be_open_where_reading_is_not(tmp_path: Path) -> None:
    with serving(tmp_path, auth_required=True, pem_auth_required=False) as served:
        assert create(served, "a")
        answer = served.client.post("/graphql", json={"query": "{ TestNodeKind { count } }"})
        wrong = served.client.post("/graphql", json={"query": "{ a }"}, headers={"X-INFRAHUB-KEY": "wrong"})

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, 401)
    assert wrong.status_code == 401


def test_the_key_comes_before_authorization(tmp_path: Path) -> None:
    with serving(tmp_path, auth_required=True) as served:
        headers = {"X-INFRAHUB-KEY": served.token(Role.WRITER), "Authorization": "Bearer wrong"}

        assert create(served, "a", headers=headers)


def test_a_token_of_an_open_login_opens_no_service_that_asks(tmp_path: Path) -> None:
    token = f"open.{base64.urlsafe_b64encode(b'ada').decode()}"
    with serving(tmp_path, auth_required=True) as served:
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-INFRAHUB-KEY": token}):
            assert served.client.get("/api/schema", headers=headers).status_code == 401
        assert served.client.post("/api/auth/refresh", headers=headers).status_code == 401
        login = served.client.post("/api/auth/login", json={"username": "ada", "password": "x"})

    assert (login.status_code, "Wrong user name" in login.json()["errors"][0]["message"]) == (401, True)


def test_a_revoked_credential_ends_its_logins(tmp_path: Path) -> None:
    with serving(tmp_path, auth_required=True) as served:
        token = served.token(Role.READER)
        tokens = served.client.post("/api/auth/login", json={"username": "ada", "password": token}).json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert served.client.get("/api/schema", headers=headers).status_code == 200

        revoke = served.bearer(Role.ADMIN)
        (listed,) = [
            one
            for one in served.client.get("/admin/credentials", headers=revoke).json()
            if one["role"] == "reader"
        ]
        served.client.request("DELETE", f"/admin/credentials/{listed['id']}", headers=revoke)

        assert served.client.get("/api/schema", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "body", [{}, [], {"username": "ada"}, {"username": "", "password": "x"}, {"username": 1}]
)
def test_a_login_of_another_form_is_refused(served: Served, body: Any) -> None:
    answer = served.client.post("/api/auth/login", json=body)

    assert (answer.status_code, len(answer.json()["errors"])) == (400, 1)


@pytest.mark.parametrize("path", ["login", "refresh"])
def test_a_login_of_more_than_a_few_kilobytes_is_refused_unread(served: Served, path: str) -> None:
    body = {"username": "ada", "password": "x", "more": ["x"] * 2_000}

    answer = served.client.post(f"/api/auth/{path}", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, 413)


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/schema/load", "/api/schema/check", "/graphql"])
def test_no_body_is_parsed_where_other_requests_wait(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    threads: list[threading.Thread] = []

    def noting(body: bytes) -> Any:
        threads.append(threading.current_thread())
        return loads(body)

    monkeypatch.setattr("infrahub.app.loads", noting)
    served.client.post(path, json={})

    assert threads
    assert threading.main_thread() not in threads  # which runs the event loop


@pytest.mark.parametrize("path", ["/api/schema/load", "/api/schema/check", "/graphql"])
def test_nobody_has_a_body_parsed_who_may_do_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def never(body: bytes) -> Any:
        pytest.fail(f"{len(body)} bytes were parsed")

    monkeypatch.setattr("infrahub.app.loads", never)
    with serving(tmp_path, auth_required=True) as served:
        assert served.client.post(path, content=b"{" * 100_000).status_code == 401


def test_a_foreign_page_may_not_change_anything(served: Served) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = served.client.post("/graphql", json={"query": "{ a }"}, headers=headers)

    assert (answer.status_code, list(answer.json())) == (403, ["data", "errors"])


# The part


def test_the_part_can_be_served_alone(tmp_path: Path) -> None:
    with opened(read_settings(data_dir=tmp_path)) as services:
        client = Client(build_app(services, ("infrahub",)))
        answers = [client.get(path).status_code for path in ("/api/schema", "/query/info", "/api/v1/runs")]
        created = create(Served(client, services), "a")

    assert (answers, bool(created)) == ([200, 404, 404], True)


def test_a_service_without_the_part_says_so_in_the_clients_form(tmp_path: Path) -> None:
    with opened(read_settings(data_dir=tmp_path)) as services:
        answer = Client(build_app(services, ("receiver",))).post("/graphql/main", json={})

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, 404)
