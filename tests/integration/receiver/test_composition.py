"""The composition root: what it refuses, what it opens, and what it leaves behind."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from provgraph.cli.compose import (
    build_app,
    installed_parts,
    open_credentials,
    opened,
    serve,
    warn_without_credentials,
)
from provgraph.cli.parts import PARTS
from provgraph.cli.serving import MissingServerError, what_is_missing_named
from provgraph.errors import LockedError, SettingsError, StoreError
from provgraph.settings import Settings, read_settings
from tests.integration.serving import Client, pem, serving

if TYPE_CHECKING:
    from pathlib import Path


def test_an_unsafe_address_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PROVGRAPH_ALLOW_OPEN"):
        serve(read_settings(data_dir=tmp_path / "data", host="0.0.0.0"))  # noqa: S104 - nothing listens

    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_named_and_the_folder_free_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(SettingsError, match=str(port)):
            serve(read_settings(data_dir=tmp_path, port=port))

    with opened(read_settings(data_dir=tmp_path)):
        pass


@pytest.mark.parametrize("stated", [{"auth_required": True}, {"pem_auth_required": True}])
def test_credentials_that_are_required_and_not_there_are_told_with_the_way_to_make_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stated: dict[str, bool]
) -> None:
    settings = read_settings(data_dir=tmp_path, **stated)

    with opened(settings) as services:
        warn_without_credentials(settings, services)
    told = caplog.text
    with open_credentials(settings) as credentials:
        credentials.create(name="me", kind="user", role="admin")
    caplog.clear()
    with opened(settings) as services:
        warn_without_credentials(settings, services)

    assert f"provgraph admin credential create --data {tmp_path} --name me --role admin" in told
    assert "credentials are required" not in caplog.text


def test_an_open_service_needs_no_credential_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = read_settings(data_dir=tmp_path)

    with opened(settings) as services:
        warn_without_credentials(settings, services)

    assert "credential" not in caplog.text


def test_a_graph_without_a_log_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = read_settings(data_dir=tmp_path)
    with opened(settings):
        pass
    assert "and no log" not in caplog.text
    for file in tmp_path.glob("provgraph.db*"):
        file.unlink()

    with opened(settings):
        pass

    assert f"there is a graph in {tmp_path} and no log" in caplog.text


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    settings = read_settings(data_dir=tmp_path)

    with opened(settings), pytest.raises(LockedError, match=str(tmp_path)), opened(settings):
        pass


def test_what_was_stored_is_there_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    with serving(tmp_path) as before:
        sent = before.send()

    with serving(tmp_path) as after:
        assert after.client.get(f"/query/pem/{sent['ID']}").status_code == 200
        assert after.client.post("/receiver/pem", json=sent).status_code == 200
        assert after.services.log.head().position == 1


@pytest.mark.parametrize("part", PARTS)
def test_a_single_part_answers_for_itself_alone(tmp_path: Path, part: str) -> None:
    infos = {
        "receiver": "/receiver/info",
        "graphbuilder": "/graph_builder/info",
        "query": "/query/info",
        "admin": "/admin/info",
        "infrahub": "/api/schema",
    }

    with opened(read_settings(data_dir=tmp_path)) as services:
        client = Client(build_app(services, (part,)))
        statuses = {name: client.get(path).status_code for name, path in infos.items()}
        alive = client.get("/healthz").status_code

    assert statuses == {name: 200 if name == part else 404 for name in infos}
    assert alive == 200


def test_a_part_without_its_library_is_left_out_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed_parts() == PARTS

    monkeypatch.setattr("importlib.util.find_spec", {}.get)

    assert installed_parts() == tuple(part for part in PARTS if part != "infrahub")


def test_a_missing_library_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(MissingServerError, match=r"provgraph\[server,infrahub\]"), what_is_missing_named():
        raise ModuleNotFoundError(name="graphql.language")


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    with (
        opened(read_settings(data_dir=tmp_path)) as services,
        pytest.raises(SettingsError, match="dashboard"),
    ):
        build_app(services, ("receiver", "dashboard"))


def test_a_credential_issued_offline_opens_the_service(tmp_path: Path) -> None:
    with open_credentials(read_settings(data_dir=tmp_path)) as credentials:
        issued = credentials.create(name="ada", kind="user", role="admin")
        (listed,) = credentials.list()

    with serving(tmp_path, auth_required=True) as served:
        header = {"X-Recordkeeper-User-Auth": issued["token"]}
        assert served.client.post("/receiver/pem", json=pem(), headers=header).status_code == 200
        assert served.client.get("/admin/info", headers=header).status_code == 200
    assert (listed["id"], listed["name"]) == (issued["id"], "ada")


def test_a_credential_revoked_offline_opens_nothing(tmp_path: Path) -> None:
    with open_credentials(read_settings(data_dir=tmp_path)) as credentials:
        issued = credentials.create(name="ada", kind="puc", role="reader")
        credentials.revoke(issued["id"])

    with serving(tmp_path, auth_required=True) as served:
        header = {"X-Recordkeeper-Puc-Auth": issued["token"]}
        assert served.client.get("/query/pems", headers=header).status_code == 401


def test_credentials_of_a_folder_in_use_are_left_to_the_service(tmp_path: Path) -> None:
    with serving(tmp_path), pytest.raises(LockedError), open_credentials(read_settings(data_dir=tmp_path)):
        pass


@pytest.mark.parametrize("parts", [("query",), ("admin",), ("receiver", "query", "admin")])
def test_a_graph_that_nobody_would_fill_is_refused(tmp_path: Path, parts: tuple[str, ...]) -> None:
    settings = Settings(data_dir=tmp_path / "data", log_url="postgresql://nobody@127.0.0.1:1/nothing")

    with (
        pytest.raises(SettingsError, match=r"provgraph serve graphbuilder.*PROVGRAPH_GRAPH_URL"),
        opened(settings, parts),
    ):
        pass

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("parts", [("receiver",), ("graphbuilder", "query")])
def test_a_graph_that_is_not_served_or_is_filled_is_not_refused(
    tmp_path: Path, parts: tuple[str, ...]
) -> None:
    settings = Settings(data_dir=tmp_path / "data", log_url="postgresql://nobody@127.0.0.1:1/nothing")

    with pytest.raises(StoreError), opened(settings, parts):
        pass
