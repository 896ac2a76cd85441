"""``docker-compose.yml`` and ``Dockerfile``, read as files: no engine is needed."""

from __future__ import annotations

import importlib
import re
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from provgraph.cli import compose
from provgraph.cli.compose import opened
from provgraph.cli.parts import PARTS
from provgraph.http.browsers import SAFE_HEADERS
from provgraph.http.protocol import Limits
from provgraph.settings import Settings, read_settings, unknown_settings

_ROOT = Path(__file__).parents[2]
_COMPOSE: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_OURS = {"receiver", "graphbuilder", "query", "infrahub"}
_EDGE = (_ROOT / "edge.conf").read_text()
_DOCKERFILE = (_ROOT / "Dockerfile").read_text()
_PAGE = (_ROOT / "docs" / "reference" / "settings.md").read_text()


def _stage(name: str) -> str:
    """Return the instructions of one stage of the Dockerfile."""
    stages = re.split(r"^FROM ", _DOCKERFILE, flags=re.MULTILINE)
    return next(stage for stage in stages if re.match(rf"\S+ AS {name}\b", stage))


def test_the_services_are_the_pair_and_ours() -> None:
    assert set(_SERVICES) == {"postgres", "neo4j", "edge"} | _OURS


@pytest.mark.parametrize("name", sorted(_OURS))
def test_any_service_may_have_several_processes(name: str) -> None:
    assert not {"ports", "container_name", "hostname"} & set(_SERVICES[name])
    # A volume of their own for each: a named one would be shared.
    assert all(":" not in volume for volume in _SERVICES[name]["volumes"])


def test_one_port_is_published_and_it_is_the_laptops() -> None:
    published = [port for service in _SERVICES.values() for port in service.get("ports", [])]

    assert published == [f"{Settings().port}:8082"]
    assert "listen 8082;" in _EDGE


@pytest.mark.parametrize("part", PARTS)
def test_the_edge_passes_each_call_on_to_who_serves_it(part: str) -> None:
    routes = importlib.import_module(f"{part}.app").routes
    target = "query" if part == "admin" else part

    with opened(Settings(data_dir=Path(tempfile.mkdtemp()))) as services:
        served = [(route.path, method) for route in routes(services) for method in _methods(route)]

    assert served
    assert {_passed_to(path, method) for path, method in served} == {target}


def _methods(route: object) -> set[str]:
    return set(getattr(route, "methods", None) or {"GET"})


def _passed_to(path: str, method: str) -> str:
    """Return where nginx passes a call: to what it is exactly, else by a pattern, else to its longest beginning."""
    locations = re.findall(r"location (?:([=~]) )?(\S+) \{ proxy_pass http://\$(\w+); \}", _EDGE)
    found: dict[str, list[tuple[int, str]]] = {"=": [], "~": [], "": []}
    for sign, location, target in locations:
        fits = {"=": location == path, "~": bool(re.search(location, path)), "": path.startswith(location)}
        if fits[sign]:
            found[sign].append((len(location), target))
    target = max(found["="] or found["~"][:1] or found[""])[1]
    return _by_method(method) if target == "tracked" else str(target)


def _by_method(method: str) -> str:
    """Return what the map from methods to services says."""
    mapped = dict(re.findall(r"^    (default|[A-Z]+) (\w+):8082;", _EDGE, re.MULTILINE))
    return str(mapped.get(method, mapped["default"]))


def test_the_edge_tells_browsers_what_the_services_do_and_once() -> None:
    said = dict(re.findall(r'^    add_header (\S+) "([^"]*)" always;$', _EDGE, flags=re.MULTILINE))
    hidden = re.findall(r"^    proxy_hide_header (\S+);$", _EDGE, flags=re.MULTILINE)

    ours = {name.decode(): value.decode() for name, value in SAFE_HEADERS}
    assert {name.lower(): value for name, value in said.items()} == ours
    assert {name.lower() for name in hidden} == ours.keys()


def test_the_edge_waits_for_clients_as_long_as_the_services_do() -> None:
    waits = dict(re.findall(r"(client_header_timeout|keepalive_timeout) (\d+)s;", _EDGE))

    assert float(waits["client_header_timeout"]) == Limits().head_seconds == 20
    assert int(waits["keepalive_timeout"]) == compose._KEEP_ALIVE_SECONDS == 95


