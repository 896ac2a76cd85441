"""``docker-compose.yml`` and ``Dockerfile``, read as files: no engine is needed."""

from __future__ import annotations

import re
import stat
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from provgraph.cli import compose
from provgraph.cli.parts import PARTS
from provgraph.http import front_door
from provgraph.http.browsers import SAFE_HEADERS
from provgraph.http.protocol import Limits
from provgraph.settings import Settings, read_settings, unknown_settings
from tests.deployment.files import COMPOSE, DOCKERFILE, EDGE, OURS, ROOT, SERVICES, served_by, stages, target
from tests.deployment.nginx import Nginx

_PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text()
_HOWTO = (ROOT / "docs" / "howto" / "production.md").read_text()
_PORT = Settings().port


def test_the_services_are_the_pair_and_ours() -> None:
    assert set(SERVICES) == {"postgres", "neo4j", "edge"} | OURS


@pytest.mark.parametrize("name", sorted(OURS))
def test_any_service_may_have_several_processes(name: str) -> None:
    assert not {"ports", "container_name", "hostname"} & set(SERVICES[name])
    # A volume of their own for each: a named one would be shared.
    assert all(":" not in volume for volume in SERVICES[name]["volumes"])


def test_one_port_is_published_and_it_is_the_laptops() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published == [f"{_PORT}:8082"]
    assert "listen 8082;" in EDGE


def test_the_edge_tells_browsers_what_the_services_do_and_once() -> None:
    said = dict(re.findall(r'^    add_header (\S+) "([^"]*)" always;$', EDGE, flags=re.MULTILINE))
    hidden = re.findall(r"^    proxy_hide_header (\S+);$", EDGE, flags=re.MULTILINE)

    ours = {name.decode(): value.decode() for name, value in SAFE_HEADERS}
    assert {name.lower(): value for name, value in said.items()} == ours
    assert {name.lower() for name in hidden} == ours.keys()


def test_the_edge_waits_for_clients_as_long_as_the_services_do() -> None:
    waits = dict(re.findall(r"(client_header_timeout|keepalive_timeout) (\d+)s;", EDGE))

    assert float(waits["client_header_timeout"]) == Limits().head_seconds == 20
    assert int(waits["keepalive_timeout"]) == compose._KEEP_ALIVE_SECONDS == 95


def test_whom_the_edge_passes_to_are_the_services_at_the_port_where_they_listen() -> None:
    assert Nginx(EDGE).upstreams == {f"{name}:{_PORT}" for name in OURS}
    assert COMPOSE["configs"]["edge"]["file"] == "./edge.conf"
    assert SERVICES["edge"]["configs"][0]["source"] == "edge"


def test_the_edge_waits_for_each_service_that_always_runs() -> None:
    always = {name for name in OURS if "profiles" not in SERVICES[name]}

    assert SERVICES["edge"]["depends_on"] == {name: {"condition": "service_healthy"} for name in always}


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_waits_for_the_graph_when_it_asks_it(name: str) -> None:
    asks = any(front_door(part).needs_graph for part in served_by(name))

    assert SERVICES[name]["depends_on"].keys() == ({"postgres", "neo4j"} if asks else {"postgres"})


def test_what_services_wait_for_and_use_is_there() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert "image" in service or "build" in service