def test_every_name_that_the_edge_passes_to_is_a_service() -> None:
    assert dict(re.findall(r"set \$(\w+) (\w+):8082;", _EDGE)) == {name: name for name in _OURS}
    assert _COMPOSE["configs"]["edge"]["file"] == "./edge.conf"
    assert _SERVICES["edge"]["configs"][0]["source"] == "edge"


def test_what_services_wait_for_and_use_is_there() -> None:
    for service in _SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(_SERVICES)
        assert set(service.get("secrets", [])) <= set(_COMPOSE["secrets"])
        assert "image" in service or "build" in service


def test_neo4j_is_set_up_as_the_page_on_cypher_says() -> None:
    page = (_ROOT / "docs" / "reference" / "cypher.md").read_text()
    named = dict(re.findall(r"`((?:db|dbms|internal)\.[\w.]+)=([^`]*)`", page))
    given = {
        re.sub("__|_", lambda found: "_" if found[0] == "__" else ".", key.removeprefix("NEO4J_")): str(value)
        for key, value in _SERVICES["neo4j"]["environment"].items()
    }

    assert len(named) >= 5
    assert named.keys() <= given.keys()
    same = named.keys() - {"db.memory.transaction.max", "dbms.security.procedures.allowlist"}
    assert {name: given[name] for name in same} == {name: named[name] for name in same}


@pytest.mark.parametrize("name", sorted(_OURS))
def test_every_variable_is_a_setting_that_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {key: str(value) for key, value in _SERVICES[name]["environment"].items()}
    for key, value in given.items():
        monkeypatch.setenv(key, value)

    assert unknown_settings(given) == []
    assert all(f"`{key}`" in _PAGE for key in given)
    settings = read_settings(host="0.0.0.0")  # noqa: S104 - as in the image; nothing listens
    settings.check()
    assert not settings.is_local


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_every_service_says_when_it_is_well(name: str) -> None:
    assert _SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(set(_SERVICES) - {"edge"}))
def test_passwords_come_from_files(name: str) -> None:
    service = _SERVICES[name]
    named = [value for value in service["environment"].values() if str(value).startswith("/run/secrets/")]

    assert named
    assert {Path(value).name for value in named} <= set(service["secrets"]) <= set(_COMPOSE["secrets"])
    assert not any(re.search("PASSWORD$|AUTH$", key) for key in service["environment"])


@pytest.mark.parametrize("name", ["postgres", "neo4j"])
def test_what_the_servers_store_is_on_a_volume(name: str) -> None:
    volume, _, _ = _SERVICES[name]["volumes"][0].partition(":")

    assert volume in _COMPOSE["volumes"]
    assert ":latest" not in _SERVICES[name]["image"]


@pytest.mark.parametrize("name", sorted(_OURS))
def test_an_image_holds_the_folder_of_its_service_alone(name: str) -> None:
    assert _SERVICES[name]["build"]["target"] == name
    stage = _stage(name)
    copied = set(re.findall(r"^COPY (\w+) \1$", stage, flags=re.MULTILINE))
    (command,) = re.findall(r'^CMD \["serve", (.*)\]$', stage, flags=re.MULTILINE)
    served = set(re.findall(r'"(\w+)"', command))

    assert copied == served == ({"query", "admin"} if name == "query" else {name})


def test_the_images_do_not_run_as_root() -> None:
    assert re.search(r"^USER [1-9]\d*$", _stage("runtime"), flags=re.MULTILINE)


def test_what_the_images_copy_is_what_the_build_may_see() -> None:
    seen = {line[1:] for line in (_ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", _DOCKERFILE, flags=re.MULTILINE)
        for source in sources.split()
    }

    assert copied == seen
    assert all((_ROOT / name).exists() for name in copied)


def test_the_passwords_are_made_once_and_stay(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "secrets"
    script.parent.mkdir()
    script.write_bytes((_ROOT / "scripts" / "secrets").read_bytes())

    def made() -> dict[str, str]:
        subprocess.run(["sh", str(script)], check=True, capture_output=True)
        return {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}

    first = made()

    assert set(first) == set(_COMPOSE["secrets"])
    assert first["neo4j_auth"] == f"neo4j/{first['neo4j_password']}"
    assert len(first["postgres_password"]) == 48
    assert made() == first
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