def test_neo4j_is_set_up_as_the_page_on_cypher_says() -> None:
    page = (ROOT / "docs" / "reference" / "cypher.md").read_text()
    named = dict(re.findall(r"`((?:db|dbms|internal)\.[\w.]+)=([^`]*)`", page))
    given = {
        re.sub("__|_", lambda found: "_" if found[0] == "__" else ".", key.removeprefix("NEO4J_")): str(value)
        for key, value in SERVICES["neo4j"]["environment"].items()
    }

    assert len(named) >= 5
    assert named.keys() <= given.keys()
    same = named.keys() - {"db.memory.transaction.max", "dbms.security.procedures.allowlist"}
    assert {name: given[name] for name in same} == {name: named[name] for name in same}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_a_setting_that_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {key: str(value) for key, value in SERVICES[name]["environment"].items()}
    for key, value in given.items():
        monkeypatch.setenv(key, value)

    assert unknown_settings(given) == []
    assert all(f"`{key}`" in _PAGE for key in given)
    settings = read_settings(host="0.0.0.0")  # noqa: S104 - as in the image; nothing listens
    settings.check()
    assert not settings.is_local


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_says_when_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"edge"}))
def test_passwords_come_from_files(name: str) -> None:
    service = SERVICES[name]
    named = [value for value in service["environment"].values() if str(value).startswith("/run/secrets/")]

    assert named
    assert {Path(value).name for value in named} <= set(service["secrets"]) <= set(COMPOSE["secrets"])
    assert not any(re.search("PASSWORD$|AUTH$", key) for key in service["environment"])


@pytest.mark.parametrize("name", ["postgres", "neo4j"])
def test_what_the_servers_store_is_on_a_volume(name: str) -> None:
    volume, _, _ = SERVICES[name]["volumes"][0].partition(":")

    assert volume in COMPOSE["volumes"]
    assert ":latest" not in SERVICES[name]["image"]


def test_every_part_is_served_by_one_service() -> None:
    assert Counter(part for name in OURS for part in served_by(name)) == Counter(PARTS)


def test_every_image_is_that_of_one_service() -> None:
    assert Counter(target(name) for name in OURS) == Counter(stages().keys() - {"build", "runtime"})


@pytest.mark.parametrize("name", sorted(OURS))
def test_an_image_holds_the_folders_of_what_its_service_serves_and_no_other(name: str) -> None:
    stage = stages()[target(name)]

    assert sorted(re.findall(r"^COPY (\w+) \1$", stage, flags=re.MULTILINE)) == sorted(served_by(name))
    assert set(re.findall(r"^[A-Z]+ ", stage, flags=re.MULTILINE)) == {"COPY ", "CMD "}
    assert name in served_by(name)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_runs_what_its_image_says_where_the_edge_asks(name: str) -> None:
    runtime = stages()["runtime"]

    assert stages()[target(name)].startswith("runtime AS ")
    assert 'ENTRYPOINT ["provgraph"]' in runtime
    assert f"EXPOSE {_PORT}\n" in runtime
    assert "PROVGRAPH_PORT" not in {*SERVICES[name]["environment"], *re.findall(r"(\w+)=", runtime)}
    assert f"http://127.0.0.1:{_PORT}/readyz" in SERVICES[name]["healthcheck"]["test"][-1]
    assert not {"command", "entrypoint"} & SERVICES[name].keys()


def test_the_page_on_production_names_each_process() -> None:
    named = re.findall(r"^\| `provgraph serve ([\w ]+)` \|", _HOWTO, flags=re.MULTILINE)

    assert sorted(named) == sorted(" ".join(served_by(name)) for name in OURS)


def test_the_images_do_not_run_as_root() -> None:
    assert re.search(r"^USER [1-9]\d*$", stages()["runtime"], flags=re.MULTILINE)


def test_what_the_images_copy_is_what_the_build_may_see() -> None:
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
        for source in sources.split()
    }

    assert copied == seen
    assert all((ROOT / name).exists() for name in copied)


def test_the_passwords_are_made_once_and_stay(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "secrets"
    script.parent.mkdir()
    script.write_bytes((ROOT / "scripts" / "secrets").read_bytes())

    def made() -> dict[str, str]:
        subprocess.run(["sh", str(script)], check=True, capture_output=True)
        return {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}

    first = made()

    assert set(first) == set(COMPOSE["secrets"])
    assert first["neo4j_auth"] == f"neo4j/{first['neo4j_password']}"
    assert len(first["postgres_password"]) == 48
    assert made() == first
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
